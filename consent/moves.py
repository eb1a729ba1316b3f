"""The transitions of an authorisation, planned: pure functions from what stands to what is to be written, or why not.

Refuses to widen what was asked, to ask again what waits, stands or was just refused, and to leave an ended state.
States and events as in ISO/IEC TS 27560.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.canonical import Json
from consent.errors import (
    AlreadyWithdrawn,
    AuthorisationExists,
    AuthorisationUnknown,
    FieldsNotRequested,
    NotEntitled,
    RequestLapsed,
    RequestPending,
    RequestTooSoon,
    StateConflict,
)
from consent.states import (
    BASES,
    CONSENT,
    COOL_OFF_MS,
    ENDED,
    ENTITLED,
    PUBLIC_TASK,
    VALID,
    By,
    Record,
    Request,
    effective_state,
)

_RENEWAL_MS = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Standing:
    """The person's epoch, and the records of one purpose and recipient, newest first."""

    epoch: int
    records: tuple[Record, ...]

    def in_slot(self, slot: str) -> Record | None:
        """The record waiting for the person (`pending`), or the one decisions read (`current`)."""
        return next((each for each in self.records if each.slot == slot), None)

    def record(self, authorisation: str) -> Record:
        """One of them."""
        for each in self.records:
            if each.id == authorisation:
                return each
        raise AuthorisationUnknown("this person has no such authorisation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One entry and the rows it proves.

    `values` are columns of the record; `gone` are records leaving their slot, with the state they leave it in;
    `bump`: decisions taken before no longer hold.
    """

    event: str
    values: Mapping[str, Any]
    members: Mapping[str, Json]
    bump: bool
    gone: tuple[tuple[Record, str], ...] = ()


def entitled(transition: str, by: By) -> None:
    """Raises `NotEntitled` unless this kind of actor may do this."""
    if by.kind not in ENTITLED[transition]:
        raise NotEntitled(f"{transition}: not by this kind of actor")


def request(found: Standing, asked: Request, *, by: By, now: int) -> Move:
    """Consent: waits for the person. Other bases: active at once."""
    entitled("request", by)
    if asked.basis not in BASES or not asked.fields:
        raise StateConflict("a request has a known basis and at least one field")
    current = found.in_slot("current")
    if current is not None and _stands(current, asked, now):
        raise AuthorisationExists("an authorisation stands for this purpose and recipient")
    if asked.basis == CONSENT:
        return _wait(found, now)
    values = {"slot": "current", "state": "active", "fields": asked.fields, "decided_at": now, **_renews(current)}
    return Move(
        event="activated",
        values=values,
        members={**_limits(asked.valid_until, asked.max_uses, now), **_replaces(current)},
        bump=True,
        gone=_gone(current),
    )


def _wait(found: Standing, now: int) -> Move:
    pending = found.in_slot("pending")
    if pending is not None and effective_state(pending, now) != "lapsed":
        raise RequestPending("the same request already waits for an answer")
    refused = max((each.decided_at or 0 for each in found.records if each.state == "refused"), default=0)
    if refused and now < refused + COOL_OFF_MS:
        raise RequestTooSoon(refused + COOL_OFF_MS)
    return Move(
        event="requested",
        values={"slot": "pending", "state": "requested", "fields": frozenset(), "decided_at": None},
        members={},
        bump=False,
        gone=() if pending is None else ((pending, "lapsed"),),
    )


def give(
    found: Standing,
    record: Record,
    *,
    fields: frozenset[str],
    explicit: frozenset[str],
    notice: str | None,
    valid_until: int | None,
    by: By,
    now: int,
) -> Move:
    """The person says yes, to all or part of what was asked, for as long or shorter. Frozen from then on."""
    entitled("give", by)
    _awaits(record, now)
    if not fields or not fields <= record.requested or not explicit <= fields:
        raise FieldsNotRequested("fields are some of those asked for, explicit ones some of these")
    until = _until(record, valid_until, now)
    current = found.in_slot("current")
    if current is not None and current.state not in VALID | ENDED:
        raise AuthorisationExists("an objection or a pause stands for this purpose and recipient")
    return Move(
        event="given",
        values={
            "slot": "current",
            "state": "given",
            "fields": fields,
            "explicit": explicit,
            "valid_from": now,
            "valid_until": until,
            "notice": notice or record.notice,
            "channel": by.channel,
            "method": by.method,
            "decided_at": now,
            **_renews(current),
        },
        members={**_limits(until, record.max_uses, now), **_replaces(current)},
        bump=True,
        gone=_gone(current),
    )


def refuse(found: Standing, record: Record, *, by: By, now: int) -> Move:
    """The person says no. Nothing else they decided is touched, and no decision taken before changes."""
    entitled("refuse", by)
    _awaits(record, now)
    current = found.in_slot("current")
    vacant = current is None or current.state in ENDED
    values = {
        "slot": "current" if vacant else None,
        "state": "refused",
        "decided_at": now,
        "channel": by.channel,
        "method": by.method,
    }
    return Move(event="refused", values=values, members={}, bump=False, gone=_gone(current) if vacant else ())


def withdraw(record: Record, *, by: By) -> Move:
    """The person takes consent back. Possible from any state that may still be relied on, whatever the clock says."""
    entitled("withdraw", by)
    if record.state == "withdrawn":
        raise AlreadyWithdrawn("withdrawn before; the withdrawal stands")
    if record.basis != CONSENT or record.state not in {"given", "renewed", "paused"}:
        raise StateConflict("only a given consent can be withdrawn")
    return Move(event="withdrawn", values={"state": "withdrawn"}, members={}, bump=True)


def object_to(record: Record, *, by: By) -> Move:
    """The person objects to a public task (GDPR 21): the exchange stops at once, before anyone examines it."""
    entitled("object_to", by)
    if record.basis != PUBLIC_TASK or record.state != "active":
        raise StateConflict("only an active public task can be objected to")
    return Move(event="objection_lodged", values={"state": "objection_lodged"}, members={}, bump=True)


def expire(record: Record, *, by: By, now: int) -> Move:
    """Write down an end that decisions already see."""
    entitled("expire", by)
    if record.state not in VALID or effective_state(record, now) != "expired":
        raise StateConflict("this authorisation has not ended")
    return Move(event="expired", values={"state": "expired"}, members={}, bump=True)


def _awaits(record: Record, now: int) -> None:
    state = effective_state(record, now)
    if state == "lapsed":
        raise RequestLapsed("this request waited too long: a new one is needed")
    if state != "requested":
        raise StateConflict("this request was answered")


def _until(record: Record, chosen: int | None, now: int) -> int | None:
    if chosen is None:
        return record.valid_until
    if chosen <= now or (record.valid_until is not None and chosen > record.valid_until):
        raise FieldsNotRequested("the end may be sooner than asked, not later, not past")
    return chosen


def _stands(current: Record, asked: Request, now: int) -> bool:
    """Whether asking is pointless, or would get round an objection."""
    state = effective_state(current, now)
    if state in ENDED:
        return False
    if asked.basis != CONSENT or state not in VALID:
        return True
    ending = current.valid_until is not None and current.valid_until <= now + _RENEWAL_MS
    return asked.fields <= current.fields and not ending


def _gone(current: Record | None) -> tuple[tuple[Record, str], ...]:
    if current is None:
        return ()
    return ((current, "superseded" if current.state in VALID else current.state),)


def _renews(current: Record | None) -> dict[str, Any]:
    if current is None:
        return {}
    return {"supersedes": current.id, "lineage_id": current.lineage_id, "version": current.version + 1}


def _replaces(current: Record | None) -> dict[str, Json]:
    return {} if current is None else {"replaces": current.id}


def _limits(until: int | None, max_uses: int | None, now: int) -> dict[str, Json]:
    limits = {"valid_from": now, "valid_until": until, "max_uses": max_uses}
    return {name: value for name, value in limits.items() if value is not None}
