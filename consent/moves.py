"""Asking and answering, planned: pure functions from what stands to what is to be written, or why not.

Refuses to widen what was asked, to ask again what waits, stands or was just refused, and to leave an ended state.
States and events as in ISO/IEC TS 27560. What is done to an authorisation once given is in `measures.py`.
"""

from typing import Any

from audit.canonical import Json
from consent.errors import (
    AlreadyWithdrawn,
    AuthorisationExists,
    FieldsNotRequested,
    RequestPending,
    RequestTooSoon,
    StateConflict,
    WiderThanGiven,
)
from consent.planning import Move, Standing, entitled, movable, plan, shown
from consent.states import (
    BARRING,
    BASES,
    CONSENT,
    COOL_OFF_MS,
    LAPSE_MS,
    TERMINAL,
    VALID,
    By,
    Record,
    Request,
    effective_state,
)

RENEWAL_MS = 30 * 86_400_000
"""A renewal is offered, and a new request accepted, this long before the end."""


def request(found: Standing, asked: Request, *, by: By, now: int) -> Move:
    """Consent: waits for the person. Other bases: active at once."""
    entitled("request" if asked.basis == CONSENT else "activate", by, now)
    if asked.basis not in BASES or not asked.fields:
        raise StateConflict("a request has a known basis and at least one field")
    current = found.in_slot("current")
    if _barred(found, asked) or (current is not None and _stands(current, asked, now)):
        raise AuthorisationExists("an authorisation, an objection or an order stands for this purpose and recipient")
    if asked.basis == CONSENT:
        return _wait(found, now)
    return plan(
        "activate",
        values={"slot": "current", "fields": asked.fields, "decided_at": now, **_renews(current)},
        members={**_limits(asked.valid_until, asked.max_uses, now), **_replaces(current)},
        gone=_gone(current),
    )


def _wait(found: Standing, now: int) -> Move:
    if found.in_slot("pending") is not None:
        raise RequestPending("the same request already waits for an answer")
    refused = max((each.decided_at or 0 for each in found.records if each.state == "refused"), default=0)
    if refused and now < refused + COOL_OFF_MS:
        raise RequestTooSoon(refused + COOL_OFF_MS)
    due = now + LAPSE_MS
    values: dict[str, Any] = {"slot": "pending", "fields": frozenset(), "decided_at": None, "due": due}
    return plan("request", values=values, members={"due": due})


def defer(record: Record, *, by: By, now: int) -> Move:
    """The person will answer later: seven more days, once."""
    movable("defer", record, by=by, now=now)
    return plan("defer", values={"due": now + LAPSE_MS}, members={"due": now + LAPSE_MS})


def remind(record: Record, *, by: By, now: int) -> Move:
    """The person who answers later is reminded, once."""
    movable("remind", record, by=by, now=now)
    if record.reminded_at is not None:
        raise StateConflict("reminded before")
    return plan("remind", values={"reminded_at": now})


def lapse(record: Record, *, by: By, now: int) -> Move:
    """Write down that nobody answered in time."""
    entitled("lapse", by, now)
    if record.state == "lapsed" or effective_state(record, now) != "lapsed":
        raise StateConflict("this request still waits, or was answered")
    return plan("lapse", values={"slot": None})


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
    movable("give", record, by=by, now=now)
    shown(by)
    if not fields or not fields <= record.requested or not explicit <= fields:
        raise FieldsNotRequested("fields are some of those asked for, explicit ones some of these")
    until = _until(record, valid_until, by=by, now=now)
    current = found.in_slot("current")
    if current is not None and effective_state(current, now) not in VALID | TERMINAL:
        raise AuthorisationExists("an objection or a pause stands for this purpose and recipient")
    return plan(
        "give",
        values={
            "slot": "current",
            "fields": fields,
            "explicit": explicit,
            "valid_from": now,
            "valid_until": until,
            "notice": notice or record.notice,
            **_decided(by, now),
            **_renews(current),
        },
        members={**_limits(until, record.max_uses, now), **_replaces(current)},
        gone=_gone(current),
    )


