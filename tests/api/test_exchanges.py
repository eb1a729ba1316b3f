"""`POST /v1/exchanges`: what leaves, what does not, and what the journal says of it."""

import asyncio
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
from tests.api.conftest import World, check_problem
from tests.bed import PERSON_HERSELF, professional

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"
CATALOGUE = Path(__file__).parents[2] / "policies" / "catalogue"
REFERENT = professional("referent")


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


async def test_a_predicate_leaves_as_yes_or_no(world: World) -> None:
    """The quotient familial is asked as below 800: the amount never leaves."""
    pseudonym = await world.ready("ml-brume", YOUTH)
    answer = await world.ask("ml-brume", pseudonym, YOUTH, ["quotient_familial"])
    told = answer.json()["datasets"]["quotient_familial"]
    assert told["values"]["value"] in {True, False}
    assert told["provenance"]["transformations"] == {"value": "predicate:lt:800"}
    amount = world.bed.people["lucas-perrin"].standings["caf-brume"].data["quotient_familial"]["value"]
    assert f'"value":{amount}' not in answer.text


async def test_an_address_is_cut_to_its_commune(world: World) -> None:
    """Truncation: no street leaves, whatever the source gave."""
    pseudonym = await world.ready("ml-brume", YOUTH)
    answer = await world.ask("ml-brume", pseudonym, YOUTH, ["household"])
    household = world.bed.people["lucas-perrin"].standings["caf-brume"].data["household"]
    told = answer.json()["datasets"]["household"]
    assert told["values"] == {"address": household["commune"]}
    assert told["provenance"]["transformations"] == {"address": "truncate:commune"}
    assert household["address"].upper() not in answer.text.upper()


async def test_a_field_outside_the_line_is_told_as_such_beside_those_that_leave(world: World) -> None:
    """Partial permission: the dataset leaves without it, `withheld` says why."""
    pseudonym = await world.ready("ml-brume", YOUTH)
    body = (await world.ask("ml-brume", pseudonym, YOUTH, ["c2s", "c2s.since"])).json()
    assert body["datasets"]["c2s"]["values"].keys() == {"beneficiary"}
    assert body["datasets"]["c2s"]["withheld"] == {"since": "not_in_exchange"}


async def test_the_nir_never_leaves_whoever_asks(world: World) -> None:
    """`never`: named in the catalogue so that everyone reads that it is closed."""
    pseudonym = await world.ready("outil-commun", "support.appointments")
    answer = await world.ask("outil-commun", pseudonym, "support.appointments", ["identity", "identity.nir"])
    body = answer.json()
    assert "nir" not in body["datasets"]["identity"]["values"]
    assert body["datasets"]["identity"]["withheld"] == {"nir": "never_released"}
    only = await world.ask("outil-commun", pseudonym, "support.appointments", ["identity.nir"])
    check_problem(only, 403, "exchange_denied", reasons=["never_released"])


async def test_health_data_wait_for_a_separate_yes(world: World) -> None:
    """RQTH (GDPR 9-2-a): the plain yes is not enough, the explicit one is."""
    fields = frozenset({"rqth.valid", "rqth.until"})
    referent = await world.bed.token("siae-brume", professional=REFERENT)
    for explicit, status in ((frozenset(), 403), (fields, 200)):
        pseudonym = await world.ready("siae-brume", "iae.adaptation", like="bruno-castel", explicit=explicit)
        answer = await world.bed.exchange(referent, pseudonym, "iae.adaptation", ["rqth.valid"])
        assert answer.status_code == status, answer.text
        if status == 403:
            check_problem(answer, 403, "exchange_denied", reasons=["explicit_missing"])
        else:
            assert answer.json()["datasets"]["rqth"]["values"] == {"valid": True}


async def test_the_wrong_role_is_refused_with_its_reason(world: World) -> None:
    """The catalogue says which professionals may ask."""
    pseudonym = await world.ready("siae-brume", "iae.adaptation", like="bruno-castel")
    answer = await world.ask("siae-brume", pseudonym, "iae.adaptation", ["rqth.valid"])
    check_problem(answer, 403, "exchange_denied", reasons=["actor_role"])


