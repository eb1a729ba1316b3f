"""What a person can do with one authorisation now: by its legal basis, its state, and what the catalogue left open.

Consent is given, refused, put off, paused, narrowed, renewed, withdrawn; a public task is objected to, where the law
allows it; a legal obligation is explained. The sentences are the catalogue's (`action_sentence`). Refuses nothing:
the moves do, and a test keeps the two together.
"""

from consent.measures import objectable, paused_by
from consent.moves import RENEWAL_MS
from consent.states import CONSENT, PUBLIC_TASK, Record, effective_state

ACTIONS = ("give", "refuse", "defer", "withdraw", "pause", "resume", "narrow", "renew", "object_to", "explain")


def actions(record: Record, now: int) -> tuple[str, ...]:
    """The names of what the person can do, the most useful first; `action_sentence` of the catalogue says them."""
    state = effective_state(record, now)
    if record.basis != CONSENT:
        objects = record.basis == PUBLIC_TASK and state == "active" and objectable(record)
        return ("object_to", "explain") if objects else ("explain",)
    if state in {"requested", "deferred"}:
        return ("give", "refuse", "defer") if state == "requested" else ("give", "refuse")
    if state == "paused":
        return ("resume", "withdraw") if paused_by(record) == "subject" else ("withdraw",)
    if state in {"given", "renewed"}:
        ending = record.valid_until is not None and record.valid_until <= now + RENEWAL_MS
        return ("renew", "withdraw", "pause", "narrow") if ending else ("withdraw", "pause", "narrow")
    return ()
