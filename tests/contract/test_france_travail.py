"""Every published exchange of France Travail, replayed."""

import asyncio
import json

import httpx
import pytest

from connectors.base import Ask, AskActor, Outcome
from connectors.france_travail import DATASETS
from connectors.france_travail_answers import refusal_of, search_of
from connectors.guard import Limits
from connectors.http import PartnerClient
from connectors.outcomes import Verdict
from connectors.pool import AiohttpPool
from connectors.registry import build
from tests.contract.published import document, exchanges, must_be_valid, must_equal, needed
from tests.unit.connectors.factories import NIR, NOW, SIRET, pivot

SPECIFICATION = "france-travail/rechercher-usager-v2.openapi.json"
BASE = "https://api.francetravail.io/partenaire"
CONFIG = {
    "connector": "france_travail",
    "base_url": BASE,
    "auth_url": "https://proxyproconnect-r.ft-qvr.net",
    "credentials": {"client_id": "<client_id>", "client_secret": "<client_secret>"},
    "options": {
        "scopes": "api_rechercher-usagerv2 rechercheusager profil_accedant api_rendez-vous-partenairev1 gererRDV"
    },
}
# The published calls come from a batch.
BATCH = AskActor(
    id="x", family_name="<nom logique ou nom agent>", given_name="<nom logique ou prenom agent>", kind="batch"
)
SEARCHED = {"nir": "1980799999001", "pivot": pivot(birth_date="1998-07-11"), "ft_number": "12345678900"}

ALL = exchanges("france-travail")
TOKEN = [one for one in ALL if one.file == "01-token" and "%2Fagent" in one.request.get("url", "")]
SEARCHES = [one for one in ALL if one.file == "02-rechercher-usager-v2"]
READ = {
    "/partenaire/contrat-usager/v2/contrat": "registration",
    "/partenaire/donnees-rqth/v1/rqth": "rqth",
    "/partenaire/orientationusager/v1/lectureOrientation": "orientation",
    "/partenaire/rendez-vous-partenaire/v1/rendez-vous-usager": "ft_appointments",
    "/partenaire/diagnosticargumente/v4/dossiers": "diagnosis",
}
READS = [one for one in ALL if one.path in READ]
ONLY_CLASSIFIED = [one for one in ALL if one.statuses and one not in (*TOKEN, *SEARCHES, *READS)]
NO_ANSWER = [one for one in ALL if not one.statuses and one not in READS]
GRANTED = {"access_token": "<access_token>", "expires_in": 1499, "token_type": "Bearer"}
FOUND = {"codeRetour": "S001", "message": "…", "jetonUsager": "<jetonUsager>", "topIdentiteCertifiee": "O"}


@needed
def test_no_exchange_is_left_out():
    """Replayed, only classified, or published without an answer to classify: together, all of them."""
    assert len(ALL) == len({*map(str, (*TOKEN, *SEARCHES, *READS, *ONLY_CLASSIFIED, *NO_ANSWER))})
    assert (len(TOKEN), len(SEARCHES), len(READS)) == (1, 11, 8)
    assert {one.file for one in ONLY_CLASSIFIED} == {
        "01-token",  # another realm, and the shape of an error
        "03-informations-administratives-v1",
        "06-orientation-usager-v1",  # decisions
        "07-activites-operationnelles",
        "08-rendez-vous-partenaire-v1",  # writes
        "09-diagnostic-argumente-v4",  # no data
        "10-contrat-engagement-v1",
        "12-pass-iae-v1",
        "13-france-travail-connect",
        "14-errors",
        "15-referentiel-agences-v1",
    }
    assert {one.file for one in NO_ANSWER} == {
        "06-orientation-usager-v1",
        "09-diagnostic-argumente-v4",
        "11-gestion-sanctions-rsa-v1",
    }


async def fetch(connector, *fields, known):
    ask = Ask(fields=fields, identifiers=known, actor=BATCH, recipient_siret=SIRET)
    fetched = await connector.fetch(ask, deadline=asyncio.get_running_loop().time() + 5)
    await connector.close()
    return fetched


