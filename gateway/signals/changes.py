"""A source says that data about a person has changed: who may have that data now is told to ask again.

Refuses to say who that is, or whether there is anybody: the source's answer is always the same. What changed is told to
nobody; the exchange that follows is decided like any other. Nobody is told who has no valid authorisation for it.
"""

from collections.abc import Collection

from sqlalchemy import Connection

from consent import names
from consent.states import Record
from consent.vault import SubjectId
from gateway.services import Services


async def announce(services: Services, subject: SubjectId, *, source: str, datasets: Collection[str], now: int) -> None:
    """Put what is to be told into the outbox."""

    def concerned(record: Record) -> bool:
        line = services.catalogue.request_fields(record.recipient, record.purpose).sources.get(source, ())
        return any(name.partition(".")[0] in datasets for name in record.fields.intersection(line))

    def work(connection: Connection) -> None:
        for record in names.open_to_source(connection, subject, source, now=now):
            if record.recipient != source and concerned(record):
                services.outbox.changed(connection, record, at=now)

    await services.store.write(work)
