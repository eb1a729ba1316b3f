"""RFC 9449 §8, §9: nonces of the server, where the operator asks for them."""

import pytest

from gateway.oauth.challenges import NonceWanted
from gateway.oauth.nonces import Nonces
from gateway.oauth.verification import NONCE

NOW = 1_800_000_000_000
LIFE = 120_000


def nonces(key: bytes = b"k" * 32) -> Nonces:
    return Nonces(key=key, life=LIFE)


@pytest.fixture
async def asking(world):
    await world.reopen(nonces=nonces())
    return world


async def test_without_the_setting_no_nonce_is_asked_for(world):
    """§8: a server that needs none stays silent, and ignores one that comes."""
    answer = await world.post(world.form(), headers={"DPoP": world.proof(nonce="anything")})
    assert answer.status_code == 200
    assert "dpop-nonce" not in answer.headers


async def test_the_token_endpoint_asks_for_its_nonce_and_accepts_it(asking):
    """§8: 400 use_dpop_nonce with the nonce; the same assertion serves for the second try."""
    form = asking.form()
    answer = await asking.post(form, headers={"DPoP": asking.proof()})
    assert answer.status_code == 400
    asking.refused(answer, "use_dpop_nonce", "nonce")
    nonce = answer.headers["dpop-nonce"]
    answer = await asking.post(form, headers={"DPoP": asking.proof(nonce=nonce)})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "nonce",
    ["", "abc", 7, None, "é" * 32, "A" * 32, "A" * 31 + "=", nonces(b"x" * 32).new(NOW), nonces().new(NOW)[:-1]],
)
async def test_what_is_no_nonce_of_ours_is_answered_with_one(asking, nonce):
    """Forged, cut, of another server's key: never an error of another kind."""
    answer = await asking.post(asking.form(), headers={"DPoP": asking.proof(nonce=nonce)})
    asking.refused(answer, "use_dpop_nonce", "nonce")
    assert nonces().age(answer.headers["dpop-nonce"], NOW) == 0


async def test_a_nonce_lives_shortly(asking):
    """§11.3: proofs made in advance are of no use afterwards."""
    nonce = nonces().new(asking.now)
    asking.now += LIFE
    assert (await asking.post(asking.form(), headers={"DPoP": asking.proof(nonce=nonce)})).status_code == 200
    asking.now += 1
    answer = await asking.post(asking.form(), headers={"DPoP": asking.proof(nonce=nonce)})
    asking.refused(answer, "use_dpop_nonce", "nonce")


async def test_an_ageing_nonce_is_replaced_in_the_answer(asking):
    """§8.2: a client that keeps the newest one never meets a refusal."""
    nonce = nonces().new(asking.now)
    answer = await asking.post(asking.form(), headers={"DPoP": asking.proof(nonce=nonce)})
    assert "dpop-nonce" not in answer.headers
    asking.now += LIFE // 2 + 1
    answer = await asking.post(asking.form(), headers={"DPoP": asking.proof(nonce=nonce)})
    assert nonces().age(answer.headers["dpop-nonce"], asking.now) == 0


async def test_a_client_that_sends_no_proof_at_all_is_told_the_nonce_too(asking):
    """One round trip less for who has to begin anyway."""
    await asking.rebind("dpop")
    answer = await asking.post(asking.form())
    asking.refused(answer, "invalid_dpop_proof", "proof_missing")
    assert nonces().age(answer.headers["dpop-nonce"], asking.now) == 0


async def test_bearer_clients_hear_nothing_of_nonces(asking):
    """No proof, no nonce."""
    answer = await asking.post(asking.form())
    assert answer.status_code == 200
    assert "dpop-nonce" not in answer.headers


async def test_the_api_asks_for_its_nonce_and_accepts_it(asking):
    """§9: 401 with a challenge of its own code; the nonce of one endpoint is good at the other."""
    token = await token_with_nonce(asking)
    request = asking.request(token, asking.api_proof(token), scheme="DPoP")
    with pytest.raises(NonceWanted) as caught:
        await asking.verifier.caller(request, asking.now)
    assert (caught.value.status, caught.value.code) == (401, "use_dpop_nonce")
    assert 'DPoP realm="passerelle", error="use_dpop_nonce"' in caught.value.challenges("https://x.example")[0]
    nonce = caught.value.headers["DPoP-Nonce"]
    request = asking.request(token, asking.api_proof(token, nonce=nonce), scheme="DPoP")
    assert await asking.verifier.caller(request, asking.now)
    assert NONCE not in request
    asking.now += LIFE // 2 + 1
    request = asking.request(token, asking.api_proof(token, nonce=nonce), scheme="DPoP")
    assert await asking.verifier.caller(request, asking.now)
    assert nonces().age(request[NONCE], asking.now) == 0


async def token_with_nonce(world):
    headers = {"DPoP": world.proof(nonce=nonces().new(world.now))}
    return (await world.post(world.form(), headers=headers)).json()["access_token"]


def test_every_process_accepts_the_nonces_of_the_others():
    """Nothing is stored: the key is what they share, and a clock that is a little behind does not matter."""
    here, there = nonces(), nonces()
    assert there.age(here.new(NOW), NOW) == 0
    assert there.age(here.new(NOW), NOW - 1_000) == -1_000
    assert there.age(here.new(NOW), NOW - LIFE - 1) is None
    assert there.age(here.new(NOW), NOW + LIFE + 1) is None
    assert "k" * 32 not in repr(here)
