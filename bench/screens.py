"""How long the server takes for each page, with a million entries and a hundred thousand persons on PostgreSQL.

    python -m bench.screens [--entries 1000000] [--people 100000] [--rounds 40] [--keep]

`passerelle serve`, unchanged, with publisher, projector and inspection running; one client, one request at a time, on
one kept connection, over HTTP. A page is asked for with other filters, persons or indices each time. `--keep` writes
the table into bench/README.md. Refuses to count an answer that is not the page.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import uvloop
import yaml

from bench import machine, report
from bench.append import urls
from bench.bed import NotMeasuredError
from bench.console_log import fill, offers
from bench.curve import maintain
from connectors import sandbox
from consent.vault import SubjectId
from gateway.console.filters import Filter
from gateway.console.kinds import Scope, day_of
from gateway.console.persons import Sought
from gateway.database import open_database
from gateway.processes import Processes, free_port
from gateway.schema import migrate
from gateway.services import Services, open_services
from gateway.settings import Settings
from gateway.web.cookies import NAME
from gateway.web.visitor import Identity

TARGET_MS = 300
_UNCOUNTED = 3  # the first requests of a page make connections and plans
_HERE = Path(__file__).resolve().parent
_BEGIN, _END = "<!-- screens -->", "<!-- /screens -->"

Draw = Callable[[random.Random], str]


def main() -> int:
    """Measure; 1 when a page is slower than it may be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    with urls(["postgresql"]) as [(url, _)], tempfile.TemporaryDirectory() as home:
        table, met = uvloop.run(_measured(url, Path(home), given))
    print(table)
    if given.keep:
        readme = _HERE / "README.md"
        text = readme.read_text("utf-8")
        head, _, rest = text.partition(_BEGIN)
        readme.write_text(f"{head}{_BEGIN}\n{table}\n{_END}{rest.partition(_END)[2]}", "utf-8")
    return 0 if met else 1


async def _measured(url: str, home: Path, given: argparse.Namespace) -> tuple[str, bool]:
    port = free_port(0)
    sources = home / "sources.yaml"
    sources.write_text(yaml.safe_dump(sandbox.sources("http://127.0.0.1:9")), "utf-8")
    settings = Settings(
        home=home, database_url=url, keys_database_url=url, sources=sources, port=port,
        public_url=f"http://127.0.0.1:{port}",
    )  # fmt: skip
    async with open_database(url) as store:
        await migrate(store, store)
    async with open_services(settings) as services:
        names = await _prepared(services, url, given)
        pages = await _pages(services, names)
        owner = {
            "dpo": _dpo("ml-brume"),
            "consortium": _dpo("gi-brume", consortium=True),
            "person": _person(names[0][1]),
        }
        secrets = {
            name: await services.sessions.open(identity, now=services.clock(), agent="bench")
            for name, identity in owner.items()
        }
        with Processes(settings, {"gateway": port}) as processes:
            processes.start("gateway", "serve")
            await processes.ready("gateway", "/livez")
            rows = []
            for (who, title), draw in pages.items():
                before = machine.cpu_seconds(processes.ids()[0])
                try:
                    waits, size = await _timed(settings.public_url, secrets[who], draw, given.rounds)
                except NotMeasuredError as error:
                    print(f"not measured: {error}", flush=True)
                    continue
                cpu = (machine.cpu_seconds(processes.ids()[0]) - before) * 1e3 / (given.rounds + _UNCOUNTED)
                rows.append((who, title, *waits, cpu, size))
                print(rows[-1], flush=True)
    told = [
        (f"{title} ({who})", f"{p50:.0f}", f"{p95:.0f}", f"{most:.0f}", f"{cpu:.0f}", f"{size / 1000:.0f}")
        for who, title, p50, p95, most, cpu, size in rows
    ]
    conditions = machine.conditions()
    lead = (
        f"{given.entries:,} entries over 92 days, {given.people:,} persons, {given.rounds} requests each, "
        f"{conditions['date']}, {os.cpu_count()} cores shared with everything else, "
        f"load before {conditions['load before']}.\n\n"
    )
    heading = ("page", "p50 ms", "p95 ms", "longest ms", "server CPU ms", "kB")
    return lead + report.markdown(heading, told), all(p95 <= TARGET_MS for _, _, _, p95, *_ in rows)


