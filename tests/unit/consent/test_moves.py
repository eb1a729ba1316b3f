"""What must hold whatever happens to an authorisation: one property each, and machines broken on purpose.

The invariants are those of the life cycle's specification. Each is checked on random walks over every transition and
all three bases, and each broken machine must be caught by the invariant it breaks.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import policies
from consent import measures, moves
from consent.errors import NotEntitled
from consent.guards import use_key
from consent.planning import Standing
from consent.states import BARRING, BASES, CHANNELS, KINDS, TERMINAL, TRANSITIONS, VALID, By, effective_state
from policies import catalogue, decision
from policies.facts import Actor, Authorisation, Facts

from .conftest import DAY, NOW, PERSON
from .walks import BY, LINES, NAMES, NEW, RULES, STEPS, Step, Try, walk

WALKS = st.tuples(st.sampled_from(sorted(BASES)), STEPS)
SHIPPED = catalogue.load(Path(policies.__file__).parent / "catalogue")
ADVISER = Actor(kind="professional", role="conseiller", assurance="high")
CLERK = Actor(kind="professional", role="instructeur", assurance="high")
REFERRER = Actor(kind="professional", role="referent", assurance="high")
ACTORS = {"ml-brume": ADVISER, "dept-brume": REFERRER, "caf-brume": CLERK}


def released(record, uses, now):
    """The fields that may leave on this record, by the decision itself."""
    held = {name: getattr(record, name) for name in Authorisation.__slots__ if name not in {"uses", "floors"}}
    line = (record.recipient, record.purpose)
    facts = Facts(
        recipient=record.recipient,
        purpose=record.purpose,
        fields=tuple(sorted(record.requested)) or tuple(sorted(SHIPPED.request_fields(*line).fields)),
        now=now,
        actor=ACTORS[record.recipient],
        flags=frozenset({"beneficiary_rsa"}),
        authorisation=Authorisation(**held, uses=uses),
        epoch=0,
        uses={exchange.id: 0 for exchange in SHIPPED.active(*line)},
        switches=frozenset(),
    )
    return {verdict.field for verdict in decision.decide(facts, SHIPPED).verdicts if verdict.permit}


def no_release_outside_a_valid_state(basis, steps, rules):
    seen = 0
    for each in walk(basis, steps, rules):
        for record in each.new.records:
            for later in (0, 10 * DAY, 60 * DAY):
                for uses in (0, 3):
                    now = each.now + later
                    left = released(record, uses, now)
                    state = effective_state(replace(record, uses=uses), now)
                    assert not left or (state in VALID and record.slot == "current"), "left outside a valid state"
                    assert left <= record.fields, "left beyond what was given"
                    seen += bool(left)
    return seen


def one_current_record(basis, steps, rules):
    for each in walk(basis, steps, rules):
        slots = [record.slot for record in each.new.records if record.slot]
        assert len(slots) == len(set(slots)), "two records in one slot"
        assert all(record.slot == "current" for record in each.new.records if record.state in VALID), (
            "valid, not current"
        )


def terminal_states_are_never_left(basis, steps, rules):
    for each in walk(basis, steps, rules):
        ended = {record.id: record.state for record in each.old.records if record.state in TERMINAL}
        for record in each.new.records:
            if record.id in ended and record.state != ended[record.id]:
                assert (each.name, ended[record.id] == "tombstoned") == ("tombstone", False), "an end was left"


def the_epoch_tells(basis, steps, rules):
    def relied_on(standing):
        return {
            (record.id, record.fields, record.explicit, record.valid_until)
            for record in standing.records
            if record.state in VALID
        }

    for each in walk(basis, steps, rules):
        assert each.new.epoch - each.old.epoch in {0, 1}, "the epoch goes up one by one"
        if relied_on(each.old) != relied_on(each.new):
            assert each.new.epoch > each.old.epoch, "what may leave changed and decisions cannot tell"


def every_transition_is_of_the_table(basis, steps, rules):
    for each in walk(basis, steps, rules):
        rule = TRANSITIONS[each.name]
        assert each.move.event == rule.event, "one entry, of its own type"
        assert each.by.kind in rule.kinds, "by somebody entitled"
        assert each.before.basis in rule.bases, "on this basis"
        assert each.was in rule.of, "from this state"
        assert each.after.state == (rule.to or each.before.state), "to this state"
        assert each.move.bump == rule.bump, "with this epoch"
        for gone, state in each.move.gone:
            assert state == gone.state or (state == "superseded" and gone.state in {*TRANSITIONS["supersede"].of})
        events = each.after.record["events"]
        assert (events[-1]["by"], events[-1]["event"]) == (each.by.kind, each.move.event), "told in its history"


def withdrawing_is_as_easy_as_giving(basis, steps, rules):
    """One step of the person's was needed to give; one takes it back, with nothing more to show."""
    stop = {"consent": "withdraw", "public_task": "object_to"}.get(basis)
    for each in walk(basis, steps, rules):
        for record in each.new.records:
            if stop and record.state in VALID | ({"paused"} if basis == "consent" else set()):
                tried = Try(each.new, record, LINES[basis], Step(0, 0, 0, 0, usual=True), PERSON, each.now)
                try:
                    after = rules[stop](tried).values["state"]
                except Exception as refused:
                    raise AssertionError("what stands cannot be stopped in one step") from refused
                assert after not in VALID


