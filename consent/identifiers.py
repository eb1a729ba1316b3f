"""What partners may declare about who a person is: one spelling per identifier.

Answers for: checking each identifier, writing it one way (`value`, what a source is asked with) and comparing it
(`key`, what the blind index is computed from). Refuses to repeat a value in an error, and to guess: what is not
surely well formed is refused. Norm: NIR and its key as the INSEE defines them, Corsica included.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from consent import pivot
from consent.errors import IdentifierInvalid
from consent.forms import Bad, matching, text

PERSONAL = frozenset({"nir", "ft_number"})
"""One per person for life or nearly: two different ones point at two persons unless another one agrees."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier, normalised. `strong`: it designates one person and may be used to find them."""

    kind: str
    value: str = field(repr=False)
    key: str = field(repr=False)
    strong: bool


def normalise(declared: Mapping[str, Any], *, accepted: Collection[str], now: int) -> dict[str, Identifier]:
    """All of `declared`, checked; raises `IdentifierInvalid` for the first, in order of kind, that is not good."""
    found: dict[str, Identifier] = {}
    for kind in sorted(declared):
        if kind not in KINDS:  # an unknown name is the caller's text: not repeated
            raise IdentifierInvalid("/identifiers", "unknown kind of identifier")
        if kind not in accepted:
            raise IdentifierInvalid(f"/identifiers/{kind}", "this partner does not declare this kind")
        try:
            value, key, strong = _READERS[kind](declared[kind], now)
        except Bad as bad:
            raise IdentifierInvalid(f"/identifiers/{kind}{bad.inside}", bad.reason) from None
        found[kind] = Identifier(kind, value, key, strong)
    return found


def check_reference(reference: object) -> str:
    """A partner's own reference for a person: 1 to 128 printable characters, compared as they are."""
    if not isinstance(reference, str) or not 1 <= len(reference) <= 128 or not reference.isprintable():
        raise IdentifierInvalid("/reference", "1 to 128 printable characters")
    if reference != reference.strip() or not unicodedata.is_normalized("NFC", reference):
        raise IdentifierInvalid("/reference", "no blank at the ends, composed characters (NFC)")
    return reference


def nir_key(nir: str) -> str:
    """The two-digit key of a 13-character NIR; the Corsican departments count as 19 and 18."""
    return f"{97 - int(nir.replace('2A', '19').replace('2B', '18')) % 97:02d}"


# Sex 1-2, or 3, 4, 7, 8 for numbers given for a time; months above 12 when the month of birth is not known.
_nir_form = matching(
    r"([123478][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{6})([0-9]{2})?", "13 characters, or 15 with the key", 32
)
_ft_form = matching(r"[0-9]{11}", "11 digits", 32)
_login_form = matching(r"[!-~]{1,64}", "1 to 64 characters without blank", 80)
_caf_form = matching(r"([0-9A-Z]{1,15})/(demandeur|conjoint)", "number, slash, demandeur or conjoint", 40)
_user_form = matching(r"[1-9][0-9]{0,17}", "digits", 32)
_uuid_form = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _nir(value: object, _now: int) -> tuple[str, str, bool]:
    match = _nir_form("".join(text(value, 32).split()).upper())
    number, key = match[1], nir_key(match[1])
    if match[2] is not None and match[2] != key:
        raise Bad("the key does not fit the number")
    return number + key, number, True


def _ft_number(value: object, _now: int) -> tuple[str, str, bool]:
    number = _ft_form(value)[0]
    return number, number, True


def _ft_login(value: object, _now: int) -> tuple[str, str, bool]:
    login = _login_form(value)[0]
    return login, login, False  # chosen, and changed, by the person


def _caf_number(value: object, _now: int) -> tuple[str, str, bool]:
    number, slash, role = text(value, 40).partition("/")
    written = _caf_form(f"{number.strip().upper()}{slash}{role.strip().lower()}")[0]
    return written, written, True


def _rdvi_user(value: object, _now: int) -> tuple[str, str, bool]:
    number = _user_form(value)[0]
    return number, number, False  # one per deployment of the tool, not per person in the world


def _rdvi_rdv(value: object, _now: int) -> tuple[str, str, bool]:
    several = sorted(set(text(value, 2000).lower().split()))
    if not several or not all(_uuid_form.fullmatch(each) for each in several):
        raise Bad("one or more UUIDs separated by a blank")
    written = " ".join(several)
    return written, written, False  # an appointment may be collective


_READERS: Mapping[str, Callable[[object, int], tuple[str, str, bool]]] = {
    "pivot": pivot.read,
    "nir": _nir,
    "ft_number": _ft_number,
    "ft_login": _ft_login,
    "caf_number": _caf_number,
    "rdvi_user": _rdvi_user,
    "rdvi_rdv": _rdvi_rdv,
}

KINDS = frozenset(_READERS)
