"""The allow-list: who is on it is seen, comes off it, and gets on it by what the provider has checked alone."""

import pytest

from gateway.signin.errors import RoleInvalid
from tests.unit.signin.conftest import World

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
