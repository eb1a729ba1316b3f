"""A journal on a real engine, a clock that does not move by itself, entries; keys that change, witnesses to ask."""

import base64
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from audit.journal import Draft, Journal
from audit.keys import Ed25519Signer
from audit.models import metadata
from audit.publisher import Publisher
from audit.signer_state import SignerState
from gateway.database import Database
from gateway.witnesses import WitnessClient

BASE = "journal.val-de-brume.example"
ORIGIN = f"{BASE}/2026"  # of the shard of NOW
NOW = 1_790_000_000_000


def write_consistency(old: int, path: Sequence[bytes], note: str) -> str:
    """The text of a consistency proof, which others write and `audit verify` reads."""
    return "\n".join([f"old {old}", *(base64.b64encode(each).decode() for each in path), "", note])


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def stamp(connection: Connection, drafts: Sequence[Draft]) -> list[Mapping[str, str] | Exception]:
    """A gate that lets everybody through, with a fresh tag for entries about a person."""
    return [{"subject": secrets.token_hex(16)} if draft.subject else {} for draft in drafts]


def linked(**changes: Any) -> Draft:
    """The smallest entry about a person."""
    return Draft(**{"type": "subject.linked", "members": {"org": "ml-brume"}, "time": NOW, "subject": "s"} | changes)


@dataclass
class Log:
    """One log: its store, its keys (under the name of the shard), and ways to fill and publish it."""

    database: Database
    clock: Clock
    signer: Ed25519Signer
    receipt_signer: Ed25519Signer
    states: SignerState
    origin: str = BASE

    @asynccontextmanager
    async def journal(self, **options: Any) -> AsyncIterator[Journal]:
        journal = Journal(self.database, **{"gate": stamp, "origin": BASE, "clock": self.clock, "quiet": 1} | options)
        await journal.start()
        try:
            yield journal
        finally:
            await journal.close()

    def publisher(self, **changes: Any) -> Publisher:
        signer = self.signer.named(BASE)
        parts = {"store": self.database, "signer": signer, "state": self.states, "origin": BASE} | changes
        return Publisher(**parts)

    @property
    def state(self) -> SignerState:
        """Of the shard of NOW."""
        return self.states.of("2026")

    async def publish(self) -> Any:
        return await self.publisher().publish_once(self.clock())


@pytest.fixture
async def log(database: Database, tmp_path: Path) -> Log:
    """An empty log on each engine."""
    await database.write(metadata.create_all)
    return make_log(database, tmp_path)


@pytest.fixture
async def sqlite_log(tmp_path: Path) -> AsyncIterator[Log]:
    """An empty log on SQLite only, for what the engine does not change."""
    from gateway.database import open_database

    async with open_database(f"sqlite:///{tmp_path}/journal.db") as database:
        await database.write(metadata.create_all)
        yield make_log(database, tmp_path)


def make_log(database: Database, home: Path) -> Log:
    signer, receipt_signer = Ed25519Signer(ORIGIN, b"\1" * 32), Ed25519Signer(f"{ORIGIN}/receipt", b"\2" * 32)
    return Log(database, Clock(), signer, receipt_signer, SignerState(home / "signer.json"))


@pytest.fixture
def draft() -> Callable[..., Draft]:
    return linked


# What follows needs modules that need what stands above: they are imported where they are used.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where keys lie."""
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
async def world(log: Log, folder: Path) -> AsyncIterator[Any]:
    """One host whose keys change."""
    from tests.unit.audit.rotating import World

    async with log.journal() as journal:
        yield World(log, journal, folder)


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[Any]]:
    """Three witnesses."""
    from tests.unit.audit.neighbours import KEYS, neighbour

    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(neighbour(tmp_path, key)) for key in KEYS[:3]]


@pytest.fixture
async def client() -> AsyncIterator[WitnessClient]:
    one = WitnessClient(seconds=1.0)
    yield one
    await one.close()


@pytest.fixture
async def ours(log: Log, three: list[Any], client: WitnessClient) -> Any:
    """Our side, which needs two of them."""
    from tests.unit.audit.neighbours import Ours, policy_of

    return Ours(log, client, policy_of(three, 2))


@pytest.fixture
async def restored(sqlite_log: Log, three: list[Any], client: WitnessClient, tmp_path: Path) -> AsyncIterator[Any]:
    """A backup of four entries, started while the witnesses have cosigned seven."""
    from tests.unit.audit.neighbours import Ours, copy_of, policy_of

    before = Ours(sqlite_log, client, policy_of(three, 2))
    await before.grow(3)
    await before.ask()
    backup = copy_of(sqlite_log, tmp_path / "backup")
    await before.grow(3)
    assert set((await before.ask()).values()) == {"ok"}
    yield Ours(backup, client, policy_of(three, 2))
    await backup.database.close()
