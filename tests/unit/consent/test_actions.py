"""What a person can do with an authorisation, on each of the three bases, and in which words."""

from dataclasses import replace
from pathlib import Path

import pytest

import policies
from consent import carrying, measures, moves
from consent.actions import ACTIONS, actions
from consent.errors import ConsentError
from consent.planning import Standing
from consent.states import BASES, ENDED, TRANSITIONS, By
from policies import catalogue

from .conftest import DAY, NOW, PERSON, asked

DPO = By(kind="dpo", channel="system", actor="d0" * 16)


def record(basis="consent", **values):
    made = carrying.blank("0" * 32, asked(basis=basis, valid_until=NOW + 90 * DAY), now=NOW)
    return replace(made, **{"due": NOW + DAY, "fields": made.requested, **values})


def paused(by):
    given = record(state="given", slot="current")
    move = measures.pause(given, reason=None if by is PERSON else "inquiry", by=by, now=NOW)
    return carrying.moved(given, move, by=by, now=NOW)


CASES = {
    "a request": (record(state="requested"), ("give", "refuse", "defer")),
    "a request put off": (record(state="deferred"), ("give", "refuse")),
    "a request nobody answered": (record(state="requested", due=NOW), ()),
    "a yes": (record(state="given"), ("withdraw", "pause", "narrow")),
    "a yes that ends soon": (
        record(state="given", valid_until=NOW + 30 * DAY), ("renew", "withdraw", "pause", "narrow"),
    ),
    "a yes without end": (record(state="renewed", valid_until=None), ("withdraw", "pause", "narrow")),
    "a yes that has ended": (record(state="given", valid_until=NOW), ()),
    "paused by the person": (paused(PERSON), ("resume", "withdraw")),
    "paused by the DPO": (paused(DPO), ("withdraw",)),
    "a public task": (record("public_task", state="active"), ("object_to", "explain")),
    "a public task nobody may object to": (
        replace(record("public_task", state="active"), record={"objection": False, "events": []}), ("explain",),
    ),
    "a public task being examined": (record("public_task", state="objection_lodged"), ("explain",)),
    "a legal obligation": (record("legal_obligation", state="active"), ("explain",)),
} | {state: (record(state=state), ()) for state in sorted(ENDED)}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_offered_follows_from_basis_and_state(case):
    """Rule: consent is withdrawn, a public task objected to where the law allows it, an obligation explained."""
    held, offered = CASES[case]
    assert actions(held, NOW) == offered


def tried(action, held):
    """Carry the action out as the person; an error when the moves refuse what was offered."""
    found = Standing(0, (held,))
    more = {"by": PERSON, "now": NOW}
    some = frozenset(sorted(held.requested)[:1])
    {
        "give": lambda: moves.give(
            found, held, fields=some, explicit=frozenset(), notice=None, valid_until=None, **more
        ),
        "refuse": lambda: moves.refuse(found, held, **more),
        "defer": lambda: moves.defer(held, **more),
        "withdraw": lambda: moves.withdraw(held, **more),
        "pause": lambda: measures.pause(held, reason=None, **more),
        "resume": lambda: measures.resume(held, **more),
        "narrow": lambda: measures.narrow(held, fields=some, valid_until=None, **more),
        "renew": lambda: moves.renew(held, fields=None, notice=None, valid_until=None, **more),
        "object_to": lambda: measures.object_to(held, **more),
    }[action]()


@pytest.mark.parametrize("case", CASES)
def test_what_is_offered_is_what_the_moves_allow(case):
    """Rule: nothing is offered that is refused; what is not offered is refused, but for what is only put forward late.

    Two things are possible though not put forward: renewing early, and stopping what has just ended by itself.
    """
    held, offered = CASES[case]
    for action in set(ACTIONS) - {"explain"}:
        if action in offered:
            tried(action, held)
        elif action != "renew" and not (action == "withdraw" and held.state == "given"):
            with pytest.raises(ConsentError):
                tried(action, held)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_action_and_basis_has_its_sentence(lang):
    """Rule: the words are the catalogue's, in both languages, and none is left over."""
    shipped = catalogue.load(Path(policies.__file__).parent / "catalogue")
    assert set(shipped.vocabulary.actions) == set(ACTIONS)
    assert set(shipped.vocabulary.bases) == BASES
    sentences = [shipped.action_sentence(each, lang) for each in ACTIONS]
    sentences += [shipped.basis_sentence(each, lang) for each in BASES]
    assert len(set(sentences)) == len(sentences)
    assert all(len(part.split()) <= 20 for sentence in sentences for part in sentence.split(". "))


def test_every_action_of_the_person_is_a_transition():
    """Rule: one list of names; the person is entitled to all of them."""
    for action in set(ACTIONS) - {"explain"}:
        assert "subject" in TRANSITIONS[action].kinds
