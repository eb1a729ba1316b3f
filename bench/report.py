"""Tables of the figures, for the terminal and for bench/README.md."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.rounds import Table

TITLES = {
    "httpx": "(a) FastAPI + httpx, no check",
    "aiohttp": "(b) FastAPI + aiohttp, no check",
    "bytes": "(b2) the same, bytes unparsed",
    "direct": "(c) direct call of the source",
    "sqlite": "**governed, SQLite**",
    "postgresql": "**governed, PostgreSQL**",
}

_APPENDS = {("sqlite", 64): 12_000, ("postgresql", 64): 10_000, ("postgresql", 256): 20_000}
"""Durable entries per second wanted of one process."""


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; numbers to the right."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def throughput(table: Mapping[str, Any]) -> str:
    """One table per concurrency."""
    parts = []
    head = ("", "req/s", "p50 ms", "p99 ms", "server CPU µs", "database CPU µs", "x (a)", "x (b)", "x (b2)")
    for clients, figures in table.items():
        rows = [
            (
                TITLES[name],
                f"{each['rate']:,.0f}",
                f"{each['p50']:.2f}",
                f"{each['p99']:.1f}",
                f"{each['cpu']:,.0f}",
                f"{each['database_cpu']:,.0f}" if each["database_cpu"] else "",
                *(
                    f"{each['over_' + other]:.2f}" if other in figures else ""
                    for other in ("httpx", "aiohttp", "bytes")
                ),
            )
            for name, each in figures.items()
        ]
        parts.append(f"**{clients} at once**\n\n{markdown(head, rows)}")
    return "\n\n".join(parts)


def stages(profiles: Sequence[Mapping[str, Any]]) -> str:
    """Shares by stage, scaled to the CPU of an exchange measured without the sampler."""
    names = list(dict.fromkeys(name for each in profiles for name in each["split"]))
    head = ("stage", *(f"{each['engine']}, {each['clients']} at once: µs (share)" for each in profiles))
    rows = [
        (
            name,
            *(
                f"{each['split'].get(name, 0) * each['cpu']:,.0f} ({each['split'].get(name, 0):.0%})"
                for each in profiles
            ),
        )
        for name in names
    ]
    rows.append(("**all**", *(f"**{each['cpu']:,.0f}**" for each in profiles)))
    return markdown(head, rows)


def decisions(figures: Mapping[str, float]) -> str:
    """The time of a decision."""
    rows = [(name, f"{value:.1f}") for name, value in figures.items() if name not in {"fields", "permitted"}]
    return markdown((f"decision on {figures['fields']:.0f} fields, {figures['permitted']:.0f} permitted", "µs"), rows)


def memory(points: Sequence[Mapping[str, float]]) -> str:
    """Memory along the way."""
    rows = [(f"{each['count']:,.0f}", f"{each['resident']:.1f}", f"{each['private']:.1f}") for each in points]
    return markdown(("exchanges", "resident MiB", "of which private"), rows)


def appends(figures: Sequence[Mapping[str, Any]]) -> str:
    """Durable entries per second."""
    rows = [
        (
            f"{each['engine']}, {each['clients']:.0f} waiting"
            + (f", {each['processes']:.0f} processes" if each.get("processes", 1) > 1 else ""),
            *(f"{each[name]:,.0f}" for name in ("rate", "cpu")),
            f"{each['p99']:.1f}",
            f"{each['plain']:,.0f}",
        )
        for each in figures
    ]
    return markdown(("journal", "durable entries/s", "CPU µs", "p99 ms", "one insert, one commit: rows/s"), rows)


def curve(figures: Sequence[Mapping[str, Any]]) -> str:
    """Appends by the size of the log."""
    rows = [
        (f"{each['engine']}, {each['size']:,.0f}", f"{each['rate']:,.0f}", f"{each['cpu']:,.0f}", f"{each['p99']:.1f}")
        for each in figures
    ]
    return markdown(("entries in the log", "durable entries/s", "CPU µs", "p99 ms"), rows)


def met(results: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """The targets, and whether what was measured met them."""
    exchange: Table = results.get("exchange", {}).get("one", {})
    decide: float | None = results.get("decide", {}).get("other person, other fields, other time, p99")
    points: Sequence[Mapping[str, float]] = results.get("memory", [])
    found: list[tuple[str, bool]] = []
    for clients, figures in exchange.items():
        if int(clients) < 16 or "httpx" not in figures:
            continue
        for engine in ("sqlite", "postgresql"):
            if engine in figures:
                ratio = figures[engine]["over_httpx"]
                found.append((f"{engine}, {clients} at once: {ratio:.1f} x FastAPI + httpx (3 wanted)", ratio >= 3))
    if decide is not None:
        found.append((f"decision on 50 fields: p99 {decide:.0f} µs (under 200 wanted)", decide < 200))
    for each in results.get("append", []):
        wanted = _APPENDS.get((each["engine"], each["clients"]), 0) if each.get("processes", 1) == 1 else 0
        if wanted:
            told = f"{each['engine']}: {each['rate']:,.0f} durable entries/s with {each['clients']:.0f} waiting"
            found.append((f"{told} ({wanted:,} wanted)", each["rate"] >= wanted))
    grown_logs: Sequence[Mapping[str, Any]] = results.get("curve", [])
    for engine in dict.fromkeys(each["engine"] for each in grown_logs):
        mine = [each for each in grown_logs if each["engine"] == engine]
        ratio = mine[-1]["rate"] / mine[0]["rate"]
        told = (
            f"{engine}: {ratio:.2f} x as many appends at {mine[-1]['size']:,.0f} entries as at {mine[0]['size']:,.0f}"
        )
        found.append((f"{told} (0.8 wanted)", ratio >= 0.8))
    if points:
        most = max(each["resident"] for each in points)
        grown = points[-1]["private"] - _after(points, 10_000)
        found.append((f"resident memory at most {most:.0f} MiB (under 150 wanted)", most < 150))
        found.append((f"from 10,000 exchanges to the end: {grown:+.1f} MiB private (2 at most)", grown <= 2))
    return found


def _after(points: Sequence[Mapping[str, float]], count: int) -> float:
    """Private memory at the first mark from `count` on, or at the last."""
    return next((each["private"] for each in points if each["count"] >= count), points[-1]["private"])
