"""Whom a list names: a DPO's second factor, and roles given, taken away and chosen."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.web.cookies import NAME
from tests.unit.signin.conftest import PRO, World, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_lists_dpo_signs_in_with_a_second_factor_only(each_world: World) -> None:
    """By address and SIRET the first time; a password alone gets a page that offers more, and an entry."""
    world = each_world
    await world.list_dpo()
    answer = await world.sign_in("proconnect")
    assert answer.status_code == 403
    assert "/signin/proconnect?strong=1" in answer.text
    refusal = await world.last()
    assert (refusal["type"], refusal["reason"], refusal["role"]) == ("signin.refused", "second_factor", "dpo")
    world.pc.acr = "eidas1-mfa"
    answer = await world.sign_in("proconnect", "?strong=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/dpo")
    opened = await world.last()
    assert (opened["role"], opened["org"], opened["acr"], opened["strong"]) == ("dpo", "caf-brume", "eidas1-mfa", True)
    assert opened["actor"] == refusal["actor"]
    assert "subject" not in opened


async def test_methods_count_as_a_second_factor_too(world: World) -> None:
    """`amr` with `mfa`, at a level that does not say so."""
    await world.list_dpo()
    world.pc.amr = ["pwd", "totp", "mfa"]
    assert signed_in(await world.sign_in("proconnect"))


async def test_step_up_asks_for_levels_that_have_one(world: World) -> None:
    """By an essential claim, which the provider must reach or refuse."""
    async with world.browser() as browser:
        asked = await world.leave(browser, "proconnect", "?strong=1")
    assert '"acr":{"essential":true,"values":["eidas1-mfa","eidas2","eidas3"]}' in asked["claims"]


async def test_who_is_not_on_the_list_gets_nothing(world: World) -> None:
    """Whatever the provider says of them; nor does somebody of another employer, or the next owner of an address."""
    assert not signed_in(await world.sign_in("proconnect"))
    assert (await world.last())["reason"] == "not_listed"
    await world.list_dpo("caf-brume", "professional")
    world.pc.claims = {**PRO, "siret": "99900101900010"}
    assert not signed_in(await world.sign_in("proconnect"))
    world.pc.claims = PRO
    assert signed_in(await world.sign_in("proconnect"))
    world.pc.sub = "somebody-else-with-this-address"
    assert not signed_in(await world.sign_in("proconnect"))
    assert (await world.last())["reason"] == "not_listed"


async def test_who_changes_employer_loses_the_role(world: World) -> None:
    """The SIRET of the line is asked for each time, for a bound account too."""
    await world.list_dpo("caf-brume", "professional")
    assert signed_in(await world.sign_in("proconnect"))
    world.pc.claims = {**PRO, "siret": "99900101900010"}
    assert not signed_in(await world.sign_in("proconnect"))


async def test_taking_a_role_away_ends_its_sessions_at_once(each_world: World) -> None:
    """In the same transaction as its entry."""
    world = each_world
    line = await world.list_dpo("caf-brume", "professional")
    async with world.browser() as browser:
        await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")
        secret = browser.cookies[NAME]
    sessions = world.bed.services.sessions
    assert await sessions.find(secret, world.clock()) is not None
    assert await world.bed.services.entrance.roles.remove(line, now=world.clock()) == 1
    assert await sessions.find(secret, world.clock()) is None
    entry = await world.last()
    assert (entry["type"], entry["line"], entry["org"]) == ("role.removed", line, "caf-brume")
    assert not signed_in(await world.sign_in("proconnect"))


async def test_a_role_taken_away_during_the_sign_in_opens_nothing(world: World) -> None:
    """The line is looked at again in the transaction that opens the session."""
    await world.list_dpo("caf-brume", "professional")
    await world.list_dpo("caf-brume", "operator")
    world.pc.amr = ["mfa"]
    async with world.browser() as browser:
        chosen = await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")
        await world.no_roles()
        answer = await _choose(world, browser, chosen.headers["location"], 0)
        assert answer.status_code == 403
        assert not signed_in(answer)


async def test_who_holds_several_roles_says_which(world: World) -> None:
    """Nothing is chosen for them, and the choice serves once, in that browser."""
    await world.list_dpo("caf-brume", "professional")
    world.clock.advance(1)
    await world.list_dpo("caf-brume", "dpo")
    world.pc.amr = ["pwd", "mfa"]
    async with world.browser() as browser, world.browser() as other:
        chosen = await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")
        assert not signed_in(chosen)
        where = chosen.headers["location"]
        shown = await browser.get(where)
        assert "Délégué à la protection des données" in shown.text
        assert "checked" not in shown.text
        assert (await other.get(where)).status_code == 400
        assert (await _choose(world, other, where, 1)).status_code == 400
        for place in (-1, 2, 99, "x", ""):
            assert not signed_in(await _choose(world, browser, where, place)), place
            where = (await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")).headers[
                "location"
            ]
        answer = await _choose(world, browser, where, 1)
        assert (answer.status_code, answer.headers["location"]) == (303, "/dpo")
        assert (await _choose(world, browser, where, 0)).status_code == 400


async def _choose(world: World, browser: Any, where: str, place: Any, **headers: str) -> Any:
    state = dict(parse_qsl(urlsplit(where).query))["state"]
    form = {"state": state, "way": str(place), "provider": "proconnect"}
    return await browser.post("/signin/choice", data=form, headers={"Sec-Fetch-Site": "same-origin", **headers})


async def test_a_choice_made_by_another_site_is_none(world: World) -> None:
    """The browser says where a form comes from."""
    async with world.browser() as browser:
        answer = await _choose(world, browser, "/signin/choice?state=x", 0, **{"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
