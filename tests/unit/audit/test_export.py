"""An exported directory is a C2SP tlog-tiles log that other people's tools accept."""

import asyncio
import hashlib
import random

import pytest
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey, VkeySet
from tlog_scales.tlog import Checkpoint, InclusionProofInvalid

from audit.checkpoint import Checkpoint as Ours
from audit.checkpoint import sign_note
from audit.errors import ExportRefused, NoteInvalid, NotPublished
from audit.export import export_directory
from audit.keys import Ed25519Signer
from audit.shards import current
from audit.tiles import read_bundle, read_tile
from audit.verify import verify_directory
from tests.unit.audit.conftest import ORIGIN, linked


async def grow(log, size):
    """Append until the log has that many entries, and publish."""
    async with log.journal(max_waiting=10**6) as journal:
        missing = size - (await journal.append(linked())).size
        await asyncio.gather(*(journal.append(linked()) for _ in range(missing)))
    return await log.publish()


def files(directory):
    return {
        file.relative_to(directory).as_posix(): file.read_bytes() for file in directory.rglob("*") if file.is_file()
    }


def other_verifier(directory, vkey, indices=None):
    """Read with tlog-scales: signature, root from tiles, inclusion proofs; raise or tell the size."""
    reader = TilesReader(LocalBackend(directory))
    checkpoint = reader.get_checkpoint()
    assert VkeySet(Vkey.from_string(str(vkey))).verify(checkpoint.signatures, checkpoint)
    assert reader.calculate_root_hash() == checkpoint.root_hash
    for index in indices or {0, checkpoint.size // 3, checkpoint.size - 1}:
        proof = reader.get_inclusion_proof(index, checkpoint.size)
        leaf = hashlib.sha256(b"\0" + reader.get_entry(index)).digest()
        proof.check(leaf, checkpoint.root_hash)
    return checkpoint.size


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600])
async def test_an_export_is_accepted_by_an_independent_verifier_and_by_ours(log, tmp_path, size):
    """Signature, tiles, root and inclusion proofs hold for somebody else's code."""
    if size == 1:
        async with log.journal():
            pass
        await log.publish()
    else:
        await grow(log, size)
    out = tmp_path / "out"
    checkpoint = await export_directory(log.database, out, vkey=log.signer.vkey, receipt_vkey=log.receipt_signer.vkey)
    assert checkpoint.size == size == other_verifier(out, log.signer.vkey)
    report = verify_directory(out, log.signer.vkey)
    assert report.ok, "\n".join(map(str, report.checks))
    assert (out / "receipt.vkey").read_text() == f"{log.receipt_signer.vkey}\n"
    assert verify_directory(out).ok


async def test_a_flipped_byte_is_rejected_by_both(sqlite_log, tmp_path):
    """Any byte of any entry or tile: neither verifier accepts the directory."""
    await grow(sqlite_log, 300)
    out = tmp_path / "out"
    await export_directory(sqlite_log.database, out, vkey=sqlite_log.signer.vkey)
    chance = random.Random(7)  # noqa: S311  which bytes are flipped is not a secret
    for name in ("tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"):
        whole = (out / name).read_bytes()
        for place in {0, len(whole) - 1, chance.randrange(len(whole))}:
            (out / name).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert not verify_directory(out, sqlite_log.signer.vkey).ok
            with pytest.raises((AssertionError, InclusionProofInvalid, ValueError, IndexError)):
                other_verifier(out, sqlite_log.signer.vkey, range(300))
        (out / name).write_bytes(whole)
    assert verify_directory(out, sqlite_log.signer.vkey).ok


