"""A decision costs next to nothing beside the calls to the sources."""

import gc
import sys
import time
from dataclasses import replace
from pathlib import Path

import policies
from policies import catalogue
from policies.catalogue import Catalogue
from policies.decision import Facts, decide
from tests.unit.policies.factories import actor, authorisation, facts

ROUNDS, DECISIONS = 5, 1000


def test_fifty_fields_are_decided_in_a_fifth_of_a_millisecond() -> None:
    """At p99, in processor time of this thread, on facts that differ each time; the best of five rounds counts."""
    loaded = catalogue.load(Path(policies.__file__).parent / "catalogue")
    wanted = loaded.request_fields("dept-brume", "orientation.rsa").fields
    fields = (*sorted(wanted), *sorted(loaded.vocabulary.fields.keys() - wanted))[:50]
    held = authorisation(basis="public_task", state="active", fields=wanted)
    asked = facts(
        recipient="dept-brume",
        purpose="orientation.rsa",
        fields=fields,
        actor=actor(role="referent"),
        authorisation=held,
        uses={exchange.id: 0 for exchange in loaded.active("dept-brume", "orientation.rsa")},
    )
    assert len(decide(asked, loaded).permitted) == len(wanted) == 28
    gc.collect()
    # a coverage run would time its own tracer
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        best = min(p99(asked, loaded) for _ in range(ROUNDS))
    finally:
        sys.settrace(tracer)
    assert best < 200_000


def p99(asked: Facts, loaded: Catalogue) -> int:
    times = []
    for number in range(DECISIONS):
        turned = asked.fields[number % 50 :] + asked.fields[: number % 50]
        other = replace(asked, epoch=number, fields=turned)
        begin = time.thread_time_ns()
        decide(other, loaded)
        times.append(time.thread_time_ns() - begin)
    return sorted(times)[DECISIONS * 99 // 100]
