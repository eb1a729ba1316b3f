"""The machine under the bench: cores, CPU time and memory of processes, what the disk takes to say "durable".

Linux only (/proc). Refuses to tune the machine: it measures what is there and says so.
"""

import os
import platform
import statistics
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_NAMED = (
    "fastapi",
    "starlette",
    "uvicorn",
    "uvloop",
    "httptools",
    "httpx",
    "aiohttp",
    "sqlalchemy",
    "asyncpg",
    "orjson",
)


def cores() -> tuple[int, int]:
    """The core of those who ask (client, source, database server) and the core of the server measured."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def pin(process: int, core: int) -> None:
    """Keep a process, its threads and its children, on one core."""
    for each in (process, *children(process)):
        for task in Path(f"/proc/{each}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})


def children(process: int) -> list[int]:
    """The processes it started, and theirs."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *children(child)]
    return found


def cpu_seconds(process: int, *, family: bool = False) -> float:
    """User and system time it has spent so far; with `family`, its children's as well."""
    ticks = 0
    for each in (process, *(children(process) if family else ())):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # a child that just ended
            continue
        ticks += sum(map(int, fields[11:15] if each == process else fields[11:13]))
    return ticks / _TICK


def resident_mib(process: int) -> tuple[float, float]:
    """Resident memory, and the part of it that is no file and no shared page."""
    _, resident, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
    return resident * _PAGE / 2**20, (resident - shared) * _PAGE / 2**20


def fsync_ms() -> float:
    """Median time of an append of one page and its fdatasync, in the folder of temporary files."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(200):
            begin = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e3


def conditions() -> dict[str, str]:
    """What a reader must know to compare."""
    known = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": (known[0].partition(":")[2].strip() if known else platform.machine()),
        "cores": f"{len(os.sched_getaffinity(0))}, shared; server on one, everything else on the other",
        "load before": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {version(name)}" for name in _NAMED),
        "fdatasync of 4 KiB": f"{fsync_ms():.2f} ms (median)",
    }
