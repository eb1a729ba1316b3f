"""The split of an exchange's CPU by stage, on a gateway under the sampler, at one concurrency."""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.bed import Bed, NotMeasuredError
from bench.stages import split, stage

_HOT = 40


def profile(bed: Bed, name: str, scenario: str, *, samples: Path, clients: int, seconds: float) -> dict[str, Any]:
    """Share of CPU by stage, CPU per exchange while sampled, and the functions that spend most themselves."""
    target = bed.targets[name]
    out = samples / f"{name}.json"
    bed.warm(target, scenario)
    os.kill(target.process, signal.SIGUSR1)
    report = bed.load(target, scenario, clients=clients, seconds=seconds)
    out.unlink(missing_ok=True)
    os.kill(target.process, signal.SIGUSR2)
    for _ in range(100):
        if out.exists():
            break
        bed.load(target, scenario, clients=1, seconds=0.05)  # a signal waits for Python to run
        time.sleep(0.1)
    else:
        raise NotMeasuredError(f"{name} wrote no samples")
    stacks = json.loads(out.read_text())
    return {
        "engine": name,
        "clients": clients,
        "cpu_sampled": report["cpu"],
        "split": split(stacks),
        "hot": _hot(stacks),
    }


def _hot(stacks: Any) -> list[tuple[str, str, float]]:
    """(stage, own function, share), heaviest first: what to look at before changing anything."""
    own: Counter[tuple[str, str]] = Counter()
    for spent, stack in stacks:
        if stack:
            file, function, _ = stack[0]
            place = "/".join(Path(file).parts[-2:])
            own[stage(stack), f"{place}:{function}"] += spent
    total = sum(own.values()) or 1
    return [(where, what, spent / total) for (where, what), spent in own.most_common(_HOT)]
