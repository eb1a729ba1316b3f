"""What people are told without asking: that there is something new, in their own way, never more than that.

 request    a new request waits for them
 reminder   they said "later", and half of the time they have is over: once, whatever happens (an entry of the journal)
 ending     an authorisation ends within 30 days
 mirror     a professional noted an answer in their name: whatever they prefer, when there is any address
 mandate    a professional noted who may act for them: likewise

Each is planned once (its id says about what), claimed by one process at a time, and tried five times, a reminder once.
Refuses to write to who prefers nothing, and to tell what a notice is about: the message is « Il y a du nouveau ».
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from audit.store import Store
from consent.carrying import Tell, Told
from consent.contacts import Contacts
from consent.errors import AuthorisationUnknown, ConsentError, MessageNotSent, SubjectErased
from consent.messages import Message, Messenger
from consent.models import authorisation, contact, held
from consent.models import notice as table
from consent.records import Authorisations
from consent.states import LAPSE_MS, By, Record, effective_state
from consent.vault import SubjectId

ENDING_MS = 30 * 86_400_000
REMIND_BEFORE_MS = LAPSE_MS // 2
KEPT_MS = 90 * 86_400_000
RETRY_MS = 5 * 60_000
TRIES = 5
AFTER_MS = 60_000  # a notice of an act goes out once the act is surely done
_AT_ONCE = 200
_CLOCK = By(kind="clock", channel="system")


class Reminders:
    """The notices of a consortium."""

    def __init__(
        self, *, store: Store, authorisations: Authorisations, contacts: Contacts, messenger: Messenger
    ) -> None:
        self._store = store
        self._authorisations = authorisations
        self._contacts = contacts
        self._messenger = messenger

    async def mirror(self, record: Record, act: str, *, now: int) -> str:
        """Before an act is done in the person's name: make sure they hear of it. Gives the id, for `unsaid`."""
        row = _row(f"mirror:{record.id}:{act}:{now}", "mirror", record.subject, record.id, now=now + AFTER_MS)
        await self._store.write(lambda connection: _insert(connection, row))
        return str(row["id"])

    def mirrored(self, act: str, *, now: int) -> Tell:
        """The same for an act of one transition, in that transition's own transaction."""

        def tell(connection: Connection, told: Told) -> None:
            id_ = f"mirror:{told.record_id}:{act}:{now}"
            _insert(connection, _row(id_, "mirror", told.subject, told.record_id, now=now + AFTER_MS))

        return tell

    def recorded(self, *, now: int) -> Callable[[Connection, SubjectId, str], None]:
        """The same for a mandate, in the transaction that keeps it."""

        def tell(connection: Connection, subject: SubjectId, mandate: str) -> None:
            _insert(connection, _row(f"mandate:{mandate}", "mandate", subject, mandate, now=now + AFTER_MS))

        return tell

    async def unsaid(self, id_: str) -> None:
        """The act was refused: there is nothing to tell."""
        gone = sa.delete(table).where(table.c.id == id_, table.c.done_at.is_(None))
        await self._store.write(lambda connection: connection.execute(gone) and None)

    async def round(self, now: int) -> int:
        """Plan what is due, send it; tells how many messages left. Any number of processes may do this at once."""
        await self._remind(now)
        await self._store.write(lambda connection: _plan(connection, now))
        waiting = (table.c.done_at.is_(None), table.c.due_at <= now, table.c.tries_left > 0)
        query = sa.select(table).where(*waiting).order_by(table.c.due_at, table.c.id).limit(_AT_ONCE)
        sent = 0
        for row in await self._store.read(lambda connection: connection.execute(query).mappings().all()):
            sent += await self._send(row, now)
        return sent

    async def _remind(self, now: int) -> None:
        """The entry comes first and is refused a second time: so is the message."""
        late = (authorisation.c.state == "deferred", authorisation.c.slot == "pending")
        soon = (authorisation.c.reminded_at.is_(None), authorisation.c.due <= now + REMIND_BEFORE_MS)
        wanted = sa.select(authorisation.c.id, authorisation.c.subject).join(
            contact, contact.c.subject == authorisation.c.subject
        )
        waits = sa.exists().where(held.c.authorisation == authorisation.c.id)
        query = wanted.where(*late, *soon, authorisation.c.due > now, contact.c.preference != "none", ~waits)
        ordered = query.order_by(authorisation.c.due, authorisation.c.id).limit(_AT_ONCE)
        for id_, subject in await self._store.read(lambda connection: connection.execute(ordered).all()):
            try:
                await self._authorisations.remind(id_, subject=subject, by=_CLOCK, now=now)
            except ConsentError:  # reminded or answered meanwhile; or looked at again, and nobody else waits for it
                continue
            row = {**_row(f"reminder:{id_}", "reminder", subject, id_, now=now), "tries_left": 1}
            await self._store.write(lambda connection, row=row: _insert(connection, row))  # type: ignore[misc]

    async def _send(self, row: Any, now: int) -> bool:
        claim = sa.update(table).where(
            table.c.id == row["id"], table.c.due_at == row["due_at"], table.c.tries_left == row["tries_left"]
        )
        values = {"due_at": now + RETRY_MS, "tries_left": row["tries_left"] - 1}
        claimed = claim.where(table.c.done_at.is_(None)).values(values)
        if not await self._store.write(lambda connection: connection.execute(claimed).rowcount):
            return False  # another process has it
        outcome = await self._deliver(row, now)
        if outcome is not None:
            done = sa.update(table).where(table.c.id == row["id"]).values(done_at=now, outcome=outcome)
            await self._store.write(lambda connection: connection.execute(done) and None)
        return outcome == "sent"

    async def _deliver(self, row: Any, now: int) -> str | None:
        """What became of it; None when it may be tried again."""
        again = None if row["tries_left"] > 1 else "not_sent"
        subject = SubjectId(row["subject"])
        try:
            record = None
            if row["kind"] != "mandate":
                record = await self._authorisations.get(row["authorisation"], subject=subject)
            known = await self._contacts.get(subject)
        except (AuthorisationUnknown, SubjectErased):
            return "over"
        except ConsentError:  # nobody else waits for it
            return again
        if record is not None and not _still(row["kind"], record, now):
            return "over"
        way = None if known is None else known.way(always=row["kind"] in {"mirror", "mandate"})
        if known is None or way is None:
            return "no_address"
        try:
            await self._messenger.send(Message(id=row["id"], way=way, to=known.addresses[way], lang=known.lang))
        except MessageNotSent:
            return again
        return "sent"


