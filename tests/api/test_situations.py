"""`POST /v1/situations`: a protected address is protected from the moment a partner says so."""

import pytest

from tests.api.conftest import World, check_problem

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"


async def note(world: World, pseudonym: str, situation: str, *, present: bool = True, partner: str = "ml-brume"):
    body = {"subject": {"pseudonym": pseudonym}, "situation": situation, "present": present}
    return await world.bed.post("/v1/situations", body, world.tokens[partner])


async def test_a_protected_address_leaves_no_more(each_world: World) -> None:
    """At once, for every partner; the entry says who noted it."""
    pseudonym = await each_world.ready("ml-brume", YOUTH, like="helene-aubert")
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["household"])
    assert answer.json()["datasets"]["household"]["state"] == "released"
    before = await each_world.bed.size()
    for _ in range(2):  # the same again changes nothing, and is answered alike
        noted = await note(each_world, pseudonym, "protected_address")
        assert (noted.status_code, noted.content, noted.headers["cache-control"]) == (204, b"", "no-store")
    [entry] = await each_world.bed.journal(before)
    assert (entry["type"], entry["flag"], entry["org"]) == ("subject.flagged", "protected_address", "ml-brume")
    assert len(entry["actor"]) == 32
    answer = await each_world.ask("ml-brume", pseudonym, YOUTH, ["household"])
    check_problem(answer, 403, "exchange_denied", reasons=["withheld"])


async def test_a_partner_cannot_lift_the_protection(world: World) -> None:
    """Whoever looks for the person may work for a partner."""
    pseudonym = await world.known(like="helene-aubert")
    await note(world, pseudonym, "protected_address")
    before = await world.bed.size()
    check_problem(await note(world, pseudonym, "protected_address", present=False), 403, "situation_kept")
    assert await world.bed.size() == before


async def test_what_a_partner_notes_of_a_benefit_it_may_end(world: World) -> None:
    """Both ways, each an entry."""
    pseudonym = await world.known()
    before = await world.bed.size()
    for present in (True, False):
        assert (await note(world, pseudonym, "beneficiary_rsa", present=present)).status_code == 204
    assert [entry["set"] for entry in await world.bed.journal(before)] == [True, False]


@pytest.mark.parametrize("situation", ["restriction", "tombstone", "protected", ""])
async def test_other_situations_are_not_a_partners_to_note(world: World, situation: str) -> None:
    """A restriction is a right of the person's."""
    answer = await note(world, await world.known(), situation)
    check_problem(answer, 422, "malformed_request")
    assert situation == "" or situation not in answer.text


async def test_it_takes_the_scope_and_a_person_of_ones_own(world: World) -> None:
    """Another partner's pseudonym is as unknown as none."""
    pseudonym = await world.known()
    token = await world.bed.token("ml-brume", scopes=["subjects:write"])
    body = {"subject": {"pseudonym": pseudonym}, "situation": "beneficiary_rsa", "present": True}
    check_problem(await world.bed.post("/v1/situations", body, token), 403, "insufficient_scope")
    check_problem(await note(world, pseudonym, "beneficiary_rsa", partner="siae-brume"), 404, "person_unknown")
