"""What outsiders kept decides: cosigned heads date the entries between them, saved heads and keys bind the log."""

import base64
import shutil
import sys

import pytest

from audit import merkle, succession
from audit.checkpoint import Checkpoint, sign_note
from audit.cosignature import Cosigner
from audit.keys import Ed25519Signer
from audit.layout import tile_path
from audit.merkle import leaf_hash
from audit.policy import parse_policy
from audit.timestamps import read_roots, request
from audit.trust import Trust
from audit.verify import verify_directory
from tests.tsa import authority
from tests.unit.audit.conftest import BASE, NOW, ORIGIN
from tests.unit.audit.test_verify import entry, exchanges, leaves_of, put, write

SIGNER = Ed25519Signer(ORIGIN, b"\1" * 32)
WITNESS = Cosigner("w.example", b"\3" * 32)
POLICY = parse_policy(f"log {SIGNER.vkey.named(BASE)}\nwitness w {WITNESS.vkey}\nquorum w\n")
HOUR, SKEW = 3_600_000, 300_000


class Kept:
    """A log of entries dated as told, and heads of it that a witness cosigned when it did."""

    def __init__(self, out, times):
        self.out = out
        entries = [entry("log.created", origin=ORIGIN), *(entry("later.type") for _ in times[1:])]
        self.write([one | {"time": time} for one, time in zip(entries, times, strict=True)])

    def write(self, entries):
        self.leaves = leaves_of(entries)
        shutil.rmtree(self.out / "tile", ignore_errors=True)
        write(self.out, self.leaves)
        self.keep(len(self.leaves), NOW + 10 * HOUR, "checkpoint")

    def keep(self, size, at, name=None, *, root=None):
        root = root or merkle.root(map(leaf_hash, self.leaves[:size]))
        text = Checkpoint(ORIGIN, size, root).text()
        note = sign_note(text, SIGNER) + WITNESS.cosign(text, at // 1000)
        put(self.out / (name or f"checkpoints/{size}"), note.encode())

    def verify(self, **trust):
        return verify_directory(self.out, Trust(policy=POLICY, **trust))

    def told(self, **trust):
        return {check.name: check for check in self.verify(**trust).checks}


@pytest.mark.parametrize(
    ("time", "held"),
    [
        (NOW, True),
        (NOW - SKEW, True),
        (NOW - SKEW - 1, False),
        (NOW + HOUR, True),
        (NOW + HOUR + SKEW, True),
        (NOW + HOUR + SKEW + 1, False),
    ],
)
def test_an_entry_is_dated_between_the_heads_around_it(tmp_path, time, held):
    """Not before the head that was seen without it, nor after the first that was seen with it, five minutes apart."""
    kept = Kept(tmp_path, [NOW - SKEW, NOW - SKEW, time, NOW + HOUR])
    kept.keep(2, NOW)
    kept.keep(3, NOW + HOUR)
    check = kept.told()["witnessed times"]
    assert check.ok is held
    if not held:
        assert check.detail.startswith("entry 2 is dated ")


def test_without_a_witness_nobody_dates_anything(tmp_path):
    """The check is told as not made, and what was not cosigned by a known witness dates nothing."""
    kept = Kept(tmp_path, [NOW, NOW - SKEW])
    kept.keep(1, NOW + HOUR)
    report = verify_directory(tmp_path, SIGNER.vkey)
    assert {check.name: check.ok for check in report.checks}["witnessed times"] is None
    assert report.ok


def test_a_saved_head_that_the_log_never_had_is_told(tmp_path):
    """Another root, another size than its name, no checkpoint at all, or one larger than the log."""
    kept = Kept(tmp_path, [NOW] * 9)
    kept.keep(3, NOW)
    assert kept.told()["saved heads"].detail == "1 kept"
    for name, size, root in (("4", 4, b"\7" * 32), ("5", 6, None), ("12", 12, b"\7" * 32)):
        kept.keep(size, NOW, f"checkpoints/{name}", root=root)
        assert kept.verify().failed() == ["saved heads"]
        (tmp_path / f"checkpoints/{name}").unlink()
    put(tmp_path / "checkpoints/7", b"something else")
    assert kept.verify().failed() == ["saved heads"]
    put(tmp_path / "checkpoints/notes.txt", b"not a size: passed over")


def pruned(kept, count, announcement=None):
    entries = [dict(one) for one in exchanges(200)]
    entries += [entry("log.pruned", origin=ORIGIN, minimum=announcement, months=12)] if announcement else []
    kept.write(entries)
    for index in range(count // 256):
        (kept.out / tile_path(None, index)).unlink()
    return kept


def test_entries_may_lack_where_the_log_announces_that_they_were_pruned(tmp_path):
    """Their hashes stay in the tree; a release whose decision is gone is no alarm."""
    kept = pruned(Kept(tmp_path, [NOW]), 256, 256)
    told = kept.told()
    assert kept.verify().ok
    assert "first 256 entries are pruned" in told["files"].detail
    assert told["previous log"].detail == "entry 0 is pruned"


@pytest.mark.parametrize("announcement", [None, 0])
def test_entries_that_lack_without_a_word_are_missing(tmp_path, announcement):
    """Pruned without saying so is removed."""
    kept = pruned(Kept(tmp_path, [NOW]), 256, announcement)
    assert kept.verify().failed() == ["files"]


def rotated(**changes):
    newer = Ed25519Signer(BASE, b"\7" * 32)
    note = succession.declare("log", SIGNER.named(BASE), newer, now=NOW)
    return entry("key.rotated", **succession.members(note) | changes)


def test_a_rotation_in_the_log_is_signed_under_both_keys(tmp_path):
    """Each statement is checked again; one that either key did not sign is told."""
    kept = Kept(tmp_path, [NOW])
    created = entry("log.created", origin=ORIGIN)
    kept.write([created, rotated()])
    assert kept.told()["key rotation"].detail == "1 in this log"
    assert kept.verify().ok
    for wrong in ({"by_former": base64.b64encode(b"\0" * 64).decode()}, {"key": "A" * 44}):
        kept.write([created, rotated(**wrong)])
        assert kept.verify().failed() == ["key rotation"]


def test_a_list_of_keys_that_cannot_be_read_is_told(tmp_path):
    """It may not silently be passed over."""
    kept = Kept(tmp_path, [NOW])
    put(tmp_path / "keys", b"{}")
    assert kept.verify().failed() == ["checkpoint"]


def test_a_cosignature_that_does_not_hold_refuses_the_head(tmp_path):
    """A line in a witness's name that it did not write is not passed over."""
    kept = Kept(tmp_path, [NOW] * 3)
    other = WITNESS.cosign(Checkpoint(ORIGIN, 9, b"\0" * 32).text(), NOW // 1000)
    text = Checkpoint(ORIGIN, 3, merkle.root(map(leaf_hash, kept.leaves))).text()
    put(tmp_path / "checkpoint", (sign_note(text, SIGNER) + other).encode())
    assert kept.verify().failed() == ["witnesses"]


def test_dates_of_an_authority_are_checked_under_the_roots_one_holds(tmp_path, tmp_path_factory, monkeypatch):
    """Tokens over heads of this log are accepted, and bound the times of what they cover; others are told."""
    kept = Kept(tmp_path, [NOW] * 5)
    tsa = authority(tmp_path_factory.mktemp("authority") / "tsa")
    roots = tuple(read_roots(tsa.roots.read_bytes()))
    assert kept.told(roots=roots)["timestamps"].detail == "no tokens"
    text = Checkpoint(ORIGIN, 3, merkle.root(map(leaf_hash, kept.leaves[:3]))).text()
    token = tsa.answer(request(f"{text}\n— x AAAAAAAA\n").der)
    put(tmp_path / "timestamps/3.tsr", token)
    assert kept.told()["timestamps"].ok is None
    assert kept.told(roots=roots)["timestamps"].ok is True
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "rfc3161_client", None)
        assert kept.told(roots=roots)["timestamps"].detail == "rfc3161-client is not installed"
    put(tmp_path / "timestamps/4.tsr", token)
    assert kept.verify(roots=roots).failed() == ["timestamps"]
    (tmp_path / "timestamps/4.tsr").rename(tmp_path / "timestamps/9.tsr")
    assert kept.verify(roots=roots).failed() == ["timestamps"]


@pytest.mark.parametrize(("days", "held"), [(364, False), (366, True)])
def test_entries_pruned_before_the_months_announced_are_told(tmp_path, days, held):
    """What came after a head that a witness dated is younger than it; the announcement says how old it had to be."""
    kept = Kept(tmp_path, [NOW])
    entries = [dict(one) | {"time": NOW - days * 24 * HOUR} for one in exchanges(200)]
    kept.write([*entries, entry("log.pruned", origin=ORIGIN, minimum=256, months=12) | {"time": NOW + 10 * HOUR}])
    kept.keep(255, NOW - days * 24 * HOUR)
    (kept.out / tile_path(None, 0)).unlink()
    report = kept.verify()
    assert report.failed() == ([] if held else ["files"])
    if not held:
        assert report.checks[1].detail == "entries from 255 on were pruned before the 12 months announced"
    kept.keep(256, NOW)
    assert ("files" in kept.verify().failed()) is not held


def test_an_announcement_of_more_months_than_there_were_is_told(tmp_path):
    """A number without sense is not one to reckon with."""
    kept = Kept(tmp_path, [NOW])
    kept.write([*exchanges(200), entry("log.pruned", origin=ORIGIN, minimum=256, months=2**31 - 1)])
    kept.keep(255, NOW)
    (kept.out / tile_path(None, 0)).unlink()
    assert kept.verify().failed() == ["files"]
