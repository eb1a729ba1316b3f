"""Who hears of which event, where the word told is not the journal's."""

from typing import Any

from consent.states import By
from tests.receivers import receiving
from tests.unit.gateway.signals.conftest import World


async def test_a_request_taken_away_is_told_like_one_nobody_answered(world: World) -> None:
    """`lapsed`, to the recipient alone; what was given and is taken away is told as that, to the source too."""
    dpo = By(kind="dpo", channel="system")
    async with receiving() as recipient, receiving() as source:
        await world.register(recipient.url)
        await world.register(source.url, "caf-brume")
        pseudonym = await world.person("lucas-perrin", "caf-brume")
        subject = await world.bed.subject("ml-brume", pseudonym)
        body = {"subject": {"pseudonym": pseudonym}, "purpose": "support.youth"}
        made = await world.call("POST", "/v1/authorisation-requests", body=body)
        common: Any = {"subject": subject, "reason": "notice_defective", "by": dpo, "now": world.clock.now}
        await world.services.authorisations.invalidate(made.json()["id"], **common)
        await world.deliver()
        assert (recipient.types, source.types) == (["authorisation.lapsed"], [])
        await world.services.authorisations.invalidate(await world.give(pseudonym), **common)
        await world.deliver()
    assert recipient.types[1:] == source.types == ["authorisation.given", "authorisation.invalidated"]
