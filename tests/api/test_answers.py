"""Asking a person: the link, the partner's four words, and what a professional may note on a person's behalf."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from jsonschema import Draft202012Validator

from audit import receipts
from consent import models
from consent.codes import TRIES
from consent.errors import LinkUnknown
from tests.api.conftest import World, check_problem
from tests.bed import PERSON_HERSELF, professional

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH, ML, OTHER = "support.youth", "ml-brume", "siae-brume"
REQUESTS = "/v1/authorisation-requests"
SCAN = "a" * 64
MOBILE = "+33612345678"
DESCRIPTION = yaml.safe_load((Path(__file__).parents[2] / "openapi" / "gateway.yaml").read_text("utf-8"))
FIELDS = ["rsa.beneficiary", "c2s.beneficiary"]


async def asked(world: World, pseudonym: str | None = None) -> dict[str, Any]:
    body = {"subject": {"pseudonym": pseudonym or await world.known()}, "purpose": YOUTH}
    answer = await world.bed.post(REQUESTS, body, world.tokens[ML])
    assert answer.status_code == 201, answer.text
    return answer.json()


async def get(world: World, path: str, token: str) -> Any:
    return await world.bed.http.get(path, headers={"Authorization": f"Bearer {token}"})


async def word(world: World, id_: str) -> str:
    answer = await get(world, f"{REQUESTS}/{id_}", world.tokens[ML])
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"id", "answer"}
    return answer.json()["answer"]


async def note(world: World, id_: str, body: dict[str, Any], *, witness: str | None = None, token: str = "") -> Any:
    headers = {"Witness-Authorization": f"Bearer {witness}"} if witness else {}
    return await world.bed.post(f"{REQUESTS}/{id_}/answers", body, token or world.tokens[ML], headers=headers)


def counter(answer: str = "yes", **more: Any) -> dict[str, Any]:
    fields = FIELDS if answer == "yes" else []
    return {"answer": answer, "channel": "counter", "person_present": True, "fields": fields, **more}


async def colleague(world: World, name: str = "conseiller") -> str:
    return await world.bed.token(ML, professional=professional(name))


async def reachable(world: World, pseudonym: str) -> None:
    await world.bed.services.channels.contacts.declare(
        await world.bed.subject(ML, pseudonym), preference="sms", addresses={"sms": MOBILE},
        by=PERSON_HERSELF, now=world.bed.services.clock(),
    )  # fmt: skip


def messages(world: World) -> list[dict[str, Any]]:
    """What the sandbox wrote instead of sending it."""
    path = world.bed.services.channels.codes._messenger._path
    assert path.stat().st_mode & 0o077 == 0
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def last_message(world: World) -> dict[str, Any]:
    """The newest of them."""
    return messages(world)[-1]


async def code_for(world: World, id_: str, **answer: Any) -> dict[str, str]:
    body = {"answer": "yes", "fields": FIELDS, **answer}
    sent = await world.bed.post(f"{REQUESTS}/{id_}/codes", body, world.tokens[ML])
    assert sent.status_code == 201, sent.text
    assert set(sent.json()) == {"id", "expires_at"}
    message = last_message(world)
    assert (message["id"], message["to"]) == (sent.json()["id"], MOBILE)
    return {"id": sent.json()["id"], "digits": message["code"]}


async def test_a_request_comes_with_a_link_that_opens_it(each_world: World) -> None:
    """At the address of people's pages; a new one ends the older; the token is nowhere in the database."""
    body = await asked(each_world)
    base = f"{each_world.bed.services.base_url}/r/"
    assert body["link"]["url"].startswith(base)
    newer = await each_world.bed.post(f"{REQUESTS}/{body['id']}/links", {}, each_world.tokens[ML])
    assert newer.status_code == 201
    invitations, now = each_world.bed.services.channels.invitations, each_world.bed.services.clock()
    with pytest.raises(LinkUnknown):
        await invitations.open_link(body["link"]["url"].removeprefix(base), now=now)
    token = newer.json()["url"].removeprefix(base)
    rows = await each_world.bed.services.store.read(
        lambda connection: connection.execute(sa.select(models.invitation)).all()
    )
    assert token not in str(rows)
    assert (await invitations.open_link(token, now=now)).record.id == body["id"]


async def test_the_partner_hears_pending_then_yes_no_or_lapsed(each_world: World) -> None:
    """With `Retry-After` while it waits; later is still pending; a withdrawal is not told here."""
    services = each_world.bed.services
    pseudonym = await each_world.known()
    id_ = (await asked(each_world, pseudonym))["id"]
    waiting = await get(each_world, f"{REQUESTS}/{id_}", each_world.tokens[ML])
    assert (waiting.json(), waiting.headers["retry-after"]) == ({"id": id_, "answer": "pending"}, "60")
    assert waiting.headers["cache-control"] == "no-store"
    common: dict[str, Any] = {
        "subject": await each_world.bed.subject(ML, pseudonym), "by": PERSON_HERSELF, "now": services.clock(),
    }  # fmt: skip
    await services.authorisations.defer(id_, **common)
    assert await word(each_world, id_) == "pending"
    await services.authorisations.give(id_, fields=frozenset(FIELDS), **common)
    answered = await get(each_world, f"{REQUESTS}/{id_}", each_world.tokens[ML])
    assert answered.json()["answer"] == "yes"
    assert "retry-after" not in answered.headers
    await services.authorisations.withdraw(id_, **common)
    assert await word(each_world, id_) == "yes"


