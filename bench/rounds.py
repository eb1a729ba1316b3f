"""Interleaved rounds: every server at every concurrency, in an order that turns, to share the machine's moods.

Figures are medians of the rounds; a ratio is taken within its round, then the median of the ratios.
"""

import statistics
from collections.abc import Sequence
from typing import Any

from bench.bed import Bed, NotMeasuredError

Figures = dict[str, float]
Table = dict[int, dict[str, Figures]]
_NUMBERS = ("rate", "p50", "p99", "cpu", "database_cpu", "busy")


def compare(
    bed: Bed, names: Sequence[str], scenario: str, *, clients: Sequence[int], seconds: float, rounds: int
) -> Table:
    """Figures by concurrency and by name, with `over_<reference>`: the ratio of throughput to each reference."""
    for name in names:
        bed.warm(bed.targets[name], scenario)
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for turn in range(rounds):
        for count in clients:
            for name in _turned(names, turn):
                report = bed.load(bed.targets[name], scenario, clients=count, seconds=seconds)
                if report["refused"]:
                    raise NotMeasuredError(f"{name}, {count} clients: {report['refused']} {report['sample']}")
                found.setdefault((count, name), []).append(report)
    return {count: _medians({name: found[count, name] for name in names}) for count in clients}


def _turned(names: Sequence[str], turn: int) -> list[str]:
    start = turn * (len(names) // 2 + 1) % len(names)
    return [*names[start:], *names[:start]]


def _medians(reports: dict[str, list[dict[str, Any]]]) -> dict[str, Figures]:
    figures: dict[str, Figures] = {}
    for name, rounds in reports.items():
        figures[name] = {key: statistics.median(each[key] for each in rounds) for key in _NUMBERS}
        for reference in ("httpx", "aiohttp", "bytes"):
            if reference in reports:
                pairs = zip(rounds, reports[reference], strict=True)
                figures[name][f"over_{reference}"] = statistics.median(
                    own["rate"] / base["rate"] for own, base in pairs
                )
    return figures
