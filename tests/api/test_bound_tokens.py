"""Tokens bound to a key, over HTTP and through the whole gateway: what a thief of one cannot do."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors import sandbox
from gateway.oauth.client import bound_headers, make_proof, new_key, request_token
from tests.api.conftest import World, check_problem
from tests.bed import LISE, Bed, bed, professional, served

pytestmark = pytest.mark.asyncio(loop_scope="session")
ML = "ml-brume"
WITNESS = professional("conseiller")


async def bound_token(gateway: Bed, partner: str = ML, *, who: Any = LISE, key: Any = None) -> str:
    """A token bound to the partner's own key, or to this one."""
    return await request_token(
        gateway.http,
        gateway.keys[partner],
        client_id=partner,
        issuer=gateway.services.base_url,
        scopes=gateway.services.server.scopes_supported,
        now=gateway.services.clock(),
        professional=who,
        proof_key=key or gateway.keys[partner],
    )


def headers(gateway: Bed, token: str, *, path: str, method: str = "POST", **more: Any) -> dict[str, str]:
    key, url = more.pop("key", gateway.keys[ML]), f"{gateway.services.base_url}{path}"
    return bound_headers(key, token, method=method, url=url, now=gateway.services.clock(), **more)


async def catalogue(gateway: Bed, sent: dict[str, str]) -> httpx.Response:
    return await gateway.http.get("/v1/catalogue", headers=sent)


async def test_an_exchange_with_a_bound_token(each_world: World) -> None:
    """From the request for a token to data that leaves, each request with its own proof."""
    gateway = each_world.bed
    token = await bound_token(gateway)
    pseudonym = await each_world.ready(ML, "support.youth")
    body = {"subject": {"pseudonym": pseudonym}, "purpose": "support.youth", "fields": ["rsa"]}
    sent = headers(gateway, token, path="/v1/exchanges")
    answer = await gateway.http.post("/v1/exchanges", json=body, headers=sent)
    assert answer.status_code == 200, answer.text
    again = await gateway.http.post("/v1/exchanges", json=body, headers=sent)
    check_problem(again, 401, "invalid_dpop_proof")
    assert 'DPoP realm="passerelle", error="invalid_dpop_proof"' in again.headers["www-authenticate"]


async def test_a_stolen_token_opens_nothing(world: World) -> None:
    """As a bearer token, with a proof of the thief's key, with the proof of another request: 401 each time."""
    gateway = world.bed
    token = await bound_token(gateway)
    answer = await catalogue(gateway, {"Authorization": f"Bearer {token}"})
    check_problem(answer, 401, "invalid_token")
    assert [each.partition(" ")[0] for each in answer.headers.get_list("www-authenticate")] == ["Bearer", "DPoP"]
    thief = headers(gateway, token, path="/v1/catalogue", method="GET", key=new_key("thief"))
    check_problem(await catalogue(gateway, thief), 401, "invalid_token")
    seen = headers(gateway, token, path="/v1/exchanges")
    check_problem(await catalogue(gateway, seen), 401, "invalid_dpop_proof")
    check_problem(await catalogue(gateway, {"Authorization": f"DPoP {token}"}), 401, "invalid_dpop_proof")


async def test_every_answer_that_refuses_a_token_says_where_tokens_come_from(world: World) -> None:
    """RFC 9728 §5.1: each 401, and the 403 of a missing scope."""
    gateway = world.bed
    narrow = await gateway.token(ML, scopes=["data:aah"])
    for sent, status in (
        ({}, 401),
        ({"Authorization": "Bearer a.b.c"}, 401),
        ({"Authorization": "DPoP a.b.c"}, 401),
        ({"Authorization": f"Bearer {narrow}"}, 403),
    ):
        answer = await gateway.http.post("/v1/subjects", json={}, headers=sent)
        assert answer.status_code == status
        for challenge in answer.headers.get_list("www-authenticate"):
            address = f"{gateway.services.base_url}/.well-known/oauth-protected-resource"
            assert f'resource_metadata="{address}"' in challenge