@needed
@pytest.mark.parametrize("exchange", TOKEN, ids=str)
async def test_the_token_is_asked_for_as_published(exchange, httpx_mock):
    """Form, realm and scopes; the answer is a token that is used at once."""
    httpx_mock.add_response(url=exchange.request["url"], json=exchange.body)
    httpx_mock.add_response(match_headers={"Authorization": "Bearer <access_token>"}, status_code=204)
    fetched = await fetch(build(CONFIG, clock=lambda: NOW), "rqth.valid", known=SEARCHED)
    must_equal(httpx_mock.get_requests()[0], exchange.request)
    assert fetched["rqth"].outcome is Outcome.unknown_person


EXPECTED = {
    "S001": Outcome.found,
    "S002": Outcome.unknown_person,
    "S003": Outcome.ambiguous,
    "R001": Outcome.refused,
    "R002": Outcome.refused,
    "R997": Outcome.refused,
    "R998": Outcome.unavailable,
    "R999": Outcome.unavailable,
}


@needed
@pytest.mark.parametrize("exchange", SEARCHES, ids=str)
async def test_a_person_is_searched_as_published(exchange, httpx_mock):
    """Our search is the published one, valid, and every code of the answer has its outcome."""
    httpx_mock.add_response(url=TOKEN[0].request["url"], json=GRANTED)
    body = {} if exchange.body is None else {"json": exchange.body}
    httpx_mock.add_response(
        url=exchange.request["url"],
        status_code=exchange.response["status"],
        headers=exchange.response.get("headers"),
        **body,
    )
    found = exchange.body is not None and exchange.body["codeRetour"] == "S001"
    if found:
        httpx_mock.add_response(match_headers={"ft-jeton-usager": "a_long_token"}, json={"topValiditeRQTH": False})
    by_number = "numeroFranceTravail" in exchange.request["body"]
    known = {key: value for key, value in SEARCHED.items() if by_number == (key == "ft_number")}
    fetched = await fetch(build(CONFIG, clock=lambda: NOW), "rqth.valid", known=known)
    request = httpx_mock.get_requests()[1]
    must_equal(request, exchange.request)
    must_be_valid(SPECIFICATION, request)
    expected = Outcome.rate_limited if exchange.body is None else EXPECTED[exchange.body["codeRetour"]]
    assert fetched["rqth"].outcome is expected
    if exchange.body is None:
        assert fetched["rqth"].retry_after == 60
    if found:
        certified = exchange.body["topIdentiteCertifiee"] == "O"
        assert fetched["rqth"].detail == ("" if certified else "identity_not_certified")


@needed
@pytest.mark.parametrize("exchange", READS, ids=str)
async def test_a_dataset_is_read_as_published(exchange, httpx_mock):
    """Our read is the published one; no published answer drifts."""
    dataset = READ[exchange.path]
    httpx_mock.add_response(url=TOKEN[0].request["url"], json=GRANTED)
    httpx_mock.add_response(method="POST", json=FOUND)
    status = exchange.response["status"] if exchange.statuses else 204  # "not published": the request alone is checked
    body = {} if exchange.body is None else {"json": exchange.body}
    httpx_mock.add_response(method="GET", status_code=status, **body)
    fetched = await fetch(build(CONFIG, clock=lambda: NOW), *sorted(DATASETS[dataset].fields), known=SEARCHED)
    must_equal(httpx_mock.get_requests()[2], exchange.request)
    assert fetched[dataset].outcome is (Outcome.no_data if exchange.body is None else Outcome.found)
    assert fetched[dataset].drift == ()
    assert list(map(dict, fetched[dataset].rows)) == rows(dataset, exchange.body)


