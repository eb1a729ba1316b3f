"""What a person wrote when they objected, sealed under their key. Nobody has to write anything (GDPR 21, 12-2).

Only the person and the data protection officer who examines the objection read it. Refuses texts that are too long;
erased with the person.
"""

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from consent.models import said_words as table
from consent.vault import SubjectId, Vault, place

LONGEST = 2_000
"""Characters of one text."""


class SaidWords:
    """The words of a consortium's objections."""

    def __init__(self, *, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def keep(self, authorisation: str, text: str, *, subject: SubjectId, now: int) -> None:
        """Keep the words beside the objection; nothing when there are none, a later text replaces the earlier."""
        words = text.strip()[:LONGEST]
        if not words:
            return
        key = await self._vault.open(subject)
        sealed = key.seal(words.encode(), place("consent_words", "sealed", subject))
        row = {"authorisation": authorisation, "subject": subject, "sealed": sealed, "written_at": now}

        def work(connection: Connection) -> None:
            connection.execute(sa.delete(table).where(table.c.authorisation == authorisation))
            connection.execute(sa.insert(table), row)

        await self._store.write(work)

    async def read(self, authorisation: str, *, subject: SubjectId) -> str | None:
        """What was written, if anything."""
        query = sa.select(table.c.sealed).where(table.c.authorisation == authorisation, table.c.subject == subject)
        sealed = await self._store.read(lambda connection: connection.execute(query).scalar_one_or_none())
        if sealed is None:
            return None
        key = await self._vault.open(subject)
        return key.unseal(sealed, place("consent_words", "sealed", subject)).decode()
