"""A key is believed for the log, and the use, it is held for; what its successor may be, it alone says."""

import pytest

from audit import merkle, succession
from audit.checkpoint import Checkpoint, sign_note
from audit.keys import Ed25519Signer
from audit.merkle import leaf_hash
from audit.succession import PublishedKey
from audit.trust import Trust
from audit.verify import verify_directory
from tests.unit.audit.conftest import BASE, NOW, ORIGIN
from tests.unit.audit.test_verify import SIGNER, exchanges, leaves_of, put, write

NEWER = Ed25519Signer(BASE, b"\7" * 32)


@pytest.fixture
def taken_over(tmp_path):
    """A copy signed by `NEWER`, which the key of this seed has named, under this log's name."""

    def made(seed):
        leaves = leaves_of(exchanges(3))
        write(tmp_path, leaves)
        head = Checkpoint(ORIGIN, len(leaves), merkle.root(map(leaf_hash, leaves)))
        put(tmp_path / "checkpoint", sign_note(head.text(), NEWER.named(ORIGIN)).encode())
        note = succession.declare("log", Ed25519Signer(BASE, seed), NEWER, now=NOW)
        listed = succession.to_json([PublishedKey("log", str(NEWER.vkey), NOW, None, note)])
        put(tmp_path / "keys", listed.encode())
        return tmp_path

    return made


STRANGERS = {
    "the key of another log": "other.example/log",
    "the key of this log's receipts": f"{BASE}/receipt",
    "the key of a log whose name begins the same": f"{BASE}s",
}


@pytest.mark.parametrize("whose", STRANGERS)
def test_a_key_held_for_something_else_names_no_successor_here(taken_over, whose):
    """The operator of one log, trusted beside another, cannot name a key for that other."""
    stranger = Ed25519Signer(STRANGERS[whose], b"\5" * 32)
    out = taken_over(b"\5" * 32)
    assert verify_directory(out, Trust((SIGNER.vkey, stranger.vkey))).failed() == ["checkpoint"]
    assert succession.follow([stranger.vkey], [_note(out)]) == (stranger.vkey,)


@pytest.mark.parametrize("name", [BASE, ORIGIN])
def test_a_key_held_for_this_log_names_its_successor(taken_over, name):
    """Under the log's name, or that of one of its years."""
    assert verify_directory(taken_over(b"\1" * 32), SIGNER.vkey.named(name)).ok


def _note(out):
    return succession.from_json((out / "keys").read_text())[0].succession
