"""Durable appends per second: the journal, beside a plain insert with one commit each, side by side.

    python bench/append.py [--seconds 3] [--clients 1,16,64] [--engines sqlite,postgresql] [--profile FILE]

Each client appends, waits until the entry is durable, appends again. The entries are those of an exchange
(decided, released), with a gate that reads and updates one row per person, a subject tag, ten commitments and
sealed salts. Rounds of the two are interleaved; read the ratios before the figures.
"""

import argparse
import asyncio
import gc
import hmac
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlalchemy as sa
import uvloop
from sqlalchemy.dialects.postgresql import ARRAY

from audit.commitments import commit_all, new_seed
from audit.journal import Draft, Journal
from audit.models import metadata
from gateway.database import Database, open_database

PEOPLE = 2_000
extra = sa.MetaData()
person = sa.Table(
    "bench_person",
    extra,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("counter", sa.BigInteger, nullable=False),
)
plain = sa.Table(
    "bench_plain",
    extra,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
)
_ids = sa.bindparam("ids", expanding=True)
_any = sa.any_(sa.cast(sa.bindparam("ids"), ARRAY(sa.Integer)))
_within = {"sqlite": person.c.id.in_(_ids), "postgresql": person.c.id == _any}
_columns = (person.c.id, person.c.epoch, person.c.counter)
_read = {dialect: sa.select(*_columns).where(within) for dialect, within in _within.items()}
_count = {
    dialect: sa.update(person).where(within).values(counter=person.c.counter + 1) for dialect, within in _within.items()
}
_key = secrets.token_bytes(32)


def gate(connection: sa.Connection, drafts: Sequence[Draft]) -> list[Mapping[str, str] | Exception]:
    """Read everybody of the batch, stamp tags, count, in two statements."""
    ids = list({draft.subject for draft in drafts})
    counters = {row.id: row.counter for row in connection.execute(_read[connection.dialect.name], {"ids": ids})}
    stamps: list[Mapping[str, str] | Exception] = []
    for draft in drafts:
        counter = counters[draft.subject]
        counters[draft.subject] = counter + 1
        stamps.append({"subject": hmac.digest(_key, b"%d %d" % (draft.subject, counter), "sha256")[:16].hex()})
    connection.execute(_count[connection.dialect.name], {"ids": ids})
    return stamps


def now() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


def decided(number: int) -> Draft:
    """Shape the entry of a decision on twelve fields."""
    fields = [f"registration.field_{n}" for n in range(10)]
    return Draft(
        type="exchange.decided",
        members={
            "ref": secrets.token_hex(16), "org": "ml-brume", "siret": "13002526500013", "purpose": "support.youth",
            "actor": secrets.token_hex(16), "epoch": 3, "decision": "permit", "catalogue": "c" * 64,
            "sources": ["ft-brume"], "permits": {"ml-jeunes-inscription@1": fields},
            "denials": {"not_authorised": ["aah.beneficiary", "aah.since"]}, "basis": "consent",
            "authorisation": "a" * 32,
        },
        time=now(), subject=number % PEOPLE,
    )  # fmt: skip


def released(number: int) -> Draft:
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
        time=now(), subject=number % PEOPLE, seal=seed + secrets.token_bytes(28), release=True,
    )  # fmt: skip


async def drive(one: Callable[[int], Awaitable[object]], *, clients: int, seconds: float) -> tuple[float, float, float]:
    """Run closed-loop clients; give entries per second, CPU microseconds per entry, p99 in milliseconds."""
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


async def measure(url: str, *, clients: Sequence[int], seconds: float, rounds: int) -> None:
    """Print one line per number of clients."""
    async with open_database(url) as database:
        await prepare(database)
        journal = Journal(database, gate=gate, origin="bench.example/log", clock=now, max_unpublished_ms=10**12)
        await journal.start()

        drafts = [(decided if number % 2 else released)(number) for number in range(PEOPLE)]

        async def append(number: int) -> None:
            await journal.append(drafts[number % PEOPLE])

        async def insert(_: int) -> None:
            leaf = {"id": secrets.token_hex(16), "leaf": b"x" * 700}
            await database.write(lambda connection: connection.execute(sa.insert(plain), leaf))

        for count in clients:
            pairs = []
            for _ in range(rounds):
                reference = await drive(insert, clients=count, seconds=seconds / 2)
                pairs.append((reference, await drive(append, clients=count, seconds=seconds)))
            base, ours = (tuple(map(statistics.median, zip(*side, strict=True))) for side in zip(*pairs, strict=True))
            print(
                f"{database.dialect:<11}{count:>4} clients  journal {ours[0]:>8,.0f}/s  cpu {ours[1]:>5.0f} us"
                f"  p99 {ours[2]:>6.1f} ms | plain insert {base[0]:>7,.0f}/s  | ratio {ours[0] / base[0]:.1f}"
            )
        await journal.close()


async def prepare(database: Database) -> None:
    """Create tables and people; freeze what start-up made, as the gateway does."""
    await database.write(metadata.create_all)
    await database.write(extra.create_all)
    rows = [{"id": number, "epoch": 3, "counter": 0} for number in range(PEOPLE)]
    await database.write(lambda connection: connection.execute(sa.insert(person), rows))
    gc.collect()
    gc.freeze()


@contextmanager
def urls(engines: Sequence[str]) -> Iterator[list[str]]:
    """Give a fresh database per engine; PostgreSQL is a server of the tests."""
    from tests.conftest import PostgresServer

    with tempfile.TemporaryDirectory() as home:
        server = PostgresServer() if "postgresql" in engines else None
        found = [f"sqlite:///{home}/bench.db"] if "sqlite" in engines else []
        try:
            yield found + ([server.create_database()] if server else [])
        finally:
            if server:
                server.remove()


def main() -> None:
    """Read the command line, measure each engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="1,16,64")
    parser.add_argument("--engines", default="sqlite,postgresql")
    parser.add_argument("--profile", help="write cProfile statistics there")
    arguments = parser.parse_args()
    clients = [int(count) for count in arguments.clients.split(",")]
    with urls(arguments.engines.split(",")) as found:
        for url in found:
            work = measure(url, clients=clients, seconds=arguments.seconds, rounds=arguments.rounds)
            if arguments.profile:
                import cProfile

                profile = cProfile.Profile()
                profile.runcall(uvloop.run, work)
                profile.dump_stats(arguments.profile)
            else:
                uvloop.run(work)  # as the gateway does


if __name__ == "__main__":
    main()
