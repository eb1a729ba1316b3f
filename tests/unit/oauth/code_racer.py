"""One of two gateway processes that are handed the same codes (see rfc6749/test_code_race.py)."""

import asyncio
import json
import sys
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.oauth.client import ClientKey
from tests.bed import open_bed, settings_of
from tests.unit.oauth.presence import Site

VERIFIER = "v" * 43
AT_ONCE = 3


async def meet(folder: Path, number: str, place: int) -> None:
    (folder / f"{place}-{number}").touch()
    while not all((folder / f"{place}-{other}").exists() for other in (0, 1)):  # noqa: ASYNC110  the other process has no event to give
        await asyncio.sleep(0.001)


async def main(url: str, folder: Path, number: str) -> None:
    codes = json.loads((folder / "codes").read_text())
    key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    known = settings_of(folder / "home", database_url=url, sandbox_url="http://127.0.0.1:9")
    async with open_bed(known, sandbox_url="http://127.0.0.1:9") as bed:
        bed.keys["ml-brume"] = ClientKey(private=key, kid="ml-brume-1")
        site = Site(bed, verifier=VERIFIER)
        answers = []
        for place, code in enumerate(codes):
            await meet(folder, number, place)
            answers += [
                (place, answer.status_code, answer.json().get("error"))
                for answer in await asyncio.gather(*[site.redeem(code) for _ in range(AT_ONCE)])
            ]
    sys.stdout.write("\n" + json.dumps(answers))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
