"""Durable appends per second with 64 waiting clients: runs bench/append.py and reads its lines."""

import re
import subprocess
import sys
from collections.abc import Sequence

from bench.bed import NotMeasuredError
from bench.machine import ROOT

_LINE = re.compile(
    r"(?P<engine>\w+)\s+(?P<clients>\d+) clients\s+journal\s+(?P<rate>[\d,]+)/s\s+cpu\s+(?P<cpu>\d+) us"
    r"\s+p99\s+(?P<p99>[\d.]+) ms \| plain insert\s+(?P<plain>[\d,]+)/s"
)


def measure(engines: Sequence[str], *, seconds: float, rounds: int) -> list[dict[str, float | str]]:
    """One line per engine."""
    command = [sys.executable, "bench/append.py", "--clients", "64", "--engines", ",".join(engines)]
    command += ["--seconds", str(seconds), "--rounds", str(rounds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found: list[dict[str, float | str]] = []
    for line in _LINE.finditer(done.stdout):
        numbers = {name: float(line[name].replace(",", "")) for name in ("clients", "rate", "cpu", "p99", "plain")}
        found.append({"engine": line["engine"], **numbers})
    if done.returncode or len(found) != len(engines):
        raise NotMeasuredError(f"bench/append.py: {done.stderr.strip()[-500:]}")
    return found
