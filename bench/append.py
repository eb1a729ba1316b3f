"""Durable appends per second: the journal as the gateway runs it, beside a plain insert with one commit each.

    python bench/append.py [--seconds 3] [--clients 1,16,64,256] [--engines sqlite,postgresql] [--processes 1]
                           [--profile FILE]

Each client appends, waits until the entry is durable, appends again. The entries are those of an exchange (decided,
released) with ten commitments and sealed salts; the gate is the gateway's: it reads the person's row, checks epoch
and frequency, stamps the tag, counts. The publisher signs once per second. Rounds of the two are interleaved; read
the ratios before the figures. With several processes each has its share of the clients and all write one log.
"""

import argparse
import asyncio
import gc
import multiprocessing
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlalchemy as sa
import uvloop

from audit.commitments import commit_all, new_seed
from audit.journal import Draft, Journal
from audit.keys import Ed25519Signer
from audit.models import metadata
from audit.publisher import Publisher
from audit.signer_state import SignerState
from consent.guards import EpochGuard, Gate, SubjectRef
from consent.models import metadata as consents
from consent.models import subject
from consent.vault import SubjectId, SubjectKey
from gateway.database import Database, open_database

PEOPLE = 2_000
ORIGIN = "bench.example/log"
LIMIT = 10**9
EPOCH = 3
extra = sa.MetaData()
plain = sa.Table(
    "bench_plain",
    extra,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
)
Figures = tuple[float, float, float]
"""Per second, CPU microseconds of each, p99 in milliseconds."""


def now() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


def person(number: int) -> SubjectRef:
    """Somebody, the same in every process."""
    key = number.to_bytes(32, "big")
    return SubjectRef(SubjectId(key.hex()[32:]), SubjectKey(key))


def decided(about: SubjectRef) -> Draft:
    """Shape the entry of a decision on twelve fields."""
    fields = [f"registration.field_{n}" for n in range(10)]
    return Draft(
        type="exchange.decided",
        members={
            "ref": secrets.token_hex(16), "org": "ml-brume", "siret": "13002526500013", "purpose": "support.youth",
            "actor": secrets.token_hex(16), "epoch": EPOCH, "decision": "permit", "catalogue": "c" * 64,
            "sources": ["ft-brume"], "permits": {"ml-jeunes-inscription@1": fields},
            "denials": {"not_authorised": ["aah.beneficiary", "aah.since"]}, "basis": "consent",
            "authorisation": "a" * 32,
        },
        time=now(), subject=about,
    )  # fmt: skip


def released(about: SubjectRef) -> Draft:
    """Shape the entry of a release of ten fields."""
    seed = new_seed()
    return Draft(
        type="exchange.released",
        members={
            "ref": secrets.token_hex(16), "org": "ml-brume", "purpose": "support.youth",
            "actor": secrets.token_hex(16), "states": {"registration": "released"}, "catalogue": "c" * 64,
            "commits": commit_all(seed, {f"registration.field_{n}": n for n in range(10)}),
            "withheld": {"not_authorised": ["aah.beneficiary", "aah.since"]},
        },
        time=now(), subject=about, seal=seed + secrets.token_bytes(28), release=True,
        guard=EpochGuard(epoch=EPOCH, valid_until=2**41, counts=(("ml-jeunes-inscription:2026-11", LIMIT),)),
    )  # fmt: skip


async def drive(one: Callable[[int], Awaitable[object]], *, clients: int, seconds: float) -> Figures:
    """Run closed-loop clients."""
    end, waits, numbers = time.perf_counter() + seconds, [], iter(range(10**9))

    async def client() -> None:
        while (begin := time.perf_counter()) < end:
            await one(next(numbers))
            waits.append(time.perf_counter() - begin)

    cpu, begin = time.process_time(), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    spent = time.perf_counter() - begin
    p99 = statistics.quantiles(waits, n=100)[98] if len(waits) > 1 else 0
    return len(waits) / spent, (time.process_time() - cpu) / len(waits) * 1e6, p99 * 1e3


@asynccontextmanager
async def appending(database: Database, *, state: Path | None) -> AsyncIterator[Callable[[int], Awaitable[object]]]:
    """Give the append of the n-th entry: a journal as the gateway has it; with a signer state, published."""
    journal = Journal(database, gate=Gate(now), origin=ORIGIN, clock=now, max_unpublished_ms=10**12)
    await journal.start()
    drafts = [(decided if number % 2 else released)(person(number)) for number in range(PEOPLE)]
    gc.collect()
    gc.freeze()  # what start-up made, as the gateway does

    async def append(number: int) -> None:
        await journal.append(drafts[number % PEOPLE])

    publishing = []
    if state is not None:
        publisher = Publisher(database, Ed25519Signer(ORIGIN, b"\1" * 32), state=SignerState(state), origin=ORIGIN)
        publishing.append(asyncio.create_task(publisher.run(now)))
    try:
        yield append
    finally:
        for each in publishing:
            each.cancel()
        await asyncio.gather(*publishing, return_exceptions=True)
        await journal.close()


