"""What every planned transition rests on: what stands, the move it becomes, and whether this actor may make it. Pure.

Refuses an actor the table does not name, a representative without a mandate in force, and a way of saying yes that
leaves nothing to show. Asks nothing of the kind from who withdraws (GDPR 7-3).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.canonical import Json
from consent.errors import AuthorisationUnknown, NotEntitled, ReasonUnknown, RequestLapsed, StateConflict
from consent.states import REASONS, TRANSITIONS, By, Record, effective_state

_TO_GIVE: Mapping[str, tuple[str, ...]] = {
    "counter": ("actor", "witness"),
    "phone": ("actor", "witness", "confirmed"),
    "paper": ("evidence",),
    "letter": ("evidence",),
    "sms": ("confirmed",),
}


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


def plan(
    transition: str,
    *,
    values: Mapping[str, Any] | None = None,
    members: Mapping[str, Json] | None = None,
    gone: tuple[tuple[Record, str], ...] = (),
) -> Move:
    """Make the move of a transition of the table, with its event, state and epoch."""
    rule = TRANSITIONS[transition]
    state = {} if rule.to is None else {"state": rule.to}
    told = {name: value for name, value in (members or {}).items() if value is not None}
    return Move(
        event=rule.event or transition, values={**state, **(values or {})}, members=told, bump=rule.bump, gone=gone
    )


def entitled(transition: str, by: By, now: int) -> None:
    """Raises `NotEntitled` unless this kind of actor may do this, and a representative has a mandate in force."""
    if by.kind not in TRANSITIONS[transition].kinds:
        raise NotEntitled(f"{transition}: not by this kind of actor")
    mandate = by.representative
    if (by.kind == "representative") != (mandate is not None):
        raise NotEntitled("a representative acts under a mandate, nobody else does")
    if mandate is not None and not mandate.valid_from <= now < mandate.valid_until:
        raise NotEntitled("this mandate is not in force")


def movable(transition: str, record: Record, *, by: By, now: int, stored: bool = False) -> None:
    """Raises unless the table lets this actor take this record from its state at `now`.

    With `stored` the clock is not looked at: what stops an authorisation is possible until its end is written down.
    """
    entitled(transition, by, now)
    rule = TRANSITIONS[transition]
    state = record.state if stored else effective_state(record, now)
    if state == "lapsed" != record.state and record.state in rule.of:
        raise RequestLapsed("this request waited too long: a new one is needed")
    if record.basis not in rule.bases or state not in rule.of:
        raise StateConflict(f"{transition}: not on this basis, or not from this state")


def shown(by: By) -> None:
    """Raises `NotEntitled` unless a yes given this way can be shown later: who was there, what was signed."""
    wanted = _TO_GIVE.get(by.channel, ())
    if by.channel == "system" or any(getattr(by, name) is None for name in wanted):
        raise NotEntitled("a yes given this way needs more to show for it")
    if by.witness is not None and by.witness == by.actor:
        raise NotEntitled("the witness is somebody else than who assists")


def listed(transition: str, reason: str | None) -> str:
    """Give the reason, one of the closed list; raises `ReasonUnknown`."""
    if reason is None or reason not in REASONS[transition]:
        raise ReasonUnknown("not a reason of the closed list")
    return reason
