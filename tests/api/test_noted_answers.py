"""What a professional may note on a person's behalf: before a witness, on paper, by a code sent to the person."""

from typing import Any

import pytest
import sqlalchemy as sa

from audit import receipts
from consent import models
from consent.codes import TRIES
from tests.api.asking import (
    FIELDS,
    ML,
    OTHER,
    REQUESTS,
    SCAN,
    asked,
    code_for,
    colleague,
    counter,
    note,
    reachable,
    word,
)
from tests.api.conftest import YOUTH, World, check_problem
from tests.bed import PERSON_HERSELF, professional

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_yes_before_a_witness_waits_and_nothing_leaves_meanwhile(each_world: World) -> None:
    """202 with the date; the entry names who helped and who saw; the partner still hears pending."""
    pseudonym = await each_world.known()
    id_ = (await asked(each_world, pseudonym))["id"]
    done = await note(each_world, id_, counter(), witness=await colleague(each_world))
    assert done.status_code == 202, done.text
    body = done.json()
    assert (body["id"], body["waits"]) == (id_, True)
    entry = receipts.verify(body["receipt"], each_world.bed.services.keys.receipt.vkey)
    assert entry["type"] == "authorisation.deferred"
    assert entry["by"] == "subject"
    assert entry["actor"] != entry["witness"]
    assert await word(each_world, id_) == "pending"
    denied = await each_world.ask(ML, pseudonym, YOUTH, ["rsa"])
    check_problem(denied, 403, "exchange_denied")
    taken = await each_world.bed.post(
        f"/v1/authorisations/{id_}/withdrawals", {"channel": "phone"}, each_world.tokens[ML]
    )
    assert taken.status_code == 200, taken.text
    assert await word(each_world, id_) == "no"
    assert await each_world.bed.services.channels.assistance.waits(id_) is None


async def test_a_yes_confirmed_by_code_holds_at_once_and_is_taken_back_with_less(each_world: World) -> None:
    """Data leaves; after the withdrawal, which asks for neither code nor witness, it does not."""
    pseudonym = await each_world.known()
    await reachable(each_world, pseudonym)
    id_ = (await asked(each_world, pseudonym))["id"]
    code = await code_for(each_world, id_)
    done = await note(each_world, id_, {"answer": "yes", "channel": "sms", "fields": FIELDS, "code": code})
    assert (done.status_code, done.json()["waits"]) == (200, False), done.text
    entry = receipts.verify(done.json()["receipt"], each_world.bed.services.keys.receipt.vkey)
    assert (entry["type"], entry["channel"], sorted(entry["fields"])) == ("authorisation.given", "sms", sorted(FIELDS))
    assert entry["confirmed"]
    assert (await each_world.ask(ML, pseudonym, YOUTH, ["rsa.beneficiary"])).status_code == 200
    path = f"/v1/authorisations/{id_}/withdrawals"
    taken = await each_world.bed.post(path, {"channel": "phone"}, each_world.tokens[ML])
    assert taken.status_code == 200, taken.text
    check_problem(await each_world.ask(ML, pseudonym, YOUTH, ["rsa.beneficiary"]), 403, "exchange_denied")
    check_problem(
        await each_world.bed.post(path, {"channel": "phone"}, each_world.tokens[ML]), 409, "already_withdrawn"
    )
    notices = await each_world.bed.services.store.read(
        lambda connection: connection.execute(
            sa.select(models.notice.c.id).where(models.notice.c.authorisation == id_, models.notice.c.kind == "mirror")
        ).scalars().all()
    )  # fmt: skip
    assert sorted(each.split(":")[2] for each in notices) == ["withdrawal", "yes"]


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({"answer": "yes", "channel": "counter", "fields": FIELDS}, ["person_present", "witness"]),
        (counter(), ["witness"]),
        ({"answer": "yes", "channel": "paper", "fields": FIELDS}, ["signed_paper"]),
        ({"answer": "yes", "channel": "sms", "fields": FIELDS}, ["code", "own_number"]),
        ({"answer": "no", "channel": "counter"}, ["person_present"]),
        ({"answer": "later", "channel": "paper"}, ["signed_paper"]),
    ],
)
async def test_a_missing_step_is_named_and_nothing_is_noted(world: World, body: dict[str, Any], missing: list) -> None:
    """422 assistance_incomplete; no entry, no notice."""
    id_ = (await asked(world))["id"]
    before = await world.bed.size()
    check_problem(await note(world, id_, body), 422, "assistance_incomplete", missing=missing)
    assert await world.bed.size() == before


