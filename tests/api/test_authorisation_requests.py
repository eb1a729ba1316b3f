"""`POST /v1/authorisation-requests`: bounded by the catalogue, answered by the person, active at once by law."""

from typing import Any

import pytest

from audit import receipts
from tests.api.conftest import World, check_problem
from tests.bed import PERSON_HERSELF

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"


async def ask(world: World, partner: str, pseudonym: str, purpose: str, **more: Any) -> Any:
    body = {"subject": {"pseudonym": pseudonym}, "purpose": purpose, **more}
    return await world.bed.post("/v1/authorisation-requests", body, world.tokens[partner])


async def test_a_request_on_consent_waits_for_the_person(each_world: World) -> None:
    """201: state requested, the line's fields, an end, a receipt that verifies."""
    pseudonym = await each_world.known()
    answer = await ask(each_world, "ml-brume", pseudonym, YOUTH)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert set(body) == {"id", "state", "purpose", "basis", "fields", "valid_until", "link", "receipt"}
    assert (body["state"], body["basis"], body["purpose"]) == ("requested", "consent", YOUTH)
    catalogue = each_world.bed.services.catalogue
    assert set(body["fields"]) == catalogue.request_fields("ml-brume", YOUTH).fields
    entry = receipts.verify(body["receipt"], each_world.bed.services.keys.receipt.vkey)
    assert (entry["type"], entry["authorisation"]) == ("authorisation.requested", body["id"])
    assert entry["fields"] == body["fields"]
    assert entry["sources"] == ["caf-brume", "dept-brume", "ft-brume"]


@pytest.mark.parametrize(
    ("partner", "purpose", "basis"),
    [
        ("dept-brume", "orientation.rsa", "public_task"),
        ("outil-commun", "support.appointments", "public_task"),
        ("caf-brume", "entitlement.rsa", "legal_obligation"),
    ],
)
async def test_on_another_basis_it_is_active_at_once(each_world: World, partner: str, purpose: str, basis: str) -> None:
    """Consent is not asked where the law decides."""
    pseudonym = await each_world.known(partner)
    body = (await ask(each_world, partner, pseudonym, purpose)).json()
    assert (body["state"], body["basis"], body["link"]) == ("active", basis, None)
    assert "identity.nir" not in body["fields"]


async def test_it_can_be_narrowed_to_some_fields(world: World) -> None:
    """Names of fields or of datasets, only of the line."""
    pseudonym = await world.known()
    body = (await ask(world, "ml-brume", pseudonym, YOUTH, fields=["rsa.beneficiary", "c2s"])).json()
    assert body["fields"] == ["c2s.beneficiary", "rsa.beneficiary"]


@pytest.mark.parametrize("fields", [["rsa.beneficiary", "aah.beneficiary"], ["identity.nir"], ["c2s.since"]])
async def test_it_cannot_go_beyond_the_catalogues_line(each_world: World, fields: list[str]) -> None:
    """403 fields_not_open names the fields too many; nothing is written."""
    pseudonym = await each_world.known()
    before = await each_world.bed.size()
    answer = await ask(each_world, "ml-brume", pseudonym, YOUTH, fields=fields)
    check_problem(answer, 403, "fields_not_open", fields=fields[-1:])
    assert await each_world.bed.size() == before


@pytest.mark.parametrize("purpose", ["iae.eligibility", "fraud_detection", "no.such", "Zzcanari", "x"])
async def test_a_purpose_that_is_not_open_is_refused(each_world: World, purpose: str) -> None:
    """Another partner's, banned or unknown: one answer, nothing written, nothing repeated."""
    pseudonym = await each_world.known()
    before = await each_world.bed.size()
    answer = await ask(each_world, "ml-brume", pseudonym, purpose)
    assert answer.json()["code"] in {"purpose_not_open", "purpose_unknown"}
    assert "Zzcanari" not in answer.text
    assert await each_world.bed.size() == before


async def test_another_partners_pseudonym_is_nobody(world: World) -> None:
    """404, as for anybody unknown."""
    pseudonym = await world.known("siae-brume")
    check_problem(await ask(world, "ml-brume", pseudonym, YOUTH), 404, "person_unknown")


async def test_one_request_waits_at_a_time(each_world: World) -> None:
    """409 request_pending, with its id; given, 409 authorisation_exists; refused, 409 request_too_soon."""
    services = each_world.bed.services
    pseudonym = await each_world.known()
    first = await ask(each_world, "ml-brume", pseudonym, YOUTH)
    again = await ask(each_world, "ml-brume", pseudonym, YOUTH)
    check_problem(again, 409, "request_pending", request=first.json()["id"])
    subject = await each_world.bed.subject("ml-brume", pseudonym)
    common: dict[str, Any] = {"subject": subject, "by": PERSON_HERSELF, "now": services.clock()}
    await services.authorisations.give(first.json()["id"], fields=frozenset(first.json()["fields"]), **common)
    check_problem(await ask(each_world, "ml-brume", pseudonym, YOUTH), 409, "authorisation_exists")
    pseudonym = await each_world.known()
    first = await ask(each_world, "ml-brume", pseudonym, YOUTH)
    common["subject"] = await each_world.bed.subject("ml-brume", pseudonym)
    await services.authorisations.refuse(first.json()["id"], **common)
    check_problem(await ask(each_world, "ml-brume", pseudonym, YOUTH), 409, "request_too_soon")


@pytest.mark.parametrize("fields", [[], "rsa", [1], ["rsa"] * 65])
async def test_fields_that_cannot_be_read_are_pointed_at(world: World, fields: Any) -> None:
    """422 at /fields."""
    body = check_problem(
        await ask(world, "ml-brume", "psn_" + "0" * 32, YOUTH, fields=fields), 422, "malformed_request"
    )
    assert body["errors"][0]["pointer"].startswith("/fields")
