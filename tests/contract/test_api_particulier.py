"""Every published exchange of API Particulier, replayed."""

import asyncio
from typing import Any

import httpx
import pytest

from connectors.api_particulier import DATASETS
from connectors.api_particulier_answers import refusal_of
from connectors.base import Ask, AskActor, Outcome
from connectors.guard import Limits
from connectors.http import PartnerClient
from connectors.pool import AiohttpPool
from connectors.registry import build
from tests.contract.published import Exchange, corrected, exchanges, must_be_valid, must_equal, needed
from tests.unit.connectors.factories import NOW
from tests.unit.connectors.factories import pivot as pivot_of

SPECIFICATION = "api-particulier/api-particulier-v3-subset.openapi.yaml"
OURS = {
    "/v3/dss/revenu_solidarite_active/identite": ("rsa",),
    "/v3/dss/prime_activite/identite": ("prime_activite",),
    "/v3/dss/allocation_adulte_handicape/identite": ("aah",),
    "/v3/dss/complementaire_sante_solidaire/identite": ("c2s",),
    "/v3/dss/quotient_familial/identite": ("quotient_familial", "household"),
    "/v3/france_travail/statut/identifiant": ("job_seeker",),
}
ALL = exchanges("api-particulier")
# The published 404 of the quotient familial leaves out the given names, which the description requires.
INCOMPLETE = [
    one for one in ALL if one.path in OURS and one.path.endswith("identite") and "prenoms[]" not in one.request["query"]
]
MADE = [one for one in ALL if one.path in OURS and one not in INCOMPLETE]
ONLY_CLASSIFIED = [one for one in ALL if one not in MADE]
OUTCOMES = {
    200: Outcome.found,
    404: Outcome.no_data,
    422: Outcome.refused,
    429: Outcome.rate_limited,
    502: Outcome.unavailable,
    504: Outcome.unavailable,
}


@needed
def test_no_exchange_is_left_out():
    """Replayed or only classified: what the connector never asks is asf, indemnites and FranceConnect paths."""
    assert len(ALL) == len(MADE) + len(ONLY_CLASSIFIED)
    assert len(MADE) >= 45
    assert {
        one.path.rsplit("/", 1)[-1] if one.path.endswith("france_connect") else one.path for one in ONLY_CLASSIFIED
    } == {
        "",  # the bodies of errors.json
        "france_connect",
        "/v3/dss/allocation_soutien_familial/identite",
        "/v3/france_travail/indemnites/identifiant",
        "/v3/dss/quotient_familial/identite",
    }
    assert [one.response["status"] for one in INCOMPLETE] == [404]


def asked_for(exchange: Exchange) -> Ask:
    """The ask that leads to the published request."""
    query = corrected(exchange.request["query"])
    if "identifiant" in query:
        known = {"ft_login": query["identifiant"]}
    else:
        birth = [query.get(f"{part}DateNaissance", 0) for part in ("annee", "mois", "jour")]
        known = {
            "pivot": pivot_of(
                family_name=query["nomNaissance"],
                usual_name=query.get("nomUsage"),
                given_names=query["prenoms[]"],
                birth_date="{:04d}-{:02d}-{:02d}".format(*map(int, birth)),
                birth_place=query.get("codeCogInseeCommuneNaissance"),
                birth_country=query["codeCogInseePaysNaissance"],
                sex=query["sexeEtatCivil"],
            )
        }
    return Ask(
        fields=tuple(field for dataset in OURS[exchange.path] for field in sorted(DATASETS[dataset].fields)),
        identifiers=known,
        actor=AskActor(id="a", family_name="b", given_name="c"),
        recipient_siret=query["recipient"],
    )


def expected_rows(dataset: str, data: dict[str, Any]) -> dict[str, Any]:
    """The row, written here a second time from the published names."""
    if dataset == "quotient_familial":
        found = data["quotient_familial"]
        return {
            "value": found["valeur"],
            "provider": found["fournisseur"],
            "year": found["annee"],
            "month": found["mois"],
        }
    if dataset == "household":
        postcode, commune = data["adresse"]["code_postal_ville"].split(" ", 1)
        street = data["adresse"]["numero_libelle_voie"]
        return {"address": street, "postcode": postcode, "commune": commune, "children": len(data["enfants"])}
    if dataset == "job_seeker":
        found = data["inscription"]
        return {
            "registered": found["date_fin"] is None,
            "since": found["date_debut"],
            "until": found["date_fin"],
            "category": found["categorie"]["code"],
        }
    row = {"beneficiary": data["est_beneficiaire"], "since": data["date_debut_droit"]}
    if "avec_participation" in data:
        row["contribution"] = data["avec_participation"]
    if "avec_majoration" in data:
        row["majoration"] = data["avec_majoration"]
    return row


@needed
@pytest.mark.parametrize("exchange", MADE, ids=str)
async def test_the_published_request_goes_out_and_its_answer_is_understood(exchange, httpx_mock):
    """Our request is the published one and is valid; the answer has its outcome and its rows."""
    url = httpx.URL(exchange.request["url"])
    config = {
        "connector": "api_particulier",
        "base_url": f"{url.scheme}://{url.host}",
        "credentials": {"token": "<jeton>"},
    }
    connector = build(config, clock=lambda: NOW)
    status = exchange.response["status"]
    httpx_mock.add_response(status_code=status, json=exchange.body, headers=exchange.response.get("headers"))
    fetched = await connector.fetch(asked_for(exchange), deadline=asyncio.get_running_loop().time() + 5)
    [request] = httpx_mock.get_requests()
    must_equal(request, exchange.request)
    must_be_valid(SPECIFICATION, request)
    for dataset in OURS[exchange.path]:
        assert fetched[dataset].outcome is OUTCOMES[status]
        assert fetched[dataset].drift == ()
        if status == 200:
            row = expected_rows(dataset, exchange.body["data"])
            assert fetched[dataset].rows == ({f"{dataset}.{name}": value for name, value in row.items()},)


@needed
@pytest.mark.parametrize("exchange", ONLY_CLASSIFIED, ids=str)
async def test_an_exchange_we_never_make_is_at_least_classified(exchange, httpx_mock):
    """Error bodies and the resources we do not read: no exception, and an error is never mistaken for data."""
    client = PartnerClient(AiohttpPool(), limits=Limits(), clock=lambda: NOW)
    for status in exchange.statuses:
        httpx_mock.add_response(status_code=status, json=exchange.body)
        request = httpx.Request("GET", "https://particulier.api.gouv.fr/")
        reply = await client.call(request, deadline=asyncio.get_running_loop().time() + 5)
        verdict = refusal_of(reply)
        assert (verdict is None) == (status == 200)
        if verdict is not None and status == 404:
            unexpected = exchange.body["errors"][0]["title"] == "Erreur inattendue"
            assert verdict.outcome is (Outcome.unavailable if unexpected else Outcome.no_data)
        if verdict is not None and status in (401, 403, 422):
            assert verdict.outcome is Outcome.refused
        if status == 504 and exchange.body["errors"][0]["meta"].get("retry_in"):
            assert verdict.retry_after == 10
    assert exchange.statuses
