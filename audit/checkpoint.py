"""Signed notes and checkpoints, as C2SP signed-note and tlog-checkpoint write them.

A note is a text that ends with a newline, an empty line, then lines `— <name> <base64(key id || signature)>`.
A checkpoint is a note of three lines: origin, size, base64 root. Refuses a note that none of the given keys has
signed, or with a line in the name of one of them that does not hold; ignores signatures of other keys.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import NamedTuple

from audit.errors import NoteInvalid
from audit.keys import Signer, Vkey
from audit.merkle import HASH_SIZE

_MAX_NOTE = 1_000_000
_SIGNATURE = re.compile(r"— ([^\s+]+) (\S+)")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head of one log."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Write the three signed lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign_note(text: str, *signers: Signer) -> str:
    """Sign a text with each key in turn."""
    lines = [
        f"— {signer.name} {base64.b64encode(signer.vkey.key_id + signer.sign(text.encode())).decode()}\n"
        for signer in signers
    ]
    return "\n".join([text, "".join(lines)])


class Signature(NamedTuple):
    """One signature line of a note."""

    name: str
    key_id: bytes
    value: bytes
    line: str

    def claims(self, vkey: Vkey) -> bool:
        """Tell whether the line says it comes from this key."""
        return (self.name, self.key_id) == (vkey.name, vkey.key_id)


def split_note(note: str) -> tuple[str, list[Signature]]:
    """Give the text of a note and its signature lines, none of them verified yet."""
    text, blank, lines = note.rpartition("\n\n")
    text += "\n"
    if not blank or not lines.endswith("\n") or len(note) > _MAX_NOTE or not _printable(text):
        raise NoteInvalid("not a signed note")
    signatures = []
    for line in lines.removesuffix("\n").split("\n"):
        match = _SIGNATURE.fullmatch(line)
        raw = _decode(match[2]) if match else b""
        if match is None or len(raw) <= 4:
            raise NoteInvalid("a signature line is malformed")
        signatures.append(Signature(match[1], raw[:4], raw[4:], line + "\n"))
    return text, signatures


def open_note(note: str, *vkeys: Vkey) -> str:
    """Give the text of a note that at least one of these keys has signed."""
    text, signatures = split_note(note)
    claimed = {(vkey, signature.value) for signature in signatures for vkey in vkeys if signature.claims(vkey)}
    if not all(vkey.accepts(value, text.encode()) for vkey, value in claimed):
        raise NoteInvalid("the signature does not belong to this text")
    if not claimed:
        raise NoteInvalid("the expected key has not signed")
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the signed lines of a checkpoint; further lines are extensions and carry nothing for us."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or not _SIZE.fullmatch(lines[1]) or "" in lines[3:-1]:
        raise NoteInvalid("not a checkpoint")
    root = _decode(lines[2])
    if len(root) != HASH_SIZE:
        raise NoteInvalid("the root is not one hash")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(note: str, *vkeys: Vkey) -> Checkpoint:
    """Read a checkpoint signed by a key of the log's own, whose name is the origin."""
    checkpoint = parse_checkpoint(open_note(note, *vkeys))
    if any(checkpoint.origin != vkey.name for vkey in vkeys):
        raise NoteInvalid("the origin is not the name of the key")
    return checkpoint


def _decode(text: str) -> bytes:
    """Strict base64: one text per byte string, or nothing."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
    return raw if base64.b64encode(raw).decode() == text else b""


def _printable(text: str) -> bool:
    return all(character == "\n" or character >= " " for character in text)
