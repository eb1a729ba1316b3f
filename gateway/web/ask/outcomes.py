"""What was recorded of a request, in words: for the receipt page, the printed receipt and what happens next."""

from dataclasses import dataclass

from consent.states import COOL_OFF_MS, Record, effective_state
from gateway.web.me.phrases import Said

_TITLES: dict[str, Said] = {
    "yes": ("Vous avez dit oui", "You said yes"),
    "no": ("Vous avez dit non", "You said no"),
    "later": ("Vous répondrez plus tard", "You will answer later"),
    "objected": ("Vous vous êtes opposé", "You objected"),
    "stopped": ("Vous avez arrêté ce partage", "You stopped this sharing"),
    "law": ("La loi prévoit ce partage", "The law provides for this sharing"),
    "over": ("Cette demande est finie", "This request is over"),
}

_OUTCOMES = {
    "given": "yes",
    "renewed": "yes",
    "paused": "yes",
    "refused": "no",
    "requested": "later",
    "deferred": "later",
    "objection_lodged": "objected",
    "upheld": "objected",
    "withdrawn": "stopped",
    "active": "law",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One outcome: its name, its title, when it was recorded, and a date that matters next, if any."""

    name: str
    title: Said
    at: int
    next_at: int | None
    signed: bool


def outcome_of(record: Record, now: int) -> Outcome:
    """As it stands now."""
    state = effective_state(record, now)
    name = _OUTCOMES.get(state, "over")
    decided = record.changed_at if record.decided_at is None or name in {"objected", "stopped"} else record.decided_at
    after = {"no": decided + COOL_OFF_MS, "later": record.due, "objected": record.due, "yes": record.valid_until}
    given = any(each["event"] in {"given", "renewed", "activated"} for each in record.record.get("events", ()))
    return Outcome(name=name, title=_TITLES[name], at=decided, next_at=after.get(name), signed=given)
