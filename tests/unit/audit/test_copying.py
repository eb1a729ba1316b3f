"""A copy goes on from what was kept, year after year, and keeps nothing the signed root does not cover."""

import asyncio
import shutil

import pytest

from audit import years
from audit.checkpoint import Checkpoint, sign_note
from audit.copying import copy_log
from audit.errors import ExportRefused, MirrorRefused, NoteInvalid, Pruned
from audit.evidence import verify_paths
from audit.export import StoredLog
from audit.keys import Ed25519Signer
from audit.layout import tile_path
from audit.trust import Trust
from tests.unit.audit.conftest import BASE, NOW, ORIGIN, linked
from tests.unit.audit.test_export import files, grow
from tests.unit.audit.test_verify import SIGNER, entry, leaves_of, put, write

YEAR = 366 * 86_400_000


def source_of(log):
    return StoredLog(log.database, {"log": [log.signer.vkey.named(BASE)], "receipt": [log.receipt_signer.vkey]})


def trust_of(log):
    return Trust((log.signer.vkey.named(BASE),))


class Liar:
    """A source that changes what another one says."""

    def __init__(self, source, **lies):
        self.source, self.lies = source, lies

    async def note(self, year):
        return self.lies.get("note", lambda note: note)(await self.source.note(year))

    async def tile(self, year, level, *, index, width):
        data = await self.source.tile(year, level, index=index, width=width)
        return self.lies.get("hashes" if level == 0 else "entries", lambda data, _: data)(data, index)

    async def beside(self, year):
        return await self.source.beside(year)


def gone(_data, index):
    if index == 0:
        raise Pruned("gone")
    return _data


async def test_a_mirror_grows_and_verifies_at_every_size(log, tmp_path):
    """Run again and again it adds what is new, and each head it saw is kept."""
    for size in (3, 255, 256, 300, 520):
        await grow(log, size)
        [head] = await copy_log(source_of(log), tmp_path / "out", trust_of(log))
        assert head.size == size
        [report] = verify_paths([tmp_path / "out"], trust_of(log))
        assert report.ok, report.lines()
    assert sorted(int(file.name) for file in (tmp_path / "out/checkpoints").iterdir()) == [3, 255, 256, 300, 520]
    kept = files(tmp_path / "out")
    await copy_log(source_of(log), tmp_path / "out", trust_of(log))
    assert files(tmp_path / "out") == kept


async def test_the_year_before_moves_aside_when_a_new_one_begins(sqlite_log, tmp_path):
    """`<year>/` inside, linked through entry 0; a copy begun later holds the same."""
    await grow(sqlite_log, 300)
    await copy_log(source_of(sqlite_log), tmp_path / "old", trust_of(sqlite_log))
    sqlite_log.clock.now = NOW + YEAR
    async with sqlite_log.journal() as journal:
        await asyncio.gather(*(journal.append(linked(time=NOW + YEAR)) for _ in range(5)))
    await sqlite_log.publish()
    for name in ("old", "new"):
        heads = await copy_log(source_of(sqlite_log), tmp_path / name, trust_of(sqlite_log))
        assert [head.origin for head in heads] == [f"{BASE}/2027", ORIGIN]
        reports = verify_paths([tmp_path / name], trust_of(sqlite_log))
        assert [report.ok for report in reports] == [True, True], [report.lines() for report in reports]
        assert {c.name: c.detail for c in reports[1].checks}["previous log"] == ORIGIN
    assert set(files(tmp_path / "new")) <= set(files(tmp_path / "old"))
    again = await copy_log(source_of(sqlite_log), tmp_path / "old", trust_of(sqlite_log))
    assert [head.origin for head in again] == [f"{BASE}/2027", ORIGIN]


LIES = {
    "a hash changed": {"hashes": lambda data, _: b"\0" * 32 + data[32:]},
    "a hash too few": {"hashes": lambda data, _: data[32:]},
    "an entry changed": {"entries": lambda data, _: data.replace(b"ml-brume", b"ml-crime", 1)},
    "a bundle cut": {"entries": lambda data, _: data[:-1]},
}


