"""The client: what it believes of an answer, and what it learns about the source."""

import asyncio
import logging

import httpx
import pytest

from connectors.guard import Guard, Limits
from connectors.http import PartnerClient, Reply, decode, retry_after
from connectors.pool import AiohttpPool
from tests.unit.connectors.factories import NOW

URL = "https://source.example/v1?nom=SECRET"


@pytest.fixture
async def client(clock):
    made = PartnerClient(AiohttpPool(), limits=Limits(failures_before_pause=3, pause_seconds=30), clock=clock)
    yield made
    await made.close()


async def call(client, method="GET"):
    deadline = asyncio.get_running_loop().time() + 5
    return await client.call(httpx.Request(method, URL), deadline=deadline)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (httpx.ReadTimeout("x"), "timeout"),
        (httpx.ConnectTimeout("x"), "timeout"),
        (httpx.ConnectError("x"), "connection_failed"),
        (httpx.ReadError("x"), "connection_broken"),
        (httpx.RemoteProtocolError("answer_too_large"), "answer_too_large"),
        (httpx.DecodingError("x"), "connection_broken"),
        (httpx.RemoteProtocolError("Server disconnected SECRET"), "connection_broken"),
    ],
)
async def test_a_library_error_becomes_a_code(client, httpx_mock, error, fault):
    """Its text, which may hold anything, goes nowhere."""
    httpx_mock.add_exception(error)
    assert (await call(client)).fault == fault


async def test_a_search_is_repeated_once_when_the_connection_breaks(client, httpx_mock):
    """Our POSTs are searches and sign-ins: one repetition is safe."""
    httpx_mock.add_exception(httpx.ReadError("x"))
    httpx_mock.add_response(json={"a": 1})
    assert (await call(client, "POST")).data == {"a": 1}


async def test_consecutive_failures_open_the_breaker_and_one_probe_closes_it(client, clock, httpx_mock):
    """Three failures, thirty seconds of peace, then one call tells."""
    for _ in range(3):
        httpx_mock.add_response(status_code=503)
        assert (await call(client)).status == 503
    refused = await call(client)
    assert (refused.fault, refused.retry_after) == ("breaker_open", 30)
    assert client.guard.health().state == "down"
    clock.advance(30)
    httpx_mock.add_response(status_code=503)
    assert (await call(client)).status == 503
    assert (await call(client)).fault == "breaker_open"
    clock.advance(30)
    httpx_mock.add_response(json={})
    httpx_mock.add_response(json={})
    assert (await call(client)).fault == ""
    assert (await call(client)).fault == ""
    assert client.guard.health().state == "up"


async def test_only_one_call_probes_an_open_breaker(client, clock, httpx_mock):
    """The others are refused while the probe is under way."""
    for _ in range(3):
        httpx_mock.add_response(status_code=500)
        await call(client)
    clock.advance(31)
    answered = asyncio.Event()

    async def slowly(_request):
        await answered.wait()
        return httpx.Response(200, json={})

    httpx_mock.add_callback(slowly)
    probe = asyncio.ensure_future(call(client))
    await asyncio.sleep(0)
    assert (await call(client)).fault == "breaker_open"
    answered.set()
    assert (await probe).fault == ""


async def test_a_source_that_says_when_to_come_back_is_believed(client, clock, httpx_mock):
    """503 with Retry-After closes the source for that long, and says why."""
    httpx_mock.add_response(status_code=503, headers={"Retry-After": "12"})
    assert (await call(client)).retry_after == 12
    refused = await call(client)
    assert (refused.fault, refused.retry_after) == ("source_failed", 12)
    clock.advance(13)
    httpx_mock.add_response(json={})
    assert (await call(client)).fault == ""


async def test_429_without_a_word_means_a_minute(client, httpx_mock):
    """The default of France Travail."""
    httpx_mock.add_response(status_code=429)
    await call(client)
    assert (await call(client)).retry_after == 60


async def test_answers_of_every_kind_are_no_failures(client, httpx_mock):
    """204, 404 and 422 are answers; an error page has its status; a redirect is no failure of the source."""
    httpx_mock.add_response(status_code=204)
    httpx_mock.add_response(status_code=404, html="<html>")
    httpx_mock.add_response(status_code=302)
    assert (await call(client)).data is None
    reply = await call(client)
    assert (reply.status, reply.data, reply.fault) == (404, None, "")
    assert (await call(client)).fault == "redirected"
    health = client.guard.health()
    assert (health.failures_in_a_row, health.calls, health.last_failure) == (0, 3, "redirected")


async def test_nothing_of_a_call_is_logged(client, httpx_mock, caplog):
    """No library under the client writes an address, a header or a body at any level."""
    httpx_mock.add_response(json={"nom": "SECRET"})
    with caplog.at_level(logging.DEBUG):
        await call(client)
    assert "SECRET" not in caplog.text
    assert "SECRET" not in repr(client.guard.health())


