"""`python -m audit check-authorisations`: logs forged to hold a release after a stop, each found for what it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit.authorisations_check import CHECKS, check_authorisations
from audit.canonical import dumps
from audit.command import main
from audit.errors import NothingToVerify
from audit.events import EVENTS, FINAL, STARTS, STOPS
from audit.keys import Ed25519Signer
from tests.unit.audit.conftest import BASE, NOW, ORIGIN
from tests.unit.audit.test_verify import authorisation, decided, entry, hex128, leaves_of, put, released, write

ROOT = Path(__file__).parents[3]
UNCHANGED = {"requested", "deferred", "reminded", "narrowed", "held", "freed"}
"""Events that neither start nor stop: nothing is given yet, less than before, or about the record's own end."""


def change(event, *, epoch=1, **members):
    return authorisation(event) | {"epoch": epoch} | members


def given(**members):
    return [change("requested", **members | {"epoch": 0}), change("given", **members)]


def exchange(*between, epoch=1, at=NOW):
    """A decision, what happens meanwhile, and the release."""
    ref = hex128()
    return [decided(ref, epoch=epoch), *between, released(ref) | {"time": at}]


def log(out, *entries, origin=ORIGIN, first=None):
    leaves = leaves_of([entry("log.created", origin=origin, **(first or {})), *entries])
    write(out, leaves, Ed25519Signer(origin, b"\1" * 32), origin=origin)
    return out


def judged(out):
    report = check_authorisations(out)
    assert [check.name for check in report.checks] == list(CHECKS)
    return report


def wrong(out):
    report = judged(out)
    assert (report.facts["counts"]["releases_after"] > 0) == bool(
        {"stopped", "overtaken", "ended"} & {*report.failed()}
    )
    return report.failed()


def test_every_event_of_an_authorisation_is_known_to_start_stop_or_change_nothing():
    """One that is added to the vocabulary must be placed, or a stop would pass unseen."""
    events = {kind.removeprefix("authorisation.") for kind in EVENTS if kind.startswith("authorisation.")}
    assert events - UNCHANGED - STARTS - STOPS == set()
    assert not STARTS & STOPS
    assert FINAL < STOPS


def test_an_honest_log_holds_and_is_counted(tmp_path):
    """Releases before the stop, one that the guard refused, one whose source did not answer, one under way."""
    refused, open_, failed, other = hex128(), hex128(), hex128(), {"authorisation": "b" * 32, "epoch": 3}
    about = {"org": "ml-brume", "purpose": "support.youth", "reason": "sources_unavailable"}
    entries = [
        *given(), *exchange(), *exchange(), decided(refused), decided(failed),
        entry("exchange.undelivered", ref=failed, **about), change("withdrawn", epoch=2),
        decided(hex128(), decision="deny", permits={}), *given(**other), decided(open_, **other),
    ]  # fmt: skip
    report = judged(log(tmp_path / "log", *entries))
    assert report.ok, report.lines()
    assert report.facts["counts"] == {
        "exchanges": 6, "releases": 2, "undelivered": 1, "refused_by_guard": 1, "without_outcome": 1,
        "authorisations": 2, "changes": {"given": 2, "requested": 2, "withdrawn": 1},
        "unknown": 0, "unjudged": 0, "releases_after": 0,
    }  # fmt: skip


@pytest.mark.parametrize("event", sorted(STOPS))
def test_a_release_after_a_stop_is_found_for_each_stopping_event(event, tmp_path):
    """Decided before the stop, released after it."""
    assert wrong(log(tmp_path / "a", *given(), *exchange(change(event, epoch=2)))) == ["stopped"]
    assert wrong(log(tmp_path / "b", *given(), *exchange(), change(event, epoch=2))) == []
    assert wrong(log(tmp_path / "c", *given(), change(event, epoch=2), *exchange(epoch=2))) == ["stopped"]


def test_a_release_that_nothing_but_its_epoch_betrays(tmp_path):
    """Stopped and started again in between, narrowed, or replaced: the decision was taken on what was before."""
    for number, events in enumerate((("paused", "resumed"), ("objection_lodged", "overridden"), ("narrowed",))):
        changes = [change(event, epoch=2 + n) for n, event in enumerate(events)]
        assert wrong(log(tmp_path / f"a{number}", *given(), *exchange(*changes))) == ["overtaken"]
        assert wrong(log(tmp_path / f"b{number}", *given(), *changes, *exchange(epoch=3))) == []
    newer = change("given", epoch=2, authorisation="b" * 32, replaces="a" * 32)
    assert wrong(log(tmp_path / "c", *given(), *exchange(newer))) == ["stopped"]
    assert wrong(log(tmp_path / "d", *given(epoch=2), *exchange(epoch=1))) == ["overtaken"]


def test_a_release_on_what_was_asked_and_not_given(tmp_path):
    """Waiting for the person is no yes."""
    assert wrong(log(tmp_path / "log", change("requested", epoch=0), *exchange(epoch=0))) == ["stopped"]


def test_a_release_at_the_end_or_after_it(tmp_path):
    """By the entry's own time, whether or not an entry wrote the end down."""
    assert wrong(log(tmp_path / "a", *given(valid_until=NOW + 5), *exchange(at=NOW + 5))) == ["ended"]
    assert wrong(log(tmp_path / "b", *given(valid_until=NOW + 5), *exchange(at=NOW + 4))) == []