@pytest.mark.parametrize("acr", ["eidas1", None])
async def test_a_weak_sign_in_is_told_which_level_would_do(world: World, acr: str | None) -> None:
    """The catalogue says how surely the professional must have signed in (RFC 9470 §3); the refusal is an entry."""
    pseudonym = await world.ready("ml-brume", YOUTH)
    token = await world.bed.token("ml-brume", professional=professional("conseiller", acr=acr))
    answer = await world.bed.exchange(token, pseudonym, YOUTH, ["rsa"])
    told = check_problem(answer, 401, "insufficient_user_authentication", reasons=["actor_assurance"])
    assert 'error="insufficient_user_authentication"' in answer.headers["www-authenticate"]
    assert 'acr_values="eidas2 eidas3"' in answer.headers["www-authenticate"]
    assert (await world.bed.journal(told["entry"]))[0]["denials"].keys() == {"actor_assurance"}
    stronger = await world.bed.token("ml-brume", professional=professional("conseiller", acr="eidas2"))
    assert (await world.bed.exchange(stronger, pseudonym, YOUTH, ["rsa"])).status_code == 200


async def test_a_stronger_sign_in_is_not_asked_for_where_it_would_open_nothing(world: World) -> None:
    """Without a choice of the person there is nothing to step up for."""
    pseudonym = await world.known()
    weak = await world.bed.token("ml-brume", professional=professional("conseiller", acr="eidas1"))
    answer = await world.bed.exchange(weak, pseudonym, YOUTH, ["rsa"])
    check_problem(answer, 403, "exchange_denied", reasons=["no_authorisation"])


async def test_a_legal_obligation_needs_no_answer_of_the_person(world: World) -> None:
    """Active at once, with its own basis in the journal."""
    pseudonym = await world.ready("caf-brume", "entitlement.rsa")
    answer = await world.ask("caf-brume", pseudonym, "entitlement.rsa", ["registration.status"])
    assert answer.status_code == 200
    index = answer.json()["proof"]["receipt"]["index"]
    assert (await world.bed.journal(index - 1))[0]["basis"] == "legal_obligation"


async def test_an_objection_to_a_public_task_stops_it_unseen(each_world: World) -> None:
    """The recipient hears the neutral reason, the journal holds the true one."""
    pseudonym = await each_world.known("dept-brume")
    authorisation = await each_world.bed.authorise(
        each_world.tokens["dept-brume"], "dept-brume", pseudonym, "orientation.rsa"
    )
    assert (await each_world.ask("dept-brume", pseudonym, "orientation.rsa", ["rsa"])).status_code == 200
    services = each_world.bed.services
    subject = await each_world.bed.subject("dept-brume", pseudonym)
    await services.authorisations.object_to(authorisation, subject=subject, by=PERSON_HERSELF, now=services.clock())
    answer = await each_world.ask("dept-brume", pseudonym, "orientation.rsa", ["rsa"])
    body = check_problem(answer, 403, "exchange_denied", reasons=["withheld"])
    [decided] = await each_world.bed.journal(body["entry"])
    assert decided["denials"].keys() == {"objection_lodged"}


