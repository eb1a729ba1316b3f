"""Asking a person: the link, the partner's four words, and who may ask and look."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from jsonschema import Draft202012Validator

from consent import models
from consent.errors import LinkUnknown
from tests.api.asking import FIELDS, ML, OTHER, REQUESTS, asked, colleague, counter, get, note, word
from tests.api.conftest import YOUTH, World, check_problem
from tests.bed import PERSON_HERSELF

pytestmark = pytest.mark.asyncio(loop_scope="session")
DESCRIPTION = yaml.safe_load((Path(__file__).parents[2] / "openapi" / "gateway.yaml").read_text("utf-8"))


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
