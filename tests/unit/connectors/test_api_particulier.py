"""API Particulier v3: what is sent, what is read, what every published answer means."""

import re

import pytest

from connectors.api_particulier import DATASETS
from connectors.base import Outcome
from tests.unit.connectors.factories import AP, BIRTH, NOW, SIRET, pivot

pytestmark = pytest.mark.httpx_mock(assert_all_responses_were_requested=True)
ANY = re.compile(r"https://ap\.example/.*")
RSA = {"est_beneficiaire": True, "avec_majoration": False, "date_debut_droit": "2025-11-01"}
FAMILY = {
    "allocataires": [
        {
            "nom_naissance": "BRUMAIRE",
            "nom_usage": None,
            "prenoms": "HÉLÈNE ZOÉ",
            "date_naissance": BIRTH,
            "sexe": "F",
        }
    ],
    "enfants": [{"prenoms": "ANOUK"}, {"prenoms": "TIM"}],
    "adresse": {
        "destinataire": "Madame BRUMAIRE",
        "complement_information": None,
        "complement_information_geographique": None,
        "numero_libelle_voie": "3 RUE DES JONCS",
        "lieu_dit": None,
        "code_postal_ville": "99010 BRUME SUR LOIRE",
        "pays": "FRANCE",
    },
    "quotient_familial": {
        "fournisseur": "MSA",
        "valeur": 512,
        "annee": 2026,
        "mois": 11,
        "annee_calcul": 2026,
        "mois_calcul": 11,
    },
}
STATUS = {
    "identifiant": "helene.b",
    "identite": {"date_naissance": BIRTH, "nom_naissance": "BRUMAIRE"},
    "contact": {},
    "adresse": {},
    "inscription": {
        "date_debut": "2025-02-01",
        "date_fin": None,
        "code_certification_cnav": "VC",
        "categorie": {"code": 2, "libelle": "…"},
    },
}


def data(value, **kwargs):
    return {"json": {"data": value, "links": {}, "meta": {}}, **kwargs}


def error(code, *, title="Erreur", meta=None):
    return {"errors": [{"code": code, "title": title, "detail": "…", "source": None, "meta": meta or {}}]}


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


async def test_a_dataset_of_another_source_is_not_supplied(connect, fetch, httpx_mock):
    """A field this source does not have is told apart from one it has no data for."""
    fetched = await fetch(connect(AP), "rqth.valid", pivot=pivot())
    assert (fetched["rqth"].outcome, fetched["rqth"].detail) == (Outcome.unavailable, "not_supplied")
