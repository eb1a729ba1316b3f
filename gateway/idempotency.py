"""Idempotency-Key: a repeat with the same body is the same exchange for counts; with another it is refused.

What a repeat uses that no earlier one has counted is counted: another month, a field allowed since, another person.
The answer is never stored: a repeat is decided and fetched afresh (GDPR art. 5(1)(e)).
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.batch import Change
from audit.store import Store
from gateway.models import idempotency as table
from gateway.oauth.models import insert_ignoring
from gateway.problems import Refusal

LIFE_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One keyed request, and what earlier ones with its key have counted already."""

    partner: str
    key: str
    counted: str
    secret: bytes = field(repr=False)

    def holds(self, subject: str, counter: str) -> bool:
        """Tell whether this counter (a window, or the uses of an authorisation) has counted this person's exchange."""
        return self._mark(subject, counter) in self.counted.split()

    def counting(self, subject: str, counters: Iterable[str]) -> Change:
        """Remember, in the transaction of the release, what it counts beside what was counted.

        Of several at once the first counts; the others must be decided again, as repeats of a counted one.
        """
        marks = " ".join(sorted({*self.counted.split(), *(self._mark(subject, each) for each in counters)}))
        mine = (table.c.partner == self.partner, table.c.key == self.key)
        change = sa.update(table).where(*mine, table.c.counted == self.counted).values(counted=marks)

        def count(connection: Connection, _index: int) -> None:
            if not connection.execute(change).rowcount:
                raise Refusal("contended")

        return count

    def _mark(self, subject: str, counter: str) -> str:
        return _named(self.secret, b"count\0%b\0%b" % (subject.encode(), counter.encode()))[:32]


async def claim(store: Store, *, partner: str, key: str, body: bytes, secret: bytes, now: int) -> Repeat:
    """Take the key for this body, or recognise a repeat; raises `idempotency_key_reused` for another body.

    Both are kept as HMACs: a plain digest of a file number is found by trying them all.
    """
    name = _named(secret, b"key\0" + key.encode())
    sent = _named(secret, b"body\0" + body)
    row = {"partner": partner, "key": name, "body": sent, "counted": "", "expires_at": now + LIFE_MS}
    counted = await store.write(lambda connection: _claim(connection, row, now))
    return Repeat(partner=partner, key=name, counted=counted, secret=secret)


def _named(secret: bytes, text: bytes) -> str:
    return hmac.digest(secret, text, "sha256").hex()


def _claim(connection: Connection, row: dict[str, Any], now: int) -> str:
    connection.execute(sa.delete(table).where(table.c.expires_at <= now))
    if connection.execute(insert_ignoring(connection.dialect.name, table).values(row)).rowcount:
        return ""
    known = connection.execute(
        sa.select(table.c.body, table.c.counted).where(table.c.partner == row["partner"], table.c.key == row["key"])
    ).one()
    if known.body != row["body"]:
        raise Refusal("idempotency_key_reused")
    return str(known.counted)
