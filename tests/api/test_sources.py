"""Sources that answer, refuse, hang or lie: the state the recipient reads, in time, with nothing leaked."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
import structlog
import yaml

from connectors import sandbox
from connectors.registry import Registry, build
from connectors.sandbox.people import load as load_people
from gateway.app import build_app
from gateway.drifts import Drifts
from tests.api.conftest import World, check_problem
from tests.bed import Bed

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"
DEADLINE = 2.0
CANARY = "Zzcanari"
DATASETS = {"rsa": "caf-brume", "quotient_familial": "caf-brume", "registration": "ft-brume", "rdv": "dept-brume"}
STATES = {
    "found": "released",
    "no_data": "no_data",
    "unknown_person": "no_data",
    "ambiguous": "ambiguous",
    "refused": "unavailable",
    "rate_limited": "unavailable",
    "unavailable": "unavailable",
    "drift": "unavailable",
}
PEOPLE = load_people()


@contextlib.asynccontextmanager
async def fresh(world: World, **sources: Mapping[str, Any]) -> AsyncIterator[Bed]:
    """The same gateway with connections nobody has used: no breaker, no wait of another test."""
    configured = {**sandbox.sources(world.bed.sandbox), **{name.replace("_", "-"): s for name, s in sources.items()}}
    registry = Registry({name: build(each) for name, each in configured.items()})
    services = world.bed.services
    services = replace(services, registry=registry, drifts=Drifts(services.clock), deadline=DEADLINE)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=build_app(services)), base_url=services.base_url
    ) as http:
        yield Bed(services=services, http=http, sandbox=world.bed.sandbox, people=PEOPLE, keys=world.bed.keys)
    await registry.close()


@pytest_asyncio.fixture(loop_scope="session")
async def town(world: World) -> AsyncIterator[Bed]:
    async with fresh(world) as bed:
        yield bed


@pytest.mark.parametrize("name", sorted(PEOPLE))
async def test_each_situation_of_the_sandbox_gives_its_state(world: World, town: Bed, name: str) -> None:
    """Found, absent, several, refused, slow, down, limited, drifted, not JSON: each as the person's file expects."""
    token = world.tokens["ml-brume"]
    pseudonym = await town.link(token, name, reference=f"sources-{name}")
    await town.authorise(token, "ml-brume", pseudonym, YOUTH)
    outcomes = {dataset: PEOPLE[name].standings[source].expected(dataset) for dataset, source in DATASETS.items()}
    expected = {dataset: STATES[outcome] for dataset, outcome in outcomes.items()}
    if name == "camille-roussel":  # asked by its own number, an appointment is nobody else's: no search, no doubt
        expected["rdv"] = "released"
    before, started = await town.size(), time.monotonic()
    answer = await town.exchange(token, pseudonym, YOUTH, list(DATASETS))
    assert time.monotonic() - started < DEADLINE + 2
    journal = await town.journal(before)
    if set(outcomes.values()) == {"refused"}:
        check_problem(answer, 502, "sources_refused", entry=before)
        assert "retry-after" not in answer.headers
        assert journal[-1]["type"] == "exchange.undelivered"
        return
    if set(expected.values()) == {"unavailable"}:
        body = check_problem(answer, 503, "sources_unavailable", entry=before)
        assert body["retry_after"] >= 1
        assert answer.headers["retry-after"] == str(body["retry_after"])
        assert [entry["type"] for entry in journal] == ["exchange.decided", "exchange.undelivered"]
        return
    assert answer.status_code == 200, answer.text
    told = answer.json()["datasets"]
    assert {dataset: each["state"] for dataset, each in told.items()} == expected
    assert journal[-1]["type"] == "exchange.released"
    assert journal[-1]["states"] == expected
    for dataset, each in told.items():
        assert ("values" in each or "items" in each) == (each["state"] == "released")
        hopeless = outcomes[dataset] == "refused" or each.get("detail") == "backend_failed"
        assert ("retry_after" in each) == (each["state"] == "unavailable" and not hopeless)


async def test_a_source_that_fails_uses_nothing_up(town: Bed, world: World) -> None:
    """The CAF is down, the others answer: its exchange is not counted, theirs are."""
    pseudonym = await world.ready("ml-brume", YOUTH, like="fatou-sarr")
    answer = await town.exchange(world.tokens["ml-brume"], pseudonym, YOUTH, ["rsa", "registration"])
    told = answer.json()["datasets"]
    assert (told["rsa"]["state"], told["registration"]["state"]) == ("unavailable", "released")
    found = await town.services.snapshots.get(partner="ml-brume", purpose=YOUTH, pseudonym=pseudonym)
    assert {name.partition(":")[0] for name in found.uses} == {"authorisation", "ml-jeunes-inscription"}


async def test_what_waiting_does_not_cure_promises_nothing(town: Bed, world: World) -> None:
    """France Travail says not to repeat: no time to wait, neither in the answer nor in a header."""
    pseudonym = await world.ready("ml-brume", YOUTH, like="ginette-ravel")
    answer = await town.exchange(world.tokens["ml-brume"], pseudonym, YOUTH, ["registration"])
    body = check_problem(answer, 502, "sources_refused")
    assert "retry_after" not in body
    assert "retry-after" not in answer.headers


