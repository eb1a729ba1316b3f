"""Sign-ins that are refused: nobody is signed in, and the journal says why in one word."""

from typing import Any

from gateway.signin.errors import VOUCHED, Fault
from tests.unit.signin.conftest import World, signed_in
from tests.unit.signin.hostile import new_key

STRANGER = new_key()


async def refused(world: World, reason: str, *, provider: str = "franceconnect", **back: Any) -> None:
    """An entry once the provider had vouched for somebody, counted before."""
    await world.bed.services.server.ledger.settle(world.clock())
    before = await world.bed.size()
    answer = await world.sign_in(provider, **back)
    assert answer.status_code in {400, 403, 502, 503}, answer.text
    assert not signed_in(answer)
    assert await world.sessions() == 0
    vouched = Fault(reason) in VOUCHED
    assert await world.noted(before) == [("refused", reason, provider) if vouched else (f"signin_{reason}", "1")]
    (entry,) = await world.bed.journal(before)
    assert entry.keys() <= {"v", "type", "id", "time", "provider", "reason", "since", "until", "counts"}
