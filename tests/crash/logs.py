"""One log for crash trials, opened through the public constructors, in this one place; and what it acknowledged.

An acknowledgement is a line in a file of the process that received it: written with one call, so that a process
killed right after it has said it, and one killed before has not.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey as ForeignVkey
from tlog_scales.signing import VkeySet

from audit import merkle
from audit.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, split_note
from audit.export import export_directory
from audit.journal import Appended, Draft, Journal
from audit.keys import Ed25519Signer, Vkey
from audit.merkle import CompactRange
from audit.models import audit_checkpoint, audit_entry, audit_head, metadata
from audit.publisher import Publisher
from audit.signer_state import SignerState
from audit.store import Store
from audit.verify import verify_directory
from gateway.database import open_database

ORIGIN = "journal.val-de-brume.example/log"
SIGNER = Ed25519Signer(ORIGIN, b"\1" * 32)
RECEIPTS = Ed25519Signer(f"{ORIGIN}/receipt", b"\2" * 32)


def now() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


def stamp(connection: Connection, drafts: Sequence[Draft]) -> list[Mapping[str, str] | Exception]:
    """A gate that lets everybody through, with a fresh tag for entries about a person."""
    return [{"subject": secrets.token_hex(16)} for _ in drafts]


def draft(**changes: Any) -> Draft:
    """The smallest entry about a person, dated now."""
    return Draft(**{"type": "subject.linked", "members": {"org": "ml-brume"}, "time": now(), "subject": "s"} | changes)


def journal_of(store: Store, *, clock: Callable[[], int] = now, **options: Any) -> Journal:
    """A journal of this log, soon without the lock where it can be; the caller starts and closes it."""
    return Journal(store, gate=stamp, origin=ORIGIN, clock=clock, **{"quiet": 0} | options)


def publisher_of(store: Store, state: Path, **options: Any) -> Publisher:
    """A publisher with this memory."""
    return Publisher(store, signer=SIGNER, state=SignerState(state), origin=ORIGIN, **options)


@dataclass(slots=True)
class Log:
    """A log whose journal runs."""

    store: Store
    journal: Journal
    publisher: Publisher

    async def append(self, count: int = 1, **changes: Any) -> list[Appended]:
        """Append that many at once."""
        return list(await asyncio.gather(*(self.journal.append(draft(**changes)) for _ in range(count))))

    async def leaves(self) -> list[bytes]:
        """Every entry; asserts that the numbers follow each other and that the head says how many."""
        query = sa.select(audit_entry.c.index, audit_entry.c.leaf).order_by(audit_entry.c.index)
        rows = await self.store.read(lambda connection: connection.execute(query).all())
        heads = sa.select(audit_head.c.size)
        sizes = await self.store.read(lambda connection: connection.execute(heads).scalars().all())
        assert [row.index for row in rows] == list(range(sum(sizes)))
        return [row.leaf for row in rows]


@asynccontextmanager
async def log_at(
    url: str, state: Path, *, around: Callable[[Store], Store] = lambda store: store, **options: Any
) -> AsyncIterator[Log]:
    """Open a database and the log in it; `around` may put something between the two."""
    async with open_database(url) as database:
        store = around(database)
        journal = journal_of(store, **options)
        await journal.start()
        try:
            yield Log(store, journal, publisher_of(store, state, on_hold=journal.hold))
        finally:
            await journal.close()


class Midnight:
    """A clock near the end of a year, in milliseconds before or after."""

    def __init__(self, year: int, moment: int = 0) -> None:
        self._end = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp() * 1000)
        self.moment = moment

    def __call__(self) -> int:
        return self._end + self.moment


async def year_of(url: str) -> int:
    """The year whose shard is appended to; 2026 before there is one."""
    newest = sa.select(audit_head.c.origin).order_by(audit_head.c.id.desc()).limit(1)
    async with open_database(url) as database:
        origin = await database.read(lambda connection: connection.execute(newest).scalar())
    return int(origin.rpartition("/")[2]) if origin else 2026


async def create(url: str) -> str:
    """Make the tables; gives the address back."""
    async with open_database(url) as database:
        await database.write(metadata.create_all)
    return url


class Acknowledged:
    """What processes were told, one file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def entries(self, appended: Sequence[Appended]) -> None:
        """Note entries whose append has returned."""
        self._note("".join(f"entry {one.index} {one.leaf_hash.hex()}\n" for one in appended))

    def head(self, published: Checkpoint) -> None:
        """Note a head whose checkpoint was published."""
        self._note(f"head {published.size} {published.root.hex()}\n")

    def _note(self, text: str) -> None:
        handle = os.open(self.folder / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, text.encode())
        os.close(handle)

    async def reach(self, count: int) -> None:
        """Wait until so much was acknowledged."""
        while sum(1 for _ in self.read()) < count:  # noqa: ASYNC110  told by files only
            await asyncio.sleep(0.05)

    def read(self) -> Iterator[tuple[str, ...]]:
        """Give every whole line of every process, split."""
        for path in sorted(self.folder.iterdir()):
            for line in path.read_text("ascii").splitlines(keepends=True):
                if line.endswith("\n"):
                    yield tuple(line.split())


