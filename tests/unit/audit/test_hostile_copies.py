"""Copies and lists made to mislead: a list cut short or of another log beside a copy, files that are none."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from audit import merkle
from audit.authorisations_check import check_authorisations
from audit.checkpoint import Checkpoint, sign_note
from audit.command import main
from audit.errors import NothingToVerify
from audit.evidence import verify_paths
from audit.keys import Ed25519Signer
from audit.merkle import leaf_hash
from audit.person import FORMAT, verify_person
from audit.trust import Trust
from tests.unit.audit import test_person
from tests.unit.audit.conftest import BASE, ORIGIN
from tests.unit.audit.test_command import Given, receipt
from tests.unit.audit.test_evidence import an_extract
from tests.unit.audit.test_person import KEY, SEED, Tree, released, url
from tests.unit.audit.test_person_copy import copy, list_of  # noqa: F401  a fixture
from tests.unit.audit.test_verify import SIGNER, entry, exchanges, leaves_of, put, write

TRUST = Trust((SIGNER.vkey.named(BASE),))


@pytest.fixture
def given(tmp_path, capsys):
    return Given(tmp_path, capsys)


def changed(file, **members):
    put(file, json.dumps(json.loads(file.read_text()) | members).encode())
    return file


def told(report):
    return {check.name: (check.ok, check.detail) for check in report.checks}


@pytest.mark.parametrize("kept", [0, 3])
def test_a_list_cut_short_is_found_in_a_copy_of_the_log(copy, kept):  # noqa: F811
    """Its last entries are under the checkpoint it shows: nothing newer than the list, but left out of it."""
    file = list_of(copy, 0)
    lines = json.loads(file.read_text())["entries"][:kept]
    changed(file, entries=lines, count=kept, announced=[])
    assert verify_person(file, TRUST).ok
    report = verify_person(file, TRUST, copy=copy)
    assert report.failed() == ["numbers"]
    assert told(report)["numbers"][1] == f"number {kept} is missing, and not pruned: entry {300 + kept} of {ORIGIN}"


def test_entries_newer_than_the_list_are_not_missing_in_it(copy):  # noqa: F811
    """The copy goes on after the checkpoint of the list."""
    file = list_of(copy, 0)
    leaves = [leaf.encode() for leaf in json.loads((copy.parent / "leaves").read_text())]
    write(copy, [*leaves, *leaves_of([entry("later.type", subject=KEY.tag(6))])])
    (copy / "tile/entries/000").unlink()
    found = told(verify_person(file, TRUST, copy=copy))
    assert found["numbers"] == (True, "0 to 5, and no more in the copy up to its checkpoint")
    assert found["log beside"] == (True, "the log given had this head")


def test_a_list_of_another_log_than_the_copy_is_told(copy):  # noqa: F811
    """Both are signed with the log's key and whole in themselves; one log does not have both."""
    file = list_of(copy, 0)
    leaves = [leaf.encode() for leaf in json.loads((copy.parent / "leaves").read_text())]
    other = [*leaves[:300], *leaves_of([entry("later.type") for _ in leaves[300:]])]
    write(copy, other)
    assert verify_person(file, TRUST).ok
    assert verify_person(file, TRUST, copy=copy).failed() == ["log beside"]
    assert told(verify_person(file, TRUST))["log beside"] == (None, "no copy of its log was given")


def test_a_list_of_more_than_the_copy_holds_is_told(copy):  # noqa: F811
    """Rolled back, or old."""
    file = list_of(copy, 0)
    leaves = [leaf.encode() for leaf in json.loads((copy.parent / "leaves").read_text())]
    write(copy, leaves[:306])
    note = sign_note(Checkpoint(ORIGIN, 306, merkle.root(map(leaf_hash, leaves[:306]))).text(), SIGNER)
    put(copy / "checkpoint", note.encode())
    assert "log beside" in verify_person(file, TRUST, copy=copy).failed()


@pytest.mark.parametrize("size", [606.0, True])
def test_a_receipt_whose_size_is_no_whole_number(given, size):
    """It equals the one that was signed, and is none."""
    file = given.file("receipt.json", json.dumps(receipt(given, 400) | {"tree_size": size}))
    assert given.failed(file, "--vkey", given.vkey) == ["receipt"]
    assert given.failed(given.log, file, "--vkey", given.vkey) == ["receipt"]


@pytest.mark.parametrize("name", ["5.json", "5.tlog-proof"])
def test_a_pipe_in_an_extract_is_not_waited_for(given, name):
    """Nor a device without an end."""
    out = an_extract(given)
    put(out / "entries/5.json", given.leaves[5])
    put(out / "entries/5.tlog-proof", given.proof(5).encode())
    (out / f"entries/{name}").unlink()
    os.mkfifo(out / f"entries/{name}")
    assert given.failed(out, "--vkey", given.vkey) == ["entries"]


