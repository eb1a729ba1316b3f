"""One of several gateway processes that are shown the same proofs (see test_race.py)."""

import asyncio
import json
import random
import sys
from pathlib import Path

import structlog

from gateway.database import open_database
from gateway.oauth.challenges import ProofRefused
from gateway.oauth.client import bound_headers, new_key
from gateway.oauth.jwks import thumbprint
from gateway.oauth.keys import create, of, read
from gateway.oauth.ledger import Ledger
from gateway.oauth.partners import Partners, new_partner, register
from gateway.oauth.possession import Possession
from gateway.oauth.replay import UsedTokens
from gateway.oauth.revocation import RevokedTokens
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.tokens import issue
from gateway.oauth.verification import Verifier
from gateway.services import wall_clock
from tests.unit.oauth.world import actor_of, journal_of

ISSUER = "https://passerelle.example.org"
PROOFS = 40
AT_ONCE = 5
PROCESSES = 3


async def prepare(server: AuthorizationServer, store, folder: Path) -> None:
    key = new_key("k1")
    partner = new_partner(
        id="ml-brume", name="ML", siret="12345678200010", scopes=["data:rsa"], jwks=key.jwks(), now=wall_clock()
    )
    await register(store, partner)
    (jwk,) = key.jwks()["keys"]
    token = issue(
        server, client_id="ml-brume", scopes=["data:rsa"], delegation=None, confirmation={"jkt": thumbprint(jwk)},
        now=wall_clock(),
    ).jwt  # fmt: skip
    made = [
        bound_headers(key, token, method="GET", url=f"{ISSUER}/v1/catalogue", now=wall_clock()) for _ in range(PROOFS)
    ]
    (folder / "requests.part").write_text(json.dumps(made))
    (folder / "requests.part").rename(folder / "requests")


async def meet(folder: Path, number: str, place: int) -> None:
    (folder / f"{place}-{number}").touch()
    while not all((folder / f"{place}-{other}").exists() for other in range(PROCESSES)):  # noqa: ASYNC110  the others have no event to give
        await asyncio.sleep(0.001)


async def main(url: str, folder: Path, number: str) -> None:
    create(folder / "token.pem")  # the first process makes it, the others find it
    keys = of(read(folder / "token.pem"))
    async with open_database(url) as store:
        used, partners, revoked = UsedTokens(store), Partners(store), RevokedTokens(store)
        server = AuthorizationServer(
            issuer=ISSUER, resource=ISSUER, keys=keys, partners=partners, used=used, clock=wall_clock,
            revoked=revoked, ledger=Ledger(journal_of(store, clock=wall_clock), store, tag=actor_of),
        )  # fmt: skip
        if number == "0":
            await prepare(server, store, folder)
        while not (folder / "requests").exists():  # noqa: ASYNC110  idem
            await asyncio.sleep(0.01)
        requests = json.loads((folder / "requests").read_text())
        senders = Possession(address=ISSUER, used=used)
        verifier = Verifier(
            issuer=ISSUER, resource=ISSUER, keys=keys, partners=partners, revoked=revoked, senders=senders
        )

        async def call(index: int) -> tuple[int, str]:
            headers = [(name.lower().encode(), value.encode()) for name, value in requests[index].items()]
            try:
                await verifier.caller({"method": "GET", "path": "/v1/catalogue", "headers": headers}, wall_clock())
            except ProofRefused as refused:
                return index, refused.detail
            return index, "in"

        told = []
        for start in range(0, PROOFS, AT_ONCE):
            order = [*range(start, start + AT_ONCE)] * 2
            random.shuffle(order)
            await meet(folder, number, start)
            told += await asyncio.gather(*map(call, order))
        await used.close()
        await revoked.close()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
