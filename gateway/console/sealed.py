"""Whether what was sealed beside an entry is still there: without it nobody can open its commitments any more."""

import sqlalchemy as sa

from audit.models import audit_seal
from audit.store import Store
from gateway.console.entries import Entry


async def present(store: Store, entry: Entry) -> bool | None:
    """Tell whether the salts of a release are kept; None for an entry that has none."""
    if not entry.content.get("commits"):
        return None
    query = sa.select(audit_seal.c.index).where(audit_seal.c.index == entry.position)
    return await store.read(lambda connection: connection.execute(query).scalar()) is not None
