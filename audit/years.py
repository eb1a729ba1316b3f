"""How the log is divided: a shard per calendar year (UTC), each a log of its own, chained to the one before.

The base name is the log's for ever (`gateway.example/log`); a shard's origin is `<base>/<year>`. A log made before
there were shards bears the base name itself: it is the shard before all others, and over when it is first looked at.
Entry 0 of a shard names the shard before, its final size and its final root. Pure: the offline verifier needs it.
"""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from audit.checkpoint import Checkpoint

_YEAR = re.compile(r"/([0-9]{4})")


def year(now: int) -> int:
    """Give the calendar year of a time."""
    return datetime.fromtimestamp(now / 1000, UTC).year


def months_before(now: int, months: int) -> int:
    """Give the time so many calendar months ago."""
    then = datetime.fromtimestamp(now / 1000, UTC)
    year, month = divmod(then.year * 12 + then.month - 1 - months, 12)
    for day in range(then.day, 0, -1):
        try:
            return int(then.replace(year=year, month=month + 1, day=day).timestamp() * 1000)
        except ValueError:  # the month is shorter
            continue
    raise AssertionError  # pragma: no cover  every month has a first day


def origin_of(base: str, now: int) -> str:
    """Name the shard of a time."""
    return f"{base}/{year(now)}"


def part(base: str, origin: str) -> str | None:
    """Give the year in the name of a shard of this log: "" in the base name itself, None in a foreign one."""
    match = _YEAR.fullmatch(origin.removeprefix(base)) if origin.startswith(base) else None
    return match[1] if match else "" if origin == base else None


def base_of(origin: str) -> str:
    """Give the base name of a shard."""
    return origin[:-5] if _YEAR.fullmatch(origin[-5:]) else origin


def folder(origin: str) -> str:
    """Name a shard in paths: its year, `log` for what was written before there were years."""
    return part(base_of(origin), origin) or "log"


def is_over(base: str, origin: str, now: int) -> bool:
    """Tell whether a shard's year has passed."""
    found = part(base, origin)
    return found is not None and int(found or 0) < year(now)


def opening(origin: str, previous: Checkpoint | None) -> dict[str, str | int]:
    """Give the members of a shard's entry 0."""
    if previous is None:
        return {"origin": origin}
    return {
        "origin": origin,
        "previous": previous.origin,
        "previous_size": previous.size,
        "previous_root": base64.b64encode(previous.root).decode(),
    }


def continues(entry: Mapping[str, object], previous: Checkpoint) -> bool:
    """Tell whether entry 0 of a shard names this head as the last of the shard before."""
    return all(entry.get(name) == value for name, value in opening(str(entry.get("origin")), previous).items())
