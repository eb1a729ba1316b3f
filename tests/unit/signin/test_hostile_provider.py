"""Sign-ins that must not happen: the way back, the metadata, the keys, the endpoints; a provider that fails."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from tests.unit.signin.conftest import World, civil, signed_in
from tests.unit.signin.hostile import public
from tests.unit.signin.refusals import STRANGER, refused

pytestmark = pytest.mark.asyncio(loop_scope="session")


RETURNED: list[tuple[str, str, dict[str, Any]]] = [
    ("of the other provider", "issuer_mismatch", {"iss": "https://other.example"}),
    ("of nobody, though announced", "issuer_missing", {"iss": ...}),
    ("with a parameter nobody sends", "response_invalid", {"id_token": "x"}),
    ("without code", "response_invalid", {"code": ...}),
    ("with an endless code", "response_invalid", {"code": "a" * 4097}),
    ("with an error", "provider_error", {"code": ..., "error": "server_error"}),
    (
        "with an error and a code",
        "provider_error",
        {"error": "temporarily_unavailable", "error_description": "<script>alert(1)</script>"},
    ),
]


@pytest.mark.parametrize(("reason", "back"), [each[1:] for each in RETURNED], ids=[each[0] for each in RETURNED])
async def test_a_way_back_that_is_not_as_it_must_be(world: World, reason: str, back: dict[str, Any]) -> None:
    """RFC 9207 before anything else; nothing is exchanged."""
    await refused(world, reason, **back)
    assert not [what for what, _ in world.fc.asked if what == "token"]


async def test_who_declines_is_told_so_and_nothing_is_noted(world: World) -> None:
    """Changing one's mind is no refusal of ours; what the provider wrote is not shown."""
    await world.bed.services.server.ledger.settle(world.clock())
    before = await world.bed.size()
    answer = await world.sign_in(code=..., error="access_denied", error_description="Texte du fournisseur")
    assert answer.status_code == 403
    assert "Vous avez arrêté la connexion" in answer.text
    assert "Texte du fournisseur" not in answer.text
    assert await world.noted(before) == []


async def test_coming_back_wrongly_again_and_again_writes_one_entry(each_world: World) -> None:
    """A state is free to get: what anybody can do is counted, whatever the address brings; a person refused is not."""
    world = each_world
    await world.bed.services.server.ledger.settle(world.clock())
    before = await world.bed.size()
    for _ in range(5):
        await world.sign_in(iss="https://evil.example")
        await world.sign_in(error="server_error", code=...)
    world.fc.answers["token"] = lambda: JSONResponse({"error": "invalid_grant"}, 400)
    await world.sign_in()
    del world.fc.answers["token"]
    assert await world.bed.size() == before
    world.fc.claims, world.fc.sub = civil("odette-hervieu"), "0de7" * 16 + "v1"
    await world.sign_in()
    assert sorted(await world.noted(before)) == [
        ("refused", "person_unknown", "franceconnect"),
        ("signin_exchange_refused", "1"),
        ("signin_issuer_mismatch", "5"),
        ("signin_provider_error", "5"),
    ]
    assert await world.bed.size() == before + 2


async def test_the_answer_of_one_provider_at_the_address_of_the_other(world: World) -> None:
    """Mix-up (RFC 9700 §4.4): the code goes to nobody."""
    async with world.browser() as browser:
        asked = await world.leave(browser, "franceconnect")
        await world.bed.services.server.ledger.settle(world.clock())
        before = await world.bed.size()
        answer = await world.back(browser, asked, "proconnect")
    assert answer.status_code == 502
    assert not signed_in(answer)
    assert await world.noted(before) == [("signin_issuer_mismatch", "1")]
    assert not [what for op in (world.fc, world.pc) for what, _ in op.asked if what == "token"]


METADATA: list[tuple[str, dict[str, Any]]] = [
    ("of another issuer", {"issuer": "https://other.example"}),
    ("with an address without TLS elsewhere", {"token_endpoint": "http://token.example/"}),
    ("with a script as address", {"authorization_endpoint": "javascript:alert(1)"}),
    ("with credentials in an address", {"jwks_uri": "https://user:word@keys.example/"}),
    ("without userinfo", {"userinfo_endpoint": ...}),
    ("that does not offer our algorithm", {"id_token_signing_alg_values_supported": ["RS256", "HS256"]}),
    ("that does not take our secret", {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}),
    ("that does not do codes", {"response_types_supported": ["id_token"]}),
]