async def _prepared(services: Services, url: str, given: argparse.Namespace) -> list[tuple[str, str]]:
    began = time.monotonic()
    names = await fill(services, url, entries=given.entries, persons=given.people, kek=services.keys.kek)
    print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    await services.publisher.publish_once(services.clock())
    print(f"published in {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    added = await services.console.projector.catch_up()
    seconds = time.monotonic() - began
    print(f"followed {added:,} entries in {seconds:.0f} s ({added / seconds:,.0f}/s)", flush=True)
    await maintain(url, "VACUUM (ANALYZE)", "CHECKPOINT")
    return names


async def _pages(services: Services, names: list[tuple[str, str]]) -> Mapping[tuple[str, str], Draw]:
    """Each page by who asks for it: a filter of every kind, dense and rare, the first page and a late one."""
    lines = offers(services)
    today = day_of(services.clock())
    kinds = list((await services.console.search.kinds()).values())
    datasets = sorted({name for kind in kinds for name in kind.datasets})
    reasons = sorted({name for kind in kinds for name in kind.reasons})
    whole = Filter(since=today - 91, until=today)
    agents = await services.console.search.actors(Scope("ml-brume"), whole, most=200)
    last = await services.console.search.find(Scope(None), whole)
    size = last.rows[0].index
    searches = [
        await services.console.persons.look(
            _sought(name), scope=Scope(None), actor=_dpo("gi-brume", consortium=True).actor, organisation="gi-brume"
        )
        for name, _ in names[:40]
    ]

    def query(**words: str) -> str:
        return "/dpo/search?" + "&".join(f"{name}={value}" for name, value in words.items())

    return {
        ("consortium", "/dpo"): lambda _: "/dpo",
        ("consortium", "search, no filter"): lambda _: "/dpo/search",
        ("consortium", "search, far back"): lambda draw: query(after=str(draw.randrange(size // 4, size))),
        ("consortium", "search, organisation and event"): lambda draw: query(
            org=draw.choice(lines).org, type=draw.choice(["exchange.released", "authorisation.withdrawn"])
        ),
        ("consortium", "search, dataset and reason"): lambda draw: query(
            dataset=draw.choice(datasets), reason=draw.choice(reasons)
        ),
        ("consortium", "search, one day"): lambda draw: query(**_day(today - draw.randrange(80))),
        ("consortium", "search, batch job"): lambda _: query(actor="batch:nightly"),
        ("consortium", "search, a person"): lambda draw: query(person=str(draw.choice(searches))),
        ("dpo", "/dpo"): lambda _: "/dpo",
        ("dpo", "search, no filter"): lambda _: "/dpo/search",
        ("dpo", "search, refused"): lambda draw: query(decision="deny", reason=draw.choice(reasons)),
        ("dpo", "search, an agent"): lambda draw: query(actor=draw.choice(agents)[0]),
        ("consortium", "entry"): lambda draw: f"/dpo/entries/{draw.randrange(size)}",
        ("consortium", "proof"): lambda draw: f"/dpo/entries/{draw.randrange(size)}/proof",
        ("consortium", "integrity"): lambda _: "/dpo/integrity",
        ("consortium", "consultations"): lambda _: "/dpo/consultations",
        ("consortium", "export, before it is made"): lambda draw: "/dpo/export?org=" + draw.choice(lines).org,
        **{("consortium", path): (lambda _, path=path: path) for path in _OTHERS},
        **{("person", path): (lambda _, path=path: path) for path in _PERSON},
    }


_PERSON = ("/me", "/me/history", "/me/who", "/me/data", "/me/connections", "/me/rights")
_OTHERS = ("/dpo/registers", "/dpo/rights", "/dpo/breach", "/dpo/watch", "/dpo/reconciliation", "/dpo/policies")


def _sought(pseudonym: str) -> Sought:
    return Sought(by="pseudonym", org="ml-brume", name=pseudonym)


def _day(day: int) -> dict[str, str]:
    one = Filter(since=day, until=day).address()
    return {"since": one["since"], "until": one["until"]}


def _dpo(organisation: str, *, consortium: bool = False) -> Identity:
    return Identity(
        role="dpo", actor=organisation.encode().hex().ljust(32, "0")[:32], owner=f"bench:{organisation}",
        organisation=organisation, consortium=consortium, name="Camille Vernier", strong=True, provider="bench",
    )  # fmt: skip


def _person(subject: str) -> Identity:
    return Identity(
        role="beneficiary", actor="subject", owner=f"bench:{subject}", subject=SubjectId(subject), provider="bench"
    )


async def _timed(base: str, secret: str, draw: Draw, rounds: int) -> tuple[tuple[float, float, float], int]:
    chance, waits, size = random.Random(7), [], 0  # noqa: S311  the same pages each time
    async with httpx.AsyncClient(base_url=base, cookies={NAME: secret}, timeout=60) as http:
        for number in range(rounds + _UNCOUNTED):
            path = draw(chance)
            began = time.perf_counter()
            answer = await http.get(path)
            waited = (time.perf_counter() - began) * 1e3
            if answer.status_code != 200:
                raise NotMeasuredError(f"{path}: {answer.status_code}")
            size = max(size, len(answer.content))
            if number >= _UNCOUNTED:
                waits.append(waited)
            await asyncio.sleep(0)
    waits.sort()
    return (waits[len(waits) // 2], waits[int(len(waits) * 0.95) - 1], waits[-1]), size


if __name__ == "__main__":
    sys.exit(main())
