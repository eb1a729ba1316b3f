"""The state machine walked at random: what must never happen, and a broken machine that is caught."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import carrying, measures, moves
from consent.errors import ConsentError
from consent.guards import use_key
from consent.planning import Standing
from consent.states import ENDED, VALID, effective_state

from .conftest import AGENT, CLOCK, DAY, NOW, PERSON, asked

ACTIONS = st.sampled_from(["request", "activate", "give", "refuse", "withdraw", "object_to", "expire", "wait"])
WALKS = st.lists(st.tuples(ACTIONS, st.integers(0, 3), st.sampled_from([0, 1, 8, 40, 100])), max_size=25)


def planned(rules, standing, action, chosen, now):
    """The record and the move one action plans, or ConsentError."""
    if action in {"request", "activate"}:
        basis = "consent" if action == "request" else "public_task"
        request = asked(basis=basis, valid_until=now + 50 * DAY)
        return carrying.blank("0" * 32, request, now=now), rules.request(standing, request, by=AGENT, now=now)
    record = standing.records[chosen]
    return record, {
        "give": lambda: rules.give(standing, record, fields=record.requested, explicit=frozenset(), notice=None,
                                   valid_until=None, by=PERSON, now=now),
        "refuse": lambda: rules.refuse(standing, record, by=PERSON, now=now),
        "withdraw": lambda: rules.withdraw(record, by=PERSON, now=now),
        "object_to": lambda: measures.object_to(record, by=PERSON, now=now),
        "expire": lambda: rules.expire(record, by=CLOCK, now=now),
    }[action]()  # fmt: skip


def walk(rules, steps) -> list[tuple[str, bool]]:
    """Walk, checking at each step what authorisations promise; gives (event, bump) of the moves made."""
    standing, now, done = Standing(0, ()), NOW, []
    for action, chosen, days in steps:
        now += days * DAY
        if action == "wait" or (action not in {"request", "activate"} and chosen >= len(standing.records)):
            continue
        try:
            before, move = planned(rules, standing, action, chosen, now)
        except ConsentError:
            continue
        after = carrying.moved(before, move, by=PERSON, now=now)
        left = {record.id: replace(record, slot=None, state=state) for record, state in move.gone}
        kept = [left.get(record.id, record) for record in standing.records if record.id != after.id]
        new = Standing(standing.epoch + move.bump, (after, *kept))
        check(standing, new, before, after, now)
        standing = new
        done.append((move.event, move.bump))
    return done


def check(old, new, before, after, now):
    slots = [record.slot for record in new.records if record.slot]
    assert len(slots) == len(set(slots)), "one record per slot"
    assert before.state not in ENDED, "ended states are never left"
    assert sum(effective_state(each, now) in VALID for each in new.records) <= 1, "one valid authorisation"

    def relied_on(standing):
        """What decisions may rely on: the current record, when valid."""
        current = standing.in_slot("current")
        return None if current is None or current.state not in VALID else (current.id, current.fields)

    if relied_on(old) != relied_on(new):
        assert new.epoch > old.epoch, "a change decisions must notice advances the epoch"
    assert after.fields <= after.requested or after.state == "active", "never wider than asked"


@given(WALKS)
def test_no_walk_breaks_what_authorisations_promise(steps):
    """Rule: one record per slot, ended is ended, at most one valid, the epoch tells, never wider."""
    walk(moves, steps)


def test_all_transitions_are_walked():
    """Rule: the walk above is not vacuous."""
    story = [
        *(("request", 0, 0), ("give", 0, 0), ("withdraw", 0, 0), ("request", 0, 1), ("refuse", 0, 1)),
        *(("request", 0, 100), ("give", 0, 1), ("expire", 0, 100), ("activate", 0, 0), ("object_to", 0, 0)),
    ]
    events = "requested given withdrawn requested refused requested given expired activated objection_lodged"
    assert [event for event, _ in walk(moves, story)] == events.split()


BROKEN = {
    "withdrawal without epoch": {"withdraw": lambda record, **who: replace(moves.withdraw(record, **who), bump=False)},
    "old record left in its slot": {
        "give": lambda *around, **choice: replace(moves.give(*around, **choice), gone=()),
    },
    "refusal taking the place of a consent": {
        "refuse": lambda found, record, **who: replace(
            moves.refuse(found, record, **who), values={"slot": "current", "state": "refused"}
        ),
    },
    "withdrawn given again": {
        "give": lambda found, record, **choice: moves.give(
            found, replace(record, state="requested", due=choice["now"] + 1), **choice
        ),
    },
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_broken_machine_is_caught(flaw):
    """Rule: the properties have teeth: each flaw makes some walk fail."""
    usual = {name: getattr(moves, name) for name in ("request", "give", "refuse", "withdraw", "expire")}
    rules = SimpleNamespace(**{**usual, **BROKEN[flaw]})
    stories = [
        [("request", 0, 0), ("give", 0, 0), ("withdraw", 0, 0), ("give", 0, 0)],
        [("request", 0, 0), ("give", 0, 0), ("request", 0, 40), ("refuse", 0, 0)],
        [("request", 0, 0), ("give", 0, 0), ("request", 0, 40), ("give", 0, 0)],
    ]

    def walks():
        for story in stories:
            walk(rules, story)

    with pytest.raises(AssertionError):
        walks()


def test_uses_are_counted_under_a_name_of_their_own():
    """Rule: an authorisation's uses cannot be mistaken for an exchange's window."""
    assert use_key("a" * 32) == "authorisation:" + "a" * 32
