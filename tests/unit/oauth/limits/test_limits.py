"""How often a client and an address may ask, and who is locked out by wrong signatures: never who they name."""

import httpx
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette

from gateway.limits import WRONG_SIGNATURES, Buckets, Limits, TooOften, address, proxies_of
from gateway.oauth.routes import routes
from gateway.settings import Settings

HERE, THERE = ("192.0.2.7", 40_000), ("198.51.100.9", 40_000)
PROXIES = proxies_of("10.0.0.0/8 2001:db8:ffff::/48")


def scope(peer="192.0.2.7", *forwarded):
    return {"client": (peer, 1), "headers": [(b"x-forwarded-for", each.encode()) for each in forwarded]}


async def limited(world, **rates):
    """The same server with limits."""
    object.__setattr__(world.server, "limits", Limits(**rates))


async def at(world, peer, form, path="/oauth/token"):
    app = Starlette(routes=routes(world.server))
    transport = httpx.ASGITransport(app, client=peer)
    async with httpx.AsyncClient(transport=transport, base_url=world.server.issuer) as http:
        return await http.post(path, data=form)


def test_a_bucket_holds_a_minute_and_fills_again():
    """So many at once, then one per step; the standing says what is left and how long to wait."""
    buckets = Buckets(burst=3, step_ms=1_000)
    left = [buckets.take("a", 0) for _ in range(4)]
    assert [each.remaining for each in left] == [2, 1, 0, 0]
    assert [each.wait for each in left] == [0, 0, 0, 1]
    assert left[3].headers() == {
        "RateLimit-Limit": "3", "RateLimit-Remaining": "0", "RateLimit-Reset": "3", "Retry-After": "1"
    }  # fmt: skip
    assert buckets.take("a", 1_000).wait == 0
    assert buckets.take("b", 1_000).remaining == 2


def test_what_is_remembered_is_bounded():
    """Whoever was not heard of for longest is forgotten."""
    buckets = Buckets(burst=1, step_ms=60_000, remembered=100)
    for number in range(1_000):
        buckets.take(number, 0)
    assert len(buckets) == 100
    assert buckets.take(999, 0).wait
    assert not buckets.take(0, 0).wait


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("192.0.2.7", (), "192.0.2.7", id="the socket"),
        pytest.param("192.0.2.7", ("203.0.113.5",), "192.0.2.7", id="a header from nobody we know"),
        pytest.param("10.1.1.1", (), "10.1.1.1", id="a proxy without header"),
        pytest.param("10.1.1.1", ("203.0.113.5",), "203.0.113.5", id="a proxy tells"),
        pytest.param("10.1.1.1", ("6.6.6.6, 203.0.113.5",), "203.0.113.5", id="forged on the left"),
        pytest.param("10.1.1.1", ("6.6.6.6", "203.0.113.5, 10.2.2.2"), "203.0.113.5", id="two proxies, two lines"),
        pytest.param("10.1.1.1", ("10.2.2.2",), "10.2.2.2", id="proxies only"),
        pytest.param("10.1.1.1", ("6.6.6.6, rubbish",), "10.1.1.1", id="rubbish"),
        pytest.param("::ffff:10.1.1.1", ("203.0.113.5",), "203.0.113.5", id="IPv4 in IPv6"),
        pytest.param("2001:db8:ffff::1", ("2001:db8::5",), "2001:db8::5", id="IPv6"),
    ],
)
def test_an_address_is_the_sockets_or_what_our_proxy_tells(peer, forwarded, expected):
    """A header is believed from the proxies of the setting, from the right, and from nobody else."""
    assert address(scope(peer, *forwarded), peer, PROXIES) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
    ],
)
def test_ipv6_counts_by_its_network(one, other, same):
    """Whoever has a /64 has one bucket."""
    limits = Limits()
    assert (limits.network(scope(one)) == limits.network(scope(other))) is same


