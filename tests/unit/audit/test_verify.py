"""Each tampering of an exported log is rejected by the check that is made for it."""

import json
import random
import shutil

import pytest

from audit import merkle
from audit.canonical import dumps
from audit.checkpoint import Checkpoint, sign_note
from audit.keys import Ed25519Signer
from audit.layout import MAX_PACKED, WIDTH, pack, tile_path
from audit.merkle import CompactRange
from audit.verify import CHECKS, verify_directory
from tests.unit.audit.conftest import NOW, ORIGIN

SIGNER = Ed25519Signer(ORIGIN, b"\1" * 32)
_chance = random.Random(11)  # noqa: S311  identifiers of a test log


def hex128() -> str:
    return _chance.randbytes(16).hex()


def entry(type_, **members):
    return {"v": 1, "type": type_, "id": hex128(), "time": NOW, **members}


def decided(ref, **changes):
    members = {
        "ref": ref, "org": "ml-brume", "purpose": "support.youth", "actor": hex128(), "catalogue": "c" * 64, "epoch": 1,
        "decision": "permit", "permits": {"ml-jeunes-inscription@1": ["registration.status", "registration.since"]},
        "authorisation": "a" * 32, "subject": hex128(),
    }  # fmt: skip
    return entry("exchange.decided", **members | changes)


def released(ref, **changes):
    members = {
        "ref": ref, "org": "ml-brume", "purpose": "support.youth", "actor": hex128(),
        "states": {"registration": "released"}, "commits": {"registration.status": "A" * 32}, "subject": hex128(),
    }  # fmt: skip
    return entry("exchange.released", **members | changes)


def undelivered(ref, **changes):
    members = {
        "ref": ref,
        "org": "ml-brume",
        "purpose": "support.youth",
        "reason": "epoch_changed",
        "subject": hex128(),
    }
    return entry("exchange.undelivered", **members | changes)


def authorisation(verb):
    members = {"authorisation": "a" * 32, "org": "ml-brume", "purpose": "support.youth", "basis": "consent", "epoch": 1}
    return entry(f"authorisation.{verb}", **members, subject=hex128())


def exchanges(count):
    """A log in which everything is as it should be."""
    entries = [entry("log.created", origin=ORIGIN), authorisation("given")]
    for _ in range(count):
        ref = hex128()
        entries += [decided(ref), released(ref)]
    ref = hex128()
    entries += [decided(ref), undelivered(ref), decided(hex128(), decision="deny"), authorisation("withdrawn")]
    return entries