def never_wider_than_given(basis, steps, rules):
    for each in walk(basis, steps, rules):
        former = next((record for record in each.old.records if record.id == each.before.id), None)
        assert each.after.fields <= each.after.requested, "more than was asked"
        if former is not None and former.state in VALID:
            assert each.after.fields <= former.fields, "more than was given"
            assert (each.after.valid_until or 0) <= (former.valid_until or 0), "for longer than was given"


def what_was_stopped_stays_stopped(basis, steps, rules):
    stopped = False
    for each in walk(basis, steps, rules):
        assert basis == "consent" or not (stopped and each.name == "activate"), "made active again by a partner"
        stopped |= each.after.state in BARRING


INVARIANTS = {
    invariant.__name__: invariant
    for invariant in (
        no_release_outside_a_valid_state, one_current_record, terminal_states_are_never_left, the_epoch_tells,
        every_transition_is_of_the_table, withdrawing_is_as_easy_as_giving, never_wider_than_given,
        what_was_stopped_stays_stopped,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", INVARIANTS)
def test_no_walk_breaks(name):
    """Rule: each invariant holds on every walk, whoever tries what in whichever order and however late."""

    @given(WALKS)
    def look(drawn):
        INVARIANTS[name](*drawn, RULES)

    look()


def test_walks_go_everywhere():
    """Rule: the properties are about something: every transition happens, and something is released on each basis."""
    happened, left = set(), set()

    @settings(max_examples=500, database=None, derandomize=True)
    @given(WALKS)
    def look(drawn):
        happened.update(each.name for each in walk(*drawn))
        left.update({drawn[0]} if drawn[0] not in left and no_release_outside_a_valid_state(*drawn, RULES) else ())

    look()
    assert happened == set(NAMES)
    assert left == BASES


def without_epoch(name):
    return {name: lambda t: replace(RULES[name](t), bump=False)}


def _resurrected(t):
    return moves.give(
        t.found, replace(t.record, state="requested", due=t.now + 1), fields=t.some, explicit=frozenset(), notice=None,
        valid_until=None, by=t.by, now=t.now,
    )  # fmt: skip


def _kept_in_place(t):
    return replace(RULES["give"](t), gone=())


def _refusing_all(t):
    return replace(RULES["refuse"](t), values={"slot": "current", "state": "refused"})


def _by_anybody(t):
    return measures.pause(t.record, reason=None, by=PERSON, now=t.now)


def _resumes_upheld(t):
    return measures.resume(
        replace(t.record, state="paused", basis="consent",
                record={**t.record.record, "events": [{"event": "paused", "by": t.by.kind}]}),
        by=t.by, now=t.now,
    )  # fmt: skip


def _widening(t):
    move = RULES["narrow"](t)
    return replace(move, values={**move.values, "fields": t.record.requested | {"rqth.valid"}})


def _forgetting_what_it_ended(t):
    move = RULES["tombstone"](t)
    return replace(move, values={**move.values, "record": {**move.values["record"], "bars": False}})


def _needing_a_paper(t):
    if t.by.evidence is None:
        raise NotEntitled("a form is needed")
    return RULES["withdraw"](t)


def _not_when_paused(t):
    if t.record.state == "paused":
        raise NotEntitled("resume first")
    return RULES["withdraw"](t)


BROKEN = {
    "a withdrawal that forgets the state": ("no_release_outside_a_valid_state", {
        "withdraw": lambda t: replace(RULES["withdraw"](t), values={"slot": None}),
    }),
    "a superseded record left in its slot": ("one_current_record", {"give": _kept_in_place}),
    "a refusal taking the place of a consent": ("one_current_record", {"refuse": _refusing_all}),
    "a withdrawn consent given again": ("terminal_states_are_never_left", {"give": _resurrected}),
    "an ended one resumed": ("terminal_states_are_never_left", {"resume": _resumes_upheld}),
    **{
        f"{name} without epoch": ("the_epoch_tells", without_epoch(name))
        for name in NAMES
        if TRANSITIONS[name].bump and name not in NEW and name != "override"
    },
    "a pause by anybody": ("every_transition_is_of_the_table", {"pause": _by_anybody}),
    "an entry of another type": ("every_transition_is_of_the_table", {
        "withdraw": lambda t: replace(RULES["withdraw"](t), event="expired"),
    }),
    "withdrawing on paper only": ("withdrawing_is_as_easy_as_giving", {"withdraw": _needing_a_paper}),
    "no withdrawing while paused": ("withdrawing_is_as_easy_as_giving", {"withdraw": _not_when_paused}),
    "a tombstone that forgets an objection": ("what_was_stopped_stays_stopped", {
        "tombstone": _forgetting_what_it_ended,
    }),
    "a wider amendment": ("never_wider_than_given", {"narrow": _widening}),
}  # fmt: skip


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_broken_machine_is_caught(flaw):
    """Rule: the properties have teeth: each flaw makes the invariant it breaks fail on some walk."""
    name, broken = BROKEN[flaw]

    @settings(max_examples=20_000, database=None, derandomize=True, phases=[Phase.generate])
    @given(WALKS)
    def look(drawn):
        INVARIANTS[name](*drawn, {**RULES, **broken})

    with pytest.raises(AssertionError):
        look()


def test_a_decision_that_lets_a_paused_one_out_is_caught(monkeypatch):
    """Rule: the first invariant is about the decision as well as about the machine."""
    monkeypatch.setitem(decision._VALID_STATES, "consent", frozenset({"given", "renewed", "paused"}))
    broken = {"pause": lambda t: replace(RULES["pause"](t), values={"state": "paused"})}

    @settings(max_examples=1_000, database=None, derandomize=True, phases=[Phase.generate])
    @given(WALKS)
    def look(drawn):
        no_release_outside_a_valid_state(*drawn, {**RULES, **broken})

    with pytest.raises(AssertionError):
        look()


@pytest.mark.parametrize("name", NAMES)
def test_nobody_else_is_entitled(name):
    """Rule: for each transition, every kind of actor the table does not name is refused, before anything else."""
    basis = min(TRANSITIONS[name].bases)
    blank = walk(basis, [Step(0, 0, 0, 0, usual=True)])[0].after
    record = replace(blank, state=min(TRANSITIONS[name].of))
    for kind in set(KINDS) - TRANSITIONS[name].kinds:
        tried = Try(Standing(0, (record,)), record, LINES[basis], Step(0, 0, 0, 0, usual=True), BY[kind], NOW)
        with pytest.raises(NotEntitled):
            RULES[name](tried)


def stops_in_one(table):
    """Whether, in this table, the person leaves every state data may leave in, or wait in, by one transition."""
    for basis in BASES - {"legal_obligation"}:
        held = {"given", "renewed", "paused"} if basis == "consent" else {"active"}
        for state in held:
            ways = [
                rule
                for rule in table.values()
                if state in rule.of and basis in rule.bases and {"subject", "representative"} <= rule.kinds
                and rule.event and rule.to in TERMINAL | {"objection_lodged"}
            ]  # fmt: skip
            if not ways:
                return False
    return True


def test_the_table_itself_lets_the_person_stop_in_one_step():
    """Rule: giving takes one step from a request, so does stopping; a table without the way from a pause is caught."""
    assert "requested" in TRANSITIONS["give"].of
    assert stops_in_one(TRANSITIONS)
    shut = replace(TRANSITIONS["withdraw"], of=TRANSITIONS["withdraw"].of - {"paused"})
    assert not stops_in_one({**TRANSITIONS, "withdraw": shut})


@given(
    st.builds(
        By,
        kind=st.sampled_from(["subject", "representative"]),
        channel=st.sampled_from(CHANNELS),
        actor=st.sampled_from([None, "ab" * 16]),
        witness=st.sampled_from([None, "ab" * 16, "cd" * 16]),
        evidence=st.sampled_from([None, "e" * 64]),
        confirmed=st.sampled_from([None, NOW]),
    )
)
def test_withdrawing_asks_for_nothing_that_giving_did_not(by):
    """Rule (GDPR 7-3): whoever could say yes this way can take it back this way, and with less to show."""
    by = replace(by, representative=BY["representative"].representative if by.kind == "representative" else None)
    asked = walk("consent", [Step(0, 0, 0, 0, usual=True)])[0]
    tried = Try(asked.new, asked.after, LINES["consent"], Step(0, 0, 0, 0, usual=True), by, NOW)
    given_ = replace(asked.after, state="given", fields=asked.after.requested)
    less = replace(by, actor=None, witness=None, evidence=None, confirmed=None)
    for each in (by, less):
        assert moves.withdraw(given_, by=each, now=NOW).values["state"] == "withdrawn"
    try:
        RULES["give"](tried)
    except NotEntitled:
        assert by.channel in {"counter", "phone", "paper", "letter", "sms", "system"} or by.witness == by.actor


def test_uses_are_counted_under_a_name_of_their_own():
    """Rule: an authorisation's uses cannot be mistaken for an exchange's window."""
    assert use_key("a" * 32) == "authorisation:" + "a" * 32
