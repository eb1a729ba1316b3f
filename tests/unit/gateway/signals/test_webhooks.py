"""`/v1/webhooks`: what a partner may do, what another may not, and that answers have the described shapes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gateway.signals import event
from tests.receivers import GOOD, answer, holds_by_secret, receiving
from tests.unit.gateway.signals.conftest import HMAC, MESSAGE, World

DESCRIPTION = yaml.safe_load((Path(__file__).parents[4] / "openapi" / "gateway.yaml").read_text("utf-8"))
URL = "http://127.0.0.1:9/signals"


def valid(name: str, body: Any) -> None:
    reference = {"$ref": f"#/components/schemas/{name}", "components": DESCRIPTION["components"]}
    Draft202012Validator(reference).validate(body)


async def test_the_secret_is_told_once(world: World) -> None:
    """At registration; no list, no other answer holds it."""
    made = await world.register(URL)
    valid("Webhook", made)
    listed = await world.call("GET", "/v1/webhooks")
    assert listed.json() == {"webhooks": [{key: value for key, value in made.items() if key != "secret"}]}
    assert made["secret"] not in listed.text
    assert made["types"] == sorted(event.TYPES)


async def test_a_mistake_is_pointed_at(world: World) -> None:
    """By its pointer, never by its value."""
    for body, pointer, reason in (
        ({"url": "http://suivi.example/", "signature": HMAC}, "/url", "https_only"),
        ({"url": "https://10.0.0.1/", "signature": HMAC}, "/url", "address_not_public"),
        ({"url": URL, "signature": "none"}, "/signature", "literal_error"),
        ({"url": URL, "signature": HMAC, "types": ["authorisation.given", "x"]}, "/types/1", "unknown"),
        ({"url": URL, "signature": HMAC, "types": ["authorisation.requested"]}, "/types/0", "unknown"),
        ({"url": URL, "signature": HMAC, "types": []}, "/types", "too_short"),
        ({"url": URL}, "/signature", "missing"),
    ):
        said = await world.call("POST", "/v1/webhooks", body=body)
        assert said.status_code == 422
        assert said.json()["errors"] == [{"pointer": pointer, "reason": reason}]
    assert await world.services.endpoints.of("ml-brume") == []


async def test_a_partner_has_at_most_eight(world: World) -> None:
    """The ninth is refused; another partner's do not count."""
    for _ in range(8):
        await world.register(URL)
    said = await world.call("POST", "/v1/webhooks", body={"url": URL, "signature": MESSAGE})
    assert (said.status_code, said.json()["code"]) == (409, "webhook_limit")
    await world.register(URL, "caf-brume")


PATHS = (("DELETE", ""), ("POST", "/test"), ("POST", "/enable"), ("POST", "/replay"), ("GET", "/deliveries"))


async def test_another_partner_s_webhook_does_not_exist(world: World) -> None:
    """The same answer as for one that was never made."""
    made = await world.register(URL)
    for method, path in PATHS:
        body = {"since": "2026-01-01T00:00:00Z"} if path == "/replay" else None
        for id_ in (made["id"], "0" * 32, "%00"):
            said = await world.call(method, f"/v1/webhooks/{id_}{path}", "caf-brume", body)
            assert (said.status_code, said.json()["code"]) == (404, "webhook_unknown")
    assert len(await world.services.endpoints.of("ml-brume")) == 1


async def test_a_token_without_the_scope_is_refused(world: World) -> None:
    """`webhooks:write`, on every address; none at all is refused before."""
    world.tokens["narrow"] = await world.bed.token("ml-brume", scopes=["data:rsa"])
    for method, path in (("POST", ""), ("GET", ""), *((method, f"/x{path}") for method, path in PATHS)):
        said = await world.call(method, f"/v1/webhooks{path}", "narrow")
        assert (said.status_code, said.json()["code"]) == (403, "insufficient_scope")
        assert (await world.bed.http.request(method, f"/v1/webhooks{path}")).status_code == 401


async def test_a_test_call_says_what_came_of_it(world: World) -> None:
    """One signed signal about nobody; whatever it gives, the webhook stays as it is."""
    async with receiving() as receiver:
        made = await world.register(receiver.url)
        said = (await world.call("POST", f"/v1/webhooks/{made['id']}/test")).json()
        assert said == {"acknowledged": True, "outcome": "acknowledged", "status": 204}
        valid("Signal", receiver.got[0].event)
        assert receiver.got[0].event["data"] == {}
        assert holds_by_secret(receiver.got[0], made["secret"])
        receiver.script = lambda _: answer(410, f"Retry-After: Mon, 01 Jan {'9' * 20} 00:00:00 GMT")
        said = (await world.call("POST", f"/v1/webhooks/{made['id']}/test")).json()
        assert said == {"acknowledged": False, "outcome": "gone", "status": 410}
    (shown,) = (await world.call("GET", "/v1/webhooks")).json()["webhooks"]
    assert shown["state"] == "active"
    assert await world.rows() == []


