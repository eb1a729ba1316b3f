"""Whether a person's choice stays quick: withdrawing under full load, reading choices, and both in a large register.

    python -m bench authorisations [--seconds 10] [--people 4000] [--engines sqlite,postgresql] [--most 1000000]

1. Withdrawals: while 64 clients exchange with `passerelle serve`, another process withdraws, one person after the
   other, over HTTP at the same gateway and, in turn, through the library beside it (other people than are exchanged).
2. Snapshots: 64 exchanges at once in this process; statements are counted where they reach the driver.
3. The register: look-ups by 64 waiting, and withdrawals by 16, from 1,000 to 1,000,000 authorisations; the others are
   rows like a real one, each with a person, a pseudonym and a key.
"""

import asyncio
import multiprocessing
import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection as Pipe
from typing import Any

import httpx
import sqlalchemy as sa
import uvloop
from sqlalchemy import Connection, event

from audit.journal import Journal
from audit.models import metadata as journal_tables
from bench.append import drive, now, urls
from bench.bed import Bed
from bench.curve import maintain
from bench.population import PARTNER, WANTED, Population, person
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
from gateway.exchange import Wanted, exchange
from gateway.oauth.verification import Caller
from gateway.services import Services, open_services
from gateway.settings import Settings

PURPOSE = "bench.one_call"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
_CLIENTS = 64
_PER_SECOND = 10  # withdrawals
_CHUNK = 50_000
_SAMPLE = 500
_AT_ONCE = 16
_HERSELF = By(kind="subject", channel="library", method="bench")
_ASKED = Request(
    recipient=PARTNER, purpose=PURPOSE, basis="consent", catalogue="c" * 64,
    fields=frozenset(f"household.{name}" for name in ("address", "postcode", "commune", "children")),
)  # fmt: skip
Figures = dict[str, Any]


def measure(bed: Bed, engines: Sequence[str], *, people: int, seconds: float, most: int) -> Figures:
    """All three, by engine."""
    bed.gateways({f"choices-{engine}": engine for engine in engines}, people=people)
    found: Figures = {"withdrawals": [], "snapshots": [], "register": []}
    for engine in engines:
        target, settings = bed.targets[f"choices-{engine}"], bed.settings[f"choices-{engine}"]
        bed.warm(target, "one")
        found["withdrawals"].append({"engine": engine, **_under_load(bed, target.name, settings, seconds)})
        print(found["withdrawals"][-1], flush=True)  # the rest takes minutes
        assert target.population is not None  # noqa: S101  for mypy: a gateway has one
        found["snapshots"].append({"engine": engine, **uvloop.run(_counted(settings, target.population, seconds / 2))})
        print(found["snapshots"][-1], flush=True)
        bed.stop(target)
    for engine in engines:
        with urls([engine]) as [(url, _)]:
            for size in (each for each in SIZES if each <= most):
                found["register"].append({"engine": engine, "size": size, **uvloop.run(_register(url, size))})
                print(found["register"][-1], flush=True)
    return found


def _under_load(bed: Bed, name: str, settings: Settings, seconds: float) -> Figures:
    """Withdrawals before and during the load."""
    target = bed.targets[name]
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    count = int(seconds * _PER_SECOND)
    arguments = (settings, target.population, theirs, count, bed.asking)
    process = multiprocessing.get_context("spawn").Process(target=_withdrawer, args=arguments)
    process.start()
    figures: Figures = {}
    for when in ("idle", "loaded"):
        ours.recv()  # its people are there
        ours.send("begin")
        if when == "loaded":
            report = bed.load(target, "one", clients=_CLIENTS, seconds=seconds + 2)
            figures |= {"rate": report["rate"], "exchange_p50": report["p50"], "exchange_p99": report["p99"]}
        for how, waits in ours.recv().items():
            figures |= {f"{when}_{how}_{percentile}": each for percentile, each in waits.items()}
    process.join()
    return figures


def _withdrawer(settings: Settings, population: Population, pipe: Pipe, count: int, core: int) -> None:
    os.sched_setaffinity(0, {core})
    uvloop.run(_withdraw(settings, population, pipe, count))


async def _withdraw(settings: Settings, population: Population, pipe: Pipe, count: int) -> None:
    """Two turns of `count`, evenly in time; every other one over HTTP."""
    asking = replace(population, scopes=["authorisations:answer", *population.scopes])
    async with open_services(settings) as services, httpx.AsyncClient(base_url=settings.public_url) as http:
        caller = await _caller(services, asking, settings.public_url)
        for turn in range(2):
            held = [await person(services, caller, 500_000 + turn * count + n, [PURPOSE]) for n in range(count)]
            token = await asking.token(settings.public_url)
            pipe.send("ready")
            await asyncio.to_thread(pipe.recv)
            waits: dict[str, list[float]] = {"http": [], "library": []}
            for number, pseudonym in enumerate(held):
                about = await services.people.resolve(partner=PARTNER, pseudonym=pseudonym)
                [record] = await services.authorisations.authorisations_of(about)
                began = time.perf_counter()
                if number % 2:
                    await services.authorisations.withdraw(record.id, subject=about, by=_HERSELF, now=services.clock())
                else:
                    answer = await http.post(
                        f"/v1/authorisations/{record.id}/withdrawals",
                        json={"channel": "phone"}, headers={"Authorization": f"Bearer {token}"},
                    )  # fmt: skip
                    answer.raise_for_status()
                waits["library" if number % 2 else "http"].append((time.perf_counter() - began) * 1e3)
                await asyncio.sleep(max(0.0, 1 / _PER_SECOND - (time.perf_counter() - began)))
            pipe.send({how: _percentiles(each) for how, each in waits.items()})


