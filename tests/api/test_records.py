"""`GET /v1/authorisations/{id}` and its receipt: the recipient's own, whole, signed, read by another JOSE library."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from joserfc import jws as other_library
from joserfc.errors import BadSignatureError, SecurityWarning
from joserfc.jwk import KeySet
from jsonschema import Draft202012Validator

from audit import consent_receipts
from audit.canonical import dumps, loads
from audit.models import audit_entry
from consent.record_27560 import FREE_TEXT, without
from gateway.records import export
from tests.api.conftest import World, check_problem
from tests.bed import PERSON_HERSELF

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"
SOME = ["rsa.beneficiary", "rsa.since"]
OPENAPI = yaml.safe_load((Path(__file__).parents[2] / "openapi" / "gateway.yaml").read_text("utf-8"))
DESCRIBED = Draft202012Validator(
    {"$ref": "#/components/schemas/AuthorisationRecord", "components": OPENAPI["components"]}
)


async def get(world: World, partner: str, path: str) -> Any:
    return await world.bed.http.get(path, headers={"Authorization": f"Bearer {world.tokens[partner]}"})


async def asked(world: World, partner: str = "ml-brume", purpose: str = YOUTH) -> tuple[str, str]:
    """A pseudonym and the id of a request."""
    pseudonym = await world.known(partner)
    body = {"subject": {"pseudonym": pseudonym}, "purpose": purpose}
    answer = await world.bed.post("/v1/authorisation-requests", body, world.tokens[partner])
    assert answer.status_code == 201, answer.text
    return pseudonym, answer.json()["id"]


async def given(world: World, partner: str = "ml-brume", purpose: str = YOUTH, **more: Any) -> tuple[str, str]:
    pseudonym = await world.known(partner)
    return pseudonym, await world.bed.authorise(world.tokens[partner], partner, pseudonym, purpose, **more)


async def leaf_at(world: World, index: int) -> bytes:
    query = audit_entry.select().with_only_columns(audit_entry.c.leaf).where(audit_entry.c.index == index)
    found: bytes = await world.bed.services.store.read(lambda connection: connection.execute(query).scalar_one())
    return found


async def test_the_recipient_reads_the_whole_record(each_world: World) -> None:
    """What was given, by whom it may be used, under which law, and what became of it."""
    pseudonym, id_ = await given(each_world, fields=SOME)
    answer = await get(each_world, "ml-brume", f"/v1/authorisations/{id_}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    DESCRIBED.validate(body)
    assert (body["id"], body["answer"], body["use_count"]) == (id_, "yes", 0)
    assert body["status"]["in_force"] is True
    assert [each["event"] for each in body["status"]["events"]] == ["requested", "given"]
    record = body["record"]
    assert record["header"]["subject_ref"] == pseudonym
    assert [each["field_id"] for each in record["data"]] == SOME
    assert record["agent"]["role"] == "conseiller"
    assert len(record["agent"]["agent_ref"]) == 32
    assert record["event"]["entity_id"]["kind"] == "subject"
    assert "representative" not in record
    assert len(body["record_digest"]) == 64


async def test_what_waits_shows_what_is_asked(each_world: World) -> None:
    """No digest, no receipt: 409 nothing_given; a refusal is told as no, and nothing more."""
    pseudonym, id_ = await asked(each_world)
    body = (await get(each_world, "ml-brume", f"/v1/authorisations/{id_}")).json()
    DESCRIBED.validate(body)
    assert (body["answer"], body["record_digest"], body["status"]["in_force"]) == ("pending", None, False)
    fields = each_world.bed.services.catalogue.request_fields("ml-brume", YOUTH).fields
    assert {each["field_id"] for each in body["record"]["data"]} == fields
    path = f"/v1/authorisations/{id_}/receipt"
    check_problem(await get(each_world, "ml-brume", path), 409, "nothing_given")
    services = each_world.bed.services
    subject = await each_world.bed.subject("ml-brume", pseudonym)
    later = services.clock()
    await services.authorisations.defer(id_, subject=subject, by=PERSON_HERSELF, now=later)
    assert (await get(each_world, "ml-brume", f"/v1/authorisations/{id_}")).json() == body
    await services.authorisations.refuse(id_, subject=subject, by=PERSON_HERSELF, now=services.clock())
    refused = (await get(each_world, "ml-brume", f"/v1/authorisations/{id_}")).json()
    assert refused["answer"] == "no"
    assert refused["status"]["events"] == body["status"]["events"]
    assert refused["record"] == body["record"]


@pytest.mark.parametrize("path", ["", "/receipt"])
async def test_another_partners_is_as_unknown_as_none(each_world: World, path: str) -> None:
    """404 authorisation_unknown, word for word."""
    _, id_ = await given(each_world)
    for partner, wanted in (("siae-brume", id_), ("ml-brume", "0" * 32), ("ml-brume", "a%00b"), ("ml-brume", "é")):
        answer = await get(each_world, partner, f"/v1/authorisations/{wanted}{path}")
        check_problem(answer, 404, "authorisation_unknown")


@pytest.mark.parametrize("path", ["", "/receipt"])
async def test_it_needs_the_scope(world: World, path: str) -> None:
    """403 without `authorisations:request`, 401 without a token."""
    _, id_ = await given(world)
    token = await world.bed.token("ml-brume", scopes=["data:rsa"])
    url = f"/v1/authorisations/{id_}{path}"
    refused = await world.bed.http.get(url, headers={"Authorization": f"Bearer {token}"})
    check_problem(refused, 403, "insufficient_scope")
    assert (await world.bed.http.get(url)).status_code == 401


async def receipt(world: World, id_: str, partner: str = "ml-brume") -> str:
    answer = await get(world, partner, f"/v1/authorisations/{id_}/receipt")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/consent-receipt+jwt"
    text: str = answer.text
    return text


def by_joserfc(text: str, keys: KeySet) -> Any:
    """It warns that RFC 9864 has a narrower name for the same algorithm (docs/adr/0017-record-and-receipt.md)."""
    with pytest.warns(SecurityWarning, match="RFC 9864"):
        return other_library.deserialize_compact(text, keys, algorithms=["EdDSA"])


async def test_an_independent_library_verifies_the_receipt_with_the_published_keys(each_world: World) -> None:
    """joserfc, /oauth/jwks, nothing of ours; a changed byte is found."""
    pseudonym, id_ = await given(each_world)
    text = await receipt(each_world, id_)
    published = (await each_world.bed.http.get("/oauth/jwks")).json()
    keys = KeySet.import_key_set(published)
    read = by_joserfc(text, keys)
    claims = json.loads(read.payload)
    assert read.headers()["typ"] == "consent-receipt+jwt"
    assert read.headers()["kid"] in {key["kid"] for key in published["keys"]}
    assert (claims["sub"], claims["iss"]) == (pseudonym, each_world.bed.services.base_url)
    head, payload, signature = text.split(".")
    forged = base64.urlsafe_b64encode(read.payload.replace(b"rsa.since", b"rsa.sense")).rstrip(b"=").decode()
    assert forged != payload
    with pytest.raises(BadSignatureError):
        by_joserfc(f"{head}.{forged}.{signature}", keys)


async def test_the_receipt_is_the_record_without_sentences_and_names_its_entry(each_world: World) -> None:
    """Same content; the journal's entry has the digest it names and says the same."""
    _, id_ = await given(each_world, fields=SOME)
    services = each_world.bed.services
    text = await receipt(each_world, id_)
    claims = consent_receipts.verify(text, *services.keys.receipt.vkeys)
    body = (await get(each_world, "ml-brume", f"/v1/authorisations/{id_}")).json()
    assert claims["record"] == without(body["record"], FREE_TEXT)
    assert claims["record_digest"] == body["record_digest"]
    leaf = await leaf_at(each_world, claims["journal"]["index"])
    assert loads(leaf)["type"] == "authorisation.given"
    consent_receipts.compare(claims, leaf)
    assert text == await receipt(each_world, id_)


