"""France Travail: in whose name a call is made, and the token it is made with."""

import asyncio

import pytest

from connectors.base import AskActor, Outcome
from connectors.france_travail import agent_headers
from tests.unit.connectors.factories import BATCH, FT
from tests.unit.connectors.ft_answers import CONTRACT, FOUND, KNOWN, REGISTERED, SEARCH, TOKEN, result


async def test_a_call_names_its_professional_or_is_not_made(connect, fetch, httpx_mock):
    """France Travail answers a missing agent with a redirect, an empty one with 401."""
    nobody = AskActor(id="agent", family_name=" | ", given_name="Noémie")
    fetched = await fetch(connect(FT), "registration.status", actor=nobody, **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (Outcome.refused, "actor_missing")
    assert not httpx_mock.get_requests()


def test_a_header_carries_names_in_plain_ascii():
    """No bar, no line break, no accent can go into a header."""
    actor = AskActor(id="a|b\r\nX-Evil: 1", family_name="Lœuillet-Ÿ", given_name="Anaïs  Zoé")
    assert agent_headers(actor) == [
        (b"pa-identifiant-agent", b"a b X-Evil: 1"),
        (b"pa-nom-agent", b"Loeuillet-Y"),
        (b"pa-prenom-agent", b"Anais Zoe"),
    ]


def test_a_batch_says_so():
    """A declared job is BATCH, with its logical name for both names."""
    assert agent_headers(BATCH) == [
        (b"pa-identifiant-agent", b"BATCH"),
        (b"pa-nom-agent", b"rapprochement-nocturne"),
        (b"pa-prenom-agent", b"rapprochement-nocturne"),
    ]


async def test_a_rejected_token_is_renewed_once(connect, fetch, httpx_mock):
    """401 drops the token; the second 401 is believed."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "old", "expires_in": 1499})
    httpx_mock.add_response(url=TOKEN, json={"access_token": "new", "expires_in": 1499})
    httpx_mock.add_response(url=SEARCH, match_headers={"Authorization": "Bearer old"}, status_code=401)
    httpx_mock.add_response(url=SEARCH, match_headers={"Authorization": "Bearer new"}, json=FOUND)
    httpx_mock.add_response(url=CONTRACT, json=REGISTERED)
    fetched = await fetch(connect(FT), "registration.status", **KNOWN)
    assert fetched["registration"].outcome is Outcome.found


async def test_a_token_rejected_twice_is_a_refusal(connect, fetch, httpx_mock):
    """No third attempt, and the health says why."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499}, is_reusable=True)
    httpx_mock.add_response(url=SEARCH, status_code=401, is_reusable=True)
    connector = connect(FT)
    fetched = await fetch(connector, "registration.status", **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (
        Outcome.refused,
        "credentials_rejected",
    )
    assert len(httpx_mock.get_requests()) == 4
    assert connector.health().last_failure == "credentials_rejected"


async def test_many_exchanges_wait_for_one_token(connect, fetch, httpx_mock, clock):
    """One renewal at a time, 60 seconds before the end."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499}, is_reusable=True)
    httpx_mock.add_response(url=SEARCH, json=result("S002"), is_reusable=True)
    connector = connect(FT)

    async def tokens():
        await asyncio.gather(*(fetch(connector, "registration.status", **KNOWN) for _ in range(20)))
        return sum(str(request.url) == TOKEN for request in httpx_mock.get_requests())

    assert await tokens() == 1
    clock.advance(1499 - 61)
    assert await tokens() == 1
    clock.advance(2)
    assert await tokens() == 2


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        ({"status_code": 400, "json": {"error": "invalid_client"}}, Outcome.refused, "credentials_rejected"),
        ({"status_code": 401}, Outcome.refused, "credentials_rejected"),
        ({"status_code": 429, "headers": {"Retry-After": "7"}}, Outcome.rate_limited, "too_many_requests"),
        ({"status_code": 503}, Outcome.unavailable, "source_failed"),
        ({"status_code": 302}, Outcome.drift, "redirected"),
        ({"json": {"access_token": "j"}}, Outcome.drift, "unreadable"),
        ({"json": {"access_token": "é", "expires_in": 5}}, Outcome.drift, "unreadable"),
        ({"json": []}, Outcome.drift, "unreadable"),
    ],
)
async def test_without_a_token_nothing_is_asked(connect, fetch, httpx_mock, answer, outcome, detail):
    """Why no token was given is why no data is."""
    httpx_mock.add_response(url=TOKEN, **answer)
    fetched = await fetch(connect(FT), "registration.status", **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (outcome, detail)
