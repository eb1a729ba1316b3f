"""API Particulier v3: what is sent, and what is read of a good answer."""

import re

import pytest

from connectors.api_particulier import DATASETS
from connectors.base import Outcome
from tests.unit.connectors.ap_answers import FAMILY, RSA, STATUS, data
from tests.unit.connectors.factories import AP, NOW, SIRET, pivot

pytestmark = pytest.mark.httpx_mock(assert_all_responses_were_requested=True)


async def test_the_identity_goes_out_as_the_contract_writes_it(connect, fetch, httpx_mock):
    """The civil identity is the query, quoted, with the recipient's SIRET, and nothing else is sent."""
    httpx_mock.add_response(**data(RSA))
    await fetch(connect(AP), "rsa.beneficiary", pivot=pivot(usual_name="D'ORÉE"))
    [request] = httpx_mock.get_requests()
    assert request.method == "GET"
    assert request.url.path == "/v3/dss/revenu_solidarite_active/identite"
    assert list(request.url.params.multi_items()) == [
        ("recipient", SIRET),
        ("nomNaissance", "BRUMAIRE"),
        ("nomUsage", "D'ORÉE"),
        ("prenoms[]", "HÉLÈNE"),
        ("prenoms[]", "Zoé"),
        ("anneeDateNaissance", "1999"),
        ("moisDateNaissance", "3"),
        ("jourDateNaissance", "21"),
        ("codeCogInseeCommuneNaissance", "99001"),
        ("codeCogInseePaysNaissance", "99100"),
        ("sexeEtatCivil", "F"),
    ]
    assert dict(request.headers) == {
        "host": "ap.example",
        "accept-encoding": "identity",
        "authorization": "Bearer jeton-de-recette",
        "accept": "application/json",
        "user-agent": "passerelle/0.1",
    }


@pytest.mark.parametrize(
    ("changes", "sent", "unsent"),
    [
        ({"birth_date": "1999-03-00"}, {"moisDateNaissance": "3"}, ["jourDateNaissance"]),
        ({"birth_date": "1999-00-00"}, {"anneeDateNaissance": "1999"}, ["moisDateNaissance", "jourDateNaissance"]),
        ({"birth_date": "0000-00-00"}, {}, ["anneeDateNaissance", "moisDateNaissance"]),
        (
            {"birth_country": "99998", "birth_place": None},
            {"codeCogInseePaysNaissance": "99998"},
            ["codeCogInseeCommuneNaissance"],
        ),
        ({"sex": "male"}, {"sexeEtatCivil": "M"}, ["nomUsage"]),
    ],
)
async def test_what_is_not_known_is_not_sent(connect, fetch, httpx_mock, changes, sent, unsent):
    """Unknown parts of a birth date are left out, and so is the place of those born abroad."""
    httpx_mock.add_response(**data(RSA))
    await fetch(connect(AP), "rsa.beneficiary", pivot=pivot(**changes))
    params = httpx_mock.get_requests()[0].url.params
    assert {key: params[key] for key in sent} == sent
    assert not [key for key in unsent if key in params]


async def test_at_most_three_given_names_are_sent(connect, fetch, httpx_mock):
    """The contract takes three given names at most."""
    httpx_mock.add_response(**data(RSA))
    await fetch(connect(AP), "rsa.beneficiary", pivot=pivot(given_names=["A", "B", "C", "D"]))
    assert httpx_mock.get_requests()[0].url.params.get_list("prenoms[]") == ["A", "B", "C"]


async def test_a_benefit_is_read_into_vocabulary_fields(connect, fetch, httpx_mock):
    """Only the fields asked for come back, with the time of collection."""
    httpx_mock.add_response(**data(RSA))
    fetched = await fetch(connect(AP), "rsa.beneficiary", "rsa.since", pivot=pivot())
    assert fetched["rsa"].outcome is Outcome.found
    assert fetched["rsa"].rows == ({"rsa.beneficiary": True, "rsa.since": "2025-11-01"},)
    assert fetched["rsa"].collected_at == NOW
    assert fetched["rsa"].drift == ()


