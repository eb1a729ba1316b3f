"""A gate that refuses some, and what was stored."""

import sqlalchemy as sa

from audit.models import audit_entry
from tests.unit.audit.conftest import stamp


class TooOftenError(Exception):
    """A refusal of the gate's own."""


def refuse(*orgs):
    """A gate that refuses the entries of these organisations."""

    def gate(connection, drafts):
        answers = stamp(connection, drafts)
        return [TooOftenError() if d.members["org"] in orgs else a for d, a in zip(drafts, answers, strict=True)]

    return gate


async def stored(log):
    """The entries as stored, in order."""
    query = sa.select(audit_entry).order_by(audit_entry.c.index)
    return await log.database.read(lambda connection: connection.execute(query).all())