async def prepare(database: Database) -> None:
    """Create tables and people."""
    row = {"counter": 0, "uses": "{}", "flags": "", "ambiguous": "", "created_at": 0, "epoch": EPOCH}
    rows = [{**row, "id": person(number).id} for number in range(PEOPLE)]
    for tables in (metadata, consents, extra):
        await database.write(tables.create_all)
    await database.write(lambda connection: connection.execute(sa.insert(subject), rows))


async def appends(url: str, clients: int, seconds: float, state: Path | None) -> Figures:
    """One process's appends."""
    async with open_database(url) as database, appending(database, state=state) as append:
        await drive(append, clients=clients, seconds=0.5)
        return await drive(append, clients=clients, seconds=seconds)


async def inserts(url: str, clients: int, seconds: float) -> Figures:
    """The same number of waiting clients, each with a commit of its own."""
    async with open_database(url) as database:

        async def insert(_: int) -> None:
            leaf = {"id": secrets.token_hex(16), "leaf": b"x" * 700}
            await database.write(lambda connection: connection.execute(sa.insert(plain), leaf))

        return await drive(insert, clients=clients, seconds=seconds)


def run(work: Callable[[], Awaitable[Figures]]) -> Figures:
    """On the loop that the gateway has."""
    return uvloop.run(work())  # type: ignore[arg-type]  # a coroutine


def measure(url: str, state: Path, *, clients: int, seconds: float, rounds: int, processes: int) -> str:
    """One line; the first process publishes."""
    pairs: list[tuple[Figures, Figures]] = []
    for _ in range(rounds):
        reference = run(partial(inserts, url, clients, seconds / 2))
        states = (state, *[None] * (processes - 1))
        works = [partial(appends, url, clients // processes, seconds, each) for each in states]
        if processes == 1:
            ours = run(works[0])
        else:
            with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
                parts = list(zip(*pool.map(run, works), strict=True))
            ours = (sum(parts[0]), statistics.mean(parts[1]), max(parts[2]))
        pairs.append((reference, ours))
    base, ours = (tuple(map(statistics.median, zip(*side, strict=True))) for side in zip(*pairs, strict=True))
    return (
        f"{url.partition(':')[0]:<11}{processes:>2} process{clients:>5} clients  journal {ours[0]:>8,.0f}/s"
        f"  cpu {ours[1]:>5.0f} us  p99 {ours[2]:>6.1f} ms | plain insert {base[0]:>7,.0f}/s"
        f"  | ratio {ours[0] / base[0]:.1f}"
    )


@contextmanager
def urls(engines: Sequence[str]) -> Iterator[list[tuple[str, Path]]]:
    """Give a fresh database per engine, and where its signer remembers; PostgreSQL is a server of the tests."""
    from tests.conftest import PostgresServer

    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # bench/bed.py keeps to one, a server needs another
    with tempfile.TemporaryDirectory() as home:
        server = PostgresServer() if "postgresql" in engines else None
        found = [f"sqlite:///{home}/bench.db"] if "sqlite" in engines else []
        try:
            found += [server.create_database()] if server else []
            yield [(url, Path(home) / f"signer-{number}.json") for number, url in enumerate(found)]
        finally:
            if server:
                server.remove()


async def fresh(url: str) -> None:
    """Prepare an empty database."""
    async with open_database(url) as database:
        await prepare(database)


def main() -> None:
    """Read the command line, measure each engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="1,16,64,256")
    parser.add_argument("--engines", default="sqlite,postgresql")
    parser.add_argument("--processes", type=int, default=1, help="that write one log (PostgreSQL)")
    parser.add_argument("--profile", help="write cProfile statistics there")
    arguments = parser.parse_args()
    plan = {"seconds": arguments.seconds, "rounds": arguments.rounds, "processes": arguments.processes}
    with urls(arguments.engines.split(",")) as found:
        for url, state in found:
            uvloop.run(fresh(url))
            for clients in map(int, arguments.clients.split(",")):
                work = partial(measure, url, state, clients=clients, **plan)
                if arguments.profile:
                    import cProfile

                    profile = cProfile.Profile()
                    print(profile.runcall(work), flush=True)
                    profile.dump_stats(arguments.profile)
                else:
                    print(work(), flush=True)


if __name__ == "__main__":
    main()
