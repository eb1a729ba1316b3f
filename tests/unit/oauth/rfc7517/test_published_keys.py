"""Keys that a partner publishes itself: how long they count, what makes us ask, and where we never go."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gateway.addresses import normal
from gateway.oauth import partners as registrations
from gateway.oauth.client import ClientKey
from gateway.oauth.errors import PartnerInvalid
from gateway.oauth.jose import VerificationKey
from gateway.oauth.key_client import MAX_BYTES, KeyClient
from gateway.oauth.partners import Partners, new_partner, register
from gateway.oauth.published_keys import LIFE_MS, PAUSE_MS, KeysUnavailable, PublishedKeys
from tests.receivers import Got, Receiver, answer, receiving
from tests.unit.gateway.signals.test_addresses import certificate
from tests.unit.oauth.world import NOW, World

URI = "https://partner.example/jwks"
STALE_MS = 4 * 3_600_000
ONE, OTHER = (ClientKey(private=ec.generate_private_key(ec.SECP256R1()), kid=kid) for kid in ("one", "other"))


def jwks(*keys: ClientKey, more: list[Any] | None = None) -> dict[str, Any]:
    return {"keys": [key.jwks()["keys"][0] for key in keys] + (more or [])}


class Published:
    """An address that says what the test puts there."""

    def __init__(self) -> None:
        self.says: Any = jwks(ONE)
        self.asked = 0
        self.pause = 0.0
        self.keys = PublishedKeys(self.fetch, stale_ms=STALE_MS)

    async def fetch(self, uri: str) -> object:
        assert uri.startswith(URI)
        self.asked += 1
        await asyncio.sleep(self.pause)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def find(self, kid: str, now: int, uri: str = URI) -> VerificationKey | None:
        return await self.keys.find("ml-brume", uri, kid=kid, now=now)


@pytest.fixture
def published() -> Published:
    return Published()


async def test_a_key_is_asked_for_once_and_remembered(published: Published) -> None:
    """Within its life no further question."""
    for now in (NOW, NOW + 1, NOW + LIFE_MS - 1):
        assert await published.find("one", now)
    assert published.asked == 1
    assert await published.find("one", NOW + LIFE_MS)
    assert published.asked == 2


async def test_a_key_taken_away_stops_within_the_life_of_what_is_remembered(published: Published) -> None:
    """Five minutes at most, to the millisecond."""
    assert await published.find("one", NOW)
    published.says = jwks(OTHER)
    assert await published.find("one", NOW + LIFE_MS - 1)
    assert await published.find("one", NOW + LIFE_MS) is None


async def test_an_empty_set_takes_all_keys_away(published: Published) -> None:
    """It is an answer, not a failure."""
    assert await published.find("one", NOW)
    published.says = {"keys": []}
    assert await published.find("one", NOW + LIFE_MS) is None


async def test_a_new_key_works_at_once(published: Published) -> None:
    """An unknown kid makes us ask, when nobody did a moment ago; both keys count while both are there."""
    assert await published.find("one", NOW)
    published.says = jwks(ONE, OTHER)
    assert await published.find("other", NOW + PAUSE_MS)
    assert await published.find("one", NOW + PAUSE_MS)
    assert published.asked == 2


async def test_random_kids_make_one_question_per_pause(published: Published) -> None:
    """Whoever sends them, however many; the partner's own key goes on working meanwhile."""
    for number in range(300):
        assert await published.find(f"made-up-{number}", NOW + number * 100) is None
        assert await published.find("one", NOW + number * 100)
    assert published.asked == 1
    assert await published.find("made-up", NOW + PAUSE_MS) is None
    assert published.asked == 2


