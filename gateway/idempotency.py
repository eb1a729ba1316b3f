"""Idempotency-Key: a repeat with the same body is the same exchange for counts; with another it is refused.

The answer is never stored: a repeat is decided and fetched afresh (GDPR art. 5(1)(e)).
"""

import hmac
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from gateway.models import idempotency as table
from gateway.oauth.models import insert_ignoring
from gateway.problems import Refusal

LIFE_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One keyed request; `counted` tells whether an earlier one has already been counted."""

    partner: str
    key: str
    counted: bool

    def count(self, connection: Connection, _index: int) -> None:
        """Remember, in the transaction of the release, that this exchange is now counted.

        Of several at once the first counts; the others must be decided again, as repeats of a counted one.
        """
        mine = (table.c.partner == self.partner, table.c.key == self.key)
        change = sa.update(table).where(*mine, table.c.counted == sa.literal(self.counted)).values(counted=True)
        if not connection.execute(change).rowcount:
            raise Refusal("contended")


async def claim(store: Store, *, partner: str, key: str, body: bytes, secret: bytes, now: int) -> Repeat:
    """Take the key for this body, or recognise a repeat; raises `idempotency_key_reused` for another body.

    Both are kept as HMACs: a plain digest of a file number is found by trying them all.
    """
    name = _named(secret, b"key\0" + key.encode())
    sent = _named(secret, b"body\0" + body)
    row = {"partner": partner, "key": name, "body": sent, "counted": False, "expires_at": now + LIFE_MS}
    counted = await store.write(lambda connection: _claim(connection, row, now))
    return Repeat(partner=partner, key=name, counted=counted)


def _named(secret: bytes, text: bytes) -> str:
    return hmac.digest(secret, text, "sha256").hex()


def _claim(connection: Connection, row: dict[str, Any], now: int) -> bool:
    connection.execute(sa.delete(table).where(table.c.expires_at <= now))
    if connection.execute(insert_ignoring(connection.dialect.name, table).values(row)).rowcount:
        return False
    known = connection.execute(
        sa.select(table.c.body, table.c.counted).where(table.c.partner == row["partner"], table.c.key == row["key"])
    ).one()
    if known.body != row["body"]:
        raise Refusal("idempotency_key_reused")
    return bool(known.counted)
