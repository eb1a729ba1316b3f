"""What a signal says: a CloudEvents 1.0 event in structured JSON, of the person only the receiver's own name for them.

Answers for the closed list of types, and for who hears of which. Refuses values, reasons and fields. A source hears
under a name of the authorisation that is its own, and no place in the journal: else two partners could join their files
by it (promise P7).
"""

import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.answer import instant

_BOTH = frozenset({"recipient", "source"})
_RECIPIENT = frozenset({"recipient"})
_NOBODY: frozenset[str] = frozenset()

# Why some are for nobody: the partner made the request itself; that a person thinks it over is told to no one; how
# long an ended record is kept concerns nobody.
AUTHORISATION: Mapping[str, frozenset[str]] = {
    "requested": _NOBODY,
    "deferred": _NOBODY,
    "reminded": _NOBODY,
    "refused": _RECIPIENT,
    "lapsed": _RECIPIENT,
    "tombstoned": _NOBODY,
    "held": _NOBODY,
    "freed": _NOBODY,
    "given": _BOTH,
    "activated": _BOTH,
    "paused": _BOTH,
    "resumed": _BOTH,
    "narrowed": _BOTH,
    "renewed": _BOTH,
    "withdrawn": _BOTH,
    "expired": _BOTH,
    "invalidated": _BOTH,
    "revoked": _BOTH,
    "objection_lodged": _BOTH,
    "upheld": _BOTH,
    "overridden": _BOTH,
}
"""Who hears of an event of an authorisation, by its name in the journal."""

ERASURE, SOURCE_CHANGED, TEST = "erasure.requested", "source.changed", "webhook.test"
TYPES = frozenset({f"authorisation.{name}" for name, told in AUTHORISATION.items() if told} | {ERASURE, SOURCE_CHANGED})
"""What a partner may subscribe to."""


def of(name: str, *, decided: bool) -> str:
    """What is told of an event: a request taken away before anybody answered looks like one nobody answered."""
    return "lapsed" if name == "invalidated" and not decided else name


def own_name(key: bytes, partner: str, authorisation: str) -> str:
    """The name a source knows an authorisation by: stable, and another for each source."""
    return hmac.digest(key, f"{partner}\x00{authorisation}".encode(), "sha256")[:16].hex()


def body(*, source: str, id_: str, type_: str, at: int, data: Mapping[str, Any]) -> bytes:
    """The event, octet for octet the same at each attempt; members without a value are left out."""
    content = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": type_,
        "time": instant(at),
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
