"""What a changed catalogue ends. A command, never a start: a gateway opened on the wrong catalogue must end nothing.

Refuses to wait for it: from the first decision on, what the catalogue does not serve is denied.
"""

from consent.cascades import resting_on, retired
from consent.states import By
from gateway.services import open_services
from gateway.settings import Settings

_CATALOGUE = By(kind="policy", channel="system")
_DPO = By(kind="dpo", channel="system")


async def follow_catalogue(settings: Settings, *, really: bool) -> list[str]:
    """End what rests on a retired purpose or exchange, or only tell: a line for each purpose of a recipient."""
    lines = []
    async with open_services(settings) as services:
        for each in await retired(services.store, services.catalogue):
            count = each.count
            if really:
                count = await services.authorisations.invalidate_where(
                    recipient=each.recipient,
                    purpose=each.purpose,
                    basis=each.basis,
                    reason=each.reason,
                    by=_CATALOGUE,
                    now=services.clock(),
                )
            lines.append(f"{each.recipient} {each.purpose} {each.basis} {each.reason} {count}")
    return lines


async def invalidate(
    settings: Settings,
    *,
    reason: str,
    notice: str | None,
    purpose: str | None,
    recipient: str | None,
    really: bool,
) -> int:
    """End, by the DPO's word, what rested on the notice, purpose or recipient named, or only count it."""
    async with open_services(settings) as services:
        if really:
            return await services.authorisations.invalidate_where(
                notice=notice, purpose=purpose, recipient=recipient, reason=reason, by=_DPO, now=services.clock()
            )
        named = {"notice": notice, "purpose": purpose, "recipient": recipient}
        return await resting_on(services.store, {name: value for name, value in named.items() if value is not None})