async def test_the_journal_proves_the_receipt(each_world: World) -> None:
    """The C2SP proof of its entry, fetched from the journal, checked offline."""
    _, id_ = await given(each_world)
    services = each_world.bed.services
    claims = consent_receipts.verify(await receipt(each_world, id_), *services.keys.receipt.vkeys)
    await services.publisher.publish_once(services.clock())
    place = f"/log/entries/{claims['journal']['index']}/receipt"
    proof = (await get(each_world, "ml-brume", place)).text
    assert consent_receipts.prove(claims, proof, *services.keys.log.vkeys) > claims["journal"]["index"]


async def test_after_a_withdrawal_the_receipt_says_so(each_world: World) -> None:
    """What was given stays; the status is the present one, and no reason is told."""
    pseudonym, id_ = await given(each_world)
    services = each_world.bed.services
    before = consent_receipts.verify(await receipt(each_world, id_), *services.keys.receipt.vkeys)
    subject = await each_world.bed.subject("ml-brume", pseudonym)
    await services.authorisations.withdraw(id_, subject=subject, by=PERSON_HERSELF, now=services.clock())
    after = consent_receipts.verify(await receipt(each_world, id_), *services.keys.receipt.vkeys)
    assert (after["record"], after["journal"]) == (before["record"], before["journal"])
    assert after["status"]["state"]["id"] == "withdrawn"
    assert after["status"]["in_force"] is False
    assert after["jti"] != before["jti"]


