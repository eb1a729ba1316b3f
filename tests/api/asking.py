"""A partner asks a person for an authorisation, and notes what they answered."""

import json
from typing import Any

from tests.api.conftest import YOUTH, World
from tests.bed import PERSON_HERSELF, professional

ML, OTHER = "ml-brume", "siae-brume"
REQUESTS = "/v1/authorisation-requests"
SCAN = "a" * 64
MOBILE = "+33612345678"
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