async def test_every_benefit_has_its_own_call_and_only_those_asked_are_made(connect, fetch, httpx_mock):
    """Nothing is called that holds none of the permitted fields."""
    httpx_mock.add_response(url=re.compile(".*prime_activite.*"), **data({**RSA, "avec_majoration": None}))
    httpx_mock.add_response(
        url=re.compile(".*handicape.*"), **data({"est_beneficiaire": False, "date_debut_droit": None})
    )
    httpx_mock.add_response(
        url=re.compile(".*complementaire.*"),
        **data({"est_beneficiaire": True, "avec_participation": True, "date_debut_droit": "2026-01-01"}),
    )
    fetched = await fetch(
        connect(AP),
        *(
            "prime_activite.majoration",
            "prime_activite.beneficiary",
            "aah.beneficiary",
            "aah.since",
            "c2s.contribution",
        ),
        pivot=pivot(),
    )
    assert fetched["prime_activite"].rows == ({"prime_activite.beneficiary": True, "prime_activite.majoration": None},)
    assert fetched["aah"].rows == ({"aah.beneficiary": False, "aah.since": None},)
    assert fetched["c2s"].rows == ({"c2s.contribution": True},)
    assert len(httpx_mock.get_requests()) == 3


async def test_quotient_and_household_share_one_call(connect, fetch, httpx_mock):
    """One answer fills both datasets; names and addressees of the household never come out."""
    httpx_mock.add_response(url=re.compile(".*quotient_familial.*"), **data(FAMILY))
    fetched = await fetch(
        connect(AP),
        *(field for name in ("quotient_familial", "household") for field in sorted(DATASETS[name].fields)),
        pivot=pivot(),
    )
    assert fetched["quotient_familial"].rows == (
        {
            "quotient_familial.value": 512,
            "quotient_familial.provider": "MSA",
            "quotient_familial.year": 2026,
            "quotient_familial.month": 11,
        },
    )
    assert fetched["household"].rows == (
        {
            "household.address": "3 RUE DES JONCS",
            "household.postcode": "99010",
            "household.commune": "BRUME SUR LOIRE",
            "household.children": 2,
        },
    )
    assert len(httpx_mock.get_requests()) == 1


async def test_the_children_alone_need_no_address(connect, fetch, httpx_mock):
    """A count of children is read without looking at the address."""
    httpx_mock.add_response(**data({**FAMILY, "adresse": None}))
    fetched = await fetch(connect(AP), "household.children", pivot=pivot())
    assert fetched["household"].rows == ({"household.children": 2},)
    assert fetched["household"].drift == ()


async def test_a_job_seeker_is_found_by_login(connect, fetch, httpx_mock):
    """`registered` is derived from the dates of the registration on the day of the call."""
    httpx_mock.add_response(**data(STATUS))
    fetched = await fetch(connect(AP), *DATASETS["job_seeker"].fields, ft_login="helene.b", pivot=pivot())
    assert fetched["job_seeker"].rows == (
        {
            "job_seeker.registered": True,
            "job_seeker.since": "2025-02-01",
            "job_seeker.until": None,
            "job_seeker.category": 2,
        },
    )
    assert str(httpx_mock.get_requests()[0].url) == (
        f"https://ap.example/v3/france_travail/statut/identifiant?recipient={SIRET}&identifiant=helene.b"
    )


@pytest.mark.parametrize(
    ("period", "registered"),
    [
        ({"date_debut": "2025-02-01", "date_fin": "2026-01-31"}, False),
        ({"date_debut": "2025-02-01", "date_fin": "2099-01-31"}, True),
        ({"date_debut": "2099-02-01", "date_fin": None}, False),
    ],
)
async def test_registered_follows_the_dates(connect, fetch, httpx_mock, period, registered):
    """A registration that has ended, or not begun, is none; the dates it is derived from stay hidden."""
    httpx_mock.add_response(**data({**STATUS, "inscription": {**STATUS["inscription"], **period}}))
    fetched = await fetch(connect(AP), "job_seeker.registered", ft_login="helene.b")
    assert fetched["job_seeker"].rows == ({"job_seeker.registered": registered},)


async def test_an_answer_kept_by_the_api_is_as_old_as_it_says(connect, fetch, httpx_mock):
    """The provenance is the time of the real collection: an answer is kept 1 h, a quotient familial 24 h."""
    kept = {"X-Response-Cached": "true"}
    httpx_mock.add_response(
        url=re.compile(".*solidarite_active.*"), headers={**kept, "X-Cache-Expires-in": "3000"}, **data(RSA)
    )
    httpx_mock.add_response(url=re.compile(".*quotient.*"), headers={**kept, "X-Cache-Expires-in": "?"}, **data(FAMILY))
    fetched = await fetch(connect(AP), "rsa.beneficiary", "household.children", pivot=pivot())
    assert fetched["rsa"].collected_at == NOW - 600_000
    assert fetched["household"].collected_at == NOW


async def test_a_dataset_of_another_source_is_not_supplied(connect, fetch, httpx_mock):
    """A field this source does not have is told apart from one it has no data for."""
    fetched = await fetch(connect(AP), "rqth.valid", pivot=pivot())
    assert (fetched["rqth"].outcome, fetched["rqth"].detail) == (Outcome.unavailable, "not_supplied")
