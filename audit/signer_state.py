"""What the publisher last signed, kept in a file outside the database and its backups.

A restored backup, a second database or a lost commit shows as a log that contradicts this file. The file is
trusted, the database is not. Replacing it is compare-and-set under an advisory lock, durable before it returns
(temporary file, fsync, rename, fsync of the directory). Refuses to guess: an unreadable file is not an empty one.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from audit.errors import SignerRefused
from audit.files import write_durably
from audit.merkle import CompactRange


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed head, with the compact range to go on from."""

    size: int
    peaks: bytes
    note: str

    def range(self) -> CompactRange:
        """Give the tree to extend."""
        return CompactRange.from_bytes(self.size, self.peaks)


class SignerState:
    """One file per shard; publishers of one host share it, each host has its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, part: str) -> Self:
        """Give the state of the shard of this year; the path itself is the one of a log without years."""
        return type(self)(self._path.with_stem(f"{self._path.stem}-{part}")) if part else self

    def later(self, part: str) -> bool:
        """Tell whether a shard after this year was signed."""
        pattern = f"{self._path.stem}-[0-9][0-9][0-9][0-9]{self._path.suffix}"
        return any(path.stem.rpartition("-")[2] > part for path in self._path.parent.glob(pattern))

    def read(self) -> Signed | None:
        """Give the last signed head, None when nothing was ever signed."""
        try:
            content = json.loads(self._path.read_text("utf-8"))
            signed = Signed(content["size"], bytes.fromhex(content["peaks"]), content["note"])
            signed.range()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            raise SignerRefused(f"{self._path} is not a signer state") from None
        return signed

    def replace(self, expected: Signed | None, signed: Signed) -> bool:
        """Set the state if it still is the expected one; tell whether it was."""
        with self._locked():
            if self.read() != expected:
                return False
            content = {"size": signed.size, "peaks": signed.peaks.hex(), "note": signed.note}
            write_durably(self._path, json.dumps(content, indent=1).encode(), mode=0o600)
            return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._path.with_name(self._path.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