async def test_no_receipt_holds_an_identifier(each_world: World) -> None:
    """The person is the recipient's pseudonym; no name, number, NIR or inner id."""
    pseudonym, id_ = await given(each_world)
    text = await receipt(each_world, id_)
    payload = base64.urlsafe_b64decode(text.split(".")[1] + "==").decode()
    subject = await each_world.bed.subject("ml-brume", pseudonym)
    person = each_world.bed.people["lucas-perrin"]
    assert subject not in payload
    for value in (*person.numbers.values(), person.family_name):
        assert str(value) not in payload


async def test_on_a_public_task_there_is_a_receipt_too(each_world: World) -> None:
    """Every authorisation has one, whatever it rests on."""
    _, id_ = await given(each_world, "dept-brume", "orientation.rsa")
    text = await receipt(each_world, id_, "dept-brume")
    claims = consent_receipts.verify(text, *each_world.bed.services.keys.receipt.vkeys)
    assert claims["record"]["header"]["basis"]["id"] == "public_task"
    assert claims["record"]["processing"][0]["dpia_ref"] == "DPIA-2026-04"
    assert claims["status"]["state"] == {"id": "active", "type": None}


async def test_the_persons_export_holds_everything(each_world: World) -> None:
    """Whole records that match their receipts, the full history, how often and when data left; and it is noted."""
    pseudonym, id_ = await given(each_world, fields=SOME)
    _, waiting = await asked(each_world, "siae-brume", "iae.eligibility")
    services = each_world.bed.services
    for _ in range(2):
        assert (await each_world.ask("ml-brume", pseudonym, YOUTH, SOME)).status_code == 200
    subject = await each_world.bed.subject("ml-brume", pseudonym)
    content = await export(services, subject, reader={"org": "operator"}, now=services.clock())
    dumps(content)
    (mine,) = content["authorisations"]
    assert (mine["id"], mine["use_count"]) == (id_, 2)
    assert mine["last_use"] <= services.clock()
    claims = consent_receipts.verify(mine["receipt"], *services.keys.receipt.vkeys)
    consent_receipts.find(claims, json.dumps(content))
    assert [each["event"] for each in mine["history"]] == ["requested", "given"]
    assert content["keys"][0]["crv"] == "Ed25519"
    assert (await each_world.bed.journal())[-1]["type"] == "log.read"
    assert waiting not in json.dumps(content)
