"""Six digits sent to a person's own number, by which one act is confirmed (OWASP ASVS 5 §6.5).

A code lives ten minutes, for five tries, once, and for the act it was asked for: the person who hears six digits
agrees to what is on the screen, nothing else. Only a keyed digest is kept. Refuses more than five codes per person
and day, so that guessing has 25 tries in a million, each of them announced on the person's phone.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from consent.contacts import Contacts
from consent.errors import CodeRefused, CodesSpent, ContactMissing
from consent.messages import Message, Messenger
from consent.models import confirmation as table
from consent.models import subject as people
from consent.vault import SubjectId

LIFE_MS = 600_000
TRIES = 5
PER_DAY = 5
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Sent:
    """Which code was sent, and until when it can be used; not the code."""

    id: str
    expires_at: int


def bind(*parts: str | Sequence[str]) -> str:
    """Name one act by all it consists of: SHA-256, hex."""
    flat = ("\x1e".join(["", *sorted(part)]) if not isinstance(part, str) else part for part in parts)
    return hashlib.sha256("\x1f".join(flat).encode()).hexdigest()


class Codes:
    """The codes of a consortium; `secret` is a key of its own."""

    def __init__(self, *, store: Store, contacts: Contacts, messenger: Messenger, secret: bytes) -> None:
        self._store = store
        self._contacts = contacts
        self._messenger = messenger
        self._secret = secret

    async def send(self, subject: SubjectId, bound: str, *, now: int) -> Sent:
        """Send a new code for the act `bound`; raises `ContactMissing`, `CodesSpent`, `MessageNotSent`."""
        contact = await self._contacts.get(subject)
        if contact is None or "sms" not in contact.addresses:
            raise ContactMissing("the person has given no number")
        id_, code = secrets.token_hex(16), f"{secrets.randbelow(10**6):06d}"
        row = {
            "id": id_,
            "subject": subject,
            "bound": bound,
            "digest": self._digest(id_, code),
            "tries": 0,
            "sent_at": now,
            "expires_at": now + LIFE_MS,
        }
        if not await self._store.write(lambda connection: _insert(connection, row, now)):
            raise CodesSpent("too many codes within a day")
        message = Message(id=id_, way="sms", to=contact.addresses["sms"], lang=contact.lang, code=code)
        await self._messenger.send(message)
        return Sent(id_, now + LIFE_MS)

    async def use(self, id_: str, code: str, *, subject: SubjectId, bound: str, now: int) -> None:
        """Use a code up; raises `CodeRefused`. A try counts even when this process dies right after."""
        mine = (table.c.id == id_, table.c.subject == subject, table.c.bound == bound)
        open_ = (table.c.used_at.is_(None), table.c.expires_at > now, table.c.tries < TRIES)
        given = self._digest(id_, code)

        def work(connection: Connection) -> bool:
            tried = sa.update(table).where(*mine, *open_).values(tries=table.c.tries + 1).returning(table.c.digest)
            digest = connection.execute(tried).scalar_one_or_none()
            if digest is None or not hmac.compare_digest(digest, given):
                return False
            connection.execute(sa.update(table).where(table.c.id == id_).values(used_at=now))
            return True

        if not await self._store.write(work):
            raise CodeRefused("this code does not confirm this act")

    def _digest(self, id_: str, code: str) -> str:
        return hmac.digest(self._secret, f"code\0{id_}\0{code}".encode(), "sha256").hex()


def _insert(connection: Connection, row: dict[str, object], now: int) -> bool:
    """Under the person's row lock, so that several at once cannot pass the limit together."""
    mine = table.c.subject == row["subject"]
    connection.execute(sa.select(people.c.id).where(people.c.id == row["subject"]).with_for_update())
    connection.execute(sa.delete(table).where(mine, table.c.sent_at <= now - _DAY_MS))
    sent = connection.execute(sa.select(sa.func.count()).select_from(table).where(mine)).scalar_one()
    if sent >= PER_DAY:
        return False
    connection.execute(sa.insert(table), row)
    return True
