"""Files given together are judged together: what contradicts the copy beside it is told, whoever signed both."""

import json
import shutil

import pytest

from tests.unit.audit.test_command import Given, receipt
from tests.unit.audit.test_verify import entry, leaves_of, put, write


@pytest.fixture
def given(tmp_path, capsys):
    return Given(tmp_path, capsys)


def a_receipt(given):
    return given.file("receipt.json", json.dumps(receipt(given, 400)))


def a_proof(given):
    given.file("400.json", given.leaves[400])
    return given.file("400.tlog-proof", given.proof(400))


def an_extract(given):
    out = given.home / "extract"
    put(out / "checkpoint", given.note(606).encode())
    put(out / "extract.json", b"{}")
    put(out / "entries/400.json", given.leaves[400])
    put(out / "entries/400.tlog-proof", given.proof(400).encode())
    return out


KEPT = {"a receipt": a_receipt, "a proof": a_proof, "an extract": an_extract}


@pytest.mark.parametrize("what", KEPT)
def test_what_was_kept_is_looked_up_in_the_log_beside_it(given, what):
    """Alone it holds; beside the log it was made of, too."""
    kept = KEPT[what](given)
    assert given.held(kept, "--vkey", given.vkey)["log beside"] == "no copy of its log was given"
    assert given.held(given.log, kept, "--vkey", given.vkey)["log beside"] == "the log given had this head"


@pytest.mark.parametrize("what", KEPT)
def test_a_log_rewritten_since_is_contradicted_by_what_was_kept(given, what):
    """Both are signed with the log's key and whole in themselves; one log does not have both."""
    kept = KEPT[what](given)
    shutil.rmtree(given.log)
    write(given.log, [*given.leaves[:300], *leaves_of(entry("later.type") for _ in range(400))])
    assert given.held(given.log, "--vkey", given.vkey)
    assert given.failed(given.log, kept, "--vkey", given.vkey) == ["log beside"]


@pytest.mark.parametrize("what", KEPT)
def test_a_log_that_ends_before_what_was_kept_is_told(given, what):
    """Rolled back, or an old copy: take a newer one."""
    kept = KEPT[what](given)
    shutil.rmtree(given.log)
    write(given.log, given.leaves[:500])
    assert given.failed(given.log, kept, "--vkey", given.vkey) == ["log beside"]


def test_a_log_without_its_tiles_compares_its_last_head_alone(given):
    """What cannot be looked up is told as not checked; the log itself fails."""
    kept = a_proof(given)
    older = given.file("older.tlog-proof", given.proof(7, size=300))
    given.file("older.json", given.leaves[7])
    (given.log / "tile/0/001").unlink()
    _, told, _ = given.run(given.log, kept, older, "--vkey", given.vkey)
    assert [report["checks"][-1]["ok"] for report in told["reports"][1:3]] == [True, None]
