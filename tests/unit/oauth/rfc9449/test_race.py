"""RFC 9449 §11.1 with several processes: of all requests with one proof, one gets in."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from gateway.database import open_database
from gateway.oauth import models

ROOT = Path(__file__).parents[4]
PROOFS, PROCESSES = 40, 3


async def test_of_three_processes_one_accepts_each_proof(postgres, tmp_path):
    """Races on PostgreSQL: the same requests at the same moment, twice in each process; each proof opens once."""
    url = postgres.create_database()
    async with open_database(url) as store:
        await store.write(models.metadata.create_all)
    prover = [sys.executable, "-W", "error", str(Path(__file__).parent / "prover.py"), url, str(tmp_path)]
    processes = [
        await asyncio.create_subprocess_exec(
            *prover, str(number), cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
        )
        for number in range(PROCESSES)
    ]
    told = [each for process in processes for each in json.loads((await process.communicate())[0])]
    assert Counter(index for index, what in told if what == "in") == dict.fromkeys(range(PROOFS), 1)
    assert {what for _, what in told} == {"in", "dpop.replayed"}
    assert len(told) == 2 * PROOFS * PROCESSES
