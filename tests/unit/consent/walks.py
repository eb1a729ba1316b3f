"""Random walks over the life of one person's authorisations for one purpose and recipient, by the planners alone."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from hypothesis import strategies as st

from consent import carrying, measures, moves
from consent.errors import ConsentError
from consent.planning import Move, Standing
from consent.states import CONSENT, KINDS, TRANSITIONS, By, Mandate, Record, Request

from .conftest import DAY, NOW, asked

LINES = {
    "consent": asked(),
    "public_task": asked(basis="public_task", recipient="dept-brume", purpose="orientation.rsa",
                         fields=frozenset({"rsa.beneficiary", "rsa.since"})),
    "legal_obligation": asked(basis="legal_obligation", recipient="caf-brume", purpose="entitlement.rsa",
                              fields=frozenset({"registration.status"})),
}  # fmt: skip
NAMES = sorted(set(TRANSITIONS) - {"supersede"})
NEW = ("request", "activate")
MANDATE = Mandate(id="0a" * 16, capacity="guardian", valid_from=NOW, valid_until=NOW + 10**12, checked_at=NOW)
BY = {
    kind: By(
        kind=kind,
        channel="page" if kind == "subject" else "library",
        actor=f"{number:032x}",
        representative=MANDATE if kind == "representative" else None,
    )
    for number, kind in enumerate(KINDS)
}


@dataclass(frozen=True)
class Step:
    """One draw: what to try on which record, by whom, after how many days."""

    name: int
    record: int
    actor: int
    days: int
    usual: bool


def drawn(seed: int) -> list[Step]:
    """Twenty steps: mostly what the table allows, mostly at once, sometimes neither."""
    dice = random.Random(seed)  # noqa: S311  a walk, not a secret
    return [
        Step(
            name=dice.randrange(10**6),
            record=dice.choice([0, 0, 0, 1, 2]),
            actor=dice.randrange(10**6),
            days=dice.choice([0] * 12 + [1, 1, 8, 40, 100, 1_500]),
            usual=dice.random() < 0.8,
        )
        for _ in range(20)
    ]


STEPS = st.integers(0, 2**32 - 1).map(drawn)


@dataclass(frozen=True)
class Done:
    """One transition of a walk."""

    name: str
    by: By
    now: int
    was: str
    old: Standing
    new: Standing
    before: Record
    after: Record
    move: Move


@dataclass(frozen=True)
class Try:
    """What a rule is called with."""

    found: Standing
    record: Record
    request: Request
    step: Step
    by: By
    now: int

    @property
    def some(self) -> frozenset[str]:
        """A few fields, depending on the draw."""
        names = sorted(self.record.requested)
        return frozenset(names[: 1 + self.step.actor % max(1, len(names))])


Rule = Callable[[Try], Move]


def _cosigner(by: By) -> By:
    return BY["dpo" if by.kind == "controller" else "controller"]


RULES: Mapping[str, Rule] = MappingProxyType({
    "request": lambda t: moves.request(t.found, t.request, by=t.by, now=t.now),
    "activate": lambda t: moves.request(t.found, t.request, by=t.by, now=t.now),
    "defer": lambda t: moves.defer(t.record, by=t.by, now=t.now),
    "remind": lambda t: moves.remind(t.record, by=t.by, now=t.now),
    "refuse": lambda t: moves.refuse(t.found, t.record, by=t.by, now=t.now),
    "lapse": lambda t: moves.lapse(t.record, by=t.by, now=t.now),
    "give": lambda t: moves.give(t.found, t.record, fields=t.some, explicit=frozenset(), notice=None,
                                 valid_until=None, by=t.by, now=t.now),
    "pause": lambda t: measures.pause(t.record, reason="inquiry" if t.by.kind == "dpo" else None, by=t.by, now=t.now),
    "resume": lambda t: measures.resume(t.record, by=t.by, now=t.now),
    "narrow": lambda t: measures.narrow(t.record, fields=t.some, valid_until=None, by=t.by, now=t.now),
    "renew": lambda t: moves.renew(t.record, fields=None, notice=None, valid_until=None, by=t.by, now=t.now),
    "withdraw": lambda t: moves.withdraw(t.record, by=t.by, now=t.now),
    "expire": lambda t: moves.expire(t.record, by=t.by, now=t.now),
    "invalidate": lambda t: measures.invalidate(t.record, reason="exchange_retired", by=t.by, now=t.now),
    "revoke": lambda t: measures.revoke(t.record, reference="SAN-2026-012", by=t.by, now=t.now),
    "object_to": lambda t: measures.object_to(t.record, by=t.by, now=t.now),
    "uphold": lambda t: measures.uphold(t.record, by=t.by, now=t.now),
    "override": lambda t: measures.override(t.record, grounds="9" * 64, cosigned=_cosigner(t.by), by=t.by, now=t.now),
    "hold": lambda t: measures.hold(t.record, by=t.by, now=t.now),
    "free": lambda t: measures.free(t.record, by=t.by, now=t.now),
    "tombstone": lambda t: measures.tombstone(t.record, by=t.by, now=t.now),
})  # fmt: skip


def walk(basis: str, steps: list[Step], rules: Mapping[str, Rule] = RULES) -> list[Done]:
    """Try each step; what the rules refuse changes nothing. One use is spent at each step a valid record meets."""
    standing, now, done = Standing(0, ()), NOW, []
    for step in steps:
        now += step.days * DAY
        tried = _tried(basis, standing, step, now=now)
        try:
            move = rules[tried[0]](tried[1])
        except ConsentError:
            continue
        name, t = tried
        before = carrying.successor(t.record, now=now) if name == "renew" else t.record
        after = carrying.moved(before, move, by=t.by, now=now)
        left = {gone.id: replace(gone, slot=None, state=state) for gone, state in move.gone}
        kept = [left.get(each.id, each) for each in standing.records if each.id != after.id]
        new = Standing(standing.epoch + move.bump, (after, *kept))
        done.append(Done(name, t.by, now, t.record.state, standing, new, before, after, move))
        standing = new
    return done


def _tried(basis: str, standing: Standing, step: Step, *, now: int) -> tuple[str, Try]:
    request = replace(LINES[basis], valid_until=now + 50 * DAY, max_uses=3)
    first = "request" if basis == CONSENT else "activate"
    record = standing.records[min(step.record, len(standing.records) - 1)] if standing.records else None
    names = [each for each in NAMES if each not in NEW] if record else [first]
    if record and step.usual:
        names = [first] * (step.actor % 4 == 0) + [each for each in names if record.state in TRANSITIONS[each].of]
        names = names or [first]
    name = names[step.name % len(names)]
    kinds = sorted(TRANSITIONS[name].kinds) if step.usual else KINDS
    if name in NEW or record is None:
        record = carrying.blank("0" * 32, request, now=now)
    return name, Try(standing, record, request, step, BY[kinds[step.actor % len(kinds)]], now)
