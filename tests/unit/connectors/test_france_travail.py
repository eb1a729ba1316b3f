"""France Travail: the walk token → person → datasets, and the business codes of the search."""

import re

import pytest

from connectors.base import Outcome
from connectors.france_travail import DATASETS
from tests.unit.connectors.factories import BIRTH, FT, NIR, pivot
from tests.unit.connectors.ft_answers import BY_NUMBER, CONTRACT, FOUND, KNOWN, REGISTERED, RQTH, SEARCH, TOKEN, result


async def test_the_walk_is_token_then_person_then_datasets(connect, fetch, signed_in):
    """Each call carries the access token, the professional, and once the person is found the user token."""
    signed_in.add_response(url=CONTRACT, json=REGISTERED)
    fetched = await fetch(connect(FT), *DATASETS["registration"].fields, **KNOWN)
    token, search, contract = signed_in.get_requests()
    assert token.content == (
        b"grant_type=client_credentials&client_id=PAR_gateway&client_secret=tres-secret"
        b"&scope=api_rechercher-usagerv2+rechercheusager"
    )
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert search.content == b'{"dateNaissance":"%s","nir":"%s"}' % (BIRTH.encode(), NIR.encode())
    for request in (search, contract):
        assert request.headers["authorization"] == "Bearer jeton-1"
        assert request.headers["pa-identifiant-agent"] == "agent-0042"
        assert request.headers["pa-nom-agent"] == "Leveque"
        assert request.headers["pa-prenom-agent"] == "Noemie"
    assert contract.headers["ft-jeton-usager"] == "jeton.usager"
    assert fetched["registration"].outcome is Outcome.found
    assert fetched["registration"].rows == (
        {
            "registration.status": "Inscrit",
            "registration.since": "2026-02-03",
            "registration.months_of_12": 9,
            "registration.months_of_24": 9,
            "registration.months_of_36": 9,
            "registration.category_code": "1",
            "registration.category_label": "SANS EMPLOI",
            "registration.closing_code": None,
            "registration.closing_label": None,
        },
    )


async def test_datasets_are_fetched_together_and_only_those_asked(connect, fetch, signed_in):
    """One search, then one call per permitted dataset."""
    signed_in.add_response(url=CONTRACT, status_code=204)
    signed_in.add_response(
        url=RQTH, json={"topValiditeRQTH": False, "dateDebutRqth": "", "dateFinRqth": "", "source": ""}
    )
    fetched = await fetch(connect(FT), "registration.status", *DATASETS["rqth"].fields, "rsa.since", **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (Outcome.no_data, "no_file")
    assert fetched["rqth"].rows == ({"rqth.valid": False, "rqth.since": None, "rqth.until": None, "rqth.source": None},)
    assert fetched["rsa"].detail == "not_supplied"
    assert len(signed_in.get_requests()) == 4


@pytest.mark.parametrize(
    ("status", "body", "outcome", "detail"),
    [
        (200, result("S002"), Outcome.unknown_person, "no_file"),
        (200, result("S003"), Outcome.ambiguous, "several_persons"),
        (200, result("S001"), Outcome.drift, "unreadable"),
        (200, result("S001", jetonUsager=None), Outcome.drift, "unreadable"),
        (200, result("S001", jetonUsager="a\nb"), Outcome.drift, "unreadable"),
        (200, result("S009", jetonUsager="x"), Outcome.drift, "unreadable"),
        (200, [], Outcome.drift, "unreadable"),
        (204, None, Outcome.unknown_person, "no_file"),
        (400, result("R997"), Outcome.refused, "invalid_request"),
        (403, result("R001"), Outcome.refused, "no_right"),
        (403, result("R002"), Outcome.refused, "person_not_attached"),
        (403, {"codeErreur": "X", "codeHttp": 403, "message": "…"}, Outcome.refused, "no_right"),
        (500, result("R998"), Outcome.unavailable, "backend_failed"),
        (503, result("R999"), Outcome.unavailable, "source_failed"),
        (302, None, Outcome.drift, "redirected"),
        (429, None, Outcome.rate_limited, "too_many_requests"),
    ],
)
async def test_business_codes_decide_whatever_the_status(connect, fetch, httpx_mock, status, body, outcome, detail):
    """S002, S003 and the rest come with 200 as with other statuses; nothing is asked about nobody."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499})
    httpx_mock.add_response(url=SEARCH, status_code=status, **({"json": body} if body is not None else {}))
    fetched = await fetch(connect(FT), "registration.status", "rqth.valid", **KNOWN)
    assert {item.outcome for item in fetched.values()} == {outcome}
    assert {item.detail for item in fetched.values()} == {detail}


async def test_a_failure_for_one_person_does_not_close_the_source(connect, fetch, httpx_mock):
    """R998 includes a person without address: it is not repeated and says nothing about the others."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499})
    httpx_mock.add_response(url=SEARCH, status_code=500, json=result("R998"), is_reusable=True)
    connector = connect(FT)
    for _ in range(6):
        fetched = await fetch(connector, "registration.status", **KNOWN)
    assert fetched["registration"].detail == "backend_failed"
    assert len(httpx_mock.get_requests()) == 7
    assert connector.health().failures_in_a_row == 0


async def test_an_identity_that_is_not_certified_is_said(connect, fetch, httpx_mock):
    """TopIdentiteCertifiee N: found, with a word about it."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499})
    httpx_mock.add_response(url=SEARCH, json={**FOUND, "topIdentiteCertifiee": "N"})
    httpx_mock.add_response(url=CONTRACT, json=REGISTERED)
    fetched = await fetch(connect(FT), "registration.status", **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (
        Outcome.found,
        "identity_not_certified",
    )


@pytest.mark.parametrize(
    "known",
    [{"ft_number": "12345678900"}, {**KNOWN, "pivot": pivot(birth_date="1999-00-00"), "ft_number": "12345678900"}],
)
async def test_the_france_travail_number_serves_when_the_birth_date_is_not_whole(connect, fetch, httpx_mock, known):
    """NIR and birth date must both be whole; else the person's own number."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499})
    httpx_mock.add_response(url=BY_NUMBER, match_json={"numeroFranceTravail": "12345678900"}, json=FOUND)
    httpx_mock.add_response(url=CONTRACT, json=REGISTERED)
    fetched = await fetch(connect(FT), "registration.status", **known)
    assert fetched["registration"].outcome is Outcome.found


@pytest.mark.parametrize(
    ("known", "detail"),
    [
        ({}, "identifier_missing"),
        ({"nir": NIR}, "identifier_missing"),
        ({"nir": "299039910000100", "pivot": pivot()}, "identifier_unusable"),
        ({"ft_number": "1234567A"}, "identifier_unusable"),
    ],
)
async def test_without_a_usable_identifier_nobody_is_searched(connect, fetch, httpx_mock, known, detail):
    """A NIR with a wrong key and a regional number of old find nobody, or worse."""
    fetched = await fetch(connect(FT), "registration.status", **known)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (Outcome.unknown_person, detail)
    assert not httpx_mock.get_requests()


async def test_secrets_and_persons_are_in_no_repr(connect, fetch, signed_in):
    """A repr may end in a log: it holds no secret, identifier or value."""
    signed_in.add_response(url=CONTRACT, json=REGISTERED)
    connector = connect(FT)
    fetched = await fetch(connector, "registration.status", **KNOWN)
    text = repr((connector.health(), fetched, connector.datasets))
    assert not re.search(r"Inscrit|tres-secret|jeton|LEVEQUE|2990", text, re.IGNORECASE)
