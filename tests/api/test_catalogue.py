"""`GET /v1/catalogue`: what the caller may ask for, and nothing of the others."""

import pytest

from tests.api.conftest import PARTNERS, World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def get(world: World, partner: str) -> dict:
    answer = await world.bed.http.get("/v1/catalogue", headers={"Authorization": f"Bearer {world.tokens[partner]}"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


@pytest.mark.parametrize("partner", PARTNERS)
async def test_each_partner_reads_its_own_lines(world: World, partner: str) -> None:
    """The digest of the catalogue in force, the purposes open to the caller, their fields and releases."""
    body = await get(world, partner)
    catalogue = world.bed.services.catalogue
    assert set(body) == {"recipient", "catalogue", "purposes"}
    assert body["catalogue"] == catalogue.digest
    assert body["recipient"] == partner
    assert [each["purpose"] for each in body["purposes"]] == list(catalogue.purposes_for(partner))
    for purpose in body["purposes"]:
        assert purpose["basis"] == catalogue.basis_of(partner, purpose["purpose"])
        assert purpose["sentence"].keys() == {"fr", "en"}
        told = {
            field["field"]
            for exchange in purpose["exchanges"]
            for dataset in exchange["datasets"]
            for field in dataset["fields"]
            if field["release"] != "never"
        }
        assert told == catalogue.request_fields(partner, purpose["purpose"]).fields


async def test_it_says_what_is_closed_truncated_or_asked_as_a_question(world: World) -> None:
    """A partner can know beforehand how each field would leave."""
    release = {
        field["field"]: field
        for partner in ("ml-brume", "outil-commun", "siae-brume")
        for purpose in (await get(world, partner))["purposes"]
        for exchange in purpose["exchanges"]
        for dataset in exchange["datasets"]
        for field in dataset["fields"]
    }
    assert release["identity.nir"]["release"] == "never"
    assert release["quotient_familial.value"]["release"] == "predicate:lt:800"
    assert release["household.address"]["release"] == "truncate:commune"
    assert release["rqth.valid"]["explicit_consent"] is True
    assert release["rqth.valid"]["special"]


async def test_any_good_token_reads_it(world: World) -> None:
    """No scope is needed to know what one may ask for."""
    token = await world.bed.token("ml-brume", scopes=["data:aah"], professional=None)
    answer = await world.bed.http.get("/v1/catalogue", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
