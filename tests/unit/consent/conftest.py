"""A whole consent side on real engines: database, key store, journal with the gate, services, a clock to turn."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

import policies
from audit import models as audit_models
from audit.canonical import loads
from audit.journal import Appended, Draft, Journal
from audit.models import audit_entry
from consent import models
from consent.blind import BlindIndex
from consent.erasure import Erasures
from consent.frozen import Freezer, keep_terms
from consent.guards import Gate, SubjectRef
from consent.queries import Snapshots
from consent.records import Authorisations
from consent.states import By, Request
from consent.subjects import People
from consent.vault import LocalKek, SubjectId, Vault
from gateway.database import Database, open_database
from policies import catalogue

CONSORTIUM = catalogue.load(Path(policies.__file__).parent / "catalogue")
NOW = 1_795_000_000_000
DAY = 86_400_000
ORIGIN = "val-de-brume.example/log"

PERSON = By(kind="subject", channel="page", method="franceconnect")
AGENT = By(kind="professional", channel="counter", actor="ab" * 16)
CLOCK = By(kind="clock", channel="system")

ALL_KINDS = frozenset({"pivot", "nir", "ft_number", "ft_login", "caf_number", "rdvi_user", "rdvi_rdv"})
LEA = {
    "nir": "299042A123456",
    "ft_number": "12345678901",
    "caf_number": "0123456/demandeur",
    "pivot": {
        "birth_country": "99100", "birth_date": "1999-04-02", "birth_place": "2A004", "family_name": "Ozanne-Kermadec",
        "given_names": ["Léa", "Maëlys"], "sex": "F", "usual_name": None,
    },
}  # fmt: skip


@dataclass
class Clock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class Side:
    """One process's view: `another` opens a second journal on the same database."""

    store: Database
    keys: Database
    vault: Vault
    journal: Journal
    blind: BlindIndex
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.people = People(store=self.store, journal=self.journal, vault=self.vault, blind=self.blind)
        self.authorisations = Authorisations(store=self.store, journal=self.journal, vault=self.vault)
        self.snapshots = Snapshots(store=self.store, vault=self.vault, blind=self.blind)

    async def another(self) -> "Side":
        vault = Vault(self.keys, LocalKek(b"k" * 32))
        return Side(self.store, self.keys, vault, await start(self.store, self.clock), self.blind, self.clock)

    async def lea(self, partner: str = "ml-brume", reference: str = "dossier-7", **identifiers: object) -> SubjectId:
        """Link the fictional person Léa and give her subject."""
        linked = await self.people.link(
            partner=partner,
            reference=reference,
            identifiers=identifiers or LEA,
            accepted_kinds=ALL_KINDS,
            now=self.clock.now,
        )
        return await self.people.resolve(partner=partner, pseudonym=linked.pseudonym)

    async def entries(self) -> list[dict]:
        rows = await self.store.read(
            lambda connection: connection.execute(select(audit_entry.c.leaf).order_by(audit_entry.c.index)).all()
        )
        return [loads(row.leaf) for row in rows]

    async def row(self, subject: str) -> dict:
        query = select(models.subject).where(models.subject.c.id == subject)
        return dict(await self.store.read(lambda connection: connection.execute(query).mappings().one()))

    async def release(self, subject: SubjectId, guard: object, *, journal: Journal | None = None) -> Appended:
        """Append the entry after which data would leave."""
        members = {"ref": "0" * 32, "org": "ml-brume", "purpose": "support.youth", "actor": "cd" * 16, "states": {}}
        draft = Draft(
            type="exchange.released", members=members, time=self.clock.now,
            subject=SubjectRef(subject, await self.vault.open(subject)), guard=guard, release=True,
        )  # fmt: skip
        return await (journal or self.journal).append(draft)

    async def tags_are_gap_free(self, *subjects: SubjectId) -> None:
        """Every person's numbers 0…n-1 each appear once, and no tag is left over (promise P8)."""
        written = [entry["subject"] for entry in await self.entries() if "subject" in entry]
        expected = []
        for subject in subjects:
            key = await self.vault.open(subject)
            expected += [key.tag(number) for number in range((await self.row(subject))["counter"])]
        assert sorted(written) == sorted(expected)


def asked(**changes: object) -> Request:
    """What the mission locale asks for."""
    usual = {"recipient": "ml-brume", "purpose": "support.youth", "basis": "consent", "catalogue": "0" * 64,
             "fields": frozenset({"rsa.beneficiary", "rsa.since", "quotient_familial.value"})}  # fmt: skip
    return Request(**{**usual, **changes})


async def start(store: Database, clock: Clock) -> Journal:
    journal = Journal(store, gate=Gate(clock), origin=ORIGIN, clock=clock, quiet=0)
    await journal.start()
    return journal


@pytest.fixture
def keys_url(database_url: str, tmp_path: Path) -> str:
    """The key store is another file; with PostgreSQL another pool on the same database, to spare the time."""
    return f"sqlite:///{tmp_path}/keys.db" if database_url.startswith("sqlite") else database_url


@pytest.fixture
async def side(database: Database, keys_url: str) -> AsyncIterator[Side]:
    """Everything opened, tables created."""
    async with open_database(keys_url) as keys:
        await keys.write(models.keys_metadata.create_all)
        await database.write(audit_models.metadata.create_all)
        await database.write(models.metadata.create_all)
        clock = Clock()
        journal = await start(database, clock)
        yield Side(database, keys, Vault(keys, LocalKek(b"k" * 32)), journal, BlindIndex(b"b" * 32), clock)
        await journal.close()


@pytest.fixture
async def erasures(side: Side) -> Erasures:
    """Three officers, of whom two must sign."""
    from .erasing import of  # which needs what stands above

    return of(side)


@pytest.fixture
async def kept(side):
    """A side whose records are frozen when they are given."""
    await keep_terms(side.store, CONSORTIUM)
    side.freezer = Freezer()
    side.authorisations = Authorisations(
        store=side.store,
        journal=side.journal,
        vault=side.vault,
        told=side.freezer.told,
        digest=side.freezer.digest,
    )
    return side
