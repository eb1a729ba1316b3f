"""How one declared text is checked: why it is bad and where, never what it was."""

import re
from collections.abc import Callable


class Bad(Exception):  # noqa: N818  never leaves the package: `identifiers.normalise` translates it
    """Why an identifier is refused, and where inside it (RFC 6901 pointer)."""

    def __init__(self, reason: str, inside: str = "") -> None:
        super().__init__(reason)
        self.reason, self.inside = reason, inside


def text(value: object, longest: int) -> str:
    """A text without blanks at its ends."""
    if not isinstance(value, str) or len(value) > longest:
        raise Bad(f"a text of at most {longest} characters")
    return value.strip()


def matching(pattern: str, reason: str, longest: int) -> Callable[[object], re.Match[str]]:
    """A reader of texts that fit `pattern` whole."""
    compiled = re.compile(pattern)

    def match(value: object) -> re.Match[str]:
        found = compiled.fullmatch(text(value, longest))
        if found is None:
            raise Bad(reason)
        return found

    return match
