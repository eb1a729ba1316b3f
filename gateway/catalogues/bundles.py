"""Catalogues stored whole under their digest, so that every process decides with the same bytes.

Refuses a stored catalogue whose content has another digest than its name: what is read is what was signed.
"""

import asyncio
from functools import lru_cache

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from gateway.catalogues.models import active, bundle
from gateway.oauth.models import insert_ignoring
from policies import catalogue as catalogues
from policies.catalogue import Catalogue

REASONS = {
    "unknown": "no catalogue is stored under this digest",
    "altered": "a stored catalogue is not the one its digest names: it was altered",
    "none_active": "no catalogue is active yet: start the gateway once",
    "in_force": "this catalogue is the one in force",
    "moved": "another catalogue became active meanwhile: look at the difference again",
    "signed": "this person has signed it: another one must",
    "unsigned": "it is not signed",
    "two_needed": "it permits more than the one in force: two must sign, by the same means",
}


class CatalogueRefused(Exception):  # noqa: N818  a command or a page says why
    """A catalogue cannot be used, signed or made active; `reason` is of `REASONS`, its sentence is for who asked."""

    code = "catalogue_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


def newest() -> sa.ScalarSelect[str]:
    """The digest of the catalogue that decides, NULL while none was ever activated."""
    # no LIMIT: it would be a parameter, and the statement of the gate binds its own
    last = sa.select(sa.func.max(active.alias("every").c.entry)).scalar_subquery()
    return sa.select(active.c.digest).where(active.c.entry == last).scalar_subquery()


async def digest_in_force(store: Store) -> str | None:
    """The same, read now."""
    return await store.read(lambda connection: connection.execute(sa.select(newest())).scalar())


async def keep(store: Store, catalogue: Catalogue, *, now: int) -> None:
    """Store a catalogue; nothing happens when it is there."""
    row = {"digest": catalogue.digest, "content": orjson.dumps(catalogue.content).decode(), "stored_at": now}

    def work(connection: Connection) -> None:
        connection.execute(insert_ignoring(connection.dialect.name, bundle), [row])

    await store.write(work)


async def read(store: Store, digest: str) -> Catalogue:
    """Give a stored catalogue; raises `CatalogueRefused` when it is not there or is not what its name says."""
    query = sa.select(bundle.c.content).where(bundle.c.digest == digest)
    text = await store.read(lambda connection: connection.execute(query).scalar())
    if text is None:
        raise CatalogueRefused("unknown")
    found = await asyncio.to_thread(_restore, text)  # checking a whole catalogue takes a tenth of a second or more
    if found.digest != digest:
        raise CatalogueRefused("altered")
    return found


async def listed(store: Store) -> list[tuple[str, int]]:
    """The digests stored and since when, newest first."""
    query = sa.select(bundle.c.digest, bundle.c.stored_at).order_by(bundle.c.stored_at.desc(), bundle.c.digest)
    rows = await store.read(lambda connection: connection.execute(query.limit(200)).all())
    return [(digest, at) for digest, at in rows]


@lru_cache(maxsize=16)  # what is stored under a digest never changes
def _restore(text: str) -> Catalogue:
    return catalogues.restore(orjson.loads(text))