async def test_a_refusal_says_neither_when_nor_until_when(each_world: World) -> None:
    """The word is no; asking again is refused without a date, and no new link is made."""
    pseudonym = await each_world.known()
    id_ = (await asked(each_world, pseudonym))["id"]
    done = await note(each_world, id_, counter("no"))
    assert done.status_code == 200, done.text
    assert await word(each_world, id_) == "no"
    again = await each_world.bed.post(
        REQUESTS, {"subject": {"pseudonym": pseudonym}, "purpose": YOUTH}, each_world.tokens[ML]
    )
    body = check_problem(again, 409, "request_too_soon")
    assert set(body) == {"type", "title", "status", "detail", "instance", "code"}
    assert "retry-after" not in again.headers
    link = await each_world.bed.post(f"{REQUESTS}/{id_}/links", {}, each_world.tokens[ML])
    check_problem(link, 409, "state_conflict")


async def test_a_batch_job_asks_and_looks_again_but_notes_nothing(world: World) -> None:
    """A machine has nobody in front of it."""
    body = {"subject": {"pseudonym": await world.known()}, "purpose": YOUTH, "batch_job": "nightly"}
    made = await world.bed.post(REQUESTS, body, world.machines[ML])
    assert made.status_code == 201, made.text
    id_ = made.json()["id"]
    assert (await get(world, f"{REQUESTS}/{id_}", world.machines[ML])).json()["answer"] == "pending"
    for path, sent in (("answers", counter("no")), ("codes", {"answer": "no"})):
        refused = await world.bed.post(f"{REQUESTS}/{id_}/{path}", sent, world.machines[ML])
        check_problem(refused, 403, "actor_required")
    taken = await world.bed.post(f"/v1/authorisations/{id_}/withdrawals", {"channel": "phone"}, world.machines[ML])
    check_problem(taken, 403, "actor_required")


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


async def test_another_partners_request_does_not_exist(each_world: World) -> None:
    """404 for every verb, as for an id nobody has; and nothing is written."""
    id_ = (await asked(each_world))["id"]
    token, before = each_world.tokens[OTHER], await each_world.bed.size()
    for name in (id_, "0" * 32, "%00", "x"):
        check_problem(await get(each_world, f"{REQUESTS}/{name}", token), 404, "authorisation_unknown")
        for path, body in (
            (f"{REQUESTS}/{name}/links", {}),
            (f"{REQUESTS}/{name}/codes", {"answer": "no"}),
            (f"{REQUESTS}/{name}/answers", counter("no")),
            (f"/v1/authorisations/{name}/withdrawals", {"channel": "phone"}),
        ):
            check_problem(await each_world.bed.post(path, body, token), 404, "authorisation_unknown")
    assert await each_world.bed.size() == before


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("links", "authorisations:request"),
        ("codes", "authorisations:answer"),
        ("answers", "authorisations:answer"),
    ],
)
async def test_each_endpoint_asks_for_its_scope(world: World, path: str, scope: str) -> None:
    """403 insufficient_scope names it; without a token, 401."""
    id_ = (await asked(world))["id"]
    token = await world.bed.token(ML, scopes=["data:rsa"])
    body = counter("no") if path == "answers" else {"answer": "no"} if path == "codes" else {}
    refused = await world.bed.post(f"{REQUESTS}/{id_}/{path}", body, token)
    check_problem(refused, 403, "insufficient_scope")
    assert scope in refused.headers["www-authenticate"]
    check_problem(await world.bed.post(f"{REQUESTS}/{id_}/{path}", body, None), 401, "invalid_token")


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


async def test_real_answers_have_the_described_shape(world: World) -> None:
    """What comes back validates against the OpenAPI description."""

    def fits(name: str, answer: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": DESCRIPTION["components"]}
        Draft202012Validator(schema).validate(answer.json())

    pseudonym = await world.known()
    body = {"subject": {"pseudonym": pseudonym}, "purpose": YOUTH}
    made = await world.bed.post(REQUESTS, body, world.tokens[ML])
    fits("AuthorisationAnswer", made)
    id_ = made.json()["id"]
    fits("Link", await world.bed.post(f"{REQUESTS}/{id_}/links", {}, world.tokens[ML]))
    fits("RequestAnswer", await get(world, f"{REQUESTS}/{id_}", world.tokens[ML]))
    fits("Noted", await note(world, id_, counter(), witness=await colleague(world)))
    fits("Noted", await note(world, id_, counter("no")))
