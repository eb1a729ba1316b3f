"""The allow-list: who is on it is seen, comes off it, and gets on it by what the provider has checked alone."""

from typing import Any

import pytest

from gateway.signin.errors import RoleInvalid
from tests.unit.signin.conftest import World, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_long_list_is_listed_and_removed_to_its_end(each_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may sign in is seen by the operator and can be taken out, however many came before."""
    monkeypatch.setattr("gateway.signin.roles._MOST", 3)
    world = each_world
    given = [await world.list_dpo("caf-brume", "professional", sub=f"account-{number}") for number in range(7)]
    roles = world.bed.services.entrance.roles
    assert {line.id for line in await roles.lines()} == set(given)
    last = max(given)  # all were given at the same moment: by id
    assert await roles.remove(last, now=world.clock()) == 0
    assert sorted(line.id for line in await roles.lines()) == sorted(set(given) - {last})
    with pytest.raises(RoleInvalid, match="no such line"):
        await roles.remove(last, now=world.clock())


@pytest.mark.parametrize("said", [False, "true", 1, None])
async def test_an_address_the_provider_has_not_verified_binds_nothing(world: World, said: Any) -> None:
    """Anybody can write an address; the line waits for whose it is. A provider that says nothing vouches for it."""
    world.pc.amr = ["pwd", "mfa"]
    await world.list_dpo()
    world.pc.userinfo = {"email_verified": said}
    assert not signed_in(await world.sign_in("proconnect"))
    assert (await world.last())["reason"] == "not_listed"
    assert [line.bound for line in await world.bed.services.entrance.roles.lines()] == [False]
    world.pc.userinfo = {"email_verified": True}
    assert signed_in(await world.sign_in("proconnect"))
    world.pc.userinfo = {"email_verified": said}  # bound: the account counts, whatever becomes of the address
    assert signed_in(await world.sign_in("proconnect"))
