"""Whether a person's choice stays quick: withdrawing under full load, reading choices, and both in a large register.

    python -m bench authorisations [--seconds 10] [--people 4000] [--engines sqlite,postgresql] [--most 1000000]

1. Withdrawals: while 64 clients exchange with `passerelle serve`, another process withdraws, one person after the
   other, over HTTP at the same gateway and, in turn, through the library beside it (other people than are exchanged).
2. Snapshots: 64 exchanges at once in this process; statements are counted where they reach the driver.
3. The register, from 1,000 to 1,000,000 authorisations (`register.py`).
"""

import asyncio
import multiprocessing
import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection as Pipe
from typing import Any

import httpx
import sqlalchemy as sa
import uvloop
from sqlalchemy import event

from bench import register
from bench.append import drive
from bench.bed import Bed
from bench.population import PARTNER, WANTED, Population, person
from gateway.exchange import Wanted, exchange
from gateway.oauth.verification import Caller
from gateway.services import Services, open_services
from gateway.settings import Settings

_CLIENTS = 64
_PER_SECOND = 10  # withdrawals
Figures = dict[str, Any]


def measure(bed: Bed, engines: Sequence[str], *, people: int, seconds: float, most: int) -> Figures:
    """All four, by engine."""
    bed.gateways({f"choices-{engine}": engine for engine in engines}, people=people)
    found: Figures = {"withdrawals": [], "snapshots": [], "exchanges": [], "register": []}
    for engine in engines:
        target, settings = bed.targets[f"choices-{engine}"], bed.settings[f"choices-{engine}"]
        bed.warm(target, "one")
        found["withdrawals"].append({"engine": engine, **_under_load(bed, target.name, settings, seconds)})
        print(found["withdrawals"][-1], flush=True)  # the rest takes minutes
        assert target.population is not None  # noqa: S101  for mypy: a gateway has one
        found["snapshots"].append({"engine": engine, **uvloop.run(_counted(settings, target.population, seconds / 2))})
        print(found["snapshots"][-1], flush=True)
        bed.stop(target)
        found["exchanges"].append(register.exchanges(bed, engine, people=people, seconds=seconds / 2, most=most))
        print(found["exchanges"][-1], flush=True)
    for engine in engines:
        found["register"] += register.library(engine, most=most)
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
            held = [
                await person(services, caller, 500_000 + turn * count + n, [register.PURPOSE]) for n in range(count)
            ]
            token = await asking.token(settings.public_url)
            pipe.send("ready")
            await asyncio.to_thread(pipe.recv)
            waits: dict[str, list[float]] = {"http": [], "library": []}
            for number, pseudonym in enumerate(held):
                about = await services.people.resolve(partner=PARTNER, pseudonym=pseudonym)
                [record] = await services.authorisations.authorisations_of(about)
                began = time.perf_counter()
                if number % 2:
                    await services.authorisations.withdraw(
                        record.id, subject=about, by=register.HERSELF, now=services.clock()
                    )
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
    names = population.pseudonyms[register.PURPOSE]
    told: Counter[str] = Counter()

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        told["all"] += 1
        told["snapshots"] += "consent_partner_subject" in statement

    event.listen(sa.Engine, "before_cursor_execute", count)
    async with open_services(settings) as services:
        caller = await _caller(services, population, settings.public_url)

        async def one(number: int) -> None:
            wanted = Wanted(
                pseudonym=names[number * 7919 % len(names)],
                reference=None,
                purpose=register.PURPOSE,
                names=tuple(WANTED),
            )
            await exchange(services, caller, wanted, now=services.clock(), line={})
            told["exchanges"] += 1

        await drive(one, clients=_CLIENTS, seconds=1)
        told.clear()
        rate, _, p99 = await drive(one, clients=_CLIENTS, seconds=seconds)
    event.remove(sa.Engine, "before_cursor_execute", count)
    done = told["exchanges"]
    return {"rate": rate, "p99": p99, "snapshots": told["snapshots"] / done, "statements": told["all"] / done}


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
    look_ups = [
        (f"{each['engine']}, {each['size']:,}", f"{each['rate']:,.0f}", f"{each['cpu']:.0f}", f"{each['p99']:.1f}",
         f"{each['withdrawals']:,.0f}")
        for each in found["register"]
    ]  # fmt: skip
    exchanges = [
        (f"{each['engine']}, {name}", f"{each[f'{which}_rate']:,.0f}", f"{each[f'{which}_cpu']:.0f}",
         f"{each[f'{which}_p99']:.0f}", f"{each['ratio']:.2f}" if which == "many" else "")
        for each in found.get("exchanges", []) for which, name in (("few", "few"), ("many", f"{each['size']:,}"))
    ]  # fmt: skip
    return "\n\n".join(
        (
            markdown(head, withdrawals),
            markdown(("64 at once", "snapshot statements per exchange", "all statements", "exchanges/s"), snapshots),
            markdown(("authorisations", "exchanges/s", "server CPU µs", "p99 ms", "x few"), exchanges),
            markdown(("authorisations", "look-ups/s", "CPU µs", "p99 ms", "withdrawals/s"), look_ups),
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
    for each in found.get("exchanges", []):
        ratio, size = each["ratio"], each["size"]
        sentence = f"{each['engine']}: {ratio:.2f} x as many exchanges at {size:,} authorisations (0.8 wanted)"
        sentences.append((sentence, ratio >= 0.8))
    for engine in dict.fromkeys(each["engine"] for each in found.get("register", [])):
        mine = [each for each in found["register"] if each["engine"] == engine]
        for what in ("rate", "withdrawals"):
            ratio = mine[-1][what] / mine[0][what]
            name = "look-ups" if what == "rate" else "withdrawals"
            sentence = f"{engine}: {ratio:.2f} x as many {name} at {mine[-1]['size']:,} authorisations (0.8 wanted)"
            sentences.append((sentence, ratio >= 0.8))
    return sentences
