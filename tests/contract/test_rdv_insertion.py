"""Every published exchange of rdv-insertion, replayed."""

import asyncio
import re

import httpx
import pytest

from connectors.base import Outcome
from connectors.guard import Limits
from connectors.http import PartnerClient
from connectors.pool import AiohttpPool
from connectors.rdv_insertion import DATASETS
from connectors.rdv_insertion_answers import refusal_of
from connectors.registry import build
from tests.contract.published import document, exchanges, must_be_valid, must_equal, needed
from tests.unit.connectors.factories import NOW, ask

SPECIFICATION = "rdv-insertion/rdv-insertion-v1.openapi.json"
CONFIG = {
    "connector": "rdv_insertion",
    "base_url": "https://www.rdv-insertion.fr",
    "auth_url": "https://www.rdv-solidarites.fr",
    "credentials": {"email": "agent@example.com", "password": "<mot de passe>"},
    "options": {"organisation": "403023"},
}
SESSION = {"access-token": "<jeton>", "client": "<client>", "uid": "agent@example.com"}
SIGN_IN_URL = "https://www.rdv-solidarites.fr/api/v1/auth/sign_in"
UUID = "99075ce2-d6b4-4262-9d5e-6aa90d683345"

ALL = exchanges("rdv-insertion")
SIGN_IN = [one for one in ALL if one.file == "sign-in"]
USERS = [one for one in ALL if "GET /api/v1/organisations/{rdv_solidarites_organisation_id}/users (" in one.name]
RDVS = [one for one in ALL if "GET /api/v1/rdvs/{uuid}" in one.name]
LIMIT = [one for one in ALL if one.file == "rate-limit-429"]
WEBHOOKS = [one for one in ALL if one.file.startswith("webhook")]
ONLY_CLASSIFIED = [one for one in ALL if one not in (*SIGN_IN, *USERS, *RDVS, *LIMIT, *WEBHOOKS)]
OUTCOMES = {401: Outcome.refused, 403: Outcome.refused}


@needed
def test_no_exchange_is_left_out():
    """Replayed, only classified (writes and departments), or pushed to us and not an answer at all (webhooks)."""
    assert len(ALL) == sum(map(len, (SIGN_IN, USERS, RDVS, LIMIT, WEBHOOKS, ONLY_CLASSIFIED)))
    assert (len(SIGN_IN), len(USERS), len(RDVS), len(LIMIT), len(WEBHOOKS)) == (1, 4, 4, 1, 2)
    kinds = {re.sub(r"^\d+ | \(.*", "", one.name).partition("/")[0].strip() for one in ONLY_CLASSIFIED}
    assert kinds == {"POST", "GET"}
    assert all("POST" in one.name or "departments" in one.name for one in ONLY_CLASSIFIED)


async def fetch(*fields, **known):
    connector = build(CONFIG, clock=lambda: NOW)
    fetched = await connector.fetch(ask(*fields, **known), deadline=asyncio.get_running_loop().time() + 5)
    await connector.close()
    return fetched


@needed
@pytest.mark.parametrize("exchange", SIGN_IN, ids=str)
async def test_the_session_is_opened_as_published(exchange, httpx_mock):
    """Mail and password in, three headers out, sent with the next call."""
    headers = exchange.response["headers"]
    httpx_mock.add_response(url=SIGN_IN_URL, headers=headers, json=exchange.body)
    httpx_mock.add_response(match_headers={name: headers[name] for name in SESSION}, json={"users": []})
    await fetch("contact.phone", caf_number="9900107/demandeur")
    must_equal(httpx_mock.get_requests()[0], exchange.request)


def signed_in(httpx_mock):
    httpx_mock.add_response(url=SIGN_IN_URL, headers=SESSION, json={"data": {}})


def answer(httpx_mock, exchange):
    """The published answer; after a 401 the session is opened once more and the answer stays."""
    signed_in(httpx_mock)
    status = exchange.response["status"]
    for _ in range(1 + (status == 401)):
        httpx_mock.add_response(
            method="GET",
            status_code=status,
            headers=exchange.response.get("headers"),
            json=exchange.body,
        )
    if status == 401:
        signed_in(httpx_mock)


