"""What a receipt costs in a log of a million entries, and what a copy of that log takes to verify offline.

    python -m bench receipts [--entries 1000000] [--engines sqlite,postgresql]

The log is filled as in bench/curve.py. Receipts are made one after the other for random entries, cold at first: CPU of
this process, database driver included, HTTP not. The copy is verified by `python -m audit verify`, with two processes.
"""

import asyncio
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from audit import proofs
from audit.export import export_directory
from audit.keys import Ed25519Signer
from audit.publisher import Publisher
from audit.reading import PublishedLog
from audit.signer_state import SignerState
from bench.append import fresh, now, urls
from bench.bed import NotMeasuredError
from bench.curve import fill
from bench.machine import ROOT
from gateway.database import Database, open_database

_COUNT = 2_000
_SIGNER = Ed25519Signer("bench.example/log", b"\1" * 32)


def measure(engines: Sequence[str], *, entries: int) -> list[dict[str, float | str]]:
    """Figures by engine; the copy is made and verified once, from the first."""
    found: list[dict[str, float | str]] = []
    for number, engine in enumerate(engines):
        with urls([engine]) as [(url, _)], tempfile.TemporaryDirectory() as home:
            uvloop.run(fresh(url))
            uvloop.run(fill(url, entries))
            figures = uvloop.run(_one(url, Path(home), copy=number == 0))
            verified = _verify(Path(home) / "copy") if number == 0 else {}
            found.append({"engine": engine, "size": entries, **figures, **verified})
    return found


async def _one(url: str, home: Path, *, copy: bool) -> dict[str, float]:
    async with open_database(url) as database:
        publisher = Publisher(database, _SIGNER, state=SignerState(home / "signer"), origin=_SIGNER.name)
        if await publisher.publish_once(now()) is None:
            raise NotMeasuredError("nothing was published")
        figures = await _receipts(database)
        if copy:
            began = time.perf_counter()
            await export_directory(database, home / "copy", vkey=_SIGNER.vkey)
            figures["copied"] = time.perf_counter() - began
    return figures


async def _receipts(database: Database) -> dict[str, float]:
    log = PublishedLog(database)
    size = (await log.served()).size
    spent, chance = [], random.Random(7)  # noqa: S311  which entries are asked for is no secret
    for _ in range(_COUNT):
        index, cpu = chance.randrange(size), time.process_time_ns()
        _, proof = await log.proof(None, index)
        proofs.write(proof.index, proof.path, proof.note)
        spent.append((time.process_time_ns() - cpu) / 1e6)
        await asyncio.sleep(0)
    first, cuts = spent[0], statistics.quantiles(spent, n=100)
    return {"first": first, "cpu": statistics.fmean(spent), "p99": cuts[98]}


def _verify(copy: Path) -> dict[str, float]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "audit", "verify", str(copy)],
        cwd=ROOT, check=False, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if done.returncode:
        raise NotMeasuredError(done.stdout.decode()[-500:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"verified": time.perf_counter() - began, "verify_mib": peak}


def told(found: Sequence[dict[str, float | str]]) -> str:
    """The figures in lines."""
    lines = []
    for each in found:
        lines.append(
            f"{each['engine']}, {each['size']:,} entries: a receipt takes {each['cpu']:.2f} ms of CPU"
            f" (p99 {each['p99']:.2f}, the first {each['first']:.2f})"
        )
        if "verified" in each:
            lines.append(
                f"its copy: {each['copied']:.0f} s to write, {each['verified']:.0f} s to verify,"
                f" the largest process {each['verify_mib']:.0f} MiB"
            )
    return "\n".join(lines)
