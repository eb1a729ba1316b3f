"""Durable appends per second with 64 and 256 waiting clients, and of two processes: bench/append.py, its lines read."""

import re
import subprocess
import sys
from collections.abc import Sequence

from bench.bed import NotMeasuredError
from bench.machine import ROOT

_LINE = re.compile(
    r"(?P<engine>\w+)\s+(?P<processes>\d+) process\s+(?P<clients>\d+) clients"
    r"\s+journal\s+(?P<rate>[\d,]+)/s\s+cpu\s+(?P<cpu>\d+) us"
    r"\s+p99\s+(?P<p99>[\d.]+) ms \| plain insert\s+(?P<plain>[\d,]+)/s"
)


def measure(engines: Sequence[str], *, seconds: float, rounds: int) -> list[dict[str, float | str]]:
    """One line per engine and number of clients; two processes write one log on PostgreSQL only."""
    plan = ["--seconds", str(seconds), "--rounds", str(rounds)]
    found = _lines("--clients", "64,256", "--engines", ",".join(engines), *plan)
    if "postgresql" in engines:
        found += _lines("--clients", "64,256", "--engines", "postgresql", "--processes", "2", *plan)
    return found


def _lines(*options: str) -> list[dict[str, float | str]]:
    command = [sys.executable, "bench/append.py", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found: list[dict[str, float | str]] = []
    for line in _LINE.finditer(done.stdout):
        numbers = {name: float(line[name].replace(",", "")) for name in _LINE.groupindex if name != "engine"}
        found.append({"engine": line["engine"], **numbers})
    if done.returncode or not found:
        raise NotMeasuredError(f"bench/append.py: {done.stderr.strip()[-500:]}")
    return found
