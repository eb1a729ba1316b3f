"""A place where a source leaves its contract is told once, and again after a day without it."""

from typing import Any

import structlog

from connectors.base import Fetched, Outcome
from gateway.drifts import Drifts

NOW = 1_795_000_000_000
DAY = 86_400_000
RSA = Fetched(dataset="rsa", outcome=Outcome.found, collected_at=NOW, drift=("/data/*", "/data/date_debut_droit"))
WHOLE = Fetched(dataset="rsa", outcome=Outcome.drift, collected_at=NOW, detail="not_json")


class Hands:
    """A clock that a test moves."""

    now = NOW

    def __call__(self) -> int:
        return self.now


def told(drifts: Drifts, source: str, fetched: Fetched) -> list[Any]:
    with structlog.testing.capture_logs() as lines:
        drifts.tell(source, fetched)
    assert {(line["event"], line["log_level"]) for line in lines} <= {("source_drifted", "warning")}
    return [(line["source"], line["dataset"], line["path"], line["detail"]) for line in lines]


def test_each_place_is_told_once_per_source_and_dataset() -> None:
    """The same path of another dataset or source is another fact."""
    drifts = Drifts(Hands())
    assert told(drifts, "caf-brume", RSA) == [
        ("caf-brume", "rsa", "/data/*", ""),
        ("caf-brume", "rsa", "/data/date_debut_droit", ""),
    ]
    assert told(drifts, "caf-brume", RSA) == []
    assert told(drifts, "caf-brume", RSA._replace(dataset="aah", drift=("/data/*",))) == [
        ("caf-brume", "aah", "/data/*", "")
    ]
    assert len(told(drifts, "msa-brume", RSA)) == 2


def test_an_answer_that_is_none_is_told_by_its_detail() -> None:
    """The empty pointer is the whole answer (RFC 6901 section 5)."""
    drifts = Drifts(Hands())
    assert told(drifts, "caf-brume", WHOLE) == [("caf-brume", "rsa", "", "not_json")]
    assert told(drifts, "caf-brume", WHOLE) == []


def test_a_drift_that_comes_back_after_a_day_is_told_again() -> None:
    """As long as it is met it is not repeated; a day without it ends it."""
    clock = Hands()
    drifts = Drifts(clock)
    told(drifts, "caf-brume", WHOLE)
    for _ in range(3):
        clock.now += DAY - 1
        assert told(drifts, "caf-brume", WHOLE) == []
    clock.now += DAY
    assert len(told(drifts, "caf-brume", WHOLE)) == 1
