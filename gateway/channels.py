"""How people are reached and answer: links, codes, contacts, mandates, assisted answers, notices, put together.

Beside the server a loop lets assisted answers take effect, reminds, and settles what came of age. Several processes
may run it: each step is done once. Nothing a decision looks at waits for it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from audit.errors import AuditError, StoreUnavailable
from audit.journal import Journal
from audit.store import Store
from consent.ageing import Ageing
from consent.assistance import Assistance
from consent.blind import BlindIndex
from consent.codes import Codes
from consent.contacts import Contacts
from consent.entries import Entries
from consent.errors import ConsentError
from consent.invitations import Invitations
from consent.records import Authorisations
from consent.reminders import Reminders
from consent.representatives import Mandates
from consent.stopping import stop
from consent.vault import Vault
from gateway.keys import GatewayKeys
from gateway.messages import messenger
from gateway.settings import Settings

_HOUR_MS = 3_600_000
_PAUSE = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Everything by which people are reached and answer."""

    people_url: str
    authorisations: Authorisations
    contacts: Contacts
    codes: Codes
    invitations: Invitations
    mandates: Mandates
    assistance: Assistance
    reminders: Reminders
    ageing: Ageing

    async def stop(self, number: str, *, now: int) -> int:
        """An SMS that says STOP arrived from this number; tells how much was taken back."""
        done = await stop(
            number,
            contacts=self.contacts,
            authorisations=self.authorisations,
            assistance=self.assistance,
            now=now,
        )
        return len(done)

    async def round(self, now: int) -> None:
        """Do once what is due."""
        await self.assistance.settle(now=now)
        await self.mandates.settle(now=now)
        await self.reminders.round(now)
        await self.ageing.round(now)


def open_channels(
    settings: Settings,
    keys: GatewayKeys,
    *,
    store: Store,
    journal: Journal,
    vault: Vault,
    blind: BlindIndex,
    authorisations: Authorisations,
) -> Channels:
    """Build them on ready parts."""
    carrier = messenger(settings)
    entries = Entries(store=store, journal=journal, vault=vault)
    contacts = Contacts(store=store, entries=entries, vault=vault, blind=blind)
    codes = Codes(store=store, contacts=contacts, messenger=carrier, secret=keys.links)
    mandates = Mandates(store=store, entries=entries, vault=vault, authorisations=authorisations)
    return Channels(
        people_url=settings.people_url or settings.public_url,
        authorisations=authorisations,
        contacts=contacts,
        codes=codes,
        invitations=Invitations(store=store, authorisations=authorisations, codes=codes, secret=keys.links),
        mandates=mandates,
        assistance=Assistance(
            store=store,
            authorisations=authorisations,
            mandates=mandates,
            delay_ms=settings.assisted_delay_hours * _HOUR_MS,
        ),
        reminders=Reminders(store=store, authorisations=authorisations, contacts=contacts, messenger=carrier),
        ageing=Ageing(store=store, authorisations=authorisations),
    )


async def run(channels: Channels, clock: Callable[[], int]) -> None:
    """Beside the server, once a minute."""
    while True:
        try:
            await channels.round(clock())
        except (AuditError, ConsentError, StoreUnavailable) as error:  # looked at again in a minute
            _log.warning("people cannot be told: %s", error.code)
        await asyncio.sleep(_PAUSE)
