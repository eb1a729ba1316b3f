"""Mandates: who may act for a person, checked by professionals who are not the holder; the person hears of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from audit import receipts
from consent import models
from consent.reminders import AFTER_MS
from gateway.answer import instant
from gateway.oauth.tokens import Professional
from tests.api.asking import FIELDS, ML, MOBILE, OTHER, SCAN, asked, colleague, counter, messages, note
from tests.api.conftest import YOUTH, World, check_problem
from tests.bed import LISE, PERSON_HERSELF, professional

pytestmark = pytest.mark.asyncio(loop_scope="session")
PIVOT = {
    "family_name": "Kadri", "given_names": ["Nour", "Lise Anne"], "sex": "F", "birth_date": "1980-04-05",
    "birth_country": "99100", "birth_place": "75114", "usual_name": "Marchand",
}  # fmt: skip


async def mandate(world: World, pseudonym: str, *, witness: str | None = None, **changes: Any) -> Any:
    body = {
        "subject": {"pseudonym": pseudonym}, "capacity": "aidant", "digest": "e" * 64, "until": in_days(100),
        "purposes": [YOUTH], **changes,
    }  # fmt: skip
    headers = {"Witness-Authorization": f"Bearer {witness}"} if witness else {}
    return await world.bed.post("/v1/mandates", body, world.tokens[ML], headers=headers)


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


async def test_a_representative_answers_under_a_mandate_somebody_checked(each_world: World) -> None:
    """The entry names mandate and capacity; the yes ends with the mandate at the latest."""
    pseudonym = await each_world.known()
    made = await mandate(each_world, pseudonym)
    assert made.status_code == 201, made.text
    assert set(made.json()) == {"id", "capacity", "until"}
    id_ = (await asked(each_world, pseudonym))["id"]
    body = counter(mandate=made.json()["id"])
    done = await note(each_world, id_, body, witness=await colleague(each_world))
    assert done.status_code == 202, done.text
    assert done.json()["receipt"] is None
    refused = await note(each_world, id_, counter("no", mandate=made.json()["id"]))
    assert refused.status_code == 200, refused.text
    entry = receipts.verify(refused.json()["receipt"], each_world.bed.services.keys.receipt.vkey)
    assert (entry["by"], entry["capacity"], entry["mandate"]) == ("representative", "aidant", made.json()["id"])


async def minor(world: World, born: int) -> str:
    """The pseudonym of somebody born that year."""
    pivot = {**world.bed.people["lucas-perrin"].pivot, "birth_date": f"{born}-06-15"}
    body = {"reference": f"born-{born}", "identifiers": {"pivot": pivot}}
    return (await world.bed.post("/v1/subjects", body, world.tokens[ML])).json()["pseudonym"]


async def test_a_parents_mandate_ends_at_majority_and_is_refused_for_an_adult(world: World) -> None:
    """Rule: where a date of birth was declared, what is typed cannot go beyond; the reason is a code."""
    year = datetime.now(UTC).year
    far = {"capacity": "parent", "until": f"{year + 17}-01-01"}
    made = await mandate(world, await minor(world, year - 14), **far)
    assert made.status_code == 201, made.text
    [entry] = [each for each in await world.bed.journal() if each.get("mandate") == made.json()["id"]]
    assert instant(entry["until"]).startswith(f"{year + 4}-06-14T22:00:00")
    refused = await mandate(world, await minor(world, year - 20), **far)
    check_problem(refused, 403, "mandate_refused")
    assert refused.json()["reasons"] == ["of_age"]


async def test_the_answer_tells_no_date_of_birth_that_another_partner_declared(world: World) -> None:
    """Rule: the end as it was noted, whether somebody else knows the person or not."""
    year, nir = datetime.now(UTC).year, world.bed.people[world.somebody()].numbers["nir"]
    far = {"capacity": "parent", "until": f"{year + 17}-01-01"}
    first = {"reference": "by-number", "identifiers": {"nir": nir}}
    pseudonym = (await world.bed.post("/v1/subjects", first, world.tokens[ML])).json()["pseudonym"]
    before = await mandate(world, pseudonym, **far)
    pivot = {**world.bed.people["lucas-perrin"].pivot, "birth_date": f"{year - 13}-05-16"}
    also = {"reference": "by-name", "identifiers": {"nir": nir, "pivot": pivot}}
    assert (await world.bed.post("/v1/subjects", also, world.tokens["dept-brume"])).status_code == 200
    after = await mandate(world, pseudonym, **far)
    assert before.json()["until"] == after.json()["until"] == f"{year + 16}-12-31T23:00:00.000Z", after.text


async def test_a_mandate_ends_at_midnight_in_paris(world: World) -> None:
    """Rule: the first day without force begins where the document was read, not an hour or two later."""
    for day, begins in ((first_of(1), "23:00:00"), (first_of(7), "22:00:00")):
        made = (await mandate(world, await world.known(), capacity="guardian", until=day.isoformat())).json()
        assert made["until"].startswith(f"{day - timedelta(days=1)}T{begins}")


def first_of(month: int) -> date:
    """The first day of a month of next year."""
    return date(datetime.now(UTC).year + 1, month, 1)


async def test_a_mandate_that_does_not_cover_the_act_is_refused(world: World) -> None:
    """Another person's, another purpose's, nobody's, a curator without the person: one code."""
    pseudonym, other = await world.known(), await world.known()
    id_ = (await asked(world, pseudonym))["id"]
    strange = [
        (await mandate(world, other)).json()["id"],
        (await mandate(world, pseudonym, purposes=["support.appointments"])).json()["id"],
        "0" * 32,
    ]
    for name in strange:
        check_problem(await note(world, id_, counter("no", mandate=name)), 403, "mandate_refused")
    curator = (await mandate(world, pseudonym, capacity="curator")).json()["id"]
    paper = {"answer": "no", "channel": "paper", "evidence": SCAN, "mandate": curator}
    check_problem(await note(world, id_, paper), 403, "mandate_refused")
    alone = {"answer": "no", "channel": "counter", "mandate": curator}
    check_problem(await note(world, id_, alone), 403, "mandate_refused")
    assert (await note(world, id_, counter("no", mandate=curator))).status_code == 200


