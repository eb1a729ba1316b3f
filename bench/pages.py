"""What is kept of a run: one small JSON file, the pictures, and the tables between the marks of bench/README.md."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import authorisations, charts, report, tokens

_HERE = Path(__file__).resolve().parent
_OWN = ("tokens",)  # parts that tell their conditions themselves
_SHORT = {
    "direct": "direct call",
    "httpx": "FastAPI + httpx, no check",
    "aiohttp": "FastAPI + aiohttp, no check",
    "bytes": "… bytes unparsed",
    "sqlite": "governed, SQLite",
    "postgresql": "governed, PostgreSQL",
}


def write(results: Mapping[str, Any]) -> None:
    """Keep what was measured; parts that were not measured stay as they are."""
    kept = _HERE / "results" / "latest.json"
    before = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    if before and results.keys() <= {"conditions", *_OWN}:  # the conditions of the other tables stay theirs
        results = {name: each for name, each in results.items() if name != "conditions"}
    known = json.loads(json.dumps({**before, **results}, default=str), parse_float=lambda text: round(float(text), 4))
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", "utf-8")
    pictures = _HERE / "pictures"
    pictures.mkdir(exist_ok=True)
    for name, picture in _pictures(known).items():
        (pictures / f"{name}.svg").write_text(picture, "utf-8")
    readme = _HERE / "README.md"
    text = readme.read_text("utf-8")
    for name, table in _tables(known).items():
        text = _between(text, name, table)
    readme.write_text(text, "utf-8")


def targets(results: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Every target that was measured, and whether it was met."""
    asked = (*authorisations.met(results.get("authorisations", {})), *tokens.met(results.get("tokens", {})))
    return [*report.met(results), *asked]


def _between(text: str, name: str, table: str) -> str:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n{table}\n{end}{tail}" if rest else text


def _tables(known: Mapping[str, Any]) -> dict[str, str]:
    tables = {"conditions": report.markdown(("condition", ""), known["conditions"].items())}
    if "exchange" in known:
        tables |= {name: report.throughput(table) for name, table in known["exchange"].items()}
    for name, told in (
        ("profile", report.stages),
        ("append", report.appends),
        ("curve", report.curve),
        ("decide", report.decisions),
        ("memory", report.memory),
        ("authorisations", authorisations.told),
        ("tokens", tokens.told),
    ):
        if name in known:
            tables[name] = told(known[name])
    tables["met"] = "\n".join(f"- {'met' if each else '**missed**'}: {sentence}" for sentence, each in targets(known))
    return tables


def _pictures(known: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    if "exchange" in known:
        for scenario, title in (("one", "one call"), ("three", "three calls at once")):
            groups = [
                (
                    f"{clients} at once",
                    [(name, _SHORT[name], each["rate"]) for name, each in table.items() if name != "direct"],
                )
                for clients, table in known["exchange"][scenario].items()
            ]
            found[f"throughput-{scenario}"] = charts.bars(f"Exchanges per second, {title}", groups, unit="/s")
    if "profile" in known:
        rows = [
            (
                f"{_SHORT[each['engine']]}, {each['clients']} at once",
                {k: v * each["cpu"] for k, v in each["split"].items()},
            )
            for each in known["profile"]
        ]
        found["stages"] = charts.stacked("Where the CPU of an exchange goes", rows, unit="µs")
    if "memory" in known:
        rows_of = [("", f"{each['count']:,.0f} exchanges", each["resident"]) for each in known["memory"]]
        limit = (150.0, "limit: 150 MiB")
        found["memory"] = charts.bars("Resident memory of one process", [("", rows_of)], unit="MiB", mark=limit)
    if "authorisations" in known:
        register = known["authorisations"]["register"]
        points = [
            (engine, [(each["size"], each["rate"]) for each in register if each["engine"] == engine])
            for engine in dict.fromkeys(each["engine"] for each in register)
        ]
        found["authorisations"] = charts.lines(
            "Choices read per second as the register grows", points, across="authorisations", unit="look-ups/s"
        )
    if "curve" in known:
        engines = dict.fromkeys(each["engine"] for each in known["curve"])
        series = [
            (engine, [(each["size"], each["rate"]) for each in known["curve"] if each["engine"] == engine])
            for engine in engines
        ]
        found["curve"] = charts.lines(
            "Durable entries per second as the log grows", series, across="entries in the log", unit="entries/s"
        )
    return found