async def test_a_witness_is_a_second_professional_with_a_token_of_their_own(world: World) -> None:
    """The same one, in other letters too, a machine, an expired word or no scope: refused."""
    id_ = (await asked(world))["id"]
    shouting = professional("conseiller")
    shouting = type(shouting)(id="CONSEILLER-42", family_name="M", given_name="L", role=None, acr=None)
    same = await world.bed.token(ML, professional=shouting)
    narrow = await world.bed.token(ML, scopes=["data:rsa"], professional=professional("referent"))
    before = await world.bed.size()
    for token, status, code in (
        (world.tokens[ML], 403, "witness_refused"),
        (same, 403, "witness_refused"),
        (world.machines[ML], 403, "actor_required"),
        (narrow, 403, "insufficient_scope"),
        ("forged", 401, "invalid_token"),
    ):
        check_problem(await note(world, id_, counter(), witness=token), status, code)
    assert await world.bed.size() == before
    other = await note(world, id_, counter(), witness=world.tokens[OTHER])
    assert other.status_code == 202, other.text


async def test_a_paper_is_named_by_its_digest_and_waits_too(world: World) -> None:
    """The scan itself never comes here."""
    id_ = (await asked(world))["id"]
    body = {"answer": "yes", "channel": "paper", "fields": FIELDS, "evidence": SCAN}
    done = await note(world, id_, body)
    assert done.status_code == 202, done.text
    entry = receipts.verify(done.json()["receipt"], world.bed.services.keys.receipt.vkey)
    assert (entry["channel"], entry["evidence"]) == ("paper", SCAN)


@pytest.mark.parametrize(
    "change",
    [
        {"fields": ["rsa.beneficiary"]},
        {"answer": "no", "fields": []},
        {"explicit": ["rsa.beneficiary"]},
    ],
)
async def test_a_code_confirms_the_answer_it_was_asked_for(world: World, change: dict[str, Any]) -> None:
    """Not fewer fields, not more, not another word."""
    pseudonym = await world.known()
    await reachable(world, pseudonym)
    id_ = (await asked(world, pseudonym))["id"]
    code = await code_for(world, id_)
    body = {"answer": "yes", "channel": "sms", "fields": FIELDS, "code": code, **change}
    check_problem(await note(world, id_, body), 403, "code_refused")
    assert await word(world, id_) == "pending"


async def test_codes_cannot_be_guessed_replayed_or_carried_to_another_request(each_world: World) -> None:
    """Five tries, one use, one request; wrong ones say nothing more."""
    pseudonym, second = await each_world.known(), await each_world.known()
    for one in (pseudonym, second):
        await reachable(each_world, one)
    id_, another = (await asked(each_world, pseudonym))["id"], (await asked(each_world, second))["id"]
    body = {"answer": "yes", "channel": "sms", "fields": FIELDS}
    code = await code_for(each_world, id_)
    check_problem(await note(each_world, another, {**body, "code": code}), 403, "code_refused")
    for turn in range(1, TRIES + 1):
        digits = f"{(int(code['digits']) + turn) % 10**6:06d}"
        guess = await note(each_world, id_, {**body, "code": {**code, "digits": digits}})
        check_problem(guess, 403, "code_refused")
    check_problem(await note(each_world, id_, {**body, "code": code}), 403, "code_refused")
    code = await code_for(each_world, id_)
    assert (await note(each_world, id_, {**body, "code": code})).status_code == 200
    check_problem(await note(each_world, id_, {**body, "code": code}), 403, "code_refused")


