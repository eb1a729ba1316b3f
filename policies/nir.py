"""Finds a NIR (French social security number, also used as MSA number) in any text about to leave.

Sources put it where nobody expects it (a reference, a comment), so every outbound text is searched whatever its
field's name. Form: sex, year, month, département (2A and 2B in Corsica), commune, order; then a key of two digits,
97 minus the number modulo 97. Thirteen characters are taken for a NIR by their form, spaced or not as people space
them; fifteen by their key, however they are spaced.
"""

import re
import unicodedata
from typing import Final

_GAP: Final = r"[\W_]{0,3}"
_GROUPS: Final = (
    r"[1-478]",  # 3, 4, 7 and 8 begin temporary numbers
    r"\d{2}",
    r"(?:0[1-9]|1[0-2]|[23]\d|4[0-2]|[5-9]\d)",  # above 12: date of birth not fully known
    r"(?:0[1-9]|[1-9]\d|2[ABab])",
    r"(?!000)\d{3}",
    r"(?!000)\d{3}",
)
_WHOLE: Final = re.compile(rf"({''.join(_GROUPS)})(\d\d)", re.ASCII)
# look-ahead, so that a match may begin inside another
_THIRTEEN: Final = re.compile(rf"(?<!\d)(?={_GAP.join(_GROUPS)}(?!\d))", re.ASCII)
_FIFTEEN: Final = re.compile(rf"(?<!\d)(?=([1-478](?:{_GAP}[\dABab]){{14}})(?!\d))", re.ASCII)
_SPACING: Final = re.compile(r"[\W_]+", re.ASCII)


def carries_nir(text: str) -> bool:
    """Whether the text contains what can be read as a NIR."""
    if len(text) < 13:
        return False
    plain = text if text.isascii() else _plain(text)
    if _THIRTEEN.search(plain):
        return True
    return any(_key_holds(_SPACING.sub("", found[1])) for found in _FIFTEEN.finditer(plain))


def _plain(text: str) -> str:
    """Write digits of any script as 0 to 9."""
    normal = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in normal)


def _key_holds(text: str) -> bool:
    parts = _WHOLE.fullmatch(text)
    if parts is None:
        return False
    # Corsica: the letters stand for 19 and 18 in the sum
    number = int(parts[1].upper().replace("2A", "19").replace("2B", "18"))
    return int(parts[2]) == 97 - number % 97
