"""How long one decision takes: 50 fields from three sources, each permitted, in one process, nothing else running."""

import gc
import statistics
import time
from dataclasses import replace

from bench.machine import ROOT
from policies.catalogue import load
from policies.decision import Actor, Authorisation, Facts, decide

_BATCHES, _RUNS = 10, 2_000


def measure() -> dict[str, float]:
    """Microseconds of one decision: the same facts again, and facts that no decision has seen before."""
    catalogue = load(ROOT / "bench" / "catalogue")
    recipient, purpose = "ml-bench", "bench.fifty_fields"
    fields = tuple(sorted(catalogue.tables[recipient, purpose].rules))
    now = time.time_ns() // 1_000_000
    given = Authorisation(
        id="0" * 32,
        basis="consent",
        state="given",
        fields=frozenset(fields),
        explicit=frozenset(),
        valid_from=now - 1_000,
        valid_until=now + 10**9,
        max_uses=None,
        uses=0,
    )
    facts = Facts(
        recipient=recipient,
        purpose=purpose,
        fields=fields,
        now=now,
        actor=Actor(kind="professional", role="conseiller", assurance="substantial"),
        flags=frozenset(),
        authorisation=given,
        epoch=1,
        uses={exchange.id: 0 for exchange in catalogue.active(recipient, purpose)},
        switches=frozenset(),
    )
    permitted = len(decide(facts, catalogue).permitted)
    gc.collect()
    same: list[float] = []
    other: list[float] = []
    for number in range(_BATCHES * _RUNS):
        fresh = replace(
            facts,
            now=now + number,
            epoch=number,
            authorisation=replace(given, id=f"{number:032x}", fields=frozenset(fields[number % 50 :])),
        )
        begin = time.perf_counter()
        decide(facts, catalogue)
        middle = time.perf_counter()
        decide(fresh, catalogue)
        end = time.perf_counter()
        same.append((middle - begin) * 1e6)
        other.append((end - middle) * 1e6)
    return {
        "fields": float(len(fields)),
        "permitted": float(permitted),
        **_told("same facts", same),
        **_told("other person, other fields, other time", other),
    }


def _told(name: str, times: list[float]) -> dict[str, float]:
    """Medians of the batches' percentiles: one batch that the machine interrupted decides nothing."""
    batches = [sorted(times[first : first + _RUNS]) for first in range(0, len(times), _RUNS)]
    return {
        f"{name}, {label}": statistics.median(batch[int(_RUNS * share)] for batch in batches)
        for label, share in (("p50", 0.5), ("p99", 0.99))
    }