def rows(dataset, body):
    """What must come out, written here a second time from the published names."""
    if body is None:
        return []
    if dataset == "registration":
        found = body["m_contrat"]
        names = {
            "status": "m_statut",
            "since": "m_date_effet_statut",
            "months_of_12": "m_duree_inscription_12",
            "months_of_24": "m_duree_inscription_24",
            "months_of_36": "m_duree_inscription_36",
            "category_code": "m_categ_inscription_code",
            "category_label": "m_categ_inscription_lib",
            "closing_code": "m_motif_cloture_code",
            "closing_label": "m_motif_cloture_lib",
        }
        return [{f"registration.{name}": found[key] for name, key in names.items()}]
    if dataset == "rqth":
        until = body["dateFinRqth"]
        return [
            {
                "rqth.valid": body["topValiditeRQTH"],
                "rqth.since": body["dateDebutRqth"] or None,
                "rqth.until": None if until in ("", "9999-12-31") else until,
                "rqth.source": body["source"] or None,
            }
        ]
    if dataset == "orientation":
        [one] = body
        return [
            {
                "orientation.path": one["parcours"],
                "orientation.body": one["organisme"],
                "orientation.structure": one["structure"]["libelle_structure"],
                "orientation.status": one["statut"],
                "orientation.state": one["etat"],
                "orientation.entered_on": one["date_entree_parcours"],
                "orientation.left_on": one["date_sortie_parcours"],
                "orientation.created_on": one["date_creation"],
            }
        ]
    return [
        {"diagnosis.theme": theme, "diagnosis.need": need, "diagnosis.finding": finding, "diagnosis.explored_on": on}
        for theme, need, finding, on in (
            ("Choisir un métier", "Découvrir un métier ou un secteur d’activité", "BESOIN", "2019-05-17"),  # noqa: RUF001
            ("Choisir un métier", "Confirmer son choix de métier", "POINT_FORT", "2019-05-17"),
            ("Résoudre ses contraintes personnelles", "Développer sa mobilité", "OUI", "2021-05-17"),
            ("Autonomie numérique", "Accéder au numérique et en maîtriser les fondamentaux", "OUI", "2021-05-17"),
            ("Autonomie numérique", "Connaître et utiliser les services numériques", "BESOIN", "2021-05-17"),
        )
    ]


@needed
@pytest.mark.parametrize("exchange", ONLY_CLASSIFIED, ids=str)
async def test_an_exchange_we_never_make_is_at_least_classified(exchange, httpx_mock):
    """Writes, other APIs and error shapes: no exception, and an error is never mistaken for data."""
    for status in exchange.statuses:
        client = PartnerClient(AiohttpPool(), limits=Limits(), clock=lambda: NOW)
        body = {} if exchange.body is None else {"json": exchange.body}
        httpx_mock.add_response(status_code=status, headers=exchange.response.get("headers"), **body)
        request = httpx.Request("GET", BASE)
        reply = await client.call(request, deadline=asyncio.get_running_loop().time() + 5)
        verdict = refusal_of(reply)
        assert (verdict is None) == (status == 200 and exchange.body is not None)
        assert isinstance(search_of(reply), Verdict)
        expected = {
            204: Outcome.no_data,
            302: Outcome.drift,
            400: Outcome.refused,
            401: Outcome.refused,
            403: Outcome.refused,
            429: Outcome.rate_limited,
            500: Outcome.unavailable,
            503: Outcome.unavailable,
        }
        if verdict is not None:
            assert verdict.outcome is expected.get(status, Outcome.drift)


@needed
@pytest.mark.parametrize("path", ["/usagers/par-datenaissance-et-nir", "/usagers/par-numero-francetravail"])
def test_every_published_answer_of_the_search_is_read(path, httpx_mock):
    """The examples of the description itself, "null" strings included."""
    answers = document(SPECIFICATION)["paths"][path]["post"]["responses"]
    seen = set()
    for status, answer in answers.items():
        [content] = answer["content"].values()
        for example in content["examples"].values():
            code = example["value"]["codeRetour"]
            reply = _reply(int(status), example["value"])
            found = search_of(reply)
            assert isinstance(found, tuple) if code == "S001" else found.outcome is EXPECTED[code]
            seen.add(code)
    assert seen == set(EXPECTED)


def _reply(status, value):
    from connectors.http import Reply

    return Reply(status=status, data=json.loads(json.dumps(value)))


@needed
async def test_a_professional_is_named_in_a_valid_request(httpx_mock):
    """Not only batches: the three headers of a person are allowed too."""
    httpx_mock.add_response(url=TOKEN[0].request["url"], json=GRANTED)
    httpx_mock.add_response(method="POST", status_code=204)
    ask = Ask(
        fields=("rqth.valid",),
        identifiers={"nir": NIR, "pivot": pivot()},
        actor=AskActor(id="agent-0042", family_name="Lévêque", given_name="Noémie"),
        recipient_siret=SIRET,
    )
    await build(CONFIG, clock=lambda: NOW).fetch(ask, deadline=asyncio.get_running_loop().time() + 5)
    must_be_valid(SPECIFICATION, httpx_mock.get_requests()[1])