@pytest.mark.parametrize("what", LIES)
async def test_nothing_of_a_lie_is_kept(sqlite_log, tmp_path, what):
    """What the signed root does not cover is refused, and the honest source can go on afterwards."""
    await grow(sqlite_log, 10)
    await copy_log(source_of(sqlite_log), tmp_path, trust_of(sqlite_log))
    await grow(sqlite_log, 300)
    with pytest.raises(MirrorRefused):
        await copy_log(Liar(source_of(sqlite_log), **LIES[what]), tmp_path, trust_of(sqlite_log))
    await copy_log(source_of(sqlite_log), tmp_path, trust_of(sqlite_log))
    assert verify_paths([tmp_path], trust_of(sqlite_log))[0].ok


async def test_a_copy_that_broke_off_goes_on(sqlite_log, tmp_path):
    """What was written before stays as it is; the checkpoint was not, so nothing was claimed."""
    await grow(sqlite_log, 600)
    second = {"entries": lambda data, index: data if index == 0 else data[:-1]}
    with pytest.raises(MirrorRefused):
        await copy_log(Liar(source_of(sqlite_log), **second), tmp_path, trust_of(sqlite_log))
    assert (tmp_path / "tile/entries/000").is_file()
    assert not (tmp_path / "checkpoint").exists()
    await copy_log(source_of(sqlite_log), tmp_path, trust_of(sqlite_log))
    assert verify_paths([tmp_path], trust_of(sqlite_log))[0].ok


async def test_a_checkpoint_of_another_key_is_refused(sqlite_log, tmp_path):
    """The keys are the ones one holds."""
    await grow(sqlite_log, 10)
    with pytest.raises(NoteInvalid):
        await copy_log(source_of(sqlite_log), tmp_path / "out", Trust((Ed25519Signer(BASE, b"x" * 32).vkey,)))
    assert not (tmp_path / "out").exists()


async def test_a_history_that_does_not_continue_the_kept_one_is_refused(sqlite_log, tmp_path):
    """A mirror is evidence against the operator: a rewritten log, signed with the right key, does not enter."""
    await grow(sqlite_log, 10)
    await copy_log(source_of(sqlite_log), tmp_path / "kept", trust_of(sqlite_log))
    from gateway.database import open_database
    from tests.unit.audit.conftest import make_log, metadata

    (tmp_path / "home").mkdir()
    async with open_database(f"sqlite:///{tmp_path}/other.db") as database:
        await database.write(metadata.create_all)
        other = make_log(database, tmp_path / "home")
        await grow(other, 300)
        before = files(tmp_path / "kept")
        with pytest.raises(MirrorRefused, match="lead from what was kept"):
            await copy_log(source_of(other), tmp_path / "kept", trust_of(other))
        assert files(tmp_path / "kept") == before


@pytest.mark.parametrize("previous", [ORIGIN, f"{BASE}/2027", "other.example/2025"])
async def test_a_log_that_names_itself_as_the_one_before_is_refused(tmp_path, previous):
    """Following it would never end: only earlier years of the same log come before."""
    leaves = leaves_of([entry("log.created", **years.opening(ORIGIN, Checkpoint(previous, 1, b"\1" * 32)))])
    write(tmp_path / "source", leaves)

    class Published:
        async def note(self, _):
            return (tmp_path / "source/checkpoint").read_text()

        async def tile(self, _, level, *, index, width):
            return (tmp_path / "source" / tile_path(level, index, width)).read_bytes()

        async def beside(self, _):
            return {}

    with pytest.raises(MirrorRefused, match="none of its earlier years"):
        await copy_log(Published(), tmp_path / "copy", Trust((SIGNER.vkey,)))


