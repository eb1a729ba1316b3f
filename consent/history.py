"""What became of an authorisation, as its recipient may read it. Pure.

Refuses to say why, who for, or when somebody hesitated: the reasons of a pause, an invalidation or a refusal, and that
a person answered later, are not the recipient's.
"""

from typing import Any

from consent.record_27560 import state_iri
from consent.states import VALID, Record, effective_state

_SHOWN = frozenset(
    {
        "requested", "activated", "given", "renewed", "narrowed", "paused", "resumed", "withdrawn", "expired",
        "invalidated", "revoked", "objection_lodged", "upheld", "overridden",
    }
)  # fmt: skip
_TOLD = {"deferred": "requested"}


def public(record: Record, now: int) -> dict[str, Any]:
    """Give the state, what is in force, and the events so far."""
    state = effective_state(record, now)
    state = _TOLD.get(state, state)
    if record.decided_at is None and state == "invalidated":
        state = "lapsed"  # a request taken away before its answer: the same word as when nobody answered
    shown = [each for each in record.record["events"] if each["event"] in _SHOWN]
    if record.decided_at is None or record.state == "refused":
        shown = shown[:1]  # of a request: that it was made
    return {
        "state": {"id": state, "type": state_iri(state)},
        "in_force": state in VALID,
        "fields": sorted(record.fields),
        "valid_until": record.valid_until,
        "events": [{"event": each["event"], "time": each["time"]} for each in shown],
    }
