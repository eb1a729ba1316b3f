"""API Particulier v3: answers of another shape, published errors, and identities in doubt."""

import re

import pytest

from connectors.base import Outcome
from tests.unit.connectors.ap_answers import FAMILY, RSA, STATUS, data, error
from tests.unit.connectors.factories import AP, pivot

pytestmark = pytest.mark.httpx_mock(assert_all_responses_were_requested=True)


@pytest.mark.parametrize(
    ("change", "wanted", "row", "path"),
    [
        ({"enfants": None}, "household.children", None, "/data/enfants"),
        ({"adresse": "?"}, "household.postcode", None, "/data/adresse"),
        (
            {"adresse": {"numero_libelle_voie": "1", "code_postal_ville": "BRUME"}},
            "household.postcode",
            None,
            "/data/adresse/code_postal_ville",
        ),
        ({"quotient_familial": []}, "quotient_familial.value", None, "/data/quotient_familial"),
        ({"piscine": True}, "household.children", {"household.children": 2}, "/data/*"),
    ],
)
async def test_an_answer_of_another_shape_is_drift_with_its_path(connect, fetch, httpx_mock, change, wanted, row, path):
    """What cannot be read is dropped and its path told; what is unknown is told and the rest still serves."""
    httpx_mock.add_response(**data(FAMILY | change))
    [fetched] = (await fetch(connect(AP), wanted, pivot=pivot())).values()
    assert fetched.drift == (path,)
    assert fetched.rows == ((row,) if row else ())
    assert fetched.outcome is (Outcome.found if row else Outcome.drift)


async def test_the_street_still_serves_when_the_town_line_drifts(connect, fetch, httpx_mock):
    """A field that cannot be read does not take the others with it, unless it is the essential one."""
    change = {"adresse": {**FAMILY["adresse"], "code_postal_ville": 99010}}
    httpx_mock.add_response(**data(FAMILY | change))
    fetched = await fetch(connect(AP), "household.address", "household.commune", pivot=pivot())
    assert fetched["household"].rows == ({"household.address": "3 RUE DES JONCS"},)
    assert fetched["household"].drift == ("/data/adresse/code_postal_ville",)


async def test_a_line_that_nobody_asked_for_is_no_drift(connect, fetch, httpx_mock):
    """A foreign address has no French postcode: it matters only to who asked for it."""
    change = {"adresse": {**FAMILY["adresse"], "code_postal_ville": "BRUXELLES", "pays": "BELGIQUE"}}
    httpx_mock.add_response(**data(FAMILY | change))
    fetched = await fetch(connect(AP), "household.address", pivot=pivot())
    assert fetched["household"].drift == ()


async def test_a_benefit_without_its_essential_member_is_drift(connect, fetch, httpx_mock):
    """A start date without the benefit itself would mislead."""
    httpx_mock.add_response(**data({"beneficiaire": True, "avec_majoration": None, "date_debut_droit": "2025-01-01"}))
    fetched = await fetch(connect(AP), "rsa.beneficiary", "rsa.since", pivot=pivot())
    assert fetched["rsa"].outcome is Outcome.drift
    assert fetched["rsa"].rows == ()
    assert set(fetched["rsa"].drift) == {"/data/*", "/data/est_beneficiaire"}


@pytest.mark.parametrize(
    ("inscription", "wanted", "paths"),
    [
        (None, "job_seeker.since", ("/data/inscription",)),
        ({"date_debut": "hier", "date_fin": None}, "job_seeker.registered", ("/data/inscription/date_debut",)),
        ({"date_debut": "2025-01-01", "date_fin": None}, "job_seeker.category", ("/data/inscription/categorie",)),
    ],
)
async def test_a_registration_of_another_shape_is_drift(connect, fetch, httpx_mock, inscription, wanted, paths):
    """No registration is derived from what cannot be read."""
    httpx_mock.add_response(**data({**STATUS, "inscription": inscription}))
    fetched = await fetch(connect(AP), wanted, ft_login="helene.b")
    assert fetched["job_seeker"].outcome is Outcome.drift
    assert fetched["job_seeker"].drift == paths


