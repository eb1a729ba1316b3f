"""Named tamperings of an exported log, from a flipped bit to the operator's own forgery.

Each is told what the one who tampers has: files, a key of their own, or the key of the log. Nobody has the witness's.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from audit.canonical import dumps
from audit.checkpoint import Checkpoint, sign_note
from audit.keys import Ed25519Signer, Signer
from audit.layout import WIDTH, pack, tile_path, unpack
from audit.merkle import leaf_hash, root
from tests.foreign.conftest import Made

Tamper = Callable[[Made, Path], None]


def bundles(copy: Path) -> list[Path]:
    """The bundles of entries, in order."""
    folder = copy / "tile" / "entries"
    return sorted(path for path in folder.rglob("*") if path.is_file())


def leaves(copy: Path) -> list[bytes]:
    """Every entry."""
    return [leaf for bundle in bundles(copy) for leaf in unpack(bundle.read_bytes())]


def rebuild(copy: Path, entries: Sequence[bytes], signer: Signer, *, saved: bool = True) -> None:
    """Write the log that these entries make, tree and signature as they must be; old heads stay or are put away."""
    shutil.rmtree(copy / "tile")
    if not saved:
        shutil.rmtree(copy / "checkpoints")
    for first in range(0, len(entries), WIDTH):
        some = entries[first : first + WIDTH]
        put(copy / tile_path(None, first // WIDTH, len(some)), pack(some))
    hashes, level = [leaf_hash(entry) for entry in entries], 0
    head = Checkpoint(signer.name, len(entries), root(hashes))
    while hashes:
        tiles = [hashes[first : first + WIDTH] for first in range(0, len(hashes), WIDTH)]
        for index, tile in enumerate(tiles):
            put(copy / tile_path(level, index, len(tile)), b"".join(tile))
        hashes, level = [root(tile) for tile in tiles if len(tile) == WIDTH], level + 1
    (copy / "checkpoint").write_text(sign_note(head.text(), signer), "utf-8")
    (copy / "log.vkey").write_text(f"{signer.vkey}\n", "ascii")


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def changed(leaf: bytes, **members: object) -> bytes:
    """The entry with other members, canonical as it must be."""
    return dumps({**json.loads(leaf), **members})


def in_bundle(change: Callable[[list[bytes]], list[bytes]]) -> Tamper:
    """Change the entries of the first bundle, and nothing else."""

    def tamper(_: Made, copy: Path) -> None:
        first = bundles(copy)[0]
        first.write_bytes(pack(change(unpack(first.read_bytes()))))

    return tamper


def forged(change: Callable[[list[bytes]], list[bytes]], *, saved: bool = True, key: str = "log") -> Tamper:
    """Change the entries, rebuild the whole log over them and sign it."""

    def tamper(made: Made, copy: Path) -> None:
        signer = made.signer if key == "log" else Ed25519Signer(made.signer.name, hashlib.sha256(b"own").digest())
        rebuild(copy, change(leaves(copy)), signer, saved=saved)

    return tamper


def flip(place: int, name: str) -> Tamper:
    """Flip one bit of a file."""

    def tamper(_: Made, copy: Path) -> None:
        whole = bytearray((copy / name).read_bytes())
        whole[place] ^= 1
        (copy / name).write_bytes(whole)

    return tamper


def truncate(_: Made, copy: Path) -> None:
    bundles(copy)[-1].unlink()


def stale(_: Made, copy: Path) -> None:
    [partial] = (copy / "tile" / "0" / "002.p").iterdir()
    partial.write_bytes(partial.read_bytes()[:-32])


def resize(_: Made, copy: Path) -> None:
    origin, size, rest = (copy / "checkpoint").read_text("utf-8").split("\n", 2)
    (copy / "checkpoint").write_text(f"{origin}\n{int(size) - 1}\n{rest}", "utf-8")


def fork(made: Made, copy: Path) -> None:
    kept = leaves(made.older)
    other = [changed(leaf, id=hashlib.sha256(leaf).hexdigest()[:32]) for leaf in leaves(copy)[len(kept) :]]
    rebuild(copy, [*kept, *other], made.signer, saved=False)


def roll_back(made: Made, copy: Path) -> None:
    shutil.rmtree(copy)
    shutil.copytree(made.older, copy)


def edit(entries: list[bytes]) -> list[bytes]:
    """The purpose of an early exchange becomes another, in decision and release."""
    refs = [json.loads(entry).get("ref") for entry in entries]
    first = next(ref for ref in refs if ref)
    return [changed(e, purpose="support.family") if ref == first else e for e, ref in zip(entries, refs, strict=True)]


def older_by(ms: int) -> Callable[[list[bytes]], list[bytes]]:
    """The last entry says it was written that much before."""
    return lambda entries: [*entries[:-1], changed(entries[-1], time=json.loads(entries[-1])["time"] - ms)]


TAMPERINGS: Mapping[str, Tamper] = {
    "a bit of an entry flipped": flip(60, "tile/entries/000"),
    "an entry dropped": in_bundle(lambda some: some[:7] + some[8:]),
    "two entries swapped": in_bundle(lambda some: [*some[:7], some[8], some[7], *some[9:]]),
    "the last entries cut off": truncate,
    "an entry logged twice": in_bundle(lambda some: [*some[:8], some[7], *some[8:]]),
    "a bit of a hash tile flipped": flip(99, "tile/0/000"),
    "a bit of an upper tile flipped": flip(40, "tile/1/000.p/2"),
    "a stale partial tile": stale,
    "the size in the checkpoint edited": resize,
    "edited and rebuilt, with a key of one's own": forged(edit, key="own"),
    "edited and rebuilt, with the log's key": forged(edit, saved=False),
    "an entry dropped at the end and rebuilt, with the log's key": forged(lambda some: some[:-1]),
    "an entry logged again at the end, with the log's key": forged(lambda some: [*some, some[-1]]),
    "an entry back-dated by an hour, with the log's key": forged(older_by(3_600_000)),
    "an entry back-dated by ten minutes, with the log's key": forged(older_by(600_000)),
    "a fork: another history after an old head, with the log's key": fork,
    "rolled back to an old state of the log": roll_back,
}
