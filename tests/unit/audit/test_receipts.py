"""A receipt proves its entry offline, and nothing else."""

import asyncio

import pytest

from audit import receipts
from audit.checkpoint import Checkpoint, sign_note
from audit.errors import ReceiptInvalid
from audit.keys import Ed25519Signer
from tests.unit.audit.conftest import ORIGIN, linked


@pytest.fixture
async def issued(sqlite_log):
    """Receipts of five entries of one batch."""
    async with sqlite_log.journal() as journal:
        appended = await asyncio.gather(*(journal.append(linked()) for _ in range(5)))
    return [receipts.issue(one, signer=sqlite_log.receipt_signer) for one in appended]


@pytest.fixture
def key(sqlite_log):
    return sqlite_log.receipt_signer.vkey


async def test_a_receipt_verifies_with_the_public_key_alone(issued, key):
    """It gives back the entry it proves."""
    for receipt in issued:
        entry = receipts.verify(receipt, key)
        assert entry["type"] == "subject.linked"
        assert receipts.verify(dict(reversed(receipt.items())), key) == entry


async def test_a_batch_is_signed_once(sqlite_log):
    """However many receipts a batch gives, its head is signed once per key."""
    signatures = []

    class Counting(Ed25519Signer):
        def sign(self, message):
            signatures.append(message)
            return super().sign(message)

    signer = Counting(f"{ORIGIN}/receipt", b"\2" * 32)
    async with sqlite_log.journal() as journal:
        appended = await asyncio.gather(*(journal.append(linked()) for _ in range(5)))
    notes = {receipts.issue(one, signer=signer)["note"] for one in appended}
    assert len({one.size for one in appended}) == len(notes) == len(signatures)


async def test_only_the_receipt_key_of_the_log_signs_receipts(sqlite_log):
    """The checkpoint key must never sign what has not been read back."""
    async with sqlite_log.journal() as journal:
        appended = await journal.append(linked())
    with pytest.raises(ReceiptInvalid):
        receipts.issue(appended, signer=sqlite_log.signer)


def changed_entry(receipt):
    return {**receipt, "entry": receipt["entry"].replace("ml-brume", "ft-brume")}


TAMPERINGS = {
    "a member too few": lambda r: {k: v for k, v in r.items() if k != "path"},
    "a member too many": lambda r: {**r, "comment": ""},
    "another origin": lambda r: {**r, "origin": "other.example"},
    "another index": lambda r: {**r, "index": r["index"] - 1},
    "an index that is no number": lambda r: {**r, "index": str(r["index"])},
    "an index that is true": lambda r: {**r, "index": True},
    "another size": lambda r: {**r, "tree_size": r["tree_size"] + 1},
    "another root": lambda r: {**r, "root_hash": r["leaf_hash"]},
    "another leaf hash": lambda r: {**r, "leaf_hash": r["root_hash"]},
    "another entry": changed_entry,
    "an entry that is no object": lambda r: {**r, "entry": "1"},
    "an entry with a blank": lambda r: {**r, "entry": r["entry"] + " "},
    "a path cut short": lambda r: {**r, "path": r["path"][:-1]},
    "a path that is no list": lambda r: {**r, "path": 3},
    "a path that is not base64": lambda r: {**r, "path": ["é"]},
    "a note that is none": lambda r: {**r, "note": "note"},
    "a note that is no text": lambda r: {**r, "note": None},
    "a note of another key": lambda r: {
        **r,
        "note": sign_note(
            Checkpoint(f"{ORIGIN}/receipt", r["tree_size"], b"\0" * 32).text(), Ed25519Signer("x.y", b"\1" * 32)
        ),
    },
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_a_tampered_receipt_is_refused(issued, key, what):
    """Every part is bound to the signature."""
    with pytest.raises(ReceiptInvalid):
        receipts.verify(TAMPERINGS[what](issued[-1]), key)


async def test_a_consistent_forgery_fails_at_the_signature(issued, key):
    """An entry changed together with its hash and a tree of its own is still not signed."""
    from base64 import b64encode

    from audit.merkle import leaf_hash

    forged = changed_entry(issued[0])
    digest = leaf_hash(forged["entry"].encode())
    forged |= {"leaf_hash": b64encode(digest).decode(), "root_hash": b64encode(digest).decode()}
    forged |= {"index": 0, "tree_size": 1, "path": []}
    with pytest.raises(ReceiptInvalid, match="another tree"):
        receipts.verify(forged, key)
    forger = Ed25519Signer(f"{ORIGIN}/receipt", b"\7" * 32)
    forged["note"] = sign_note(Checkpoint(forger.name, 1, digest).text(), forger)
    assert receipts.verify(forged, forger.vkey)
    with pytest.raises(ReceiptInvalid, match="has not signed"):
        receipts.verify(forged, key)
