"""The caller's own words: never in the journal, the log, an error or the database; never a trap for others."""

import asyncio
import hashlib
import json
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.models import idempotency
from tests.api.conftest import World, check_problem

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"
CANARY = "zzcanari"


@pytest.mark.parametrize("purpose", ["jean.zzcanari", "zzcanari", f"Jean {CANARY}", "a"])
async def test_a_purpose_nobody_declared_does_not_enter_the_journal(each_world: World, purpose: str) -> None:
    """422 purpose_unknown; the caller's own words are written nowhere."""
    pseudonym = await each_world.known()
    before = await each_world.bed.size()
    answer = await each_world.ask("ml-brume", pseudonym, purpose, ["rsa"])
    assert CANARY not in json.dumps(await each_world.bed.journal(before)).lower()
    check_problem(answer, 422, "purpose_unknown")
    assert await each_world.bed.size() == before


@pytest.mark.parametrize("kind", ["pseudonym", "reference"])
async def test_a_nul_in_a_name_disturbs_nobody(each_world: World, kind: str) -> None:
    """A name that no database can hold is nobody's; requests waiting at the same moment are answered."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    body = {"subject": {kind: "\0x"}, "purpose": YOUTH, "fields": ["rsa"]}
    bad = (each_world.bed.post("/v1/exchanges", body, each_world.tokens["ml-brume"]) for _ in range(4))
    good = (each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"]) for _ in range(4))
    answers = await asyncio.gather(*bad, *good)
    assert [a.status_code for a in answers[4:]] == [200] * 4
    assert {a.status_code for a in answers[:4]} <= {404, 422}
    asked = {"subject": {kind: "\0x"}, "purpose": YOUTH}
    answer = await each_world.bed.post("/v1/authorisation-requests", asked, each_world.tokens["ml-brume"])
    assert answer.status_code in {404, 422}


@pytest.mark.parametrize(
    "identifiers", [{CANARY: 5}, {CANARY: {CANARY: 5}}, {"pivot": {CANARY: 5}}, {"pivot": {"sex": 5}}]
)
async def test_a_members_name_of_the_caller_is_not_repeated(world: World, identifiers: Any) -> None:
    """Pointers hold names of ours only, and no words of the library."""
    answer = await world.bed.post(
        "/v1/subjects", {"reference": "R", "identifiers": identifiers}, world.tokens["ml-brume"]
    )
    assert answer.status_code == 422
    assert CANARY not in answer.text
    assert "union" not in answer.text
    assert "/str" not in answer.text


@pytest.mark.parametrize(
    "raw",
    [
        b'{"subject":{"pseudonym":"a"},"purpose":"support.youth","fields":["rsa"],"fields":["c2s"]}',
        b'{"subject":{"pseudonym":"a","pseudonym":"b"},"purpose":"support.youth","fields":["rsa"]}',
        b'{"subject":{"pseudonym":"a"},"subj\\u0065ct":{"pseudonym":"b"},"purpose":"support.youth","fields":["rsa"]}',
    ],
)
async def test_a_member_said_twice_is_refused(world: World, raw: bytes) -> None:
    """RFC 8259 section 4: which one counts would be a guess."""
    check_problem(await world.raw("/v1/exchanges", raw), 422, "malformed_request")


async def test_keys_and_bodies_cannot_be_found_again_by_guessing(world: World) -> None:
    """A plain SHA-256 of a file number, or of a body that holds one, is that number to whoever tries them all (P5)."""
    reference, key = f"DOSSIER-{CANARY}-0042", f"{CANARY}-0042"
    body = json.dumps({"subject": {"reference": reference}, "purpose": YOUTH, "fields": ["rsa"]}).encode()
    await world.raw("/v1/exchanges", body, Idempotency_Key=key)
    rows = await world.bed.services.store.read(lambda c: c.execute(sa.select(idempotency)).mappings().all())
    stored = {value for row in rows for value in row.values()}
    assert not {hashlib.sha256(key.encode()).hexdigest(), hashlib.sha256(body).hexdigest()} & stored
