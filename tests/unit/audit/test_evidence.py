"""Files given together are judged together: what contradicts the copy beside it is told, whoever signed both."""

import json
import shutil

import pytest

from audit import merkle, proofs, succession, years
from audit.checkpoint import Checkpoint, sign_note
from audit.keys import Ed25519Signer
from audit.merkle import leaf_hash
from audit.succession import PublishedKey
from tests.unit.audit.conftest import BASE, NOW, ORIGIN
from tests.unit.audit.test_command import SIGNER, Given, receipt
from tests.unit.audit.test_verify import entry, exchanges, leaves_of, put, write


@pytest.fixture
def given(tmp_path, capsys):
    return Given(tmp_path, capsys)


def a_receipt(given):
    return given.file("receipt.json", json.dumps(receipt(given, 400)))


def a_proof(given):
    given.file("400.json", given.leaves[400])
    return given.file("400.tlog-proof", given.proof(400))


def asked(entries, **changes):
    """What an extract says of itself."""
    return json.dumps({"origin": ORIGIN, "size": 606, "entries": entries, "filter": {}} | changes).encode()


def an_extract(given):
    out = given.home / "extract"
    put(out / "checkpoint", given.note(606).encode())
    put(out / "extract.json", asked(1))
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


def test_checkpoints_are_compared_with_the_log_of_their_own_year(given):
    """The year before inside the copy is another log: it neither helps nor harms."""
    following = f"{BASE}/2027"
    last = Checkpoint(ORIGIN, 606, merkle.root(given.hashes))
    created = entry("log.created", **years.opening(following, last))
    leaves = leaves_of([created, *exchanges(100)[1:]])
    signer = Ed25519Signer(following, b"\1" * 32)
    write(given.home / "copy", leaves, signer, origin=following)
    shutil.copytree(given.log, given.home / "copy/2026")

    def kept(size, origin=following, of=leaves):
        head = Checkpoint(origin, size, merkle.root(map(leaf_hash, of[:size])))
        return given.file(f"{size}.kept", sign_note(head.text(), SIGNER.named(origin)))

    copy = given.home / "copy"
    assert given.held(kept(50), kept(150), copy, "--vkey", given.vkey)["extension"] == "206 is an extension of 50"
    assert given.held(kept(300, ORIGIN, given.leaves), copy, "--vkey", given.vkey)["extension"].startswith("606 is")
    assert given.held(a_proof(given), copy, "--vkey", given.vkey)["log beside"] == "the log given had this head"
    fork = kept(51, of=[*leaves[:50], b"{}"])
    assert given.failed(fork, copy, "--vkey", given.vkey) == ["extension"]


@pytest.fixture
def rotated(given):
    """The log's key has been replaced: both public halves, and what states it."""
    newer = Ed25519Signer(BASE, b"\7" * 32)
    head = Checkpoint(ORIGIN, 606, merkle.root(given.hashes))
    given.today = sign_note(head.text(), newer.named(ORIGIN))
    note = succession.declare("log", SIGNER.named(BASE), newer, now=NOW)
    former = PublishedKey("log", str(SIGNER.vkey.named(BASE)), None, NOW, None)
    given.listed = succession.to_json([former, PublishedKey("log", str(newer.vkey), NOW, None, note)]).encode()
    given.newer = given.file("newer.vkey", f"{newer.vkey}\n")
    put(given.log / "checkpoint", given.today.encode())
    put(given.log / "keys", given.listed)
    return given


def test_two_checkpoints_over_a_rotation_are_compared(rotated):
    """Whichever of the two keys one holds: the log between them names both, and had both heads."""
    kept, today = rotated.file("kept", rotated.note(300)), rotated.file("today", rotated.today)
    for vkey in (rotated.vkey, rotated.newer):
        assert rotated.held(kept, today, rotated.log, "--vkey", vkey)["extension"] == "606 is an extension of 300"
        fork = rotated.file("fork", rotated.note(300, root=b"\7" * 32))
        assert rotated.failed(fork, rotated.log, "--vkey", vkey) == ["extension"]
    assert rotated.failed(kept, today, "--vkey", rotated.newer) == ["checkpoints"]  # nothing says what came before
    shutil.rmtree(rotated.log / "tile")
    assert rotated.failed(kept, rotated.log, "--vkey", rotated.newer) == ["files", "checkpoints"]
    (rotated.log / "keys").unlink()
    assert rotated.failed(kept, rotated.log, "--vkey", rotated.newer) == ["files", "checkpoints"]


@pytest.mark.parametrize("folder", ["", "2026"])
def test_an_extract_signed_by_the_key_that_took_over_is_verified_with_the_one_before(rotated, folder):
    """The list of keys lies in the extract; not the other way round: a key that was replaced makes no new ones."""
    out = rotated.home / "extract"
    proof = proofs.parse(rotated.proof(400))
    for name, data in {
        "checkpoint": rotated.today.encode(), "extract.json": asked(1), "entries/400.json": rotated.leaves[400],
        "entries/400.tlog-proof": proofs.write(400, proof.path, rotated.today).encode(),
    }.items():  # fmt: skip
        put(out / folder / name, data)
    assert rotated.failed(out, "--vkey", rotated.vkey) == ["checkpoint"]
    put(out / "keys", rotated.listed)
    assert rotated.held(out, "--vkey", rotated.vkey)
    old = an_extract(rotated)
    put(old / "keys", rotated.listed)
    shutil.rmtree(old / "2026", ignore_errors=True)
    assert rotated.failed(old, "--vkey", rotated.newer) == ["checkpoint"]


def test_a_list_of_keys_that_cannot_be_read_leads_nowhere(rotated):
    """What it would have led to is then signed by nobody one knows."""
    kept, today = rotated.file("kept", rotated.note(300)), rotated.file("today", rotated.today)
    put(rotated.log / "keys", b"[" * 100_000)
    assert rotated.failed(kept, today, rotated.log, "--vkey", rotated.vkey) == ["checkpoint", "checkpoints"]


LOST = {
    "an entry and its proof": asked(2),
    "what was asked: other JSON": b"[1]",
    "what was asked: no JSON": b"\0",
    "what was asked: not text": b"\xff",
    "what was asked: nested without end": b"[" * 100_000,
    "what was asked: of another log": asked(1, origin=f"{BASE}/2027"),
    "what was asked: of another size": asked(1, size=605),
}


@pytest.mark.parametrize("what", LOST)
def test_an_extract_holds_as_many_entries_as_it_says(given, what):
    """Nobody signed that number; but what it says of itself and what it holds must agree."""
    out = an_extract(given)
    assert given.held(out, "--vkey", given.vkey)["entries"] == "1 entries, each in the tree"
    put(out / "extract.json", LOST[what])
    assert given.failed(out, "--vkey", given.vkey) == ["entries"]
