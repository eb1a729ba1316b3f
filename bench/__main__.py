"""`make bench`: a governed exchange beside pass-throughs that check nothing, in one run; see bench/README.md.

    python -m bench [all|exchange|profile|decide|append|memory|curve|receipts|authorisations|tokens]
                    [--seconds 3] [--rounds 3] [--people 4000] [--clients 1,16,64]
                    [--engines sqlite,postgresql] [--entries 10000000] [--keep]

`curve` (appends as the log grows) takes ten minutes and 6 GB of disk, `receipts` (proofs of a million entries) two
minutes and 2 GB, `authorisations` (withdrawing under load, a register of a million) ten minutes and 4 GB; `tokens`
(beside node-oidc-provider) needs `make .venv/beside/.ready`; so `all` leaves them out.

`--keep` writes the figures to bench/results, the pictures to bench/pictures and the tables into bench/README.md.
"""

import argparse
import sys
from typing import Any

from bench import appends, authorisations, curve, decisions, memory, pages, profiles, receipts, report, rounds, tokens
from bench.bed import Bed, NotMeasuredError, bed
from bench.machine import conditions

PARTS = ("exchange", "profile", "append", "decide", "memory")
ASKED_FOR = ("curve", "receipts", "authorisations", "tokens")
REFERENCES = ("direct", "httpx", "aiohttp", "bytes")


def main() -> int:
    """Measure what is asked for; 1 when a target is missed, 2 when nothing can be trusted."""
    arguments = _arguments()
    parts = PARTS if arguments.part == "all" else (arguments.part,)
    results: dict[str, Any] = {"conditions": conditions()}
    try:
        with bed() as opened:
            for part in parts:
                print(f"\n## {part}\n", flush=True)
                results[part] = _MEASURES[part](opened, arguments)
                print(_TOLD[part](results[part]), flush=True)
    except NotMeasuredError as error:
        print(f"not measured: {error}", file=sys.stderr)
        return 2
    met = pages.targets(results)
    print("\n## targets\n", *(f"{'met   ' if each else 'MISSED'} {sentence}" for sentence, each in met), sep="\n")
    if arguments.keep:
        pages.write(results)
    return 0 if all(each for _, each in met) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="all", choices=("all", *PARTS, *ASKED_FOR))
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--people", type=int, default=4_000)
    parser.add_argument("--clients", type=lambda text: [int(each) for each in text.split(",")], default=[1, 16, 64])
    parser.add_argument("--engines", type=lambda text: text.split(","), default=["sqlite", "postgresql"])
    parser.add_argument("--exchanges", type=int, default=100_000, help="of the memory run")
    parser.add_argument("--entries", type=int, default=10_000_000, help="of the largest log of the curve")
    parser.add_argument("--most", type=int, default=1_000_000, help="authorisations of the largest register")
    parser.add_argument("--keep", action="store_true", help="write results, pictures and README")
    return parser.parse_args()


def _exchange(opened: Bed, arguments: argparse.Namespace) -> dict[str, rounds.Table]:
    for kind in REFERENCES[1:]:
        opened.passthrough(kind)
    opened.gateways({engine: engine for engine in arguments.engines}, people=arguments.people)
    plan = {"seconds": arguments.seconds, "rounds": arguments.rounds}
    names = [*REFERENCES, *arguments.engines]
    one = rounds.compare(opened, names, "one", clients=arguments.clients, **plan)
    several = [count for count in arguments.clients if count > 1]
    three = rounds.compare(opened, names[1:], "three", clients=several, **plan)
    return {"one": one, "three": three}


def _profile(opened: Bed, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    names = {f"sampled-{engine}": engine for engine in arguments.engines}
    opened.gateways(names, people=min(arguments.people, 1_000), samples=opened.home)
    found = []
    for name, engine in names.items():
        for clients in (count for count in arguments.clients if count > 1):
            seconds = max(6.0, 2 * arguments.seconds)
            each = profiles.profile(opened, name, "one", samples=opened.home, clients=clients, seconds=seconds)
            plain = opened.load(opened.targets[name], "one", clients=clients, seconds=arguments.seconds)
            found.append({**each, "engine": engine, "cpu": plain["cpu"]})
        opened.stop(opened.targets[name])
    return found


def _memory(opened: Bed, arguments: argparse.Namespace) -> list[dict[str, float]]:
    opened.gateways({"memory": arguments.engines[0]}, people=arguments.people)
    opened.warm(opened.targets["memory"], "one")
    return memory.measure(opened, "memory", most=arguments.exchanges)


_MEASURES: dict[str, Any] = {
    "exchange": _exchange,
    "profile": _profile,
    "append": lambda _, arguments: appends.measure(
        arguments.engines, seconds=arguments.seconds, rounds=arguments.rounds
    ),
    "decide": lambda _, __: decisions.measure(),
    "memory": _memory,
    "curve": lambda _, arguments: curve.measure(arguments.engines, most=arguments.entries, seconds=arguments.seconds),
    "authorisations": lambda opened, arguments: authorisations.measure(
        opened, arguments.engines, people=arguments.people, seconds=max(10.0, arguments.seconds), most=arguments.most
    ),
    "tokens": lambda opened, arguments: tokens.measure(
        opened,
        arguments.engines,
        clients=[count for count in arguments.clients if count > 1] or [16],
        seconds=arguments.seconds,
        rounds=arguments.rounds,
    ),
    "receipts": lambda _, arguments: receipts.measure(arguments.engines, entries=min(arguments.entries, 1_000_000)),
}
_TOLD: dict[str, Any] = {
    "exchange": lambda found: "\n\n".join(
        f"### {'one call' if name == 'one' else 'three calls at once'}\n\n{report.throughput(table)}"
        for name, table in found.items()
    ),
    "profile": report.stages,
    "append": report.appends,
    "decide": report.decisions,
    "memory": report.memory,
    "curve": report.curve,
    "receipts": receipts.told,
    "authorisations": authorisations.told,
    "tokens": tokens.told,
}


if __name__ == "__main__":
    sys.exit(main())
