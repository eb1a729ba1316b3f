"""The one-time link of a request, and what opening it gives. A link is never an authentication.

 1. issue    a token of 256 bits for the request; an earlier one dies. Only its keyed digest is kept
 2. open     uses the token up; gives the request to read, and a visit of half an hour to the same browser
 3. confirm  the person proves who they are, by sign-in or by a code on their own number; only then may they answer

What reaches a letter box, a shared phone or a scanner of links can therefore read which organisation asks what of
somebody, at worst, and answer nothing. Refuses alike what was never issued, used, replaced or is over.
"""

import hmac
import secrets
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from consent.codes import Codes, Sent, bind
from consent.errors import LinkUnknown, RequestLapsed, StateConflict
from consent.models import invitation as table
from consent.records import Authorisations
from consent.states import LAPSE_MS, By, Record, effective_state
from consent.vault import SubjectId

VISIT_MS = 30 * 60_000
OPEN = frozenset({"requested", "deferred", "given", "renewed", "paused"})
"""What a link is good for: answering, and taking back."""


@dataclass(frozen=True, slots=True)
class Link:
    """A fresh link: the token is in nobody's hands but the caller's."""

    token: str = field(repr=False)
    expires_at: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The request a link leads to; `visit` is good for `confirm` until `until`."""

    record: Record
    visit: str = field(repr=False)
    until: int


class Invitations:
    """The links of a consortium; `secret` is a key of its own."""

    def __init__(self, *, store: Store, authorisations: Authorisations, codes: Codes, secret: bytes) -> None:
        self._store = store
        self._authorisations = authorisations
        self._codes = codes
        self._secret = secret

    async def issue(self, record: Record, *, now: int) -> Link:
        """A new link for a request that waits or an authorisation in force; raises `RequestLapsed`, `StateConflict`."""
        _require_open(record, now)
        token = secrets.token_urlsafe(32)
        ends = (now + LAPSE_MS, _last(record, now), record.valid_until)
        expires_at = min(end for end in ends if end is not None)
        row = {"subject": record.subject, "digest": self._digest("link", token), "expires_at": expires_at}

        def work(connection: Connection) -> None:
            connection.execute(sa.delete(table).where(table.c.authorisation == record.id))
            connection.execute(sa.insert(table), {"authorisation": record.id, **row})

        await self._store.write(work)
        return Link(token, expires_at)

    async def open_link(self, token: str, *, now: int) -> Opened:
        """Use a link; raises `LinkUnknown`. The request is given whatever became of it meanwhile."""
        visit = secrets.token_urlsafe(32)
        live = (table.c.digest == self._digest("link", token), table.c.expires_at > now)
        values = {"digest": None, "visit": self._digest("visit", visit), "visit_until": now + VISIT_MS}
        used = sa.update(table).where(*live).values(values).returning(table.c.authorisation, table.c.subject)
        row = await self._store.write(lambda connection: connection.execute(used).one_or_none())
        if row is None:
            raise LinkUnknown("this link does not open anything")
        record = await self._authorisations.get(row.authorisation, subject=row.subject)
        return Opened(record, visit, now + VISIT_MS)

    async def visited(self, visit: str, *, now: int) -> Record:
        """The request of a visit, to show again; raises `LinkUnknown`."""
        mine = (table.c.visit == self._digest("visit", visit), table.c.visit_until > now)
        query = sa.select(table.c.authorisation, table.c.subject).where(*mine)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise LinkUnknown("this visit is over")
        return await self._authorisations.get(row.authorisation, subject=row.subject)

    async def close(self, visit: str) -> None:
        """End a visit before its time; one that is none is over already."""
        mine = table.c.visit == self._digest("visit", visit)
        over = sa.update(table).where(mine).values({"visit": None, "visit_until": None})
        await self._store.write(lambda connection: connection.execute(over))

    async def send_code(self, visit: str, *, now: int) -> Sent:
        """Send the person a code for this visit; raises as `Codes.send` does."""
        record = await self.visited(visit, now=now)
        _require_open(record, now)
        return await self._codes.send(record.subject, self._bound(visit), now=now)

    async def confirm(
        self,
        visit: str,
        *,
        signed_in: SubjectId | None = None,
        method: str = "sign_in",
        code: tuple[str, str] | None = None,
        now: int,
    ) -> tuple[Record, By]:
        """The request, and who may now answer it: the person, signed in or by a code (id, digits).

        Raises `LinkUnknown` (also for somebody else's sign-in), `CodeRefused`.
        """
        record = await self.visited(visit, now=now)
        if code is not None:
            await self._codes.use(code[0], code[1], subject=record.subject, bound=self._bound(visit), now=now)
            return record, By(kind="subject", channel="link", method="sms_code", confirmed=now)
        if signed_in is None or signed_in != record.subject:
            raise LinkUnknown("this visit is somebody else's")
        return record, By(kind="subject", channel="link", method=method)

    def _bound(self, visit: str) -> str:
        return bind("visit", self._digest("visit", visit))

    def _digest(self, use: str, token: str) -> str:
        return hmac.digest(self._secret, f"{use}\0{token}".encode("utf-8", "surrogatepass"), "sha256").hex()


def _last(record: Record, now: int) -> int | None:
    """How long a link may live: counted from the request, not from a deferral, which is nobody's to learn."""
    if record.decided_at is not None:
        return record.due
    week = record.requested_at + LAPSE_MS
    return week if now < week else week + LAPSE_MS


def _require_open(record: Record, now: int) -> None:
    state = effective_state(record, now)
    if state == "lapsed":
        raise RequestLapsed("this request waited too long: a new one is needed")
    if state not in OPEN:
        raise StateConflict("nothing is left to answer or to take back")
