"""Whether a register of a million authorisations is as quick as one of a thousand.

1. Look-ups (person, choices and key) by 64 waiting, and withdrawals by 16, through the library, at each size.
2. What that is worth: exchanges of 64 clients at two gateways in turn, one with few authorisations, one with most.

The others are rows like a real one, each with a person, a pseudonym and a key. Databases live in a temporary folder.
"""

import asyncio
import statistics
import time
from functools import partial
from typing import Any

import sqlalchemy as sa
import uvloop
from sqlalchemy import Connection

from audit.journal import Journal
from audit.models import metadata as journal_tables
from bench.append import drive, now, urls
from bench.bed import Bed
from bench.curve import maintain
from bench.population import PARTNER
from consent.blind import BlindIndex
from consent.guards import Gate
from consent.identifiers import KINDS
from consent.models import authorisation, keys_metadata, metadata, partner_subject, subject, subject_key
from consent.queries import Snapshots
from consent.records import Authorisations
from consent.states import By, Request
from consent.subjects import People
from consent.vault import LocalKek, SubjectId, Vault
from gateway.database import open_database

PURPOSE = "bench.one_call"
HERSELF = By(kind="subject", channel="library", method="bench")
SIZES = (1_000, 10_000, 100_000, 1_000_000)
_CLIENTS = 64
_CHUNK = 50_000
_SAMPLE = 500
_AT_ONCE = 16
_ROUNDS = 4
_ASKED = Request(
    recipient=PARTNER, purpose=PURPOSE, basis="consent", catalogue="c" * 64,
    fields=frozenset(f"household.{name}" for name in ("address", "postcode", "commune", "children")),
)  # fmt: skip
Figures = dict[str, Any]


def library(engine: str, *, most: int) -> list[Figures]:
    """Look-ups and withdrawals at each size, the same register growing."""
    found = []
    with urls([engine]) as [(url, _)]:
        for size in (each for each in SIZES if each <= most):
            found.append({"engine": engine, "size": size, **uvloop.run(_register(url, size))})
            print(found[-1], flush=True)  # the rest takes minutes
    return found


def exchanges(bed: Bed, engine: str, *, people: int, seconds: float, most: int) -> Figures:
    """Exchanges at both gateways, in turn; the ratio is taken within the round."""
    names = f"few-{engine}", f"many-{engine}"
    bed.gateways(dict.fromkeys(names, engine), people=people)
    settings = bed.settings[names[1]]
    uvloop.run(_fill(settings.main_url, settings.keys_url, most))
    targets = [bed.targets[name] for name in names]
    for each in targets:
        bed.warm(each, "one")
    rounds = []
    for number in range(_ROUNDS):
        order = targets if number % 2 else targets[::-1]
        reports = {each.name: bed.load(each, "one", clients=_CLIENTS, seconds=seconds) for each in order}
        rounds.append([reports[name] for name in names])
    for each in targets:
        bed.stop(each)
    figures: Figures = {"engine": engine, "size": most}
    for position, size in enumerate(("few", "many")):
        for name in ("rate", "cpu", "p99"):
            figures[f"{size}_{name}"] = statistics.median(each[position][name] for each in rounds)
    return figures | {"ratio": statistics.median(many["rate"] / few["rate"] for few, many in rounds)}


async def _register(url: str, size: int) -> dict[str, float]:
    """Bring a register to this size, then read it and withdraw."""
    async with open_database(url) as database:
        for tables in (journal_tables, metadata, keys_metadata):
            await database.write(tables.create_all)
        journal = Journal(database, gate=Gate(now), origin="bench.example/log", clock=now, max_unpublished_ms=10**12)
        await journal.start()
        vault = Vault(database, LocalKek(b"k" * 32), cached=_SAMPLE // 4)  # most keys are read too
        blind = BlindIndex(b"b" * 32)
        people = People(store=database, journal=journal, vault=vault, blind=blind)
        held = Authorisations(store=database, journal=journal, vault=vault)
        sample: list[tuple[SubjectId, str, str]] = []
        for start in range(0, _SAMPLE, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, _SAMPLE))
            sample += await asyncio.gather(*(_given(people, held, size, number) for number in numbers))
        await _fill(url, url, size)
        snapshots = Snapshots(store=database, vault=vault, blind=blind)

        async def look(number: int) -> None:
            pseudonym = sample[number * 7919 % _SAMPLE][1]
            found = await snapshots.get(partner=PARTNER, purpose=PURPOSE, pseudonym=pseudonym)
            assert found.authorisation is not None  # noqa: S101  or the measurement is of nothing

        await drive(look, clients=_CLIENTS, seconds=0.5)
        windows = [await drive(look, clients=_CLIENTS, seconds=1) for _ in range(3)]
        began = time.perf_counter()
        for start in range(0, _SAMPLE, _AT_ONCE):
            some = sample[start : start + _AT_ONCE]
            leaving = (held.withdraw(id_, subject=about, by=HERSELF, now=now()) for about, _, id_ in some)
            await asyncio.gather(*leaving)
        spent = time.perf_counter() - began
        await journal.close()
    rate, cpu, p99 = (statistics.median(column) for column in zip(*windows, strict=True))
    return {"rate": rate, "cpu": cpu, "p99": p99, "withdrawals": _SAMPLE / spent}