def reply(status: str, body: bytes, type_: str = "application/json", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {type_}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


RSA = json.dumps({"data": {"est_beneficiaire": CANARY, "nom": CANARY}, "links": {}, "meta": {}}).encode()
ANSWERS: dict[str, bytes | None] = {
    "redirects": reply("302 Found", b"", "text/html", f"Location: http://127.0.0.1:1/{CANARY}"),
    "redirects for ever": reply("307 Temporary Redirect", b"", "text/html", "Location: /"),
    "sends ten megabytes": reply("200 OK", b'{"data":"' + CANARY.encode() * 1_250_000 + b'"}'),
    "sends invalid UTF-8": reply("200 OK", b'{"data":{"est_beneficiaire":"Zzcanari\xff"}}'),
    "sends HTML": reply("200 OK", f"<html>{CANARY}</html>".encode(), "text/html"),
    "sends HTML as JSON": reply("200 OK", f"<html>{CANARY}</html>".encode()),
    "sends text in place of truth": reply("200 OK", RSA),
    "sends nested JSON": reply("200 OK", b"[" * 90_000 + b"]" * 90_000),
    "sends an empty 200": reply("200 OK", b""),
    "sends a number": reply("200 OK", b"7"),
    "fails with a page": reply("500 Internal Server Error", f"<html>{CANARY}</html>".encode(), "text/html"),
    "stops in the middle": b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"a',
    "speaks another language": f"220 {CANARY} ESMTP ready\r\n".encode(),
    "sends headers without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + CANARY.encode() * 20_000,
    "closes at once": b"",
    "hangs": None,
    "is a bomb": reply("200 OK", b"\x1f\x8b\x08\x00" + b"\0" * 2_000, "application/json", "Content-Encoding: gzip"),
}


@contextlib.asynccontextmanager
async def liar(answer: bytes | None) -> AsyncIterator[str]:
    """A server that sends these bytes whatever it is asked; None: nothing, ever."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            if answer is None:
                await asyncio.sleep(DEADLINE + 2)
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(behave, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("what", ANSWERS)
async def test_a_source_that_lies_is_unavailable_in_time_and_nothing_of_it_leaks(world: World, what: str) -> None:
    """The other source's data still leave; nothing the liar said is in the answer, the log lines or the journal."""
    token = world.tokens["ml-brume"]
    pseudonym = await world.ready("ml-brume", YOUTH)
    async with liar(ANSWERS[what]) as url:
        lying = {**sandbox.sources(world.bed.sandbox)["caf-brume"], "base_url": f"{url}/api-particulier"}
        async with fresh(world, caf_brume=lying) as bed:
            before, started = await bed.size(), time.monotonic()
            with structlog.testing.capture_logs() as lines:
                answer = await bed.exchange(token, pseudonym, YOUTH, ["rsa", "registration"])
            assert time.monotonic() - started < DEADLINE + 2
            assert answer.status_code == 200, answer.text
            told = answer.json()["datasets"]
            assert (told["rsa"]["state"], told["registration"]["state"]) == ("unavailable", "released")
            said = answer.text + repr(lines) + yaml.safe_dump(await bed.journal(before))
            assert CANARY not in said
            ready = await bed.http.get("/readyz")
            assert CANARY not in ready.text


async def test_where_a_source_leaves_its_contract_is_told_once(world: World) -> None:
    """The operator reads source, dataset and path, never a key of the answer: it may be somebody's name."""
    rsa = {"est_beneficiaire": True, "avec_majoration": None, "date_debut_droit": None, CANARY.lower(): CANARY}
    pseudonym = await world.ready("ml-brume", YOUTH)
    async with liar(reply("200 OK", json.dumps({"data": rsa}).encode())) as url:
        newer = {**sandbox.sources(world.bed.sandbox)["caf-brume"], "base_url": f"{url}/api-particulier"}
        async with fresh(world, caf_brume=newer) as bed:
            with structlog.testing.capture_logs() as lines:
                for _ in range(2):
                    answer = await bed.exchange(world.tokens["ml-brume"], pseudonym, YOUTH, ["rsa", "registration"])
                    assert answer.json()["datasets"]["rsa"]["state"] == "released"
            checks = (await bed.http.get("/readyz")).json()["checks"]
    assert [line for line in lines if line["event"] == "source_drifted"] == [
        {
            "event": "source_drifted",
            "log_level": "warning",
            "source": "caf-brume",
            "dataset": "rsa",
            "path": "/data/*",
            "detail": "",
        }
    ]
    assert CANARY.lower() not in repr(lines).lower()
    assert (checks["source:caf-brume"], checks["source:ft-brume"]) == ("degraded", "up")


async def test_a_source_that_is_not_there_is_unavailable(world: World) -> None:
    """Connection refused: 503 sources_unavailable when it was the only one, recorded as undelivered."""
    gone = {**sandbox.sources(world.bed.sandbox)["caf-brume"], "base_url": "http://127.0.0.1:1/api-particulier"}
    pseudonym = await world.ready("ml-brume", YOUTH)
    async with fresh(world, caf_brume=gone) as bed:
        before = await bed.size()
        answer = await bed.exchange(world.tokens["ml-brume"], pseudonym, YOUTH, ["rsa"])
        check_problem(answer, 503, "sources_unavailable", entry=before)
        undelivered = (await bed.journal(before))[-1]
    assert undelivered["type"] == "exchange.undelivered"
    assert undelivered["states"] == {"rsa": "unavailable"}
    assert undelivered["reason"] == "sources_unavailable"


async def test_what_was_not_delivered_is_not_counted(world: World) -> None:
    """Only a release uses up a count."""
    gone = {**sandbox.sources(world.bed.sandbox)["caf-brume"], "base_url": "http://127.0.0.1:1/api-particulier"}
    pseudonym = await world.ready("ml-brume", YOUTH)
    async with fresh(world, caf_brume=gone) as bed:
        await bed.exchange(world.tokens["ml-brume"], pseudonym, YOUTH, ["rsa"])
        found = await bed.services.snapshots.get(partner="ml-brume", purpose=YOUTH, pseudonym=pseudonym)
    assert found.uses == {}