@needed
@pytest.mark.parametrize("exchange", [*USERS, *LIMIT], ids=str)
async def test_users_are_searched_and_read_as_published(exchange, httpx_mock):
    """Our search is valid; the published list gives the person of each CAF number, and nobody else."""
    answer(httpx_mock, exchange)
    users = exchange.body.get("users", [])
    number = users[0]["affiliation_number"] if users else "1049239"
    fields = (*sorted(DATASETS["identity"].fields), *sorted(DATASETS["contact"].fields))
    fetched = await fetch(*fields, caf_number=f"{number}/demandeur")
    request = httpx_mock.get_requests()[1]
    must_be_valid(SPECIFICATION, request)
    assert str(request.url) == (f"https://www.rdv-insertion.fr/api/v1/organisations/403023/users?search_query={number}")
    if not users:
        by_status = {**OUTCOMES, 404: Outcome.refused, 429: Outcome.rate_limited}
        assert {one.outcome for one in fetched.values()} == {by_status[exchange.response["status"]]}
        assert {one.retry_after for one in fetched.values()} == {300 if exchange in LIMIT else None}
        return
    assert fetched["identity"].rows == (identity(users[0]),)
    assert fetched["contact"].rows == (contact(users[0]),)
    assert fetched["identity"].drift == fetched["contact"].drift == ()


def identity(user):
    return {
        "identity.family_name": user["last_name"],
        "identity.given_names": user["first_name"],
        "identity.birth_date": user["birth_date"],
        "identity.nir": user["nir"],
    }


def contact(user):
    return {
        "contact.phone": user["phone_number"],
        "contact.email": user["email"],
        "contact.address": user["address"],
    }


@needed
async def test_every_published_list_of_users_is_read(httpx_mock):
    """The examples of the description itself, pagination included."""
    path = "/api/v1/organisations/{rdv_solidarites_organisation_id}/users"
    [content] = document(SPECIFICATION)["paths"][path]["get"]["responses"]["200"]["content"].values()
    seen = 0
    for example in content["examples"].values():
        for user in example["value"]["users"]:
            if not user["affiliation_number"].isalnum():
                continue  # "numero_84078" is the mark of a factory, no CAF number
            signed_in(httpx_mock)
            httpx_mock.add_response(method="GET", json={**example["value"], "pagination": {"next_page": None}})
            fetched = await fetch("contact.phone", caf_number=f"{user['affiliation_number']}/{user['role']}")
            assert fetched["contact"].rows == ({"contact.phone": user["phone_number"]},)
            assert fetched["contact"].drift == ()
            seen += 1
    assert seen == 6


@needed
@pytest.mark.parametrize("exchange", RDVS, ids=str)
async def test_appointments_are_read_as_published(exchange, httpx_mock):
    """Our request is valid; the published appointment is one row without drift."""
    answer(httpx_mock, exchange)
    fetched = await fetch(*sorted(DATASETS["rdv"].fields), rdvi_rdv=UUID)
    request = httpx_mock.get_requests()[1]
    must_be_valid(SPECIFICATION, request)
    assert str(request.url) == f"https://www.rdv-insertion.fr/api/v1/rdvs/{UUID}"
    if "rdv" not in exchange.body:
        assert fetched["rdv"].outcome is {**OUTCOMES, 404: Outcome.no_data}[exchange.response["status"]]
        return
    rdv = exchange.body["rdv"]
    assert fetched["rdv"].drift == ()
    assert fetched["rdv"].rows == (
        {
            "rdv.starts_at": rdv["starts_at"],
            "rdv.minutes": rdv["duration_in_min"],
            "rdv.status": rdv["status"],
            "rdv.reason": rdv["motif"]["name"],
            "rdv.place": f"{rdv['lieu']['name']}, {rdv['lieu']['address']}",
            "rdv.collective": rdv["motif"]["collectif"],
            "rdv.cancelled_at": rdv["cancelled_at"],
        },
    )


@needed
@pytest.mark.parametrize("exchange", ONLY_CLASSIFIED, ids=str)
async def test_an_exchange_we_never_make_is_at_least_classified(exchange, httpx_mock):
    """Writes and departments: no exception, and an error is never mistaken for data."""
    client = PartnerClient(AiohttpPool(), limits=Limits(), clock=lambda: NOW)
    [status] = exchange.statuses
    httpx_mock.add_response(status_code=status, json=exchange.body)
    request = httpx.Request("GET", "https://www.rdv-insertion.fr/")
    reply = await client.call(request, deadline=asyncio.get_running_loop().time() + 5)
    verdict = refusal_of(reply)
    assert (verdict is None) == (status == 200)
    if verdict is not None and status != 404:
        assert verdict.outcome is Outcome.refused
    if status == 404:  # an unknown department is nothing the contract of our calls foresees
        assert verdict.outcome is (Outcome.refused if "Organisation" in str(exchange.body) else Outcome.drift)