def test_a_pipe_in_a_copy_is_not_waited_for_where_numbers_or_stops_are_looked_up(copy):  # noqa: F811
    """The bundle is there by its name alone."""
    file = list_of(copy, 3)
    [bundle] = (copy / "tile/entries").glob("001.p/*")
    bundle.unlink()
    os.mkfifo(bundle)
    assert verify_person(file, TRUST, copy=copy).failed() == ["numbers"]
    os.mkfifo(copy / "tile/entries/000")
    assert check_authorisations(copy).failed() == ["copy"]
    assert verify_person(file, TRUST, copy=copy / "nothing").failed() == ["numbers", "log beside"]


def test_a_copy_of_which_a_part_may_not_be_read_is_not_intact(given, monkeypatch):
    """Whoever packed it can make that so; the rest is told all the same."""
    read = Path.read_bytes

    def refuse(path):
        if "entries" in path.parts and path.name != "checkpoint":
            raise PermissionError
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert given.failed(given.log, "--vkey", given.vkey) == ["files"]
    assert check_authorisations(given.log).failed() == ["copy"]


def test_a_folder_that_may_not_be_read_holds_no_stops(given, monkeypatch):
    """Two, and a sentence."""

    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(NothingToVerify):
        check_authorisations(given.log)
    assert main(["check-authorisations", str(given.log)]) == 2


def test_a_stranger_announces_no_pruning(tmp_path):
    """A log of another name beside says what it likes of this one: the cut stands in this log's years, or nowhere."""
    stranger = Ed25519Signer("other.example/2027", b"\4" * 32)
    said = entry("log.pruned", origin=ORIGIN, minimum=256, months=12)
    write(tmp_path / "x", leaves_of([entry("log.created", origin=stranger.name), said]), stranger, stranger.name)
    write(tmp_path / "a", leaves_of(exchanges(300)))
    (tmp_path / "a/tile/entries/000").unlink()
    reports = verify_paths([tmp_path / "a", tmp_path / "x"], Trust((SIGNER.vkey, stranger.vkey)))
    assert [report.failed() for report in reports] == [["files"], []]


FORGED = {
    "lines": "x\n 2. files           ok\nintact, every check made held\n",
    "a cleared screen": "x\x1b[2J\x1b[Hintact, every check made held\x1b[8m",
    "no text": os.fsdecode(b"\xff\xfe"),
}


@pytest.mark.parametrize("name", FORGED.values(), ids=FORGED)
def test_the_name_of_a_file_says_nothing_in_the_place_of_the_report(given, name):
    """What is told of a copy is one line each, of characters that are seen."""
    put(given.log / f"tile/0/{name}", b"x")
    (given.home / name).mkdir()
    command = [sys.executable, "-m", "audit", "verify", "--vkey", str(given.vkey)]
    shown = subprocess.run([*command, str(given.log)], capture_output=True, check=False, text=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (1, "")
    assert shown.stdout.replace("\n", "").isprintable()
    assert "intact, every check made held" not in shown.stdout.splitlines()
    assert shown.stdout.splitlines()[-1].endswith(": NOT INTACT")
    misused = subprocess.run(
        [*command, str(given.home / name)], capture_output=True, check=False, text=True, timeout=60
    )
    assert misused.returncode == 2
    assert len(misused.stderr.splitlines()) == 1
    assert misused.stderr.removesuffix("\n").isprintable()


def test_years_lie_one_in_the_other_once(given):
    """Folders in folders are not walked down: a thousand of them would end in a traceback."""
    folder = given.log
    for _ in range(5):
        folder /= "a"
        folder.mkdir()
        put(folder / "checkpoint", b"x")
    status, told, _ = given.run(given.log, "--vkey", given.vkey)
    assert (status, len(told["reports"])) == (1, 2)


@pytest.mark.parametrize("commits", [None, [], "x", {"rsa.since": 5}, {"rsa.since": []}])
def test_a_value_left_in_no_entry_that_commits_to_nothing(tmp_path, commits):
    """An entry in the log is what its operator signed, of any form."""
    tree = Tree(2026)
    tree.add(subject=KEY.tag(0), type="x", **released(0) | {"commits": commits})
    sealed = b64encode(KEY.seal(json.dumps({"seed": url(SEED)}).encode(), "r0")).decode()
    lines = [tree.line(0, 0, number=0, sealed=sealed)]
    content = {"format": FORMAT, "key": KEY.export(), "count": 1, "keys": [], "announced": []}
    put(tmp_path / "person.json", json.dumps(content | {"entries": lines, "checkpoints": [tree.note()]}).encode())
    trust = Trust((test_person.SIGNER.vkey,))
    assert verify_person(tmp_path / "person.json", trust, {"rsa.since": "2026-01-01"}).failed() == ["values"]
