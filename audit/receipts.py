"""Receipts: what the recipient keeps to prove, offline, that the journal holds the entry of its exchange.

A receipt carries the entry, its place, the inclusion path and a note of the receipt key over the tree head its
batch made. It is a promise signed at once; a published checkpoint of the same or a larger tree confirms it.
The note has the form of a checkpoint, of origin `<origin>/receipt`, so it can never pass for one of the log.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from audit import merkle
from audit.canonical import loads
from audit.checkpoint import Checkpoint, open_checkpoint, sign_note
from audit.errors import AuditError, ReceiptInvalid
from audit.keys import Signer, Vkey
from audit.years import base_of

_MEMBERS = frozenset({"origin", "index", "leaf_hash", "tree_size", "root_hash", "path", "entry", "note"})


class _Batch(Protocol):
    @property
    def notes(self) -> dict[str, str]: ...
    @property
    def origin(self) -> str: ...


class Proved(Protocol):
    """An appended entry, as `audit.journal.Appended` is one."""

    @property
    def leaf_index(self) -> int: ...  # noqa: D102  as documented there
    @property
    def leaf(self) -> bytes: ...  # noqa: D102
    @property
    def leaf_hash(self) -> bytes: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def root(self) -> bytes: ...  # noqa: D102
    @property
    def batch(self) -> _Batch: ...  # noqa: D102
    def path(self) -> Sequence[bytes]: ...  # noqa: D102


def receipt_name(origin: str) -> str:
    """Name the key and the notes of a log's receipts."""
    return f"{origin}/receipt"


def issue(appended: Proved, *, signer: Signer) -> dict[str, Any]:
    """Give the receipt of an entry, signed under the name of its shard; a batch is signed once."""
    origin = appended.batch.origin
    name = receipt_name(origin)
    if signer.name not in {name, receipt_name(base_of(origin))}:
        raise ReceiptInvalid("the receipt key is not the one of this log")
    note = appended.batch.notes.get(name)
    if note is None:
        note = sign_note(Checkpoint(name, appended.size, appended.root).text(), signer.named(name))
        appended.batch.notes[name] = note
    return {
        "origin": origin,
        "index": appended.leaf_index,
        "leaf_hash": _text(appended.leaf_hash),
        "tree_size": appended.size,
        "root_hash": _text(appended.root),
        "path": [_text(step) for step in appended.path()],
        "entry": appended.leaf.decode(),
        "note": note,
    }


def verify(receipt: Mapping[str, Any], *vkeys: Vkey) -> dict[str, Any]:
    """Check a receipt with public halves of receipt keys, of the log or of its shard; give the entry it proves.

    1. it has exactly the members of a receipt;
    2. the note is signed by one of the keys, whose name belongs to the origin;
    3. the note's tree is the receipt's;
    4. the entry is canonical and has the leaf hash;
    5. the path leads from that leaf, at that index, to the head.
    """
    try:
        return _verify(receipt, vkeys)
    except ReceiptInvalid:
        raise
    except AuditError as error:
        raise ReceiptInvalid(str(error)) from error
    except (TypeError, ValueError, AttributeError):
        raise ReceiptInvalid("a member does not have the form it must have") from None


def _verify(receipt: Mapping[str, Any], vkeys: Sequence[Vkey]) -> dict[str, Any]:
    if set(receipt) != _MEMBERS:  # 1
        raise ReceiptInvalid("a receipt has exactly its eight members")
    name, base = receipt_name(receipt["origin"]), receipt_name(base_of(receipt["origin"]))
    named = [vkey.named(name) for vkey in vkeys if vkey.name in {name, base}]  # 2
    if not named:
        raise ReceiptInvalid("the receipt is of another log")
    signed = open_checkpoint(receipt["note"], *named)
    told = (receipt["tree_size"], receipt["root_hash"])
    if type(receipt["tree_size"]) is not int or (signed.size, _text(signed.root)) != told:  # 3
        raise ReceiptInvalid("the note is about another tree")
    leaf = receipt["entry"].encode()
    entry = loads(leaf)  # 4
    digest = merkle.leaf_hash(leaf)
    if _text(digest) != receipt["leaf_hash"] or not isinstance(entry, dict):
        raise ReceiptInvalid("the entry is not the one of the leaf hash")
    path = [base64.b64decode(step, validate=True) for step in receipt["path"]]
    if type(receipt["index"]) is not int or not merkle.verify_inclusion(
        receipt["index"], signed.size, digest, path, signed.root
    ):  # 5
        raise ReceiptInvalid("the path does not lead to the signed head")
    return entry


def _text(digest: bytes) -> str:
    return binascii.b2a_base64(digest, newline=False).decode()