def _still(kind: str, record: Record, now: int) -> bool:
    """Whether what the notice is about is still so."""
    state = effective_state(record, now)
    wanted = {"request": {"requested"}, "reminder": {"deferred"}, "ending": {"given", "renewed"}}
    return kind == "mirror" or state in wanted[kind]


def _row(id_: str, kind: str, subject: str, authorisation_id: str, *, now: int) -> dict[str, object]:
    return {
        "id": id_,
        "kind": kind,
        "subject": subject,
        "authorisation": authorisation_id,
        "due_at": now,
        "tries_left": TRIES,
    }


def _plan(connection: Connection, now: int) -> None:
    """One statement per kind; what was planned stays as it is."""
    mine = authorisation.c.subject == contact.c.subject
    told = sa.select(contact.c.subject).where(mine, contact.c.preference != "none").exists()
    waits = (authorisation.c.slot == "pending", authorisation.c.state == "requested", authorisation.c.due > now)
    ends = (
        authorisation.c.slot == "current",
        authorisation.c.state.in_(("given", "renewed")),
        authorisation.c.valid_until > now,
        authorisation.c.valid_until <= now + ENDING_MS,
    )
    for kind, conditions in (("request", waits), ("ending", ends)):
        columns = (
            sa.literal(f"{kind}:") + authorisation.c.id,
            sa.literal(kind),
            authorisation.c.subject,
            authorisation.c.id,
            sa.literal(now, sa.BigInteger),
            sa.literal(TRIES),
        )
        known = sa.select(table.c.id).where(table.c.id == columns[0]).exists()
        found = sa.select(*columns).where(*conditions, told, ~known)
        chosen = found.order_by(authorisation.c.id).limit(_AT_ONCE)
        names = ("id", "kind", "subject", "authorisation", "due_at", "tries_left")
        connection.execute(_ignoring(connection).from_select(names, chosen))
    connection.execute(sa.delete(table).where(table.c.done_at <= now - KEPT_MS))


def _insert(connection: Connection, row: dict[str, object]) -> None:
    connection.execute(_ignoring(connection), row)


def _ignoring(connection: Connection) -> postgresql.Insert | sqlite.Insert:
    """Planned twice is planned once, also by two processes at the same moment."""
    return _POSTGRESQL if connection.dialect.name == "postgresql" else _SQLITE


_POSTGRESQL = postgresql.insert(table).on_conflict_do_nothing()
_SQLITE = sqlite.insert(table).on_conflict_do_nothing()