async def test_a_representative_at_the_counter_needs_the_person_no_more_than_the_law_does(world: World) -> None:
    """A parent comes alone."""
    pseudonym = await minor(world, datetime.now(UTC).year - 15)
    parent = (await mandate(world, pseudonym, capacity="parent")).json()["id"]
    id_ = (await asked(world, pseudonym))["id"]
    body = {"answer": "yes", "channel": "counter", "fields": FIELDS, "mandate": parent}
    assert (await note(world, id_, body, witness=await colleague(world))).status_code == 202


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"until": "2020-01-01"}, 403, "mandate_refused"),
        ({"until": "2026-02-31"}, 422, "malformed_request"),
        ({"until": "soon"}, 422, "malformed_request"),
        ({"capacity": "friend"}, 422, "malformed_request"),
        ({"purposes": ["no.such"]}, 422, "purpose_unknown"),
        ({"subject": {}}, 422, "malformed_request"),
        ({"subject": {"reference": "nobody"}}, 404, "person_unknown"),
    ],
)
async def test_a_mandate_that_cannot_be_is_refused(world: World, changes: Any, status: int, code: str) -> None:
    """Dates, kinds, purposes and people that are not."""
    check_problem(await mandate(world, await world.known(), **changes), status, code)


@pytest.mark.parametrize("holder", [{"professional": "autre-42"}, {"pivot": {**PIVOT, "usual_name": None}}])
async def test_a_mandate_to_sign_in_alone_takes_a_witness(world: World, holder: Any) -> None:
    """One professional is not enough; a second one is named in the entry."""
    pseudonym = await world.known()
    before = await world.bed.size()
    check_problem(await mandate(world, pseudonym, holder=holder), 422, "assistance_incomplete", missing=["witness"])
    same = await mandate(world, pseudonym, holder=holder, witness=world.tokens[ML])
    check_problem(same, 403, "witness_refused")
    assert await world.bed.size() == before
    made = await mandate(world, pseudonym, holder=holder, witness=await colleague(world))
    assert made.status_code == 201, made.text
    entry = [each for each in await world.bed.journal() if each["type"] == "mandate.recorded"][-1]
    assert entry["actor"] != entry["witness"]


@pytest.mark.parametrize(
    "holder",
    [
        {"professional": LISE.id},
        {"professional": f" {LISE.id.upper()}"},
        {"professional": professional("conseiller").id},
        {"pivot": PIVOT},
        {"pivot": {**PIVOT, "family_name": "MARCHAND", "usual_name": None, "given_names": ["Lise"]}},
    ],
    ids=["recorder", "in other letters", "witness", "usual name", "birth name"],
)
async def test_a_mandate_recorded_by_its_holder_is_refused(world: World, holder: Any) -> None:
    """Neither who records it nor who witnesses it, by their id or by their names: they would answer alone."""
    pseudonym, witness = await world.known(), await colleague(world)
    before = await world.bed.size()
    refused = await mandate(world, pseudonym, holder=holder, witness=witness)
    check_problem(refused, 403, "holder_refused")
    assert await world.bed.size() == before


async def test_the_same_id_at_another_partner_is_somebody_else(world: World) -> None:
    """A witness of another partner who happens to bear the holder's number."""
    namesake = Professional(id="accueil-1", family_name="Le Guen", given_name="Maël", role="conseiller", acr=None)
    witness = await world.bed.token(OTHER, professional=namesake)
    made = await mandate(world, await world.known(), holder={"professional": "accueil-1"}, witness=witness)
    assert made.status_code == 201, made.text


async def test_the_person_hears_of_a_mandate_whatever_they_prefer(each_world: World) -> None:
    """Once it is surely recorded, and no more than that there is something new; a refused one is not told."""
    services = each_world.bed.services
    pseudonym = await each_world.known()
    subject, now = await each_world.bed.subject(ML, pseudonym), services.clock()
    await services.channels.contacts.declare(
        subject, preference="none", addresses={"sms": MOBILE}, by=PERSON_HERSELF, now=now
    )
    check_problem(await mandate(each_world, pseudonym, until="2020-01-01"), 403, "mandate_refused")
    made = await mandate(each_world, pseudonym)
    assert made.status_code == 201, made.text
    query = sa.select(models.notice.c.id, models.notice.c.kind).where(models.notice.c.subject == subject)
    rows = await services.store.read(lambda connection: connection.execute(query).all())
    assert rows == [(f"mandate:{made.json()['id']}", "mandate")]
    await services.channels.reminders.round(services.clock() + AFTER_MS)
    [message] = [each for each in messages(each_world) if each["id"] == rows[0].id]
    assert (message["id"], message["to"]) == (rows[0].id, MOBILE)
    assert message["code"] is None