async def test_those_who_wait_share_one_question(published: Published) -> None:
    """And one who gives up does not end it for the others."""
    published.pause = 0.05
    waiting = [asyncio.create_task(published.find("one", NOW)) for _ in range(50)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(found[1:])
    assert isinstance(found[0], asyncio.CancelledError)
    assert published.asked == 1


async def test_what_it_said_last_counts_while_the_address_is_silent_and_no_longer(published: Published) -> None:
    """Hours, not for ever; one question per pause meanwhile."""
    assert await published.find("one", NOW)
    published.says = KeysUnavailable("time")
    for now in (NOW + LIFE_MS, NOW + LIFE_MS + PAUSE_MS, NOW + STALE_MS - 1):
        assert await published.find("one", now)
    assert published.asked == 4
    assert await published.find("one", NOW + STALE_MS) is None
    published.says = jwks(ONE)
    assert await published.find("one", NOW + STALE_MS + PAUSE_MS)


async def test_a_failure_is_not_repeated_at_once(published: Published) -> None:
    """An address that never answered is not asked by each request."""
    published.says = KeysUnavailable("time")
    for now in (NOW, NOW + 1, NOW + PAUSE_MS - 1):
        assert await published.find("one", now) is None
    assert published.asked == 1


async def test_a_clock_that_goes_back_lengthens_nothing(published: Published) -> None:
    """Fetched in the future: fetched again."""
    assert await published.find("one", NOW)
    published.says = jwks(OTHER)
    assert await published.find("one", NOW - 1) is None


async def test_another_address_starts_anew(published: Published) -> None:
    """Nothing of the former one is believed."""
    assert await published.find("one", NOW)
    published.says = jwks(OTHER)
    assert await published.find("one", NOW + 1, uri=f"{URI}/2") is None
    assert await published.find("other", NOW + 1, uri=f"{URI}/2")


async def test_keys_of_other_uses_are_left_out(published: Published) -> None:
    """RFC 7517 §5: what we cannot use does not spoil what we can."""
    p384 = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key())) | {"kid": "p384"}
    good = ONE.jwks()["keys"][0]
    others = [p384, good | {"kid": "enc", "use": "enc"}, {"kty": "new", "kid": "x"}, {**good, "kid": 5}, "text", None]
    published.says = jwks(ONE, more=others)
    assert await published.find("one", NOW)
    for kid in ("p384", "enc", "x"):
        assert await published.find(kid, NOW + 1) is None


async def test_a_set_that_shows_a_private_key_counts_as_empty(published: Published) -> None:
    """Whoever read it can sign: nothing in it is believed, at once."""
    assert await published.find("one", NOW)
    shown = json.loads(ECAlgorithm.to_jwk(OTHER.private)) | {"kid": "other"}
    published.says = jwks(ONE, more=[shown])
    assert await published.find("one", NOW + LIFE_MS) is None


NINE = {"keys": [ONE.jwks()["keys"][0] | {"kid": f"k{number}"} for number in range(9)]}


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"keys": {}}, {"keys": "x"}, {"keys": [{}] * 33}, jwks(ONE, ONE), NINE],
    ids=["null", "list", "empty", "object", "text", "too many", "one kid twice", "nine usable"],
)  # fmt: skip
async def test_what_is_no_set_changes_nothing(published: Published, document: object) -> None:
    """Like an address that does not answer: what it said last counts, for hours."""
    assert await published.find("one", NOW)
    published.says = document
    assert await published.find("one", NOW + LIFE_MS)


@pytest.mark.parametrize(
    "uri",
    ["http://partner.example/jwks", "http://127.0.0.1/jwks", "ftp://partner.example/", "partner.example", "",
     "https://user@partner.example/", "https://partner.example/#a", "https://partner.example/" + "x" * 600],
)  # fmt: skip
def test_only_an_https_address_is_registered(uri: str) -> None:
    """Said at registration."""
    with pytest.raises(PartnerInvalid) as caught:
        new_partner(id="ml-brume", name="M", siret="12345678200010", scopes=["data:rsa"], jwks_uri=uri, now=NOW)
    assert caught.value.member == "jwks_uri"


def test_what_is_registered_is_also_fetched() -> None:
    """One bound for both: an address that is taken is one that is called."""
    longest = "https://partner.example/" + "x" * 476
    new_partner(id="ml-brume", name="M", siret="12345678200010", scopes=["data:rsa"], jwks_uri=longest, now=NOW)
    assert normal(longest, ()) == longest
    with pytest.raises(PartnerInvalid):
        new_partner(
            id="ml-brume", name="M", siret="12345678200010", scopes=["data:rsa"], jwks_uri=longest + "x", now=NOW
        )


def test_keys_are_given_or_published_not_both() -> None:
    """RFC 7591 §2."""
    with pytest.raises(PartnerInvalid):
        new_partner(
            id="ml-brume", name="M", siret="12345678200010", scopes=["data:rsa"], jwks=jwks(ONE), jwks_uri=URI, now=NOW
        )


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[tuple[Receiver, KeyClient]]:
    """A partner's server with a certificate, on this machine, and a client that is allowed to ask it."""
    file, context = certificate(tmp_path, "localhost")
    trust = ssl.create_default_context(cafile=str(file))
    async with receiving(tls=context, host="localhost") as receiver:
        client = KeyClient(allowed=["localhost"], seconds=1.0, tls=trust)
        yield receiver, client
        await client.close()


def said(got: Got) -> bytes:
    return answer(200, body=json.dumps(jwks(ONE)).encode())