async def _given(people: People, held: Authorisations, size: int, number: int) -> tuple[SubjectId, str, str]:
    """Somebody real, who said yes."""
    linked = await people.link(
        partner=PARTNER, reference=f"file-{size}-{number}", identifiers={"ft_number": f"{size + number:011d}"},
        accepted_kinds=KINDS, now=now(),
    )  # fmt: skip
    about = await people.resolve(partner=PARTNER, pseudonym=linked.pseudonym)
    by = By(kind="professional", channel="library", actor="ab" * 16)
    asked = await held.request(about, _ASKED, by=by, now=now())
    await held.give(asked.record.id, subject=about, fields=_ASKED.fields, by=HERSELF, now=now())
    return about, linked.pseudonym, asked.record.id


async def _fill(url: str, keys_url: str, size: int) -> None:
    """Bring the tables of a register to this size; and let the engine settle."""
    for each, grow in ((url, _grow), (keys_url, _grow_keys)):
        async with open_database(each) as database:
            while await database.write(partial(grow, size=size)):
                pass
    settle = ("ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)") if "sqlite" in url else ("VACUUM (ANALYZE)", "CHECKPOINT")
    for each in dict.fromkeys((url, keys_url)):
        await maintain(each, *settle)


def _missing(connection: Connection, table: sa.Table, size: int) -> int:
    there: int = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    return max(0, min(_CHUNK, size - there))


def _grow_keys(connection: Connection, size: int) -> int:
    """Add keys like a real one; gives how many."""
    count, dialect = _missing(connection, subject_key, size), connection.dialect.name
    if count:
        _copies(connection, subject_key, _numbers(dialect, count), subject=_fresh_id(dialect))
    return count


def _grow(connection: Connection, size: int) -> int:
    """Add rows like a real one, with ids of their own; gives how many."""
    count = _missing(connection, authorisation, size)
    if not count:
        return 0
    there = connection.execute(sa.select(sa.func.count()).select_from(authorisation)).scalar_one()
    mark = -there  # of this chunk, in created_at
    fresh = _fresh_id(connection.dialect.name)
    _copies(connection, subject, _numbers(connection.dialect.name, count), id=fresh, created_at=sa.literal(mark))
    added = sa.select(subject.c.id).where(subject.c.created_at == mark).subquery("added")
    _copies(connection, partner_subject, added, pseudonym=sa.literal("psn_") + fresh, subject=added.c.id)
    _copies(connection, authorisation, added, id=fresh, subject=added.c.id, lineage_id=added.c.id)
    return count


def _copies(connection: Connection, table: sa.Table, source: sa.FromClause, **own: sa.ColumnElement[Any]) -> None:
    """One row for each of `source`: the first one's, but for its own columns."""
    first = connection.execute(sa.select(table).order_by(*table.primary_key).limit(1)).mappings().one()
    columns = [own.get(column.name, sa.literal(first[column.name], column.type)) for column in table.c]
    select = sa.select(*columns).select_from(source)
    connection.execute(sa.insert(table).from_select([column.name for column in table.c], select))


def _fresh_id(dialect: str) -> sa.ColumnElement[str]:
    if dialect == "sqlite":
        return sa.func.lower(sa.func.hex(sa.func.randomblob(16)))
    return sa.func.replace(sa.cast(sa.func.gen_random_uuid(), sa.Text), "-", "")


def _numbers(dialect: str, count: int) -> sa.FromClause:
    if dialect != "sqlite":
        return sa.func.generate_series(1, count).table_valued("n", name="numbers")
    first = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    return first.union_all(sa.select(first.c.n + 1).where(first.c.n < count))
