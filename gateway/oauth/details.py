"""What a partner asks of a person who is present: `authorization_details` (RFC 9396), one object of one type.

    {"type": "passerelle_authorisation", "purpose": "support.youth", "fields": ["rsa", "c2s.beneficiary"],
     "duration": "P90D"}

`fields` names datasets or fields, all that the catalogue's line covers when it is left out; `duration` may only
shorten. Members are closed (§5: what is not understood is refused). Refuses whatever is beyond the partner's line.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from gateway.oauth.errors import refused
from gateway.oauth.flows import Wish
from policies.catalogue import Catalogue
from policies.errors import UnknownName

TYPE = "passerelle_authorisation"

_MEMBERS = frozenset({"type", "purpose", "fields", "duration"})
_LONGEST = 8_192
_MAX_NAMES = 64
_DAY_MS = 86_400_000
_DURATION = re.compile(r"P([1-9][0-9]{0,3})D")


def read(text: str | None, catalogue: Catalogue, *, recipient: str) -> Wish:
    """The one thing asked, within the recipient's line of the catalogue; `invalid_authorization_details` otherwise."""
    asked = _object(text)
    purpose, names, duration = asked.get("purpose"), asked.get("fields"), asked.get("duration")
    if not isinstance(purpose, str) or (recipient, purpose) not in catalogue.tables:
        raise refused("details_purpose")
    line = catalogue.request_fields(recipient, purpose).fields
    fields = line if names is None else _expanded(names, catalogue, recipient, purpose)
    if not fields or not fields <= line:
        raise refused("details_fields")
    return Wish(purpose=purpose, fields=fields, days=_days(duration, catalogue.default_validity(recipient, purpose)))


def scopes_of(fields: frozenset[str]) -> frozenset[str]:
    """One scope per dataset."""
    return frozenset(f"data:{name.partition('.')[0]}" for name in fields)


def granted(*, authorisation: str, purpose: str, fields: frozenset[str]) -> list[dict[str, Any]]:
    """The same type with what was given (RFC 9396 §7, §9.1); `authorisation` is the grant's id."""
    return [{"type": TYPE, "authorisation": authorisation, "purpose": purpose, "fields": sorted(fields)}]


def _object(text: str | None) -> Mapping[str, Any]:
    if text is None:
        raise refused("details_missing")
    if len(text) > _LONGEST:
        raise refused("details_form")
    try:
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # from None: the message quotes the text
        raise refused("details_form") from None
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        raise refused("details_form")
    asked: dict[str, Any] = content[0]
    if asked.get("type") != TYPE or not asked.keys() <= _MEMBERS:
        raise refused("details_type")
    return asked


def _expanded(names: object, catalogue: Catalogue, recipient: str, purpose: str) -> frozenset[str]:
    """Datasets replaced by their fields."""
    if not isinstance(names, list) or not 1 <= len(names) <= _MAX_NAMES:
        raise refused("details_fields")
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) != len(names) or len(set(texts)) != len(texts):
        raise refused("details_fields")
    try:
        return frozenset(catalogue.expand(recipient, purpose, texts))
    except UnknownName:
        raise refused("details_fields") from None


def _days(duration: object, longest: int | None) -> int | None:
    if duration is None:
        return None
    matched = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if matched is None or longest is None or int(matched[1]) * _DAY_MS > longest:
        raise refused("details_duration")
    return int(matched[1])


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError
    return found


def _refuse_constant(_name: str) -> None:
    raise ValueError
