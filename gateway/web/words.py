"""Messages in the visitor's language: templates are written in French, `locale/en/*.po` holds the English.

A message without translation is French on an English page: a test refuses it, the page does not.
"""

import re
from functools import cache, lru_cache
from pathlib import Path

from babel.messages.pofile import read_po

from gateway.web.view import Lang

LOCALE = Path(__file__).parent / "locale"


class Messages:
    """gettext for one language."""

    def __init__(self, lang: Lang) -> None:
        self._found: dict[str, tuple[str, ...]] = {} if lang == "fr" else _read(LOCALE / lang)
        self._singular_to = 2 if lang == "fr" else 1  # French counts zero as one

    def gettext(self, message: str) -> str:
        """The message in this language."""
        return self._found.get(message, (message,))[0] if self._found else spaced(message)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """The form for this number."""
        forms = self._found.get(singular, (singular, plural))
        one = number < self._singular_to if self._singular_to == 2 else number == 1
        form = forms[0] if one or len(forms) == 1 else forms[1]
        return form if self._found else spaced(form)


@lru_cache(maxsize=4_096)
def spaced(text: str) -> str:
    """French as it is typeset: no line begins with « : », « ? » or a closing quotation mark."""
    return re.sub("(?<=\\S) (?=[:;?!»])|(?<=«) ", "\u00a0", text)


@cache
def messages(lang: Lang) -> Messages:
    """Those of a language, read once."""
    return Messages(lang)


def _read(folder: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if not message.id:
                    continue  # the header
                forms = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
                singular = message.id if isinstance(message.id, str) else message.id[0]
                found[singular] = tuple(form or "" for form in forms)
    return found