@pytest.mark.parametrize(
    ("status", "body", "outcome", "detail", "wait"),
    [
        (404, error("37003"), Outcome.no_data, "no_file", None),
        (404, error("35003", title="Allocataire non référencé"), Outcome.no_data, "no_file", None),
        (404, error("35003", title="Erreur inattendue"), Outcome.unavailable, "provider_failed", None),
        (404, error("99999"), Outcome.drift, "unexpected_status", None),
        (404, {"errors": []}, Outcome.drift, "unexpected_status", None),
        (404, {"errors": ["?"]}, Outcome.drift, "unexpected_status", None),
        (401, error("00103"), Outcome.refused, "credentials_rejected", None),
        (403, error("00100"), Outcome.refused, "no_right", None),
        (409, error("00015"), Outcome.unavailable, "already_running", None),
        (422, error("00366"), Outcome.refused, "identifier_unusable", None),
        (422, error("00203"), Outcome.refused, "invalid_request", None),
        (502, error("37999"), Outcome.unavailable, "provider_failed", None),
        (504, error("00501", meta={"retry_in": 10}), Outcome.unavailable, "provider_failed", 10),
        (504, error("00501", meta={"retry_in": "10"}), Outcome.unavailable, "provider_failed", None),
        (504, error("37008"), Outcome.rate_limited, "provider_rate_limited", None),
        (504, {"errors": [{"code": 5, "title": None, "meta": None}]}, Outcome.unavailable, "source_failed", None),
        (500, {}, Outcome.unavailable, "source_failed", None),
        (418, {}, Outcome.drift, "unexpected_status", None),
    ],
)
async def test_every_published_error_has_its_outcome(connect, fetch, httpx_mock, status, body, outcome, detail, wait):
    """404 with a published code means no file here; the title of an unexpected error means no such thing."""
    httpx_mock.add_response(status_code=status, json=body)
    fetched = await fetch(connect(AP), "rsa.beneficiary", pivot=pivot())
    assert (fetched["rsa"].outcome, fetched["rsa"].detail, fetched["rsa"].retry_after) == (outcome, detail, wait)
    assert fetched["rsa"].rows == ()


async def test_after_429_the_source_is_left_alone(connect, fetch, httpx_mock, clock):
    """Retry-After is honoured: those who ignore it are banned for twelve hours without a word."""
    httpx_mock.add_response(status_code=429, headers={"Retry-After": "30"}, json=error("00429"))
    connector = connect(AP)
    first = await fetch(connector, "rsa.beneficiary", pivot=pivot())
    clock.advance(10)
    second = await fetch(connector, "aah.beneficiary", pivot=pivot())
    assert first["rsa"].outcome is second["aah"].outcome is Outcome.rate_limited
    assert (first["rsa"].retry_after, second["aah"].retry_after) == (30, 20)
    assert len(httpx_mock.get_requests()) == 1
    assert connector.health().state == "waiting"
    clock.advance(20)
    httpx_mock.add_response(**data(RSA))
    assert (await fetch(connector, "rsa.beneficiary", pivot=pivot()))["rsa"].outcome is Outcome.found
    assert connector.health().state == "up"


async def test_an_answer_about_somebody_else_puts_everything_in_doubt(connect, fetch, httpx_mock):
    """When one answer names another person, no row of any answer leaves."""
    other = [{**FAMILY["allocataires"][0], "date_naissance": "1971-01-01"}]
    httpx_mock.add_response(url=re.compile(".*quotient.*"), **data({**FAMILY, "allocataires": other}))
    httpx_mock.add_response(url=re.compile(".*solidarite_active.*"), **data(RSA))
    httpx_mock.add_response(url=re.compile(".*handicape.*"), status_code=404, json=error("37003"))
    fetched = await fetch(connect(AP), "rsa.beneficiary", "household.children", "aah.since", pivot=pivot())
    assert {name: item.outcome for name, item in fetched.items()} == {
        "rsa": Outcome.ambiguous,
        "household": Outcome.ambiguous,
        "aah": Outcome.no_data,
    }
    assert all(item.rows == () for item in fetched.values())


async def test_the_person_may_be_the_second_of_the_household(connect, fetch, httpx_mock):
    """The quotient familial names both partners: one of them being the person is enough."""
    both = [{**FAMILY["allocataires"][0], "date_naissance": "1971-01-01"}, *FAMILY["allocataires"]]
    httpx_mock.add_response(**data({**FAMILY, "allocataires": both}))
    fetched = await fetch(connect(AP), "quotient_familial.value", pivot=pivot())
    assert fetched["quotient_familial"].rows == ({"quotient_familial.value": 512},)


@pytest.mark.parametrize(
    ("known", "detail"),
    [
        ({}, "identifier_missing"),
        ({"pivot": "not json"}, "identifier_unusable"),
        ({"pivot": pivot(birth_place=None)}, "identifier_unusable"),
    ],
)
async def test_without_a_usable_identity_nobody_is_asked_for(connect, fetch, httpx_mock, known, detail):
    """No call is made for somebody the source cannot be asked about."""
    fetched = await fetch(connect(AP), "rsa.beneficiary", "job_seeker.since", **known)
    assert fetched["rsa"].outcome is Outcome.unknown_person
    assert fetched["rsa"].detail == detail
    assert fetched["job_seeker"].detail == "identifier_missing"
    assert not httpx_mock.get_requests()


@pytest.mark.parametrize("body", [{"data": None}, {"data": []}, [], {}, "texte"])
async def test_an_answer_without_data_is_drift(connect, fetch, httpx_mock, body):
    """200 without the published envelope is not an absence of rights."""
    httpx_mock.add_response(json=body)
    fetched = await fetch(connect(AP), "rsa.beneficiary", pivot=pivot())
    assert (fetched["rsa"].outcome, fetched["rsa"].detail) == (Outcome.drift, "unreadable")
