"""A replayed decision is never told wrongly: what `replay` is certain of is what `decide` would have said.

The same small catalogues and facts as `test_widening.py`; the replay sees only what the journal keeps.
"""

from collections import Counter
from dataclasses import replace
from itertools import cycle, product

from policies.catalogue import Catalogue
from policies.decision import Decision, Facts, decide
from policies.obligations import covers
from policies.replay import Found, Outcome, Past, Tally, replay
from tests.unit.policies.factories import NOW, actor, authorisation, exchange, facts, small
from tests.unit.policies.test_widening import DIMENSIONS, banded, cases, catalogue, incomparable


def past(asked: Facts, decision: Decision, *, record: bool) -> Past:
    """What the journal keeps of a decision, with the record of its authorisation or without."""
    held = asked.authorisation
    return Past(
        recipient=asked.recipient,
        purpose=asked.purpose,
        now=asked.now,
        kind=asked.actor.kind if asked.actor is not None else "professional",
        basis=held.basis if held else None,
        permits=frozenset(decision.permitted),
        denials={name: reason for reason, names in decision.denials().items() for name in names},
        fields=held.fields if held and record else None,
        explicit=held.explicit if held and record else None,
    )


def check(found: Found, then: Decision, now: Decision, name: str) -> None:
    (was,), (new,) = ([each for each in one.verdicts if each.field == name] for one in (then, now))
    match found.outcome:
        case Outcome.OPENED:
            assert not was.permit
            assert new.permit
        case Outcome.CLOSED:
            assert was.permit
            assert not new.permit
        case Outcome.SAME:
            assert was.permit == new.permit
            assert was.obligation is None or covers(was.obligation, new.obligation)
            assert was.obligation is None or covers(new.obligation, was.obligation)
        case Outcome.STRICTER:
            assert covers(new.obligation, was.obligation)
            assert not covers(was.obligation, new.obligation)
        case Outcome.LOOSER:
            assert not covers(new.obligation, was.obligation)


def test_what_is_certain_is_true() -> None:
    """Every single change of the small catalogue, both ways; every fact without floors; with the record and without."""
    asked = [case for case in cases() if case.authorisation is not None and not case.authorisation.floors]
    asked = [
        replace(case, fields=("d.a", "d.word"), authorisation=replace(case.authorisation, fields=frozenset(fields)))
        for case, fields in zip(asked, cycle((("d.a",), ("d.a", "d.word"))))
    ]
    changes = [{name: value} for name, values in DIMENSIONS.items() for value in values[1:]]
    built: list[Catalogue] = [catalogue(), *(catalogue(**each) for each in changes if not incomparable(each))]
    both = {"d.a": banded(10), "d.word": {"release": "clear"}}
    built += [
        small([exchange("one", fields=both)]),
        small([exchange("one", fields=both, agents=DIMENSIONS["agents"][2])]),
    ]
    decided = [[decide(case, one) for case in asked] for one in built]
    outcomes: Counter[Outcome] = Counter()
    for (first, before), (second, after) in product(enumerate(built), repeat=2):
        if first and second and (first + second) % 5:  # the base with all, a fifth of the other pairs
            continue
        for case, then, now in zip(asked, decided[first], decided[second], strict=True):
            for record in (True, False):
                for name, found in replay(past(case, then, record=record), before, after).items():
                    outcomes[found.outcome] += 1
                    assert bool(found.depends) == (found.outcome is Outcome.UNCERTAIN)
                    if found.outcome is not Outcome.UNCERTAIN:
                        check(found, then, now, name)
    assert set(outcomes) == set(Outcome)
    assert outcomes[Outcome.UNCERTAIN] < outcomes.total() / 5


def test_a_catalogue_replayed_on_itself_changes_nothing() -> None:
    """Everything stays, and nothing is uncertain but what an entry's own catalogue does not explain."""
    one = small()
    for case in (facts(), facts(actor=actor(role="clerk")), facts(authorisation=None), facts(recipient="partner-q")):
        found = replay(past(case, decide(case, one), record=True), one, one)
        assert {each.outcome for each in found.values()} == {Outcome.SAME}
    strange = Past(
        recipient="partner-p", purpose="alpha.one", now=NOW, kind="professional", basis="consent",
        permits=frozenset({"d.word"}), denials={"d.on": "person_unknown"},
    )  # fmt: skip
    assert replay(strange, one, one) == {"d.word": Found(Outcome.CLOSED), "d.on": Found(Outcome.SAME)}
    wider = small([exchange("one", fields={"d.a": {"release": "clear"}, "d.word": {"release": "clear"}})])
    assert replay(strange, one, wider)["d.word"] == Found(Outcome.UNCERTAIN, "catalogue")


def test_a_new_field_of_an_exchange_opens_for_whoever_had_agreed_to_it() -> None:
    """Who asked for it, was accepted, and holds an authorisation that covers it."""
    before = small([exchange("one")])
    after = small([exchange("one", fields={"d.a": {"release": "clear"}, "d.word": {"release": "clear"}})])
    held = authorisation(fields=frozenset({"d.a", "d.word"}))
    case = facts(fields=("d.a", "d.word"), authorisation=held)
    decision = decide(case, before)
    assert replay(past(case, decision, record=True), before, after)["d.word"].outcome is Outcome.OPENED
    assert replay(past(case, decision, record=False), before, after)["d.word"] == Found(
        Outcome.UNCERTAIN, "authorisation"
    )
    narrow = replace(case, authorisation=authorisation(fields=frozenset({"d.a"})))
    again = replay(past(narrow, decide(narrow, before), record=True), before, after)
    assert again["d.word"].outcome is Outcome.SAME  # it would have to be asked for anew


def test_what_is_counted() -> None:
    """Decisions that change, persons touched, fields, and what the rest depends on."""
    before, after = small([exchange("one")]), small([exchange("one", status="retired")])
    strict = small([exchange("one", agents={"roles": ["clerk", "adviser"], "auth": "high", "batch": "refused"})])
    case = facts(fields=("d.a",))
    one = past(case, decide(case, before), record=True)
    tally = Tally()
    for person in ("a", "a", "b", None):
        tally.add(one, replay(one, before, after), person=person)
    tally.add(one, replay(one, before, strict), person="c")
    assert (tally.decisions, tally.changed, tally.uncertain, tally.unattributed) == (5, 4, 1, 1)
    assert tally.persons == {"a", "b"}
    assert tally.rows() == [
        ("partner-p", "alpha.one", "d.a", Outcome.CLOSED, 4),
        ("partner-p", "alpha.one", "d.a", Outcome.UNCERTAIN, 1),
    ]
    assert tally.depends == {"actor": 1}
