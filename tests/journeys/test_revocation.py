"""A revoked token is of no use to anybody: several gateways on one PostgreSQL, judged by answers and journal."""

import asyncio
import json
from pathlib import Path

from gateway.oauth.client import make_assertion
from gateway.oauth.client_authentication import ASSERTION_TYPE
from tests.bed import professional
from tests.conftest import PostgresServer
from tests.journeys.race import LINES, Race, racing

PARTNER = "outil-commun"
ROUNDS, CLIENTS = 4, 3


async def _ask(race: Race, token: str, number: int, url: str) -> int:
    """An exchange, whose source takes its time, or the catalogue, with this token."""
    headers = {"Authorization": f"Bearer {token}"}
    if number % 3 == 0:
        return (await race.bed.http.get(f"{url}/v1/catalogue", headers=headers)).status_code
    purpose, dataset = LINES[PARTNER]
    people = [pseudonym for (_, partner), pseudonym in sorted(race.names.items()) if partner == PARTNER]
    asked = {"subject": {"pseudonym": people[number % len(people)]}, "purpose": purpose, "fields": [dataset]}
    return (await race.bed.http.post(f"{url}/v1/exchanges", json=asked, headers=headers)).status_code


async def _revoke(race: Race, token: str, url: str) -> None:
    issuer, now = race.bed.services.base_url, race.bed.services.clock()
    form = {
        "token": token,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": make_assertion(race.bed.keys[PARTNER], client_id=PARTNER, issuer=issuer, now=now),
    }
    answer = await race.bed.http.post(f"{url}/oauth/revoke", data=form)
    assert (answer.status_code, answer.content) == (200, b""), answer.text


async def _round(race: Race, number: int) -> tuple[list[int], list[int]]:
    """Load everywhere, a revocation in the middle; statuses of what began before its answer, and after."""
    token = await race.bed.token(PARTNER, professional=professional("referent"))
    before: list[int] = []
    after: list[int] = []
    released, revoked = asyncio.Event(), asyncio.Event()

    async def load(client: int) -> None:
        url = race.servers[client % len(race.servers)].url
        for turn in range(1_000):
            told = after if revoked.is_set() else before
            told.append(await _ask(race, token, client + turn, url))
            if (client + turn) % 3 and told[-1] == 200:
                released.set()
            if len(after) > 20 * CLIENTS * len(race.servers):
                return

    async def revoke() -> None:
        await asyncio.wait_for(released.wait(), 30)
        await _revoke(race, token, race.servers[number % len(race.servers)].url)
        revoked.set()

    await asyncio.gather(revoke(), *(load(client) for client in range(CLIENTS * len(race.servers))))
    return before, after


async def test_after_its_revocation_no_process_answers_with_a_token(postgres: PostgresServer, tmp_path: Path) -> None:
    """RFC 7009 §2.2, on all processes at once; what was under way releases nothing any more."""
    async with racing(tmp_path, postgres.create_database()) as race:
        for number in range(ROUNDS):
            first = await race.bed.size()
            before, after = await _round(race, number)
            assert before.count(200) > 0
            assert set(before) <= {200, 401}
            assert set(after) == {401}
            entries = await race.bed.journal(first)
            kinds = [entry["type"] for entry in entries]
            end = kinds.index("token.revoked")
            assert kinds[:end].count("exchange.released") > 0
            assert not {"exchange.decided", "exchange.released"} & set(kinds[end:]), json.dumps(kinds[end:])