async def check(log: Log, acknowledged: Acknowledged, copy: Path | None = None) -> int:
    """The promise after any crash; gives how many entries were acknowledged.

    1. numbers without gap; every acknowledged entry is present, at its number, and its number was given once;
    2. every acknowledged checkpoint is a head of this one history;
    3. the log goes on: it takes an entry and publishes it;
    4. with `copy`: an export of it is accepted by our verifier and by somebody else's.
    """
    hashes, lines = await present(log, acknowledged), list(acknowledged.read())  # 1
    grown = CompactRange()  # 2
    for size, head in sorted({(int(line[1]), line[2]) for line in lines if line[0] == "head"}):
        grown.extend(hashes[grown.size : size])
        assert (grown.size, grown.root().hex()) == (size, head)
    [later] = await log.append(1)  # 3
    assert later.index == len(hashes)
    published = await log.publisher.publish_once(now())
    assert published is not None
    assert (published.size, published.root) == (later.size, later.root)
    if copy is not None:  # 4
        await export(log.store, copy)
        accepted(copy, len(hashes) + 1)
    return sum(line[0] == "entry" for line in lines)


async def present(log: Log, acknowledged: Acknowledged) -> list[bytes]:
    """Every acknowledged entry is there, once, and no number is missing; gives the hashes of all."""
    hashes = [merkle.leaf_hash(leaf) for leaf in await log.leaves()]
    entries = [(int(line[1]), bytes.fromhex(line[2])) for line in acknowledged.read() if line[0] == "entry"]
    assert len({index for index, _ in entries}) == len(entries)
    assert [(index, hashes[index]) for index, _ in entries] == entries
    assert len(set(hashes)) == len(hashes)
    return hashes


async def published(store: Store) -> Checkpoint | None:
    """The newest checkpoint, its signature verified."""
    query = sa.select(audit_checkpoint.c.note).order_by(audit_checkpoint.c.shard.desc(), audit_checkpoint.c.size.desc())
    note = await store.read(lambda connection: connection.execute(query.limit(1)).scalar())
    if note is None:
        return None
    origin = parse_checkpoint(split_note(note)[0]).origin
    return open_checkpoint(note, SIGNER.vkey.named(origin))


def stored(connection: Connection, size: int) -> Callable[[int, int], bytes]:
    """Subtrees of the first entries, computed from the entries as they are read."""
    query = sa.select(audit_entry.c.leaf).where(audit_entry.c.index < size).order_by(audit_entry.c.index)
    hashes = [merkle.leaf_hash(leaf) for leaf in connection.execute(query).scalars()]
    assert len(hashes) == size

    def node(level: int, index: int) -> bytes:
        return merkle.root(hashes[index << level : (index + 1) << level])

    return node


def foreign_size(copy: Path) -> int:
    """How many entries a directory holds, as its checkpoint says."""
    return TilesReader(LocalBackend(copy)).get_checkpoint().size


async def export(store: Store, copy: Path) -> None:
    """Write the log as a directory."""
    await export_directory(store, copy, vkey=SIGNER.vkey)


def vkey_of(copy: Path) -> Vkey:
    """The public key of this log, under the name its checkpoint bears."""
    origin = (copy / "checkpoint").read_text("utf-8").partition("\n")[0]
    assert origin.startswith(ORIGIN)
    return SIGNER.vkey.named(origin)


def accepted(copy: Path, size: int) -> None:
    """Our verifier and somebody else's accept a directory."""
    report = verify_directory(copy, vkey_of(copy))
    assert report.ok, "\n".join(map(str, report.checks))
    foreign(copy, size)


def foreign(copy: Path, size: int) -> None:
    """Somebody else's verifier accepts it: signature, and root from the tiles."""
    reader = TilesReader(LocalBackend(copy))
    checkpoint = reader.get_checkpoint()
    assert VkeySet(ForeignVkey.from_string(str(vkey_of(copy)))).verify(checkpoint.signatures, checkpoint)
    assert (checkpoint.size, reader.calculate_root_hash()) == (size, checkpoint.root_hash)
