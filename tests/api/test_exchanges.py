"""`POST /v1/exchanges`: the answer, its receipt, and what the journal says of it."""

import base64
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from audit import receipts
from audit.commitments import field_salt, verify
from gateway.app import build_app
from gateway.coding import coding
from policies.catalogue import load
from tests.api.conftest import YOUTH, World, check_problem

pytestmark = pytest.mark.asyncio(loop_scope="session")
CATALOGUE = Path(__file__).parents[2] / "policies" / "catalogue"


def opened(body: dict[str, Any], entry: dict[str, Any]) -> set[str]:
    """The fields whose commitment opens with the seed to exactly the values of the answer."""
    seed = base64.urlsafe_b64decode(body["proof"]["seed"] + "==")
    done = set()
    for name, commitment in entry["commits"].items():
        dataset, _, field = name.partition(".")
        told = body["datasets"][dataset]
        value = [item.get(field) for item in told["items"]] if "items" in told else told["values"].get(field)
        if verify(commitment, field_salt(seed, name), value):
            done.add(name)
    return done


def told_fields(body: dict[str, Any]) -> set[str]:
    rows = {name: told.get("items", [told.get("values", {})]) for name, told in body["datasets"].items()}
    return {f"{name}.{field}" for name, items in rows.items() for row in items for field in row}


async def test_an_authorised_exchange_gives_each_dataset_with_its_source(each_world: World) -> None:
    """What the catalogue's line covers and the person allowed leaves, with provenance."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa", "registration", "rdv"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert set(body) == {"exchange", "subject", "purpose", "released_at", "datasets", "proof"}
    assert body["subject"] == {"pseudonym": pseudonym}
    assert {name: told["state"] for name, told in body["datasets"].items()} == {
        "rsa": "released", "registration": "released", "rdv": "released",
    }  # fmt: skip
    assert {name: told["provenance"]["source"] for name, told in body["datasets"].items()} == {
        "rsa": "caf-brume", "registration": "ft-brume", "rdv": "dept-brume",
    }  # fmt: skip
    assert isinstance(body["datasets"]["rsa"]["values"]["beneficiary"], bool)
    assert len(body["datasets"]["rdv"]["items"]) > 1


async def test_a_person_is_named_by_the_partners_own_reference_too(each_world: World) -> None:
    """Exactly one of pseudonym and reference; both lead to the same person."""
    person = each_world.somebody()
    token = each_world.tokens["ml-brume"]
    pseudonym = await each_world.bed.link(token, person, reference=f"ref {person}/é")
    await each_world.bed.authorise(token, "ml-brume", pseudonym, YOUTH)
    body = {"subject": {"reference": f"ref {person}/é"}, "purpose": YOUTH, "fields": ["rsa"]}
    answer = await each_world.bed.post("/v1/exchanges", body, token)
    assert answer.status_code == 200
    assert answer.json()["subject"] == {"pseudonym": pseudonym}


async def test_the_receipt_verifies_and_its_commitments_open_to_the_values_answered(each_world: World) -> None:
    """The receipt proves the entry offline; seed and values prove what left; nothing more and nothing less."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    names = ["rsa", "quotient_familial", "household", "registration", "rdv", "c2s"]
    body = (await each_world.ask("ml-brume", pseudonym, YOUTH, names)).json()
    receipt = body["proof"]["receipt"]
    entry = receipts.verify(receipt, each_world.bed.services.keys.receipt.vkey)
    assert entry["type"] == "exchange.released"
    assert entry["ref"] == body["exchange"]
    assert opened(body, entry) == set(entry["commits"]) == told_fields(body)
    changed = {name: how for name, how in entry["transforms"].items() if how != "clear"}
    assert changed == {"household.address": "truncate:commune", "quotient_familial.value": "predicate:lt:800"}
    assert (await each_world.bed.journal(receipt["index"]))[0] == entry


async def test_a_changed_value_does_not_open_its_commitment(world: World) -> None:
    """What a recipient claims to have received is what the journal holds, or it does not open."""
    pseudonym = await world.ready("ml-brume", YOUTH)
    body = (await world.ask("ml-brume", pseudonym, YOUTH, ["rsa"])).json()
    entry = json.loads(body["proof"]["receipt"]["entry"])
    body["datasets"]["rsa"]["values"]["beneficiary"] ^= True
    assert set(entry["commits"]) - opened(body, entry) == {"rsa.beneficiary"}


