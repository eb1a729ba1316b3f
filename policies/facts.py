"""What a decision is taken on, and nothing else: no clock, no store, no request is read besides these.

Answers for the form of the facts and for writing them to the same bytes every time, so that a decision can be
replayed years later. Nothing here has a default that permits: what is not known is None, and None denies.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from policies.documents import fits
from policies.errors import FactsInvalid

Floors = Mapping[str, str]
_NO_FLOORS: Floors = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: a professional with a role and the strength of their sign-in, a declared batch job, or the person."""

    kind: str
    role: str | None
    assurance: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation:
    """A snapshot of the authorisation for one (subject, recipient, purpose).

    `floors` gives, per field, the least strict obligation the person accepts (`truncate:commune`), if any.
    """

    id: str
    basis: str
    state: str
    fields: frozenset[str]
    explicit: frozenset[str]
    valid_from: int
    valid_until: int | None
    max_uses: int | None
    uses: int
    floors: Floors = field(default_factory=lambda: _NO_FLOORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything `decide` looks at. `now` is in milliseconds UTC; `flags` is None when not known."""

    recipient: str
    purpose: str
    fields: tuple[str, ...]
    now: int
    actor: Actor | None
    flags: frozenset[str] | None
    authorisation: Authorisation | None
    epoch: int
    uses: Mapping[str, int]
    switches: frozenset[str]

    def to_json(self) -> bytes:
        """Write the facts to canonical bytes: keys and sets sorted, ASCII, no blank."""
        actor, held = self.actor, self.authorisation
        return canonical(
            {
                "recipient": self.recipient,
                "purpose": self.purpose,
                "fields": sorted(set(self.fields)),
                "now": self.now,
                "actor": actor and {"kind": actor.kind, "role": actor.role, "assurance": actor.assurance},
                "flags": None if self.flags is None else sorted(self.flags),
                "authorisation": held and _authorisation_content(held),
                "epoch": self.epoch,
                "uses": dict(self.uses),
                "switches": sorted(self.switches),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> "Facts":
        """Read facts back from what `to_json` wrote; anything else raises FactsInvalid."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            # the cause is not chained: it would quote the text
            raise FactsInvalid("these bytes are not JSON") from None
        if not fits(content, "facts"):
            raise FactsInvalid("these bytes are not recorded facts")
        facts = _read(content)
        if facts.to_json() != text:
            raise FactsInvalid("these bytes are not canonical")
        return facts


def canonical(content: Any) -> bytes:
    """Write JSON so that equal content gives equal bytes."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _authorisation_content(held: Authorisation) -> dict[str, Any]:
    return {
        "id": held.id,
        "basis": held.basis,
        "state": held.state,
        "fields": sorted(held.fields),
        "explicit": sorted(held.explicit),
        "valid_from": held.valid_from,
        "valid_until": held.valid_until,
        "max_uses": held.max_uses,
        "uses": held.uses,
        "floors": dict(held.floors),
    }


def _read(content: dict[str, Any]) -> Facts:
    actor, held, flags = content["actor"], content["authorisation"], content["flags"]
    if held is not None:
        held = Authorisation(**{**held, "fields": frozenset(held["fields"]), "explicit": frozenset(held["explicit"])})
    read = {
        "fields": tuple(content["fields"]),
        "actor": None if actor is None else Actor(**actor),
        "flags": None if flags is None else frozenset(flags),
        "authorisation": held,
        "switches": frozenset(content["switches"]),
    }
    return Facts(**{**content, **read})