async def test_without_a_number_there_is_no_code(world: World) -> None:
    """409 contact_missing; the sixth of a day is 429."""
    pseudonym = await world.known()
    id_ = (await asked(world, pseudonym))["id"]
    path = f"{REQUESTS}/{id_}/codes"
    check_problem(await world.bed.post(path, {"answer": "no"}, world.tokens[ML]), 409, "contact_missing")
    await reachable(world, pseudonym)
    for _ in range(5):
        assert (await world.bed.post(path, {"answer": "no"}, world.tokens[ML])).status_code == 201
    check_problem(await world.bed.post(path, {"answer": "no"}, world.tokens[ML]), 429, "codes_spent")
    assert (await note(world, id_, counter("no"))).status_code == 200
    check_problem(await world.bed.post(path, {"answer": "no"}, world.tokens[ML]), 409, "state_conflict")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/answer"),
        (counter("maybe"), "/answer"),
        (counter(channel="page"), "/channel"),
        (counter(evidence="Zzcanari"), "/evidence"),
        (counter(code={"id": "0" * 32, "digits": "12345a"}), "/code"),
        (counter(name="Zzcanari"), ""),
        (counter(person_present="true"), "/person_present"),
    ],
)
async def test_what_cannot_be_read_is_pointed_at_and_not_repeated(world: World, body: Any, pointer: str) -> None:
    """422, nothing of the body in the answer."""
    id_ = (await asked(world))["id"]
    answer = await note(world, id_, body)
    problem = check_problem(answer, 422, "malformed_request")
    assert problem["errors"][0]["pointer"].startswith(pointer)
    assert "Zzcanari" not in answer.text


async def test_more_than_was_asked_for_is_refused(world: World) -> None:
    """Also before a witness; the notice of it is taken back."""
    id_ = (await asked(world))["id"]
    witness = await colleague(world)
    for fields in (["aah.beneficiary"], []):
        check_problem(await note(world, id_, counter(fields=fields), witness=witness), 422, "fields_not_requested")
    query = sa.select(models.notice).where(models.notice.c.authorisation == id_)
    assert await world.bed.services.store.read(lambda connection: connection.execute(query).all()) == []


async def test_later_drops_an_answer_that_waits(world: World) -> None:
    """Once put off it stays so; a second later, with nothing to drop, is a conflict."""
    pseudonym = await world.known()
    id_ = (await asked(world, pseudonym))["id"]
    assert (await note(world, id_, counter(), witness=await colleague(world))).status_code == 202
    later = await note(world, id_, counter("later"))
    assert (later.status_code, later.json()["receipt"]) == (200, None), later.text
    assert await world.bed.services.channels.assistance.waits(id_) is None
    assert await word(world, id_) == "pending"
    check_problem(await note(world, id_, counter("later")), 409, "state_conflict")


async def test_a_withdrawal_that_meets_an_answer_taking_effect_takes_it_back(each_world: World) -> None:
    """Whichever was first, nothing stands afterwards."""
    services = each_world.bed.services
    pseudonym = await each_world.known()
    id_ = (await asked(each_world, pseudonym))["id"]
    assert (await note(each_world, id_, counter(), witness=await colleague(each_world))).status_code == 202
    subject = await each_world.bed.subject(ML, pseudonym)
    await services.authorisations.give(
        id_, subject=subject, fields=frozenset(FIELDS), by=PERSON_HERSELF, now=services.clock()
    )
    path = f"/v1/authorisations/{id_}/withdrawals"
    assert (await each_world.bed.post(path, {"channel": "phone"}, each_world.tokens[ML])).status_code == 200
    assert (await services.authorisations.get(id_, subject=subject)).state == "withdrawn"