async def test_a_set_is_fetched_over_tls_without_anything_of_ours(address: tuple[Receiver, KeyClient]) -> None:
    """GET, no cookie, no authorization, nothing compressed."""
    receiver, client = address
    receiver.script = said
    assert await client.fetch(receiver.url) == jwks(ONE)
    [got] = receiver.got
    assert got.method == "GET"
    assert got.headers.keys() & {"cookie", "authorization", "referer"} == set()
    assert got.headers["accept-encoding"] == "identity"


BODY = json.dumps(jwks(ONE)).encode()
IN_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n" + b" " * 0x4000 + b"\r\n") * 5


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (lambda _: answer(302, "Location: https://localhost/elsewhere"), "status"),
        (lambda _: answer(404), "status"),
        (lambda _: answer(204), "status"),
        (lambda _: answer(200, body=b"<html>"), "no_json"),
        (lambda _: answer(200, body=b"\x1f\x8b" + BODY), "no_json"),
        (lambda _: answer(200, body=b"[" * 60_000), "no_json"),
        (lambda _: answer(200, body=BODY + b" " * MAX_BYTES), "size"),
        (lambda _: IN_CHUNKS, "size"),
        (lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{", "time"),
        (lambda _: None, "time"),
        (lambda _: b"nonsense\r\n\r\n", "connection"),
    ],
    ids=["redirect", "missing", "no content", "a page", "compressed", "nested", "too long",
         "too long in chunks", "never whole", "silent", "not http"],
)  # fmt: skip
async def test_whatever_else_comes_is_a_word_of_ours(address: tuple[Receiver, KeyClient], script, code: str) -> None:
    """No redirect is followed, no more is read than fits, none waits longer than told; no error quotes."""
    receiver, client = address
    receiver.script = script
    with pytest.raises(KeysUnavailable) as caught:
        await client.fetch(receiver.url)
    assert caught.value.code == code
    assert caught.value.__cause__ is None
    assert len(receiver.got) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.0.0.1", "[::1]"])
async def test_our_own_network_is_never_asked(host: str) -> None:
    """Whatever the registration says, and in each disguise: the guard stands at the socket."""
    async with receiving() as receiver:
        client = KeyClient(seconds=1.0)
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(KeysUnavailable) as caught:
            await client.fetch(f"https://{host}:{port}/jwks")
        await client.close()
    assert caught.value.code == "address"
    assert receiver.got == []


async def test_http_is_refused_although_the_host_is_allowed() -> None:
    """The setting opens a host, never a way without TLS."""
    async with receiving() as receiver:
        client = KeyClient(allowed=["127.0.0.1"], seconds=1.0)
        with pytest.raises(KeysUnavailable) as caught:
            await client.fetch(receiver.url)
        await client.close()
    assert caught.value.code == "address"
    assert receiver.got == []


async def test_a_certificate_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    """TLS says who answers."""
    _, context = certificate(tmp_path, "elsewhere.example")
    async with receiving(tls=context, host="localhost") as receiver:
        client = KeyClient(allowed=["localhost"], seconds=1.0)
        with pytest.raises(KeysUnavailable) as caught:
            await client.fetch(receiver.url)
        await client.close()
    assert caught.value.code == "connection"
    assert receiver.got == []


async def test_a_partner_signs_in_with_a_key_it_publishes(world: World, published: Published) -> None:
    """The whole way: registration, assertion, fetch, token; then rotation with overlap; then the old key is gone."""
    await register(
        world.database,
        new_partner(
            id="cd-brume", name="Département", siret="98765432400019", scopes=["data:rsa"], jwks_uri=URI,
            binding="bearer", now=NOW,
        ),
    )  # fmt: skip
    partners = Partners(world.database, published=published.keys)
    object.__setattr__(world.server, "partners", partners)

    async def sign_in(key: ClientKey) -> int:
        claims = {"iss": "cd-brume", "sub": "cd-brume"}
        assertion = world.assertion(header={"kid": key.kid}, key=key.private, **claims)
        return (await world.post(world.form(client_assertion=assertion))).status_code

    assert await sign_in(ONE) == 200
    assert await sign_in(OTHER) == 401
    published.says = jwks(ONE, OTHER)
    world.now += PAUSE_MS
    assert [await sign_in(OTHER), await sign_in(ONE)] == [200, 200]
    published.says = jwks(OTHER)
    world.now += LIFE_MS
    assert [await sign_in(ONE), await sign_in(OTHER)] == [401, 200]
    assert registrations.journal_members(await partners.get("cd-brume", world.now))["keys_at"]
