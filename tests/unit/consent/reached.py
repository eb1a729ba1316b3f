"""People who can be reached: everything of the channels on a whole consent side, and a provider that remembers."""

import asyncio
from dataclasses import dataclass, field

import sqlalchemy as sa

from consent import models
from consent.assistance import Assistance
from consent.blind import BlindIndex
from consent.codes import Codes
from consent.contacts import Contacts
from consent.entries import Entries
from consent.errors import MessageNotSent
from consent.invitations import Invitations
from consent.messages import Message
from consent.records import Transition
from consent.reminders import Reminders
from consent.representatives import Mandates

from .conftest import AGENT, NOW, PERSON, Side, asked

HOUR = 3_600_000
SECRET = b"l" * 32
MOBILE = "+33612345678"


@dataclass
class Provider:
    """An SMS provider as `consent.messages.Messenger` wants it; `down` refuses, surely."""

    sent: list[Message] = field(default_factory=list)
    down: bool = False

    async def send(self, message: Message) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise MessageNotSent("down")
        self.sent.append(message)


class Reached:
    """One process's channels on a side."""

    def __init__(self, side: Side, provider: Provider | None = None, *, delay_ms: int = 24 * HOUR) -> None:
        self.side = side
        self.provider = provider or Provider()
        common = {"store": side.store, "authorisations": side.authorisations}
        entries = Entries(store=side.store, journal=side.journal, vault=side.vault)
        self.contacts = Contacts(store=side.store, entries=entries, vault=side.vault, blind=BlindIndex(b"b" * 32))
        self.codes = Codes(store=side.store, contacts=self.contacts, messenger=self.provider, secret=SECRET)
        self.invitations = Invitations(**common, codes=self.codes, secret=SECRET)
        self.mandates = Mandates(**common, entries=entries, vault=side.vault)
        self.assistance = Assistance(**common, mandates=self.mandates, delay_ms=delay_ms)
        self.reminders = Reminders(**common, contacts=self.contacts, messenger=self.provider)

    async def asked(self, subject, **changes) -> Transition:
        return await self.side.authorisations.request(subject, asked(**changes), by=AGENT, now=self.side.clock.now)

    async def phone(self, subject, number: str = MOBILE, *, preference: str = "sms", now: int = NOW) -> None:
        await self.contacts.declare(subject, preference=preference, addresses={"sms": number}, by=PERSON, now=now)

    async def state(self, subject, id_: str) -> str:
        return (await self.side.authorisations.get(id_, subject=subject)).state


async def break_key(side: Side, subject) -> None:
    """The person's key no longer opens: a damaged key store."""
    table = models.subject_key
    broken = sa.update(table).where(table.c.subject == subject).values(wrapped=b"x" * 60)
    await side.keys.write(lambda connection: connection.execute(broken) and None)
    side.vault.forget(subject)
