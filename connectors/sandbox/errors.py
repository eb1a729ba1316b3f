"""Errors of the sandbox.

ConnectorError
└── PeopleInvalid    a data file of the sandbox says something it may not say
"""

from connectors.errors import ConnectorError


class PeopleInvalid(ConnectorError):  # noqa: N818  the field says "invalid"
    """A file of fictional people is refused; the sentence names the file and the key."""

    code = "sandbox_people_invalid"