@pytest.mark.parametrize("change", ["withdraw", "refuse"])
async def test_after_a_no_nothing_leaves(each_world: World, change: str) -> None:
    """Withdrawn or refused: the next exchange is denied with that reason (P3)."""
    token = each_world.tokens["ml-brume"]
    pseudonym = await each_world.known()
    asked = await each_world.bed.post(
        "/v1/authorisation-requests", {"subject": {"pseudonym": pseudonym}, "purpose": YOUTH}, token
    )
    services, subject = each_world.bed.services, await each_world.bed.subject("ml-brume", pseudonym)
    common = {"subject": subject, "by": PERSON_HERSELF, "now": services.clock()}
    waiting = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"])
    check_problem(waiting, 403, "exchange_denied", reasons=["not_given"])
    id_ = asked.json()["id"]
    if change == "refuse":
        await services.authorisations.refuse(id_, **common)
    else:
        await services.authorisations.give(id_, fields=frozenset(asked.json()["fields"]), **common)
        assert (await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"])).status_code == 200
        await services.authorisations.withdraw(id_, **common)
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"])
    check_problem(answer, 403, "exchange_denied", reasons=["withdrawn" if change == "withdraw" else "refused"])


async def test_a_narrower_yes_lets_only_its_fields_leave(world: World) -> None:
    """The person chooses fields; the others are told as not authorised."""
    pseudonym = await world.ready("ml-brume", YOUTH, fields=["rsa.beneficiary"])
    body = (await world.ask("ml-brume", pseudonym, YOUTH, ["rsa"])).json()
    assert body["datasets"]["rsa"]["values"].keys() == {"beneficiary"}
    assert body["datasets"]["rsa"]["withheld"] == {"majoration": "not_authorised", "since": "not_authorised"}


async def test_a_restriction_closes_everything_with_the_neutral_reason(each_world: World) -> None:
    """GDPR art. 18: nothing leaves, and the recipient does not learn why."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    await each_world.bed.flag("ml-brume", pseudonym, "restriction")
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa", "registration"])
    body = check_problem(answer, 403, "exchange_denied", reasons=["withheld"])
    [decided] = await each_world.bed.journal(body["entry"])
    assert decided["denials"].keys() == {"restriction"}


async def test_a_protected_address_does_not_leave_even_as_a_commune(each_world: World) -> None:
    """The other datasets do; the address is `withheld`, without the reason."""
    pseudonym = await each_world.ready("ml-brume", YOUTH, like="helene-aubert")
    await each_world.bed.flag("ml-brume", pseudonym, "protected_address")
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa", "household"])
    assert answer.status_code == 200
    told = answer.json()["datasets"]
    assert told["rsa"]["state"] == "released"
    assert told["household"]["state"] == "withheld"
    assert told["household"]["withheld"]["address"] == "withheld"
    assert "protected" not in answer.text.replace('"entry"', "").split('"proof"')[0]
    commune = each_world.bed.people["helene-aubert"].standings["caf-brume"].data["household"]["commune"]
    assert commune not in answer.text


async def test_a_source_without_a_file_is_an_answer(each_world: World) -> None:
    """`no_data` tells something of the person, so it is a release with its entry."""
    pseudonym = await each_world.ready("ml-brume", YOUTH, like="ines-marchetti")
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa", "registration"])
    assert answer.status_code == 200, answer.text
    assert {told["state"] for told in answer.json()["datasets"].values()} == {"no_data"}
    entry = json.loads(answer.json()["proof"]["receipt"]["entry"])
    assert entry["type"] == "exchange.released"
    assert entry["commits"] == {}


async def test_the_frequency_limit_is_told_as_its_reason(each_world: World) -> None:
    """Four a month for RQTH: the fifth is refused and not counted."""
    fields = frozenset({"rqth.valid", "rqth.until"})
    pseudonym = await each_world.ready("siae-brume", "iae.adaptation", like="bruno-castel", explicit=fields)
    token = await each_world.bed.token("siae-brume", professional=REFERENT)
    for _ in range(4):
        answer = await each_world.bed.exchange(token, pseudonym, "iae.adaptation", ["rqth.valid"])
        assert answer.status_code == 200
    answer = await each_world.bed.exchange(token, pseudonym, "iae.adaptation", ["rqth.valid"])
    check_problem(answer, 403, "exchange_denied", reasons=["frequency_exceeded"])


async def test_concurrent_exchanges_cannot_pass_the_frequency_limit(each_world: World) -> None:
    """The count is checked again at the commit: of ten at once exactly four leave (P3's own mechanism)."""
    fields = frozenset({"rqth.valid", "rqth.until"})
    pseudonym = await each_world.ready("siae-brume", "iae.adaptation", like="bruno-castel", explicit=fields)
    token = await each_world.bed.token("siae-brume", professional=REFERENT)
    exchanges = (each_world.bed.exchange(token, pseudonym, "iae.adaptation", ["rqth.valid"]) for _ in range(10))
    answers = await asyncio.gather(*exchanges)
    assert sorted(answer.status_code for answer in answers)[:4] == [200] * 4
    for answer in answers:
        if answer.status_code != 200:
            assert answer.json()["code"] in {"frequency_exceeded", "exchange_denied"}
            assert answer.status_code in {429, 403}
    assert sum(answer.status_code == 200 for answer in answers) == 4


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
