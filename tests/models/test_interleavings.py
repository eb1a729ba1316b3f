"""Promise P3 in a model: no interleaving breaks it, and each deliberately broken variant has a way to."""

from pathlib import Path

import pytest

from audit.events import EVENTS, FINAL, STARTS, STOPS
from consent.states import ENDED, TRANSITIONS, VALID
from tests.models.interleavings import BROKEN, CHANGES, Model, explore

TOLD = Path(__file__).parents[2] / "docs" / "explanation" / "withdrawal.md"


@pytest.mark.parametrize("basis", CHANGES)
def test_no_interleaving_releases_what_was_stopped(basis: str) -> None:
    """All states visited: one order, epochs that only grow, and no release by a decision older than the last change."""
    found = explore(Model(basis))
    assert found.way == []
    assert f"| {found.states:,} | {found.steps:,} | 0 |" in TOLD.read_text("utf-8")
    for must in (
        "releases",
        "refuses 0",
        "refuses 2",
        "decides",
        "changes by 2, refuses 0",
        "releases 0, changes by 2",
    ):
        assert any(must in what for what in found.happened), must  # a model in which nothing happens proves nothing
    for standing in {TRANSITIONS[name].to for name in CHANGES[basis]} - {None}:
        assert any(what.endswith(f", {standing}") for what in found.happened), standing


@pytest.mark.parametrize("variant", BROKEN)
def test_each_broken_variant_has_a_shortest_way_to_break_it(variant: str) -> None:
    """The counterexample is printed: run with `-s`, or `python -m tests.models.interleavings consent VARIANT`."""
    found = explore(Model("consent", variant))
    print(f"\n{variant}: {BROKEN[variant]}", *found.way, sep="\n  ")  # noqa: T201
    assert found.way, "nothing found: the model cannot see what it is made to see"
    assert found.way[-1].startswith("BROKEN: ")
    assert len(found.way) < 16


def test_the_journal_and_the_life_cycle_mean_the_same_by_starting_and_stopping() -> None:
    """Every transition into a valid state is a start, out of one a stop, into an end final; each of them bumps."""
    for name, rule in TRANSITIONS.items():
        if rule.event is None:
            continue
        assert f"authorisation.{rule.event}" in EVENTS, name
        if rule.to in VALID:
            assert rule.event in STARTS, name
        elif rule.to in ENDED | {"upheld"}:
            assert rule.event in FINAL, name
        elif rule.of & VALID and rule.to is not None:
            assert rule.event in STOPS - FINAL, name
        if rule.of & VALID or rule.to in VALID:
            assert rule.bump, f"{name} changes what may leave: decisions taken before must not hold"
