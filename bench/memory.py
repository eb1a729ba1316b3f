"""The memory of one gateway process along 100,000 exchanges of many persons."""

from bench.bed import Bed, NotMeasuredError
from bench.machine import resident_mib

_MARKS = (1_000, 10_000, 25_000, 50_000, 75_000, 100_000)


def measure(bed: Bed, name: str, *, most: int = 100_000, clients: int = 64) -> list[dict[str, float]]:
    """Resident memory when each mark is reached."""
    target = bed.targets[name]
    done, points = 0, []
    for mark in [*(each for each in _MARKS if each < most), most]:
        while done < mark:  # in parts, so that no token grows old
            report = bed.load(target, "one", clients=clients, seconds=120, count=min(mark - done, 20_000))
            if report["refused"]:
                raise NotMeasuredError(f"{name}: {report['refused']} {report['sample']}")
            done += report["count"]
        resident, private = resident_mib(target.process)
        points.append({"count": float(done), "resident": resident, "private": private})
    return points