def write(out, leaves, signer=SIGNER, origin=ORIGIN):
    """Write a log of these leaves, tree and signature as they must be: the operator's own forgery."""
    hashes, level = [merkle.leaf_hash(leaf) for leaf in leaves], 0
    checkpoint = Checkpoint(origin, len(leaves), merkle.root(hashes))
    for index in range(0, len(leaves), WIDTH):
        bundle = leaves[index : index + WIDTH]
        put(out / tile_path(None, index // WIDTH, len(bundle)), pack(bundle))
    while hashes:
        tiles = [hashes[start : start + WIDTH] for start in range(0, len(hashes), WIDTH)]
        for index, tile in enumerate(tiles):
            put(out / tile_path(level, index, len(tile)), b"".join(tile))
        hashes, level = [merkle.root(tile) for tile in tiles if len(tile) == WIDTH], level + 1
    put(out / "checkpoint", sign_note(checkpoint.text(), signer).encode())
    put(out / "log.vkey", f"{signer.vkey}\n".encode())


def put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def leaves_of(entries):
    return [dumps(one) for one in entries]


@pytest.fixture(scope="session")
def honest(tmp_path_factory):
    """A log of 606 entries, two full tiles and a partial one."""
    out = tmp_path_factory.mktemp("honest")
    write(out, leaves_of(exchanges(300)))
    return out


@pytest.fixture
def copy(honest, tmp_path):
    """One's own copy, to tamper with."""
    return shutil.copytree(honest, tmp_path / "copy")


def rejected_by(out, vkey=SIGNER.vkey):
    report = verify_directory(out, vkey)
    assert not report.ok
    return report.failed()


def test_an_honest_log_passes_every_check(honest):
    """Every check is made, in order, and tells what it was about."""
    report = verify_directory(honest, SIGNER.vkey)
    assert report.ok
    assert [check.name for check in report.checks] == list(CHECKS)
    assert [check.number for check in report.checks] == list(range(1, len(CHECKS) + 1))
    assert (report.facts["origin"], report.facts["size"], report.key_given) == (ORIGIN, 606, True)
    assert str(report.checks[0]) == f" 1. checkpoint      ok          {ORIGIN}, 606 entries"
    assert report.lines()[-1] == f"{ORIGIN}, 606 entries: intact, every check made held"


def test_a_key_from_the_directory_itself_is_told(honest):
    """Whoever rewrites the log also rewrites the key beside it."""
    report = verify_directory(honest)
    assert report.ok
    assert not report.key_given
    assert "directory's own" in report.checks[0].detail


def flip(name, place):
    def tamper(out):
        whole = bytearray((out / name).read_bytes())
        whole[place] ^= 1
        (out / name).write_bytes(whole)

    return tamper


def remove(name):
    return lambda out: (out / name).unlink()


def replace(name, data):
    return lambda out: put(out / name, data)


def resign(**changes):
    """Sign another head with the right key: what only the operator can do."""

    def tamper(out):
        lines = (out / "checkpoint").read_text().split("\n")
        head = {"origin": ORIGIN, "size": int(lines[1]), "root": merkle.EMPTY_ROOT} | changes
        (out / "checkpoint").write_text(sign_note(Checkpoint(**head).text(), SIGNER))

    return tamper


def swap_entries(out):
    whole = (out / "tile/entries/000").read_bytes()
    first = 2 + int.from_bytes(whole[:2], "big")
    second = first + 2 + int.from_bytes(whole[first : first + 2], "big")
    (out / "tile/entries/000").write_bytes(whole[first:second] + whole[:first] + whole[second:])


def lengthen(out):
    put(out / "tile/entries/000", (out / "tile/entries/000").read_bytes() + pack([b"{}"]))


def shorten(out):
    put(out / "tile/entries/000", (out / "tile/entries/000").read_bytes()[:-1])


def claim_beyond_all_bounds(out):
    shutil.rmtree(out / "tile")
    resign(size=2**62)(out)


TAMPERINGS = {
    "checkpoint removed": (remove("checkpoint"), "checkpoint"),
    "checkpoint edited": (flip("checkpoint", 5), "checkpoint"),
    "checkpoint not text": (replace("checkpoint", b"\xff"), "checkpoint"),
    "checkpoint empty": (replace("checkpoint", b""), "checkpoint"),
    "tile removed": (remove("tile/0/001"), "files"),
    "upper tile removed": (remove("tile/1/000.p/2"), "files"),
    "entries removed": (remove("tile/entries/002.p/94"), "files"),
    "tile cut": (replace("tile/0/000", b"\0" * 8191), "files"),
    "stray file": (replace("tile/0/note.txt", b""), "files"),
    "tile beyond the size": (replace("tile/0/003", b"\0" * 8192), "files"),
    "partial tile of no past": (replace("tile/0/000.p/3", b"\0" * 96), "files"),
    "larger size signed": (resign(size=700), "files"),
    "a size no disk holds signed, without tiles": (claim_beyond_all_bounds, "files"),
    "millions of empty entries in a bundle": (replace("tile/entries/000", b"\0" * (MAX_PACKED * WIDTH + 1)), "files"),
    "more empty entries than a bundle holds": (replace("tile/entries/000", b"\0" * 1_026), "entries"),
    "a checkpoint of a megabyte": (replace("checkpoint", b" " * (1 << 20 | 1)), "checkpoint"),
    "keys that never end": (replace("keys", b"[" * 100_000), "checkpoint"),
    "entry edited": (flip("tile/entries/000", 60), "entries"),
    "entries swapped": (swap_entries, "entries"),
    "entry added to a bundle": (lengthen, "entries"),
    "bundle cut": (shorten, "entries"),
    "tile edited": (flip("tile/0/001", 100), "entries"),
    "upper tile edited": (flip("tile/1/000.p/2", 0), "tiles"),
    "another root signed": (resign(), "root"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_tampered_directory_is_rejected_by_the_check_made_for_it(copy, what):
    """No change of any file goes unnoticed, and the report names it."""
    tamper, name = TAMPERINGS[what]
    tamper(copy)
    assert rejected_by(copy)[0] == name


def test_what_could_not_be_checked_is_not_said_to_hold(copy):
    """After a missing file the later checks are not made, and the report says so."""
    (copy / "tile/0/001").unlink()
    report = verify_directory(copy, SIGNER.vkey)
    assert [check.ok for check in report.checks] == [True, False] + [None] * (len(CHECKS) - 2)
    assert "not checked" in str(report.checks[2])
    (copy / "log.vkey").unlink()
    assert [check.ok for check in verify_directory(copy).checks] == [False] + [None] * (len(CHECKS) - 1)


def test_a_log_signed_by_another_key_is_rejected(copy):
    """The operator of another log cannot pass for this one."""
    assert rejected_by(copy, Ed25519Signer(ORIGIN, b"\2" * 32).vkey) == ["checkpoint"]
    assert rejected_by(copy, Ed25519Signer("other.example", b"\1" * 32).vkey) == ["checkpoint"]


def test_an_older_partial_tile_may_stay(copy):
    """A copy that has grown keeps what earlier checkpoints needed."""
    put(copy / "tile/0/000.p/3", (copy / "tile/0/000").read_bytes()[:96])
    put(copy / "tile/0/002.p/3", (copy / "tile/0/002.p/94").read_bytes()[:96])
    assert verify_directory(copy, SIGNER.vkey).ok


def test_an_empty_log_is_nobodys_log(tmp_path):
    """A signed head over nothing has no first entry to miss; its tree is the empty one."""
    write(tmp_path, [])
    assert verify_directory(tmp_path, SIGNER.vkey).ok


def test_a_log_of_three_levels_is_climbed_to_its_root(tmp_path):
    """65,536 entries fill a tile of tiles; a bit of any level is told."""
    write(tmp_path, leaves_of([entry("log.created", origin=ORIGIN), *(entry("later.type") for _ in range(65_600))]))
    assert verify_directory(tmp_path, SIGNER.vkey).ok
    flip("tile/2/000.p/1", 3)(tmp_path)
    assert rejected_by(tmp_path)[0] == "tiles"


REF = "9" * 32
CREATED = entry("log.created", origin=ORIGIN)
STALE = NOW - 15 * 60_000 - 1

FORGERIES = {
    "not canonical": ([CREATED, b'{"v":1, "type":"x"}'], "canonical"),
    "not JSON": ([CREATED, b"\xff"], "canonical"),
    "too long": ([CREATED, entry("later.type", text="x" * 5_000)], "canonical"),
    "a name in a member": ([CREATED, decided(REF, org="Morvan")], "vocabulary"),
    "no subject": ([CREATED, {k: v for k, v in authorisation("given").items() if k != "subject"}], "vocabulary"),
    "not an object": ([CREATED, b"[]"], "vocabulary"),
    "no first entry": ([decided(REF)], "first entry"),
    "created twice": ([CREATED, entry("log.created", origin=ORIGIN)], "first entry"),
    "created for another origin": ([entry("log.created", origin="other.example")], "first entry"),
    "the same id twice": ([CREATED, decided(REF), released(REF) | {"id": CREATED["id"]}], "unique ids"),
    "dated back": ([CREATED, decided(REF) | {"time": STALE}], "times"),
    "the same tag twice": ([CREATED, decided(REF, subject="b" * 32), released(REF, subject="b" * 32)], "subject tags"),
    "decided twice": ([CREATED, decided(REF), decided(REF)], "releases"),
    "decided again after release": ([CREATED, decided(REF), released(REF), decided(REF)], "releases"),
    "released without decision": ([CREATED, released(REF)], "releases"),
    "released on a refusal": ([CREATED, decided(REF, decision="deny"), released(REF)], "releases"),
    "released twice": ([CREATED, decided(REF), released(REF), released(REF)], "releases"),
    "undelivered after release": ([CREATED, decided(REF), released(REF), undelivered(REF)], "releases"),
    "released to another": ([CREATED, decided(REF), released(REF, org="siae-brume")], "releases"),
    "released for another purpose": ([CREATED, decided(REF), released(REF, purpose="orientation.rsa")], "releases"),
    "a field too many": ([CREATED, decided(REF), released(REF, commits={"rqth.valid": "A" * 32})], "releases"),
    "released after withdrawal": (
        [CREATED, authorisation("given"), decided(REF), authorisation("withdrawn"), released(REF)],
        "withdrawals",
    ),
    "released after objection": (
        [CREATED, decided(REF), authorisation("objection_lodged"), released(REF)],
        "withdrawals",
    ),
    "released after expiry": ([CREATED, decided(REF), authorisation("expired"), released(REF)], "withdrawals"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_log_whose_entries_cannot_be_is_rejected_though_its_tree_holds(tmp_path, what):
    """The operator signs what it likes; what contradicts itself is told by name."""
    entries, name = FORGERIES[what]
    write(tmp_path, [one if isinstance(one, bytes) else dumps(one) for one in entries])
    assert rejected_by(tmp_path) == [name]


ACCEPTED = {
    "given again after a withdrawal": [authorisation("withdrawn"), authorisation("given"), decided(REF), released(REF)],
    "an unknown type": [entry("later.type", whatever="x")],
    "a later version": [entry("log.created", origin=ORIGIN) | {"v": 2, "type": "exchange.released"}],
    "undelivered though never permitted": [undelivered(REF)],
    "undelivered after a withdrawal": [decided(REF), authorisation("withdrawn"), undelivered(REF)],
    "a clock a little behind": [decided(REF) | {"time": NOW - 600_000}],
    "a release without commitments": [
        decided(REF),
        {k: v for k, v in released(REF).items() if k != "commits"},
    ],
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_a_log_that_can_be_is_accepted(tmp_path, what):
    """Readers skip what they do not know; the order of the world is allowed."""
    write(tmp_path, leaves_of([CREATED, *ACCEPTED[what]]))
    report = verify_directory(tmp_path, SIGNER.vkey)
    assert report.ok, "\n".join(map(str, report.checks))


def test_repeated_findings_are_counted(tmp_path):
    """The first is told in full, the others by number; unknown types and open exchanges are mentioned."""
    write(tmp_path, leaves_of([CREATED, decided(hex128()), entry("later.type"), released(REF), released(REF)]))
    details = {check.name: check.detail for check in verify_directory(tmp_path, SIGNER.vkey).checks}
    assert details["releases"].endswith("(and 1 more)")
    assert details["vocabulary"] == "1 of a type this reader does not know"
    write(tmp_path / "open", leaves_of([CREATED, decided(hex128())]))
    assert "1 permitted" in {c.name: c.detail for c in verify_directory(tmp_path / "open").checks}["releases"]


def test_removing_an_entry_changes_every_later_place(honest, tmp_path):
    """A log without one of its entries is another tree: the head kept elsewhere tells."""
    leaves = leaves_of(exchanges(3))
    write(tmp_path, leaves[:4] + leaves[5:])
    grown = CompactRange()
    grown.extend(merkle.leaf_hash(leaf) for leaf in leaves)
    assert grown.root() != bytes.fromhex(verify_directory(tmp_path, SIGNER.vkey).facts["root"])
    assert json.loads(leaves[0])["origin"] == ORIGIN