async def test_test_calls_have_a_pace(world: World) -> None:
    """Nobody makes the gateway knock at a door without end."""
    made = await world.register("http://127.0.0.1:9/")
    said = [(await world.call("POST", f"/v1/webhooks/{made['id']}/test")).status_code for _ in range(41)]
    assert said == [200] * 40 + [429]


async def test_replay_delivers_again_under_the_same_ids(world: World) -> None:
    """From an event or a time on, in order; what is unknown is refused."""
    async with receiving() as receiver:
        made = await world.register(receiver.url)
        path = f"/v1/webhooks/{made['id']}/replay"
        pseudonym = await world.person()
        authorisation = await world.give(pseudonym)
        world.clock.now += 10_000
        await world.withdraw(pseudonym, authorisation)
        await world.deliver()
        first, second = receiver.ids
        body = [got.body for got in receiver.got]
        for since, expected in ((first, [first, second]), (second, [second]), (instant(world.clock.now), [second])):
            receiver.got.clear()
            said = await world.call("POST", path, body={"since": since})
            assert (said.status_code, said.json()) == (202, {"replayed": len(expected)})
            await world.deliver()
            assert receiver.ids == expected
            assert receiver.got[-1].body == body[1]
    assert (await world.call("POST", path, body={"since": "0" * 32})).json()["code"] == "webhook_unknown"
    for since in ("yesterday", "2026-13-01T00:00:00Z", "2026-11-22T09:00:00"):
        said = await world.call("POST", path, body={"since": since})
        assert said.json()["errors"] == [{"pointer": "/since", "reason": "event_or_time"}]


def instant(now: int) -> str:
    from gateway.answer import instant as written

    return written(now)


async def test_deliveries_are_listed_newest_first_a_page_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State, attempts, status, when next; nothing of a person."""
    for module in ("gateway.signals.endpoints", "gateway.api.webhooks"):
        monkeypatch.setattr(f"{module}.PAGE", 2)
    async with receiving() as receiver:
        made = await world.register(receiver.url)
        path = f"/v1/webhooks/{made['id']}/deliveries"
        pseudonym = await world.person()
        authorisation = await world.give(pseudonym)
        await world.deliver()
        await world.withdraw(pseudonym, authorisation)
        receiver.script = lambda _: answer(503)
        await world.deliver()
        await world.give(pseudonym)
        found: list[Any] = []
        cursor = None
        while True:
            page = (await world.call("GET", path + (f"?before={cursor}" if cursor else ""))).json()
            found += page["deliveries"]
            assert len(page["deliveries"]) <= 2
            if (cursor := page["next"]) is None:
                break
    for each in found:
        valid("SignalDelivery", each)
    told = [(each["type"].partition(".")[2], each["state"], each["attempts"], each["status"]) for each in found]
    assert told == [("given", "pending", 0, None), ("withdrawn", "pending", 1, 503), ("given", "delivered", 1, 204)]
    assert found[2]["id"] == receiver.ids[0]
    assert pseudonym not in str(found)
    assert authorisation not in str(found)
    said = await world.call("GET", f"{path}?before=x")
    assert said.json()["errors"] == [{"pointer": "", "reason": "before"}]


async def test_a_deleted_webhook_hears_nothing_more(world: World) -> None:
    """And nothing of what was to be delivered stays."""
    async with receiving(lambda _: answer(500)) as receiver:
        made = await world.register(receiver.url)
        pseudonym = await world.person()
        authorisation = await world.give(pseudonym)
        await world.deliver()
        assert (await world.call("DELETE", f"/v1/webhooks/{made['id']}")).status_code == 204
        assert await world.rows() == []
        receiver.script = lambda _: GOOD
        await world.withdraw(pseudonym, authorisation)
        world.clock.now += 100_000
        await world.deliver()
    assert len(receiver.got) == 1
    assert (await world.call("DELETE", f"/v1/webhooks/{made['id']}")).status_code == 404


def test_the_types_described_are_those_that_exist() -> None:
    """OpenAPI's list, and the page's."""
    assert set(DESCRIPTION["components"]["schemas"]["SignalType"]["enum"]) == event.TYPES
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "webhooks.md").read_text("utf-8")
    assert [name for name in event.TYPES if f".{name.partition('.')[2]}`" not in page] == []