async def test_a_witness_comes_with_a_bound_token_and_a_proof_of_its_own(world: World) -> None:
    """Two tokens, two proofs: the second ones in `Witness-Authorization` and `Witness-DPoP`."""
    gateway = world.bed
    first, second, other = await bound_token(gateway), await bound_token(gateway, who=WITNESS), new_key("other")
    id_ = "0" * 32
    path = f"/v1/authorisation-requests/{id_}/answers"
    body = {"answer": "no", "channel": "counter", "person_present": True}

    async def note(*, witnessed: Any) -> httpx.Response:
        own = headers(gateway, first, path=path)
        return await gateway.http.post(path, json=body, headers=own | witnessed)

    def witnessed(token: str, **more: Any) -> dict[str, str]:
        made = headers(gateway, token, path=path, **more)
        return {"Witness-Authorization": made["Authorization"], "Witness-DPoP": made["DPoP"]}

    good = await note(witnessed=witnessed(second))
    assert good.status_code == 404, good.text  # both tokens are accepted; there is no such request
    check_problem(await note(witnessed=witnessed(second, key=other)), 401, "invalid_token")
    alone = {"Witness-Authorization": f"DPoP {second}"}
    check_problem(await note(witnessed=alone), 401, "invalid_dpop_proof")
    bearer = {"Witness-Authorization": f"Bearer {second}"}
    check_problem(await note(witnessed=bearer), 401, "invalid_token")


async def test_a_partner_registered_by_default_needs_proofs(tmp_path: Path) -> None:
    """What an operator gets who says nothing: no token without a proof, no use of one without another."""
    async with (
        served(sandbox.build()) as url,
        bed(tmp_path, database_url=f"sqlite:///{tmp_path}/p.db", sandbox_url=url) as gateway,
    ):
        await gateway.partner(ML, binding="dpop")
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await gateway.token(ML)
        assert caught.value.response.json()["error"] == "invalid_dpop_proof"
        token = await bound_token(gateway, key=new_key("proofs"))
        assert (await catalogue(gateway, {"Authorization": f"Bearer {token}"})).status_code == 401


async def test_where_nonces_are_asked_for_each_answer_keeps_the_client_going(tmp_path: Path) -> None:
    """RFC 9449 §8, §9: the helper repeats its request for a token; the API gives its nonce with a 401, once."""
    now = [1_800_000_000_000]
    async with (
        served(sandbox.build()) as url,
        bed(
            tmp_path,
            database_url=f"sqlite:///{tmp_path}/p.db",
            sandbox_url=url,
            dpop_nonce_seconds=100,
            clock=lambda: now[0],
        ) as gateway,
    ):
        await gateway.partner(ML, binding="dpop")
        token = await bound_token(gateway)
        answer = await catalogue(gateway, headers(gateway, token, path="/v1/catalogue", method="GET"))
        check_problem(answer, 401, "use_dpop_nonce")
        nonce = answer.headers["dpop-nonce"]
        answer = await catalogue(gateway, headers(gateway, token, path="/v1/catalogue", method="GET", nonce=nonce))
        assert answer.status_code == 200
        assert "dpop-nonce" not in answer.headers
        now[0] += 51_000
        answer = await catalogue(gateway, headers(gateway, token, path="/v1/catalogue", method="GET", nonce=nonce))
        assert answer.status_code == 200
        assert answer.headers["dpop-nonce"] != nonce
        sent = headers(gateway, token, path="/log/keys", method="GET", nonce=nonce)
        answer = await gateway.http.get("/log/keys", headers=sent)  # could be kept, were it not for the nonce
        assert (answer.status_code, answer.headers.get_list("cache-control")) == (200, ["no-store"])


async def test_the_address_of_the_proof_is_the_public_one(world: World) -> None:
    """`Host` is the caller's word: a proof for the address it names is not one for ours."""
    gateway = world.bed
    token = await bound_token(gateway)
    key, now = gateway.keys[ML], gateway.services.clock()
    proof = make_proof(key, method="GET", url="https://evil.example.org/v1/catalogue", now=now, token=token)
    sent = {"Authorization": f"DPoP {token}", "DPoP": proof, "Host": "evil.example.org"}
    check_problem(await catalogue(gateway, sent), 401, "invalid_dpop_proof")
    sent = headers(gateway, token, path="/v1/catalogue", method="GET") | {"Host": "evil.example.org"}
    assert (await catalogue(gateway, sent)).status_code == 200
