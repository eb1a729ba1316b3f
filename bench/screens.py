"""How long the server takes for each page, with a million entries and a hundred thousand persons on PostgreSQL.

    python -m bench.screens [--entries 1000000] [--people 100000] [--rounds 40] [--keep]

`passerelle serve`, unchanged, with publisher, projector and inspection running; one client, one request at a time, on
one kept connection, over HTTP. A page is asked for with other filters, persons or indices each time (`visits.py`). The
sandbox runs beside it and answers for the sources, which only a preview asks. `--keep` writes the table into
bench/README.md. Refuses to count an answer that is not the page.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx
import uvloop
import yaml

from audit.shards import turn_when_due
from bench import machine, report
from bench.append import urls
from bench.bed import NotMeasuredError
from bench.console_log import fill
from bench.curve import maintain
from bench.lives import BEFORE_MS, begin, callers, go_on, persons
from bench.visits import Draw, Pages, visits
from connectors import sandbox
from gateway.database import open_database
from gateway.processes import Processes, free_port
from gateway.schema import migrate
from gateway.serve import write_providers
from gateway.services import Services, open_services, wall_clock
from gateway.settings import PACKAGED_CATALOGUE, Settings
from policies.catalogue import Catalogue, load

TARGET_MS = 300
_LIVES = 24
_UNCOUNTED = 3  # the first requests of a page make connections and plans
_HERE = Path(__file__).resolve().parent
_BEGIN, _END = "<!-- screens -->", "<!-- /screens -->"


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
    ports = {name: free_port(0) for name in ("gateway", "sandbox")}
    sources, providers = home / "sources.yaml", home / "providers.yaml"
    address = f"http://127.0.0.1:{ports['sandbox']}"
    sources.write_text(yaml.safe_dump(sandbox.sources(address)), "utf-8")
    write_providers(providers, address)
    settings = Settings(
        home=home, database_url=url, keys_database_url=url, sources=sources, identity_providers=str(providers),
        port=ports["gateway"], public_url=f"http://127.0.0.1:{ports['gateway']}",
    )  # fmt: skip
    async with open_database(url) as store:
        await migrate(store, store)
    rows = []
    with Processes(settings, ports) as processes:
        pages = await _prepared(settings, url, given)
        processes.start("gateway", "serve")
        processes.start("sandbox", "sandbox", "--port", str(ports["sandbox"]))
        await processes.ready("gateway", "/livez")
        await processes.ready("sandbox", "/")
        for (who, title), draw in pages.items():
            before = machine.cpu_seconds(processes.ids()[0])
            try:
                waits, size = await _timed(settings.public_url, draw, given.rounds)
            except NotMeasuredError as error:
                print(f"not measured: {title} ({who}): {error}", flush=True)
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


async def _prepared(settings: Settings, url: str, given: argparse.Namespace) -> Pages:
    """People long ago, a long journal, what happens today; then which pages there are."""
    long_ago = wall_clock() - BEFORE_MS
    async with open_services(settings, clock=lambda: long_ago) as services:
        previous, draft = await _versions(services, settings.home)
        orgs = await callers(services)
        lives = await begin(services, orgs, most=_LIVES)
        known = await persons(services, lives)
    async with open_services(settings) as services:
        await turn_when_due(services.store, base=settings.origin, now=services.clock())
        began = time.monotonic()
        names = await fill(
            services, url, entries=given.entries, persons=given.people, kek=services.keys.kek, known=known
        )
        print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
        await _followed(services)
        lives = await go_on(services, orgs, lives)
        await _followed(services)
        await maintain(url, "VACUUM (ANALYZE)", "CHECKPOINT")
        return await visits(services, names, lives, draft, previous)


async def _followed(services: Services) -> None:
    began = time.monotonic()
    await services.publisher.publish_once(services.clock())
    print(f"published in {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    added = await services.console.projector.catch_up()
    seconds = time.monotonic() - began
    print(f"followed {added:,} entries in {seconds:.0f} s ({added / seconds:,.0f}/s)", flush=True)


async def _versions(services: Services, home: Path) -> tuple[str, str]:
    """The packaged catalogue takes over from a narrower one, and a wider one is a draft: digests of these two."""
    activations, now = services.activations, services.clock()
    before, draft = _variant(home, "9/month"), _variant(home, "11/month")
    await activations.first(before, now=now)
    for each in (services.catalogue, draft):
        await activations.register(each, now=now)
    for actor, name in (("ab" * 16, "Camille Vernier"), ("cd" * 16, "Karim Belkacem")):
        await activations.sign_by_session(
            services.catalogue.digest, actor=actor, name=name, organisation="gi-brume", now=now
        )
    await activations.activate(services.catalogue.digest, now=now)
    return before.digest, draft.digest


def _variant(home: Path, frequency: str) -> Catalogue:
    folder = home / frequency.partition("/")[0]
    shutil.copytree(PACKAGED_CATALOGUE, folder)
    file = folder / "iae-eligibilite-ft.yaml"
    file.write_text(file.read_text("utf-8").replace("10/month", frequency), "utf-8")
    return load(folder)


async def _timed(base: str, draw: Draw, rounds: int) -> tuple[tuple[float, float, float], int]:
    chance, waits, size = random.Random(7), [], 0  # noqa: S311  the same pages each time
    async with httpx.AsyncClient(base_url=base, headers={"Accept": "text/html, */*"}, timeout=60) as http:
        for number in range(rounds + _UNCOUNTED):
            visit = draw(chance)
            cookie = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
            began = time.perf_counter()
            answer = await http.get(visit.path, headers={"Cookie": cookie} if cookie else {})
            waited = (time.perf_counter() - began) * 1e3
            if answer.status_code != visit.status:
                raise NotMeasuredError(f"{visit.path}: {answer.status_code}")
            size = max(size, len(answer.content))
            if number >= _UNCOUNTED:
                waits.append(waited)
            await asyncio.sleep(0)
    waits.sort()
    return (waits[len(waits) // 2], waits[int(len(waits) * 0.95) - 1], waits[-1]), size


if __name__ == "__main__":
    sys.exit(main())