async def test_those_who_wait_for_a_place_hear_of_a_429_too(clock, httpx_mock):
    """A queue must not be emptied onto a source that has just asked to be left alone."""
    client = PartnerClient(AiohttpPool(), limits=Limits(concurrency=1), clock=clock)

    async def busy(_request):
        await asyncio.sleep(0.01)
        return httpx.Response(429, headers={"Retry-After": "30"})

    httpx_mock.add_callback(busy)
    replies = await asyncio.gather(*(call(client) for _ in range(4)))
    assert [reply.status for reply in replies] == [429, 0, 0, 0]
    assert {(reply.fault, reply.retry_after) for reply in replies[1:]} == {("too_many_requests", 30)}
    clock.advance(31)
    httpx_mock.add_response(json={})
    assert (await call(client)).status == 200


async def test_nothing_is_sent_when_there_is_no_time_left(client, httpx_mock):
    """A deadline that has passed costs the source nothing."""
    reply = await client.call(httpx.Request("GET", URL), deadline=asyncio.get_running_loop().time())
    assert reply.fault == "deadline"
    assert not httpx_mock.get_requests()


def test_a_reply_shows_its_status_only():
    """Data and headers of a reply are in no repr."""
    shown = repr(Reply(status=200, data={"nom": "SECRET"}, headers=[(b"a", b"SECRET")]))
    assert shown == "Reply(status=200, fault='')"


def test_a_report_of_drift_is_bounded(clock):
    """A source that changes everything does not fill the memory."""
    guard = Guard(Limits(), clock=clock)
    guard.drifted(tuple(f"/{index}" for index in range(50)))
    assert len(guard.health().drift) == 16


def test_a_drift_is_forgotten_after_a_day_without_it(clock):
    """What is met again stays; what a source has mended neither degrades it for ever nor takes the place of others."""
    guard = Guard(Limits(), clock=clock)
    guard.drifted(("/kept", *(f"/{index}" for index in range(15))))
    clock.advance(86_399)
    guard.drifted(("/kept", "/late"))
    assert len(guard.health().drift) == 16
    clock.advance(1)
    guard.drifted(())
    assert guard.health().drift == ("/kept",)
    guard.drifted(("/late",))
    assert guard.health().drift == ("/kept", "/late")
    clock.advance(86_400)
    assert guard.health().state == "unknown"


async def test_the_pace_of_a_source_is_kept(clock, httpx_mock):
    """Never more calls in a second than the source allows; who cannot be served in time is told at once."""
    httpx_mock.add_response(json={}, is_reusable=True)
    client = PartnerClient(AiohttpPool(), limits=Limits(calls_per_second=2), clock=clock)
    loop = asyncio.get_running_loop()
    started = loop.time()
    for _ in range(3):
        await call(client)
    assert 0.9 < loop.time() - started < 1.6
    late = await client.call(httpx.Request("GET", URL), deadline=loop.time() + 0.1)
    later = await client.call(httpx.Request("GET", URL), deadline=loop.time() + 0.1)
    assert late.fault == ""
    assert (later.fault, later.retry_after) == ("too_many_requests", 1)


async def test_who_waits_past_the_deadline_for_a_turn_has_not_called(clock, httpx_mock):
    """The reserved turn lies inside the deadline, the place does not."""
    client = PartnerClient(AiohttpPool(), limits=Limits(concurrency=1), clock=clock)
    release = asyncio.Event()

    async def slowly(_request):
        await release.wait()
        return httpx.Response(200, json={})

    httpx_mock.add_callback(slowly)
    first = asyncio.ensure_future(call(client))
    await asyncio.sleep(0)
    second = await client.call(httpx.Request("GET", URL), deadline=asyncio.get_running_loop().time() + 0.05)
    release.set()
    assert second.fault == "deadline"
    assert (await first).fault == ""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "999999999"}, 86_400),
        ({"retry-after": "Wed, 18 Nov 2026 11:14:00 GMT"}, 440),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"ratelimit-reset": "7"}, 7),
        ({"ratelimit-reset": str(NOW // 1000 + 9)}, 9),
        ({"retry-after": "Tue, 99 Nov 2026 11:07:20 GMT"}, None),
    ],
)
def test_the_wait_is_read_in_each_of_its_forms(headers, seconds):
    """Seconds, an HTTP date, or RateLimit-Reset as seconds or epoch; never more than a day."""
    assert retry_after(httpx.Headers(headers).raw, now=NOW) == seconds


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", b"{}", ({}, "")),
        ("application/json; charset=utf-8", b"[1]", ([1], "")),
        ("application/problem+json", b"1", (1, "")),
        ("text/json", b"{}", (None, "not_json")),
        ("", b"{}", (None, "not_json")),
        ("application/json", b'"\xff"', (None, "unreadable")),
        ("application/json", b'"\xed\xa0\x80"', (None, "unreadable")),
        ("application/json", b'{"a":1,}', (None, "unreadable")),
        ("application/json", b"[" * 65 + b"]" * 65, (None, "answer_too_deep")),
    ],
)
def test_only_json_in_utf8_is_json(kind, body, expected):
    """The declared type, strict UTF-8, strict JSON, bounded nesting."""
    assert decode(kind, body) == expected


def test_a_wide_answer_is_not_a_deep_one():
    """Many brackets side by side are fine."""
    assert decode("application/json", b"[" + b",".join([b"[{}]"] * 500) + b"]")[1] == ""
