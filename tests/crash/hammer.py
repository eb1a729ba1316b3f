"""Writers, and readers that verify while they write; `python -m tests.crash.hammer URL SECONDS` runs as long.

A reader checks, again and again: the receipt of an entry of its own; that the published head continues the one it saw
before (proof from our tiles, judged by tlog-scales); that a random old entry is in the tree at its place.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from tlog_scales.tlog import ConsistencyProof, InclusionProof

from audit import merkle, receipts
from audit.checkpoint import Checkpoint
from tests.crash.logs import RECEIPTS, Acknowledged, Log, check, create, foreign_size, log_at, now, published, stored
from tests.crash.roles import publish, running, start, write


async def hammer(url: str, home: Path, *, seconds: float, readers: int = 3) -> Counter[str]:
    """Two writing and two publishing processes, readers here, for so long; gives what was verified."""
    done: Counter[str] = Counter()
    roles = [(write, 8), (write, 8), (publish, "signer"), (publish, "signer")]
    await create(url)
    with running(*(start(role, url, home, argument) for role, argument in roles)):
        async with log_at(url, home / "unused") as log:
            until = time.monotonic() + seconds
            await asyncio.gather(*(_read(log, done, until) for _ in range(readers)))
    async with log_at(url, home / "signer") as log:
        done["acknowledged"] = await check(log, Acknowledged(home / "acknowledged"), home / "copy")
    done["entries"] = foreign_size(home / "copy")
    return done


async def _read(log: Log, done: Counter[str], until: float) -> None:
    last: Checkpoint | None = None
    while time.monotonic() < until:
        [mine] = await log.append(1)
        receipts.verify(receipts.issue(mine, signer=RECEIPTS), RECEIPTS.vkey)
        done["receipts"] += 1
        head = await published(log.store)
        if head is None:
            continue
        node = await log.store.read(partial(stored, size=head.size))
        if last is not None and last.size < head.size:
            path = merkle.consistency_path(last.size, head.size, node)
            ConsistencyProof(last.size, head.size, path).check(last.root, head.root)
            done["consistency"] += 1
        index = random.randrange(head.size)  # noqa: S311  any entry
        path = merkle.inclusion_path(index, head.size, node)
        InclusionProof(index, head.size, path).check(node(0, index), head.root)
        done["inclusion"] += 1
        last = head


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        began = now()
        found = asyncio.run(hammer(sys.argv[1], Path(folder), seconds=float(sys.argv[2])))
        told = ", ".join(f"{count} {name}" for name, count in found.items())
        sys.stdout.write(f"{(now() - began) / 1000:.0f} s: {told}\n")