@pytest.mark.parametrize("metadata", [each[1] for each in METADATA], ids=[each[0] for each in METADATA])
async def test_metadata_that_cannot_be_believed(world: World, metadata: dict[str, Any]) -> None:
    """OpenID Connect Discovery 1.0 §4.3: nobody is even sent there."""
    world.fc.metadata = metadata
    async with world.browser() as browser:
        answer = await browser.get("/signin/franceconnect")
    assert answer.status_code == 503
    assert "location" not in answer.headers


ANSWERS: list[tuple[str, Callable[[], Response], str]] = [
    ("a page", lambda: Response("<h1>hello</h1>", media_type="text/html"), "exchange_refused"),
    ("a refusal", lambda: JSONResponse({"error": "invalid_grant"}, 400), "exchange_refused"),
    ("another place", lambda: RedirectResponse("http://127.0.0.1:9/"), "exchange_refused"),
    ("a list", lambda: JSONResponse([1]), "exchange_refused"),
    ("no JSON", lambda: Response("{", media_type="application/json"), "exchange_refused"),
    ("100 KiB", lambda: JSONResponse({"id_token": "a" * 100_000}), "unreachable"),
]


@pytest.mark.parametrize(("answer", "reason"), [each[1:] for each in ANSWERS], ids=[each[0] for each in ANSWERS])
async def test_a_token_endpoint_that_answers_something_else(
    world: World, answer: Callable[[], Response], reason: str
) -> None:
    """Nothing is followed, nothing endless is read."""
    world.fc.answers["token"] = answer
    await refused(world, reason)


async def test_keys_given_twice_or_too_many_are_no_keys(world: World) -> None:
    """A kid that means two keys means none."""
    world.fc.jwks = {"keys": [public(STRANGER, world.fc.kid), public(world.fc.key, world.fc.kid)]}
    await refused(world, "key_unknown")


async def test_an_unknown_key_is_looked_for_once_a_minute(world: World) -> None:
    """Forged tokens do not make us knock at the provider's door; a rotation is seen within a minute."""
    assert signed_in(await world.sign_in())
    world.fc.kid = "signature-2"
    world.fc.asked.clear()
    await world.sign_in()
    await world.sign_in()
    asked = [what for what, _ in world.fc.asked if what == "jwks"]
    assert asked == []
    world.clock.advance(61)
    assert signed_in(await world.sign_in())
    assert [what for what, _ in world.fc.asked if what == "jwks"] == ["jwks"]


async def test_a_withdrawn_key_is_good_for_an_hour_at_most(world: World) -> None:
    """What the provider no longer publishes is forgotten when its set is read again."""
    assert signed_in(await world.sign_in())
    former, world.fc.jwks = world.fc.kid, {"keys": [public(STRANGER, "signature-3")]}
    world.clock.advance(3601)
    assert former == world.fc.kid
    await refused_now(world, "key_unknown")


async def refused_now(world: World, reason: str) -> None:
    await world.bed.services.server.ledger.settle(world.clock())
    before, entries = await world.sessions(), await world.bed.size()
    answer = await world.sign_in()
    assert not signed_in(answer)
    assert await world.sessions() == before
    assert (f"signin_{reason}", "1") in await world.noted(entries)


async def test_a_provider_that_fails_is_left_alone_for_a_moment(world: World) -> None:
    """Metadata, then keys: nobody queues behind a question that just failed; five seconds later it is asked again."""
    world.fc.answers["openid-configuration"] = lambda: Response(status_code=503)
    async with world.browser() as browser:
        for _ in range(3):
            assert (await browser.get("/signin/franceconnect")).status_code == 503
    assert [what for what, _ in world.fc.asked] == ["openid-configuration"]
    del world.fc.answers["openid-configuration"]
    world.clock.advance(5)
    world.fc.answers["jwks"] = lambda: Response(status_code=503)
    for _ in range(3):
        assert not signed_in(await world.sign_in())
    assert [what for what, _ in world.fc.asked].count("jwks") == 1
    del world.fc.answers["jwks"]
    world.clock.advance(5)
    assert signed_in(await world.sign_in())


async def test_a_provider_that_is_down_for_hours_serves_with_what_is_known(world: World) -> None:
    """Metadata and keys are good for six hours more; then nobody is believed."""
    assert signed_in(await world.sign_in())
    for what in ("openid-configuration", "jwks"):
        world.fc.answers[what] = lambda: Response(status_code=503)
    world.clock.advance(3 * 3600)
    assert signed_in(await world.sign_in())
    world.clock.advance(5 * 3600)
    async with world.browser() as browser:
        assert (await browser.get("/signin/franceconnect")).status_code == 503
