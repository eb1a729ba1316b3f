"""Cosignatures of witnesses: a dated statement that a checkpoint continues all that the witness saw before.

C2SP tlog-cosignature, Ed25519: key kind 0x04; the signed message is `cosignature/v1`, `time <seconds>` and the text
of the checkpoint; the signature is the time in eight bytes, then 64 bytes of Ed25519. Refuses to sign or accept a
cosignature without a time, and any other algorithm.
"""

import base64
import secrets
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from audit.checkpoint import split_note
from audit.errors import NoteInvalid
from audit.keys import Ed25519Signer, Vkey, parse_vkey, read_private, write_private

_SIZE = 8 + 64
_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WitnessVkey(Vkey):
    """The public half of a witness's key."""

    kind: ClassVar[bytes] = b"\x04"

    def accepts(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the dated signature is this witness's, for the text of a checkpoint."""
        if len(signature) != _SIZE or not 0 < _time(signature) <= _LAST:
            return False
        return Vkey.accepts(self, signature[8:], _message(message, _time(signature)))


class Cosigner:
    """The private half: it can sign nothing but dated statements about checkpoints."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._signer = Ed25519Signer(name, seed)
        self.vkey = WitnessVkey(name, self._signer.vkey.public)

    def cosign(self, text: str, time_s: int) -> str:
        """Give the signature line for the text of a checkpoint whose consistency the caller has verified."""
        if not 0 < time_s <= _LAST:
            raise NoteInvalid("a cosignature carries the time it was made")
        signature = struct.pack(">Q", time_s) + self._signer.sign(_message(text.encode(), time_s))
        return f"— {self.vkey.name} {base64.b64encode(self.vkey.key_id + signature).decode()}\n"


def cosigned(note: str, witnesses: Iterable[WitnessVkey]) -> dict[WitnessVkey, int]:
    """Give the witnesses that have cosigned a checkpoint, with the time in seconds (of several, the earliest).

    Ignores other signatures; a line that claims to be of one of the witnesses and is not refuses the whole note.
    """
    text, signatures = split_note(note)
    known = list(witnesses)
    times: dict[WitnessVkey, int] = {}
    for signature in signatures:
        for witness in filter(signature.claims, known):
            if not witness.accepts(signature.value, text.encode()):
                raise NoteInvalid("a cosignature does not belong to this checkpoint")
            times[witness] = min(_time(signature.value), times.get(witness, _LAST))
    return times


def parse_witness_vkey(text: str) -> WitnessVkey:
    """Read the public key text of a witness."""
    return parse_vkey(text, WitnessVkey)


def create_cosigner(path: Path, name: str) -> Cosigner:
    """Draw a new witness key and write its file, 0600; an existing file is never overwritten."""
    seed = secrets.token_bytes(32)
    cosigner = Cosigner(name, seed)
    write_private(path, cosigner.vkey, seed)
    return cosigner


def load_cosigner(path: Path) -> Cosigner:
    """Read a witness key file that only its owner can read."""
    return Cosigner(*read_private(path, WitnessVkey.kind))


def _message(text: bytes, time_s: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (time_s, text)


def _time(signature: bytes) -> int:
    return int.from_bytes(signature[:8])
