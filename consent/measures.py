"""What is done to an authorisation that stands or has ended, planned: paused, narrowed, stopped, examined. Pure.

Refuses to widen: whatever allows more than the person gave is a new request (ISO/IEC TS 27560, DEPA). Refuses that
anybody lifts a pause they did not make, and that an objection is set aside by one signature.
"""

from typing import Any

from consent.clocks import months_after
from consent.errors import NotEntitled, ReasonUnknown, StateConflict, WiderThanGiven
from consent.planning import Move, entitled, listed, movable, plan
from consent.states import BARRING, KEPT_MS, By, Record


def pause(record: Record, *, reason: str | None, by: By, now: int) -> Move:
    """Everything stops until resumed. The person gives no reason, the DPO one of the list."""
    movable("pause", record, by=by, now=now)
    if by.kind == "dpo":
        return plan("pause", members={"reason": listed("pause", reason)})
    if reason is not None:
        raise ReasonUnknown("the person is asked no reason")
    return plan("pause")


def resume(record: Record, *, by: By, now: int) -> Move:
    """Whoever paused lets it go on; nobody else does."""
    movable("resume", record, by=by, now=now)
    if paused_by(record) != by.kind:
        raise NotEntitled("only who paused may resume")
    return plan("resume")


def paused_by(record: Record) -> str | None:
    """The kind of actor of the last pause."""
    pauses = [event["by"] for event in record.record["events"] if event["event"] == "paused"]
    return pauses[-1] if pauses else None


def amended(record: Record, *, fields: frozenset[str] | None, valid_until: int | None) -> dict[str, Any]:
    """Give the columns of a narrower record; raises `WiderThanGiven` for anything beyond what stands."""
    kept = record.fields if fields is None else fields
    until = record.valid_until if valid_until is None else valid_until
    longer = record.valid_until is not None and until is not None and until > record.valid_until
    if longer or not kept <= record.fields:
        raise WiderThanGiven("wider than what was given: a new authorisation is needed")
    return {"fields": kept, "explicit": record.explicit & kept, "valid_until": until}


def narrow(record: Record, *, fields: frozenset[str] | None, valid_until: int | None, by: By, now: int) -> Move:
    """Strictly fewer fields, or for less long. Nothing left is a withdrawal, and is said so."""
    movable("narrow", record, by=by, now=now)
    values = amended(record, fields=fields, valid_until=valid_until)
    until = values["valid_until"]
    if not values["fields"] or (until is not None and until <= now):
        raise StateConflict("nothing would be left: withdraw instead")
    if values["fields"] == record.fields and until == record.valid_until:
        raise StateConflict("nothing would change")
    return plan("narrow", values=values, members={"valid_until": until})


def invalidate(record: Record, *, reason: str, by: By, now: int) -> Move:
    """What it rested on is gone: its purpose, exchange or notice, or the capacity of who gave it."""
    movable("invalidate", record, by=by, now=now, stored=True)
    left = {"slot": None} if record.slot == "pending" else {}
    return plan("invalidate", values=left, members={"reason": listed("invalidate", reason)})


def revoke(record: Record, *, reference: str, by: By, now: int) -> Move:
    """The controller, or an authority's order, ends it."""
    movable("revoke", record, by=by, now=now, stored=True)
    return plan("revoke", members={"reference": reference})


def object_to(record: Record, *, by: By, now: int) -> Move:
    """The person objects to a public task (GDPR 21): it stops at once, before anyone examines it, within a month."""
    movable("object_to", record, by=by, now=now, stored=True)
    if not objectable(record):
        raise StateConflict("the law this rests on leaves no right to object")
    due = months_after(now, 1)
    return plan("object_to", values={"due": due}, members={"due": due})


def objectable(record: Record) -> bool:
    """Whether the catalogue's line left the right to object when the record was made."""
    return bool(record.record.get("objection", True))


def uphold(record: Record, *, by: By, now: int) -> Move:
    """The objection is right: nothing leaves any more."""
    movable("uphold", record, by=by, now=now, stored=True)
    return plan("uphold", values={"due": None})


def override(record: Record, *, grounds: str, cosigned: By, by: By, now: int) -> Move:
    """Compelling grounds prevail, say controller and DPO together; the person reads them. It goes on."""
    movable("override", record, by=by, now=now, stored=True)
    entitled("override", cosigned, now)
    if by.kind == cosigned.kind or None in {by.actor, cosigned.actor} or by.actor == cosigned.actor:
        raise NotEntitled("the controller and its DPO sign together, each by name")
    return plan("override", values={"due": None}, members={"grounds": grounds, "cosigner": cosigned.actor})


def hold(record: Record, *, by: By, now: int) -> Move:
    """Keep the content of an ended authorisation for a dispute."""
    movable("hold", record, by=by, now=now, stored=True)
    if record.held_at is not None:
        raise StateConflict("kept for a dispute already")
    return plan("hold", values={"held_at": now, "changed_at": record.changed_at})


def free(record: Record, *, by: By, now: int) -> Move:
    """The dispute is over; how long the content is kept still counts from the end."""
    movable("free", record, by=by, now=now, stored=True)
    if record.held_at is None:
        raise StateConflict("not kept for a dispute")
    return plan("free", values={"held_at": None, "changed_at": record.changed_at})


def tombstone(record: Record, *, by: By, now: int) -> Move:
    """Drop the content of an authorisation that ended long ago; who, for what and the proof remain.

    Its sources too: an erasure still asks them. And that it bars the line, where it does (`moves.request`).
    """
    movable("tombstone", record, by=by, now=now, stored=True)
    if record.held_at is not None or now < record.changed_at + KEPT_MS:
        raise StateConflict("kept for a dispute, or not kept long enough")
    nothing: frozenset[str] = frozenset()
    bars = {"bars": True} if record.state in BARRING else {}
    return plan(
        "tombstone",
        values={
            **dict.fromkeys(("requested", "fields", "explicit"), nothing),
            **dict.fromkeys(("slot", "channel", "method", "mandate", "due")),
            "record": {
                "schema": record.record["schema"],
                "sources": record.record.get("sources", []),
                "events": [],
                **bars,
            },
        },
    )
