"""Where a browser may be sent after a sign-in: a page of ours and nothing else (CWE-601).

Refuses whatever a browser could read as another site: a scheme, `//`, a backslash, control characters, dot segments,
percent signs in the path. What is refused becomes the role's own home.
"""

import re

_PATH = re.compile(
    r"(?:/(?:me|dpo|pro|r)(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?|/oauth/authorize)(?:\?[A-Za-z0-9._~%&=+:,;/@!$*()-]*)?"
)
_LONGEST = 1_500


def own_path(text: str) -> str:
    """The path as it was given, or empty."""
    good = len(text) <= _LONGEST and text.isascii() and _PATH.fullmatch(text) is not None
    return text if good else ""
