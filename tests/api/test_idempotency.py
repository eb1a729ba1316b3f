"""Idempotency-Key: a repeat is the same exchange for counts, decided and fetched afresh; no answer is stored."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from consent.models import authorisation
from gateway.idempotency import Repeat
from gateway.models import idempotency
from tests.api.conftest import World, check_problem
from tests.bed import PERSON_HERSELF, professional

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"
REFERENT = professional("referent")
EXPLICIT = frozenset({"rqth.valid", "rqth.until"})


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


async def uses(world: World, partner: str, purpose: str, pseudonym: str) -> set[int]:
    found = await world.bed.services.snapshots.get(partner=partner, purpose=purpose, pseudonym=pseudonym)
    return set(found.uses.values())


async def test_a_repeat_counts_once_and_is_a_new_answer_with_its_own_proof(each_world: World) -> None:
    """Same key, same body: a fresh decision and release, one use."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    headers = key()
    answers = [await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"], headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.json()["exchange"] for answer in answers}) == 3
    assert len({answer.json()["proof"]["receipt"]["index"] for answer in answers}) == 3
    assert await uses(each_world, "ml-brume", YOUTH, pseudonym) == {1}
    await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"])
    assert await uses(each_world, "ml-brume", YOUTH, pseudonym) == {2}


async def test_a_repeat_of_the_last_exchange_allowed_is_still_answered(each_world: World) -> None:
    """The limit of four a month is reached; the fourth may be repeated, a fifth may not."""
    pseudonym = await each_world.ready("siae-brume", "iae.adaptation", like="bruno-castel", explicit=EXPLICIT)
    token = await each_world.bed.token("siae-brume", professional=REFERENT)
    headers = [key() for _ in range(5)]
    statuses = []
    for each in [*headers[:4], headers[3], headers[4]]:
        answer = await each_world.bed.exchange(token, pseudonym, "iae.adaptation", ["rqth.valid"], headers=each)
        statuses.append(answer.status_code)
    assert statuses == [200, 200, 200, 200, 200, 403]


async def test_a_repeat_opens_nothing_the_first_was_refused(world: World) -> None:
    """An exchange that is used up stays so: the key counted another one of the same line."""
    pseudonym = await world.ready("siae-brume", "iae.eligibility")
    fields = ["rsa.beneficiary", "registration.status"]
    for _ in range(10):
        assert (await world.ask("siae-brume", pseudonym, "iae.eligibility", fields[:1])).status_code == 200
    headers = key()
    for _ in range(3):
        answer = await world.ask("siae-brume", pseudonym, "iae.eligibility", fields, headers=headers)
        assert answer.json()["datasets"]["rsa"] == {
            "state": "withheld",
            "withheld": {"beneficiary": "frequency_exceeded"},
        }
        assert answer.json()["datasets"]["registration"]["state"] == "released"
    assert await uses(world, "siae-brume", "iae.eligibility", pseudonym) == {10, 1, 11}


async def test_what_a_repeat_uses_anew_is_counted(world: World) -> None:
    """A field the person has allowed since comes from another exchange: that one is counted, once."""
    pseudonym = await world.ready("siae-brume", "iae.eligibility", fields=["rsa.beneficiary"])
    fields, headers = ["rsa.beneficiary", "registration.status"], key()
    await world.ask("siae-brume", pseudonym, "iae.eligibility", fields, headers=headers)
    await world.bed.authorise(world.tokens["siae-brume"], "siae-brume", pseudonym, "iae.eligibility")
    for _ in range(2):
        answer = await world.ask("siae-brume", pseudonym, "iae.eligibility", fields, headers=headers)
        assert answer.json()["datasets"]["registration"]["state"] == "released"
    found = await world.bed.services.snapshots.get(partner="siae-brume", purpose="iae.eligibility", pseudonym=pseudonym)
    counted = {name.partition(":")[0]: number for name, number in found.uses.items()}
    assert (counted["iae-eligibilite-caf"], counted["iae-eligibilite-ft"]) == (1, 1)


async def test_the_last_use_of_an_authorisation_may_be_repeated(world: World) -> None:
    """Lost on the way, it is asked for again with its key; without, it is spent."""
    pseudonym = await world.ready("siae-brume", "iae.eligibility")
    once = sa.update(authorisation).where(authorisation.c.purpose == "iae.eligibility").values(max_uses=1)
    await world.bed.services.store.write(lambda connection: connection.execute(once))
    headers, statuses = key(), []
    for each in (headers, headers, {}):
        answer = await world.ask("siae-brume", pseudonym, "iae.eligibility", ["rsa.beneficiary"], headers=each)
        statuses.append(answer.status_code)
    assert statuses == [200, 200, 403]


async def test_a_key_counts_for_one_person() -> None:
    """With a token of a present person the body names nobody: another person's exchange is another one."""
    first = Repeat(partner="ml-brume", key="k" * 64, counted="", secret=b"s" * 32)
    again = replace(first, counted=first._mark("a" * 32, "window:1"))
    assert again.holds("a" * 32, "window:1")
    assert not again.holds("b" * 32, "window:1")
    assert not again.holds("a" * 32, "window:2")


async def test_the_same_key_with_another_body_is_refused(each_world: World) -> None:
    """409, nothing decided; one byte makes another body."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    headers = key()
    assert (await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"], headers=headers)).status_code == 200
    before = await each_world.bed.size()
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa", "c2s"], headers=headers)
    check_problem(answer, 409, "idempotency_key_reused")
    assert await each_world.bed.size() == before


async def test_a_key_belongs_to_its_partner(each_world: World) -> None:
    """Two partners may draw the same key; neither learns that the other did."""
    headers = key()
    for partner, purpose in (("ml-brume", YOUTH), ("siae-brume", "iae.eligibility")):
        pseudonym = await each_world.ready(partner, purpose)
        answer = await each_world.ask(partner, pseudonym, purpose, ["rsa"], headers=headers)
        assert answer.status_code == 200


async def test_a_key_first_used_for_a_refusal_counts_when_it_is_released(world: World) -> None:
    """A refused attempt uses nothing up; the repeat after the person's yes counts once."""
    pseudonym = await world.known()
    headers = key()
    answer = await world.ask("ml-brume", pseudonym, YOUTH, ["rsa"], headers=headers)
    check_problem(answer, 403, "exchange_denied")
    await world.bed.authorise(world.tokens["ml-brume"], "ml-brume", pseudonym, YOUTH)
    for _ in range(2):
        assert (await world.ask("ml-brume", pseudonym, YOUTH, ["rsa"], headers=headers)).status_code == 200
    assert await uses(world, "ml-brume", YOUTH, pseudonym) == {1}


async def test_a_repeat_after_a_withdrawal_is_refused(each_world: World) -> None:
    """No answer was kept: the repeat is decided on what the person says now."""
    pseudonym = await each_world.known()
    id_ = await each_world.bed.authorise(each_world.tokens["ml-brume"], "ml-brume", pseudonym, YOUTH)
    headers = key()
    assert (await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"], headers=headers)).status_code == 200
    services, subject = each_world.bed.services, await each_world.bed.subject("ml-brume", pseudonym)
    await services.authorisations.withdraw(id_, subject=subject, by=PERSON_HERSELF, now=services.clock())
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"], headers=headers)
    check_problem(answer, 403, "exchange_denied", reasons=["withdrawn"])


@pytest.mark.parametrize("value", ["", "short", "a" * 129, "with blank", "é" * 10, "a" * 8 + "\t", "207039900100105!"])
async def test_a_malformed_key_is_refused(world: World, value: str) -> None:
    """422; the key is not repeated."""
    headers: dict[str, Any] = {"Idempotency-Key": value.encode()}
    answer = await world.ask("ml-brume", "psn_" + "0" * 32, YOUTH, ["rsa"], headers=headers)
    check_problem(answer, 422, "idempotency_key_invalid")
    assert not value or value not in answer.text


async def test_neither_key_nor_body_nor_answer_is_stored(each_world: World) -> None:
    """Only digests: of the key, of the body."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    headers = key()
    await each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"], headers=headers)
    rows = await each_world.bed.services.store.read(
        lambda connection: connection.execute(sa.select(idempotency)).mappings().all()
    )
    assert rows
    for row in rows:
        assert headers["Idempotency-Key"] not in row.values()
        assert {len(row["key"]), len(row["body"])} == {64}


async def test_other_peoples_keys_do_not_disturb_each_other(each_world: World) -> None:
    """Twenty exchanges at once, each with a key of its own: each is answered and counted."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    exchanges = (each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"], headers=key()) for _ in range(20))
    assert [answer.status_code for answer in await asyncio.gather(*exchanges)] == [200] * 20
    assert await uses(each_world, "ml-brume", YOUTH, pseudonym) == {20}


async def test_concurrent_repeats_count_once(each_world: World) -> None:
    """Same key, same body, at once: one use."""
    pseudonym = await each_world.ready("ml-brume", YOUTH)
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    answers = await asyncio.gather(
        *(each_world.ask("ml-brume", pseudonym, YOUTH, ["rsa"], headers=headers) for _ in range(6))
    )
    assert {a.status_code for a in answers} <= {200, 409}
    assert any(a.status_code == 200 for a in answers)
    found = await each_world.bed.services.snapshots.get(partner="ml-brume", purpose=YOUTH, pseudonym=pseudonym)
    assert set(found.uses.values()) == {1}