def test_an_ended_authorisation_that_starts_again(tmp_path):
    """A withdrawal is not undone; nor does an epoch go back."""
    entries = [*given(), change("withdrawn", epoch=2), change("given", epoch=3)]
    assert wrong(log(tmp_path / "a", *entries, *exchange(epoch=3))) == ["life"]
    assert wrong(log(tmp_path / "b", *given(epoch=3), change("withdrawn", epoch=2))) == ["life"]


def test_a_release_without_a_decision_of_its_own(tmp_path):
    """None, refused, answered before, or on an authorisation the journal does not know."""
    ref = hex128()
    none = [released(hex128())]
    refused = [decided(ref, decision="deny", permits={}), released(ref)]
    twice = [decided(ref), released(ref), released(ref)]
    unknown = [decided(ref, authorisation="d" * 32), released(ref)]
    for number, entries in enumerate((none, refused, twice, unknown)):
        assert wrong(log(tmp_path / str(number), *given(), *entries)) == ["decided"]


def test_types_and_versions_of_a_later_day_are_skipped_and_counted(tmp_path):
    """They are no finding, and stop nothing that this reader knows of."""
    later = [entry("authorisation.dreamt", mood="x"), entry("exchange.decided") | {"v": 2}]
    report = judged(log(tmp_path / "log", *given(), *later, *exchange()))
    assert report.ok
    assert report.facts["counts"]["unknown"] == 2


def test_years_are_followed_one_after_the_other(tmp_path):
    """Given and decided in one year, withdrawn in the next, released after: found with both years at hand."""
    ref = hex128()
    newest, following = tmp_path / "out", f"{BASE}/2027"
    first = {"previous": ORIGIN, "previous_size": 4, "previous_root": "A" * 43 + "="}
    put(newest / "x", b"")
    log(newest / "2026", *given(), decided(ref))
    log(newest, change("withdrawn", epoch=2), released(ref), origin=following, first=first)
    report = judged(newest)
    assert report.failed() == ["stopped"]
    assert report.checks[3].detail == "entry 6 releases on an authorisation that was withdrawn"
    assert report.facts["logs"] == [ORIGIN, following]
    alone = log(tmp_path / "alone", change("withdrawn", epoch=2), released(ref), origin=following, first=first)
    partial = judged(alone)
    assert partial.ok
    assert (partial.checks[0].ok, partial.facts["counts"]["unjudged"]) == (None, 1)


def test_a_log_without_its_first_entries_is_judged_as_far_as_it_goes(tmp_path):
    """Pruned: what it does not show is told, what it shows is judged."""
    many = (each for _ in range(150) for each in exchange())
    out = log(tmp_path / "log", *given(), *many, change("withdrawn", epoch=2), *exchange(epoch=1))
    (out / "tile/entries/000").unlink()
    report = judged(out)
    assert (report.checks[0].ok, report.failed()) == (None, ["stopped"])
    assert report.facts["counts"]["unjudged"] > 0


def test_a_copy_that_is_not_what_its_checkpoint_names(tmp_path):
    """A changed entry, a missing file, bytes that are no entry."""
    out = log(tmp_path / "a", *given(), *exchange())
    bundle = out / "tile/entries/000.p/5"
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(b'"epoch":1', b'"epoch":2'))
    assert wrong(out) == ["copy"]
    bundle.write_bytes(data[:-1])
    assert wrong(out) == ["copy"]
    bundle.unlink()
    assert wrong(out) == ["copy"]
    leaves = leaves_of([entry("log.created", origin=ORIGIN)])
    write(tmp_path / "b", [*leaves, dumps({"v": 1})])
    assert wrong(tmp_path / "b") == ["copy"]


def test_the_command_ends_with_zero_one_or_two(tmp_path, capsys):
    """As the other verifiers: held, found, cannot be read."""
    good = log(tmp_path / "good", *given(), *exchange())
    bad = log(tmp_path / "bad", *given(), *exchange(change("withdrawn", epoch=2)))
    assert main(["check-authorisations", str(good)]) == 0
    assert "1 releases, 0 stopped before they left, 0 released after a stop: intact" in capsys.readouterr().out
    assert main(["check-authorisations", str(bad), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["reports"][0]["counts"]["releases_after"]) == (False, 1)
    put(tmp_path / "odd/checkpoint", b"no checkpoint")
    for nothing in (tmp_path / "nowhere", good / "tile", tmp_path / "odd"):
        assert main(["check-authorisations", str(nothing)]) == 2
        assert capsys.readouterr().err.startswith(f"{NothingToVerify.code}: ")


@pytest.mark.parametrize("module", [("audit",), ("gateway", "audit")], ids=" ".join)
def test_both_doors_run_it(module, tmp_path):
    """`python -m audit` on the auditor's machine, `passerelle audit` on the gateway's."""
    bad = log(tmp_path / "bad", *given(), *exchange(change("withdrawn", epoch=2)))
    command = [sys.executable, "-m", *module, "check-authorisations", str(bad)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 1, done.stderr
    assert "entry 5 releases on an authorisation that was withdrawn" in done.stdout
