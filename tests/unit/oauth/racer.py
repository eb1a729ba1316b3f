"""One of two gateway processes that are handed the same assertions, or the same proofs (see test_replay.py)."""

import asyncio
import json
import random
import sys
import time
from pathlib import Path

import httpx
import structlog
from starlette.applications import Starlette

from gateway.database import open_database
from gateway.oauth.client import make_assertion, make_proof, new_key
from gateway.oauth.client_authentication import ASSERTION_TYPE
from gateway.oauth.ledger import Ledger
from gateway.oauth.partners import Partners, new_partner, register
from gateway.oauth.replay import UsedTokens
from gateway.oauth.revocation import RevokedTokens
from gateway.oauth.routes import routes
from gateway.oauth.server import AuthorizationServer
from tests.registrations import generate
from tests.unit.oauth.world import actor_of, journal_of

ISSUER = "https://passerelle.example.org"
ASSERTIONS = 60


def clock() -> int:
    return time.time_ns() // 1_000_000


async def prepare(store, folder: Path, same: str) -> None:
    key = new_key("k1")
    await register(store, new_partner(
        id="ml-brume", name="Mission locale", siret="12345678200010", scopes=["data:rsa"], jwks=key.jwks(),
        binding="bearer", now=clock(),
    ))  # fmt: skip

    def assertion() -> str:
        return make_assertion(key, client_id="ml-brume", issuer=ISSUER, now=clock())

    made = []  # for each place, what each of the two processes sends in each of its two requests
    for _ in range(ASSERTIONS):
        if same == "assertion":
            made.append([(assertion(), None)] * 4)
        else:
            proof = make_proof(key, method="POST", url=f"{ISSUER}/oauth/token", now=clock())
            made.append([(assertion(), proof) for _ in range(4)])
    (folder / "assertions.part").write_text(json.dumps(made))
    (folder / "assertions.part").rename(folder / "assertions")


async def meet(folder: Path, number: str, place: int) -> None:
    (folder / f"{place}-{number}").touch()
    while not all((folder / f"{place}-{other}").exists() for other in (0, 1)):  # noqa: ASYNC110  the other process has no event to give
        await asyncio.sleep(0.001)


async def main(url: str, folder: Path, number: str, same: str) -> None:
    async with open_database(url) as store:
        if number == "0":
            await prepare(store, folder, same)
        while not (folder / "assertions").exists():  # noqa: ASYNC110  idem
            await asyncio.sleep(0.01)
        assertions = json.loads((folder / "assertions").read_text())
        used = UsedTokens(store)
        journal = journal_of(store, clock=clock)
        await journal.start()
        server = AuthorizationServer(
            issuer=ISSUER, resource=ISSUER, keys=generate(), partners=Partners(store), used=used, clock=clock,
            revoked=RevokedTokens(store), ledger=Ledger(journal, store, tag=actor_of),
        )  # fmt: skip
        await server.partners.get("ml-brume", clock())
        transport = httpx.ASGITransport(Starlette(routes=routes(server)))
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:

            async def post(index: int, attempt: int) -> tuple[int, int]:
                assertion, proof = assertions[index][2 * int(number) + attempt]
                form = {
                    "grant_type": "client_credentials", "scope": "data:rsa", "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": assertion,
                }  # fmt: skip
                headers = {} if proof is None else {"DPoP": proof}
                return index, (await http.post("/oauth/token", data=form, headers=headers)).status_code

            answers = []
            for start in range(0, ASSERTIONS, 5):
                order = [(index, attempt) for index in range(start, start + 5) for attempt in range(2)]
                random.shuffle(order)
                await meet(folder, number, start)
                answers += await asyncio.gather(*(post(*each) for each in order))
        await journal.close()
        await used.close()
    won = [index for index, status in answers if status == 200]
    sys.stdout.write(json.dumps({"won": won, "statuses": sorted({status for _, status in answers})}))
    assert len(won) == len(set(won))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