def _percentiles(waits: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    return {"p50": cuts[49], "p99": cuts[98], "max": max(waits)}


async def _caller(services: Services, population: Population, issuer: str) -> Caller:
    token = await population.token(issuer)
    return await services.verifier.caller(
        {"headers": [(b"authorization", f"Bearer {token}".encode())]}, services.clock()
    )


async def _counted(settings: Settings, population: Population, seconds: float) -> dict[str, float]:
    """Statements per exchange: of snapshots, and all."""
    names = population.pseudonyms[PURPOSE]
    told: Counter[str] = Counter()

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        told["all"] += 1
        told["snapshots"] += "consent_partner_subject" in statement

    event.listen(sa.Engine, "before_cursor_execute", count)
    async with open_services(settings) as services:
        caller = await _caller(services, population, settings.public_url)

        async def one(number: int) -> None:
            wanted = Wanted(
                pseudonym=names[number * 7919 % len(names)], reference=None, purpose=PURPOSE, names=tuple(WANTED)
            )
            await exchange(services, caller, wanted, now=services.clock(), line={})
            told["exchanges"] += 1

        await drive(one, clients=_CLIENTS, seconds=1)
        told.clear()
        rate, _, p99 = await drive(one, clients=_CLIENTS, seconds=seconds)
    event.remove(sa.Engine, "before_cursor_execute", count)
    done = told["exchanges"]
    return {"rate": rate, "p99": p99, "snapshots": told["snapshots"] / done, "statements": told["all"] / done}


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
        while await database.write(partial(_grow, size=size)):
            pass
        settle = (
            ("ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)") if "sqlite" in url else ("VACUUM (ANALYZE)", "CHECKPOINT")
        )
        await maintain(url, *settle)
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
            leaving = (held.withdraw(id_, subject=about, by=_HERSELF, now=now()) for about, _, id_ in some)
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
    await held.give(asked.record.id, subject=about, fields=_ASKED.fields, by=_HERSELF, now=now())
    return about, linked.pseudonym, asked.record.id


def _grow(connection: Connection, size: int) -> int:
    """Add rows like a real one, with ids of their own; gives how many."""
    there = connection.execute(sa.select(sa.func.count()).select_from(authorisation)).scalar_one()
    count = min(_CHUNK, size - there)
    if count <= 0:
        return 0
    mark = -there  # of this chunk, in created_at
    fresh = _fresh_id(connection.dialect.name)
    _copies(connection, subject, _numbers(connection.dialect.name, count), id=fresh, created_at=sa.literal(mark))
    added = sa.select(subject.c.id).where(subject.c.created_at == mark).subquery("added")
    _copies(connection, partner_subject, added, pseudonym=sa.literal("psn_") + fresh, subject=added.c.id)
    _copies(connection, subject_key, added, subject=added.c.id)
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


def told(found: Figures) -> str:
    """The figures as tables."""
    from bench.report import markdown

    withdrawals = [
        (f"{each['engine']}, {how}", *(f"{each[f'{when}_{how}_{name}']:.1f}" for when in ("idle", "loaded") for name in
                                       ("p50", "p99", "max")), f"{each['rate']:,.0f}", f"{each['exchange_p50']:.0f}")
        for each in found["withdrawals"] for how in ("http", "library")
    ]  # fmt: skip
    head = ("withdrawal answered, ms", *(f"{when} {name}" for when in ("alone", "under load") for name in
                                        ("p50", "p99", "max")), "exchanges/s beside", "their p50")  # fmt: skip
    snapshots = [
        (each["engine"], f"{each['snapshots']:.3f}", f"{each['statements']:.2f}", f"{each['rate']:,.0f}")
        for each in found["snapshots"]
    ]
    register = [
        (f"{each['engine']}, {each['size']:,}", f"{each['rate']:,.0f}", f"{each['cpu']:.0f}", f"{each['p99']:.1f}",
         f"{each['withdrawals']:,.0f}")
        for each in found["register"]
    ]  # fmt: skip
    return "\n\n".join(
        (
            markdown(head, withdrawals),
            markdown(("64 at once", "snapshot statements per exchange", "all statements", "exchanges/s"), snapshots),
            markdown(("authorisations", "look-ups/s", "CPU µs", "p99 ms", "withdrawals/s"), register),
        )
    )


def met(found: Figures) -> list[tuple[str, bool]]:
    """The targets."""
    sentences = []
    for each in found.get("withdrawals", []):
        for how in ("http", "library"):
            p99 = each[f"loaded_{how}_p99"]
            sentences.append(
                (f"{each['engine']}, {how}: withdrawal p99 {p99:.0f} ms under load (50 wanted)", p99 <= 50)
            )
    for each in found.get("snapshots", []):
        share = each["snapshots"]
        sentences.append(
            (f"{each['engine']}: {share:.3f} snapshot statements per exchange (below 1 wanted)", share < 1)
        )
    for engine in dict.fromkeys(each["engine"] for each in found.get("register", [])):
        mine = [each for each in found["register"] if each["engine"] == engine]
        for what in ("rate", "withdrawals"):
            ratio = mine[-1][what] / mine[0][what]
            name = "look-ups" if what == "rate" else "withdrawals"
            sentence = f"{engine}: {ratio:.2f} x as many {name} at {mine[-1]['size']:,} authorisations (0.8 wanted)"
            sentences.append((sentence, ratio >= 0.8))
    return sentences