async def test_what_is_published_as_a_year_must_be_that_year(sqlite_log, tmp_path):
    """A source that gives the newest log for each year is refused."""
    await grow(sqlite_log, 5)
    sqlite_log.clock.now = NOW + YEAR
    async with sqlite_log.journal() as journal:
        await journal.append(linked(time=NOW + YEAR))
    await sqlite_log.publish()

    class Newest(Liar):
        async def note(self, _):
            return await self.source.note(None)

        async def tile(self, _, level, *, index, width):
            return await self.source.tile(None, level, index=index, width=width)

        async def beside(self, _):
            return await self.source.beside(None)

    with pytest.raises(MirrorRefused, match="not the log that the year after it names"):
        await copy_log(Newest(source_of(sqlite_log)), tmp_path, trust_of(sqlite_log))


async def test_a_mirror_begun_after_pruning_holds_hashes_where_entries_are_gone(sqlite_log, tmp_path):
    """The tree is whole; the verifier asks where the pruning was announced."""
    await grow(sqlite_log, 600)
    [head] = await copy_log(Liar(source_of(sqlite_log), entries=gone), tmp_path, trust_of(sqlite_log))
    assert head.size == 600
    assert not (tmp_path / "tile/entries/000").exists()
    assert verify_paths([tmp_path], trust_of(sqlite_log))[0].failed() == ["files"]


async def test_a_directory_of_something_else_is_refused(sqlite_log, tmp_path):
    """Another log's copy, a copy whose tiles are gone."""
    await grow(sqlite_log, 300)
    out = tmp_path / "out"
    await copy_log(source_of(sqlite_log), out, trust_of(sqlite_log))
    (out / "tile/0/001.p/44").unlink()
    with pytest.raises(ExportRefused, match="lacks tiles"):
        await copy_log(source_of(sqlite_log), out, trust_of(sqlite_log))
    shutil.rmtree(out)
    other = Ed25519Signer("other.example/2026", b"\5" * 32)
    put(out / "checkpoint", sign_note(Checkpoint(other.name, 3, b"\1" * 32).text(), other).encode())
    trust = Trust((*trust_of(sqlite_log).vkeys, other.vkey))
    with pytest.raises(ExportRefused, match="another origin"):
        await copy_log(source_of(sqlite_log), out, trust)
    with pytest.raises(ExportRefused, match="not signed"):
        await copy_log(source_of(sqlite_log), out, trust_of(sqlite_log))


async def test_what_only_the_database_holds_lies_beside(log, tmp_path):
    """Keys, policy, cosigned heads one per ten minutes, time-stamps."""
    import sqlalchemy as sa

    from audit.models import audit_cosignature, audit_timestamp

    for size in (5, 6, 7):
        await grow(log, size)
    times = {5: 1_200, 6: 1_300, 7: 1_900}
    lines = [
        {"shard": 1, "size": size, "witness": "w", "time": time, "line": "— w AAAAAAAA\n"}
        for size, time in times.items()
    ]
    stamp = {"shard": 1, "size": 6, "authority": "a", "at": NOW, "token": b"token"}
    await log.database.write(lambda c: c.execute(sa.insert(audit_cosignature), lines))
    await log.database.write(lambda c: c.execute(sa.insert(audit_timestamp), stamp))
    source = StoredLog(log.database, {"log": [log.signer.vkey.named(BASE)]}, policy=b"quorum none\n")
    await copy_log(source, tmp_path, trust_of(log))
    kept = files(tmp_path)
    assert {name for name in kept if name.startswith(("checkpoints", "timestamps"))} == {
        "checkpoints/5", "checkpoints/7", "timestamps/6.tsr",
    }  # fmt: skip
    assert kept["checkpoints/5"].endswith("— w AAAAAAAA\n".encode())
    assert (kept["policy"], kept["timestamps/6.tsr"]) == (b"quorum none\n", b"token")
    assert kept["log.vkey"] == f"{log.signer.vkey}\n".encode()
    assert "receipt.vkey" not in kept