async def test_exporting_again_adds_what_is_new_and_changes_nothing(log, tmp_path):
    """A copy kept by a DPO grows; full tiles keep their bytes; older partial tiles stay valid."""
    out = tmp_path / "out"
    await grow(log, 40)
    await export_directory(log.database, out, vkey=log.signer.vkey)
    first = files(out)
    await export_directory(log.database, out, vkey=log.signer.vkey)
    assert files(out) == first
    for size in (300, 310, 520):
        await grow(log, size)
        await export_directory(log.database, out, vkey=log.signer.vkey)
        assert verify_directory(out, log.signer.vkey).ok
    later = files(out)
    assert {name: later[name] for name in first if name != "checkpoint"} == {
        n: b for n, b in first.items() if n != "checkpoint"
    }
    assert not [name for name in later if name.endswith(".tmp")]


async def test_nothing_is_exported_before_something_is_published(log, tmp_path):
    """Without a signed head there is nothing to check an export against."""
    async with log.journal() as journal:
        await journal.append(linked())
    with pytest.raises(NotPublished):
        await export_directory(log.database, tmp_path / "out", vkey=log.signer.vkey)
    assert not (tmp_path / "out").exists()


async def test_only_what_a_checkpoint_covers_is_read(log):
    """Tiles and bundles beyond the published size are nobody's business yet."""
    await grow(log, 300)
    async with log.journal() as journal:
        await asyncio.gather(*(journal.append(linked()) for _ in range(300)))
    shard = await log.database.read(current)
    assert len(await log.database.read(lambda c: read_tile(c, shard, 0, index=0))) == 8_192
    assert len(await log.database.read(lambda c: read_tile(c, shard, 0, index=1, width=44))) == 44 * 32
    for work in (
        lambda c: read_tile(c, shard, 0, index=1, width=45),
        lambda c: read_tile(c, shard, 0, index=1),
        lambda c: read_bundle(c, shard, index=1),
    ):
        with pytest.raises(NotPublished):
            await log.database.read(work)


async def test_another_history_is_not_written_over_a_kept_one(sqlite_log, tmp_path):
    """The directory is evidence: other bytes, an older log or another key are refused."""
    out = tmp_path / "out"
    await grow(sqlite_log, 300)
    await export_directory(sqlite_log.database, out, vkey=sqlite_log.signer.vkey)
    kept = files(out)
    for tile in ("tile/0/001.p/44", "tile/1/000.p/1"):
        (out / tile).write_bytes(b"\0" * len(kept[tile]))
        with pytest.raises(ExportRefused, match="other bytes"):
            await export_directory(sqlite_log.database, out, vkey=sqlite_log.signer.vkey)
        (out / tile).write_bytes(kept[tile])
    (out / "tile/entries/001.p/50").parent.mkdir(exist_ok=True)
    (out / "tile/entries/001.p/50").write_bytes(b"something else")
    await grow(sqlite_log, 306)
    with pytest.raises(ExportRefused, match="other bytes"):
        await export_directory(sqlite_log.database, out, vkey=sqlite_log.signer.vkey)
    for size, root in ((307, b"\0" * 32), (306, b"\0" * 32)):
        (out / "checkpoint").write_text(sign_note(Ours(ORIGIN, size, root).text(), sqlite_log.signer))
        with pytest.raises(ExportRefused, match="cannot continue"):
            await export_directory(sqlite_log.database, out, vkey=sqlite_log.signer.vkey)
    (out / "checkpoint").write_bytes(b"\xff")
    with pytest.raises(ExportRefused, match="not signed"):
        await export_directory(sqlite_log.database, out, vkey=sqlite_log.signer.vkey)
    with pytest.raises(NoteInvalid):
        await export_directory(sqlite_log.database, out, vkey=Ed25519Signer(ORIGIN, b"\6" * 32).vkey)


async def test_other_people_parse_our_checkpoint_file(sqlite_log, tmp_path):
    """The file is the note, byte for byte."""
    await grow(sqlite_log, 5)
    await export_directory(sqlite_log.database, tmp_path / "out", vkey=sqlite_log.signer.vkey)
    text = (tmp_path / "out" / "checkpoint").read_text()
    assert Checkpoint.from_text(text).serialize() == text