def refuse(found: Standing, record: Record, *, by: By, now: int) -> Move:
    """The person says no. Nothing else they decided is touched, and no decision taken before changes."""
    movable("refuse", record, by=by, now=now)
    current = found.in_slot("current")
    vacant = current is None or current.state in TERMINAL
    values = {"slot": "current" if vacant else None, **_decided(by, now)}
    return plan("refuse", values=values, gone=_gone(current) if vacant else ())


def renew(
    record: Record,
    *,
    fields: frozenset[str] | None,
    notice: str | None,
    valid_until: int | None,
    by: By,
    now: int,
) -> Move:
    """The person says yes again, to the same or less, for as long or shorter: the new record's first transition."""
    movable("renew", record, by=by, now=now)
    kept = record.fields if fields is None else fields
    until = valid_until
    if record.valid_until is not None:
        longest = now + record.valid_until - record.valid_from
        until = longest if valid_until is None else valid_until
        if until > longest:
            raise WiderThanGiven("renewed for as long as before at most")
    if not kept or not kept <= record.fields or (until is not None and until <= now):
        raise WiderThanGiven("what is renewed is what was given, or less")
    return plan(
        "renew",
        values={
            "slot": "current",
            "fields": kept,
            "explicit": record.explicit & kept,
            "valid_from": now,
            "valid_until": until,
            "notice": notice or record.notice,
            **_decided(by, now),
            **_renews(record),
        },
        members={**_limits(until, record.max_uses, now), **_replaces(record)},
        gone=_gone(record),
    )


def withdraw(record: Record, *, by: By, now: int) -> Move:
    """The person takes consent back. Possible from any state that may still be relied on, whatever the clock says."""
    if record.state == "withdrawn":
        entitled("withdraw", by, now)
        raise AlreadyWithdrawn("withdrawn before; the withdrawal stands")
    movable("withdraw", record, by=by, now=now, stored=True)
    return plan("withdraw")


def expire(record: Record, *, by: By, now: int) -> Move:
    """Write down an end that decisions already see."""
    entitled("expire", by, now)
    if record.state == "expired" or effective_state(record, now) != "expired":
        raise StateConflict("this authorisation has not ended")
    return plan("expire")


def _decided(by: By, now: int) -> dict[str, Any]:
    mandate = None if by.representative is None else by.representative.id
    return {"channel": by.channel, "method": by.method, "mandate": mandate, "decided_at": now, "due": None}


def _until(record: Record, chosen: int | None, *, by: By, now: int) -> int | None:
    """As asked or sooner, and never beyond the mandate of who says yes for the person."""
    until = record.valid_until if chosen is None else chosen
    if chosen is not None and (chosen <= now or (record.valid_until is not None and chosen > record.valid_until)):
        raise FieldsNotRequested("the end may be sooner than asked, not later, not past")
    if by.representative is None:
        return until
    return by.representative.valid_until if until is None else min(until, by.representative.valid_until)


def _barred(found: Standing, asked: Request) -> bool:
    """Whether the person's objection was upheld, or an order stopped it: no partner makes that active again.

    However long ago: a tombstone still says so.
    """
    stopped = (each for each in found.records if each.state in BARRING or each.record.get("bars"))
    return asked.basis != CONSENT and any(each.basis == asked.basis for each in stopped)


def _stands(current: Record, asked: Request, now: int) -> bool:
    """Whether asking is pointless, or would get round an objection."""
    state = effective_state(current, now)
    if state in TERMINAL:
        return False
    if asked.basis != CONSENT or state not in VALID:
        return True
    ending = current.valid_until is not None and current.valid_until <= now + RENEWAL_MS
    return asked.fields <= current.fields and not ending


def _gone(current: Record | None) -> tuple[tuple[Record, str], ...]:
    if current is None:
        return ()
    return ((current, current.state if current.state in TERMINAL else "superseded"),)


def _renews(current: Record | None) -> dict[str, Any]:
    if current is None:
        return {}
    return {"supersedes": current.id, "lineage_id": current.lineage_id, "version": current.version + 1}


def _replaces(current: Record | None) -> dict[str, Json]:
    return {} if current is None else {"replaces": current.id}


def _limits(until: int | None, max_uses: int | None, now: int) -> dict[str, Json]:
    return {"valid_from": now, "valid_until": until, "max_uses": max_uses}
