"""Proofs that stand alone: inclusion as C2SP tlog-proof text, consistency as C2SP tlog-witness asks for it.

A tlog-proof is the line `c2sp.org/tlog-proof@v1`, an optional `extra`, the index, the inclusion path, an empty line and
the checkpoint verbatim, with its cosignatures. A consistency proof is the body of `add-checkpoint`: `old <size>`, the
path, an empty line, the newer checkpoint. Refuses anything else: one text per proof, no line too many.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit import merkle
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.errors import ProofInvalid
from audit.keys import Vkey
from audit.merkle import HASH_SIZE

HEADER = "c2sp.org/tlog-proof@v1"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_MAX_PATH = 63  # tlog-witness: a consistency proof has at most so many hashes; an inclusion path no more


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That the tree of a checkpoint holds an entry at an index; `extra` is not authenticated."""

    index: int
    path: tuple[bytes, ...]
    note: str
    extra: bytes | None = None


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the tree of a checkpoint begins with the first `old` entries of an older one."""

    old: int
    path: tuple[bytes, ...]
    note: str


def write(index: int, path: Sequence[bytes], note: str, extra: bytes | None = None) -> str:
    """Write the text of an inclusion proof."""
    opening = [HEADER] + ([] if extra is None else [f"extra {_text(extra)}"])
    return "\n".join([*opening, f"index {index}", *map(_text, path), "", note])


def parse(text: str) -> InclusionProof:
    """Read the text of an inclusion proof."""
    head, note = _halves(text)
    extra = None
    if head[0] != HEADER:
        raise ProofInvalid("not a tlog-proof")
    if len(head) > 1 and head[1].startswith("extra "):
        extra = _bytes(head.pop(1).removeprefix("extra "))
    if len(head) < 2 or not head[1].startswith("index "):
        raise ProofInvalid("the line of the index is missing")
    return InclusionProof(_number(head[1].removeprefix("index ")), _path(head[2:]), note, extra)


def verify(proof: InclusionProof, leaf: bytes, *vkeys: Vkey) -> Checkpoint:
    """Check the log's signature and the path from this leaf hash to the signed root; give the checkpoint."""
    checkpoint = open_checkpoint(proof.note, *vkeys)
    if not merkle.verify_inclusion(proof.index, checkpoint.size, leaf, proof.path, checkpoint.root):
        raise ProofInvalid("the path does not lead from this entry to the signed root")
    return checkpoint


def parse_consistency(text: str) -> ConsistencyProof:
    """Read the text of a consistency proof."""
    head, note = _halves(text)
    if not head[0].startswith("old "):
        raise ProofInvalid("not a consistency proof")
    return ConsistencyProof(_number(head[0].removeprefix("old ")), _path(head[1:]), note)


def _halves(text: str) -> tuple[list[str], str]:
    head, blank, note = text.partition("\n\n")
    if not blank:
        raise ProofInvalid("a proof ends with a checkpoint after an empty line")
    return head.split("\n"), note


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ProofInvalid("a number is not written as it must be")
    return int(text)


def _path(lines: Sequence[str]) -> tuple[bytes, ...]:
    path = tuple(map(_bytes, lines))
    if len(path) > _MAX_PATH or any(len(step) != HASH_SIZE for step in path):
        raise ProofInvalid("a line of the path is not one hash")
    return path


def _bytes(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if _text(raw) != text:
        raise ProofInvalid("not base64")
    return raw


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