async def test_a_client_over_its_rate_waits(world):
    """429 in the form of OAuth with Retry-After; another client and another endpoint are not concerned."""
    await limited(world, client_rate=2)
    answers = [await at(world, HERE, world.form()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-remaining"] == "1"
    assert answers[2].headers["retry-after"] == "30"
    world.refused(answers[2], "temporarily_unavailable", "rate_client")
    other = world.assertion(header={"kid": "siae"}, key=world.keys["siae"].private, iss="siae-brume", sub="siae-brume")
    assert (await at(world, HERE, world.form(client_assertion=other, scope="data:rqth"))).status_code == 200
    form = world.form(token="x", grant_type=..., scope=...)
    assert (await at(world, HERE, form, "/oauth/introspect")).status_code == 200
    world.now += 30_000
    assert (await at(world, HERE, world.form())).status_code == 200


async def test_nobody_uses_up_the_rate_of_a_client_without_its_key(world):
    """Only who has proved itself is counted; elsewhere the client goes on."""
    await limited(world, client_rate=2, address_rate=0)
    forged = world.assertion(key=world.keys["siae"].private)
    for _ in range(5):
        await at(world, THERE, world.form(client_assertion=forged))
    assert (await at(world, HERE, world.form())).status_code == 200


async def test_an_address_over_its_rate_waits_and_costs_nothing(world):
    """Before anything is read: no signature, no look-up; another address is not concerned."""
    await limited(world, address_rate=2)
    answers = [await at(world, HERE, {"x": "y"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    world.refused(answers[2], "temporarily_unavailable", "rate_address")
    assert (await at(world, THERE, world.form())).status_code == 200


@pytest.mark.parametrize("wrong", ["forged signature", "unknown key"])
async def test_a_flood_of_forged_assertions_locks_out_its_own_address_only(world, wrong):
    """The client named in it is served where it is; at the flood's address nobody signs for it for a while."""
    await limited(world)
    header = {"kid": "siae"} if wrong == "unknown key" else {}
    for _ in range(WRONG_SIGNATURES):
        answer = await at(
            world, THERE, world.form(client_assertion=world.assertion(header=header, key=world.keys["siae"].private))
        )
        assert answer.status_code == 401
    answer = await at(world, THERE, world.form())
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "30"
    world.refused(answer, "temporarily_unavailable", "locked")
    assert (await at(world, HERE, world.form())).status_code == 200
    other = world.assertion(header={"kid": "siae"}, key=world.keys["siae"].private, iss="siae-brume", sub="siae-brume")
    assert (await at(world, THERE, world.form(client_assertion=other, scope="data:rqth"))).status_code == 200
    world.now += 30_000
    assert (await at(world, THERE, world.form())).status_code == 200


async def test_the_lock_does_not_tell_who_is_a_client(world):
    """An id that nobody has is locked as one that is somebody's: the answers are the same, one by one."""
    await limited(world)
    answers = {}
    for client in ("ml-brume", "no-such-partner"):
        answers[client] = []
        for _ in range(WRONG_SIGNATURES + 2):
            forged = world.assertion(key=world.keys["siae"].private, iss=client, sub=client)
            answer = await at(world, THERE, world.form(client_assertion=forged))
            answers[client].append((answer.status_code, answer.headers.get("retry-after"), answer.json()))
    assert answers["ml-brume"] == answers["no-such-partner"]
    assert [status for status, *_ in answers["ml-brume"]] == [401] * WRONG_SIGNATURES + [429] * 2


async def test_a_good_signature_forgets_the_wrong_ones(world):
    """A client that changes its key clumsily is not locked out by what is over."""
    await limited(world)
    for _ in range(3):
        for _ in range(WRONG_SIGNATURES - 1):
            await at(world, HERE, world.form(client_assertion=world.assertion(key=world.keys["siae"].private)))
        assert (await at(world, HERE, world.form())).status_code == 200


async def test_who_is_over_the_rate_writes_nothing_into_the_journal(world):
    """Counted, in one entry a minute."""
    await limited(world, client_rate=1, address_rate=3)
    for _ in range(6):
        await at(world, HERE, world.form())
    assert [entry["type"] for entry in await world.entries()] == ["token.issued"]
    await world.server.ledger.settle(world.now)
    entry = (await world.entries())[-1]
    assert entry["counts"] == {"rate_client": 2, "rate_address": 3}


def test_the_api_has_a_rate_of_its_own():
    """A problem, with the seconds to wait."""
    limits = Limits(api_rate=1)
    assert limits.of_api("ml-brume", 0).remaining == 0
    with pytest.raises(TooOften) as found:
        limits.of_api("ml-brume", 0)
    assert found.value.members == {"retry_after": 60}
    assert Limits().of_api("ml-brume", 0) is None


@pytest.mark.parametrize("text", ["10.0.0.1/8", "nowhere", "10.0.0.0/8,::1"])
def test_a_setting_that_names_no_networks_stops_the_start(text):
    """A typing error must not make everybody a proxy."""
    with pytest.raises(ValidationError, match="must be networks"):
        Settings(proxies=text)