async def test_the_journal_holds_the_decision_then_the_release(each_world: World) -> None:
    """Proof before answer: two entries, one exchange, the person's tag different in each."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    before = await each_world.bed.size()
    body = (await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa.beneficiary", "household"])).json()
    decided, released = await each_world.bed.journal(before)
    assert (decided["type"], released["type"]) == ("exchange.decided", "exchange.released")
    assert decided["ref"] == released["ref"] == body["exchange"]
    assert decided["decision"] == "permit"
    assert decided["sources"] == ["caf-brume"]
    assert decided["permits"] == {"ml-jeunes-ressources@3": ["household.address", "rsa.beneficiary"]}
    assert decided["basis"] == "consent"
    assert released["states"] == {"household": "released", "rsa": "released"}
    assert decided["actor"] == released["actor"]
    assert decided["subject"] != released["subject"]
    assert decided["catalogue"] == released["catalogue"] == each_world.bed.services.catalogue.digest


async def test_a_refusal_is_recorded_and_nothing_is_fetched(each_world: World) -> None:
    """Without an authorisation: 403 with the reason, one entry, no source asked."""
    pseudonym = await each_world.known()
    before = await each_world.bed.size()
    calls = {name: health.calls for name, health in each_world.bed.services.registry.health().items()}
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"])
    check_problem(answer, 403, "exchange_denied", reasons=["no_authorisation"], entry=before)
    [decided] = await each_world.bed.journal(before)
    assert (decided["type"], decided["decision"]) == ("exchange.decided", "deny")
    assert decided["denials"].keys() == {"no_authorisation"}
    assert {name: health.calls for name, health in each_world.bed.services.registry.health().items()} == calls


async def test_a_request_about_nobody_is_refused_and_recorded_without_a_person(each_world: World) -> None:
    """404, and an entry that names no one."""
    before = await each_world.bed.size()
    answer = await each_world.ask("ml-brume", "psn_" + "0" * 32, YOUTH, ["rsa"])
    check_problem(answer, 404, "person_unknown")
    [decided] = await each_world.bed.journal(before)
    assert decided["denials"].keys() == {"person_unknown"}
    assert "subject" not in decided


async def test_another_partners_pseudonym_is_nobody(each_world: World) -> None:
    """A pseudonym means nothing elsewhere; the answer is that for an unknown person (P7)."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    other = await each_world.ask("siae-brume", pseudonym, "iae.eligibility", ["rsa"])
    nobody = await each_world.ask("siae-brume", "psn_" + "1" * 32, "iae.eligibility", ["rsa"])
    first, second = check_problem(other, 404, "person_unknown"), check_problem(nobody, 404, "person_unknown")
    assert {**first, "instance": ""} == {**second, "instance": ""}


async def test_two_partners_answers_share_nothing_that_names_the_person(world: World) -> None:
    """Linkability (P7): pseudonyms, tags, exchange ids and commitments of one person never coincide."""
    person = world.somebody()
    bodies = []
    for partner, purpose in (("ml-brume", YOUTH), ("siae-brume", "iae.eligibility")):
        pseudonym = await world.bed.link(world.tokens[partner], person)
        await world.bed.authorise(world.tokens[partner], partner, pseudonym, purpose)
        bodies.append((await world.ask(partner, pseudonym, purpose, ["rsa.beneficiary"])).json())
    first, second = (
        {
            body["subject"]["pseudonym"],
            body["exchange"],
            body["proof"]["seed"],
            entry["subject"],
            entry["id"],
            entry["actor"],
            *entry["commits"].values(),
        }
        for body in bodies
        for entry in [json.loads(body["proof"]["receipt"]["entry"])]
    )
    assert not first & second
    assert bodies[0]["datasets"]["rsa"]["values"] == bodies[1]["datasets"]["rsa"]["values"]


async def test_a_source_without_a_file_is_an_answer(each_world: World) -> None:
    """`no_data` tells something of the person, so it is a release with its entry."""
    pseudonym = await each_world.ready("ml-brume", YOUTH, like="ines-marchetti")
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa", "registration"])
    assert answer.status_code == 200, answer.text
    assert {told["state"] for told in answer.json()["datasets"].values()} == {"no_data"}
    entry = json.loads(answer.json()["proof"]["receipt"]["entry"])
    assert entry["type"] == "exchange.released"
    assert entry["commits"] == {}


@pytest.mark.parametrize(
    ("partner", "purpose"),
    [
        ("dept-brume", "orientation.rsa"),
        ("ft-brume", "orientation.rsa"),
        ("ml-brume", YOUTH),
        ("siae-brume", "iae.eligibility"),
        ("outil-commun", "support.appointments"),
        ("outil-commun", "support.shared_diagnosis"),
        ("caf-brume", "entitlement.rsa"),
    ],
)
async def test_asking_for_the_whole_vocabulary_gives_what_the_line_covers(
    each_world: World, partner: str, purpose: str
) -> None:
    """However much is asked, entries fit and no more leaves than the catalogue's line."""
    pseudonym = await each_world.ready(partner, purpose)
    vocabulary = each_world.bed.services.catalogue.vocabulary
    answer = await each_world.ask(partner, pseudonym, purpose, sorted(vocabulary.datasets))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["datasets"].keys() == vocabulary.datasets.keys()
    line = each_world.bed.services.catalogue.request_fields(partner, purpose).fields
    assert told_fields(body) <= line
    assert opened(body, json.loads(body["proof"]["receipt"]["entry"])) == told_fields(body)


async def test_a_code_leaves_in_the_place_of_a_value(world: World, tmp_path: Path) -> None:
    """`release: pseudonymise`: the same for this partner each time, another for another one, never the value."""
    folder = shutil.copytree(CATALOGUE, tmp_path / "catalogue")
    line = folder / "ml-jeunes-inscription.yaml"
    clear, coded = (f"registration.category_code: {{release: {how}}}" for how in ("clear", "pseudonymise"))
    line.write_text(line.read_text("utf-8").replace(clear, coded), "utf-8")
    services = replace(world.bed.services, catalogue=load(folder))
    pseudonym = await world.ready("ml-brume", YOUTH)
    transport = httpx.ASGITransport(app=build_app(services))
    async with httpx.AsyncClient(transport=transport, base_url=services.base_url) as http:
        bed = replace(world.bed, services=services, http=http)
        token = world.tokens["ml-brume"]
        answers = [await bed.exchange(token, pseudonym, YOUTH, ["registration.category_code"]) for _ in range(2)]
    codes = {answer.json()["datasets"]["registration"]["values"]["category_code"] for answer in answers}
    [code] = codes
    assert re.fullmatch("[0-9a-f]{32}", code)
    assert code == coding(services.keys.codes, "ml-brume")("registration.category_code", "1")
    assert code != coding(services.keys.codes, "siae-brume")("registration.category_code", "1")
