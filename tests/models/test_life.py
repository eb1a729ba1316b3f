"""Promise P3 on the real Authorisations, Journal, Gate and exchange, on both engines; a careless gate is caught."""

from pathlib import Path

import pytest

from tests.models.life import Careless, play, town

SEEN = ("released", "stopped before it left", "refused")


def test_whatever_happens_to_an_authorisation_nothing_leaves_after_a_stop(database_url: str, tmp_path: Path) -> None:
    """Two gateways, held exchanges, changes at any moment: a release exactly when nothing changed since it began."""
    with town(tmp_path, database_url) as where:
        for _ in range(8):  # what happens is drawn: now and then nothing is released in twelve examples
            done = play(where, examples=12)
            if all(done[each] for each in SEEN):
                break
    print(dict(done))  # noqa: T201
    assert min(done[each] for each in SEEN) > 0


def test_the_same_machine_catches_a_gate_that_looks_away(database_url: str, tmp_path: Path) -> None:
    """Broken on purpose: the counterexample is an exchange, a change, and a release."""
    with town(tmp_path, database_url, gate=Careless) as where, pytest.raises(AssertionError) as found:
        play(where, examples=160, steps_each=8)
    told = "\n".join([str(found.value), *found.value.__notes__])
    print(told)  # noqa: T201
    assert "an_exchange_begins" in told
