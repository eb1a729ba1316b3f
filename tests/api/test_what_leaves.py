"""`POST /v1/exchanges`: what the line, the caller and the person let leave, and what stays."""

import asyncio

import pytest

from tests.api.conftest import YOUTH, World, check_problem
from tests.bed import PERSON_HERSELF, professional

pytestmark = pytest.mark.asyncio(loop_scope="session")
REFERENT = professional("referent")


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
