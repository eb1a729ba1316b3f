"""The allow-list: who may act as a professional, a DPO or an operator. Nobody else does, whatever a provider says.

A line names an account (`sub`) at a provider, or an address of mail with a SIRET; then the first sign-in that shows
both binds it to that account, and from there on only the account counts: whoever gets the address later gets nothing.
An address that the provider says it has not verified (`email_verified`, OpenID Connect Core 1.0 §5.1) binds nothing.
The SIRET, when the line has one, is asked for again at each sign-in: who changes employer loses the role.
Neither account nor address stands in clear. Giving and removing are entries of the journal; removing ends the sessions.
"""

import hmac
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Draft, Journal
from audit.person_key import Sealing
from audit.store import Store
from consent.blind import BlindIndex
from gateway.signin.errors import Fault, RoleInvalid, SigninRefused
from gateway.signin.models import role as table
from gateway.web.sessions import Sessions

Listed = Literal["professional", "dpo", "operator"]
ROLES: tuple[Listed, ...] = ("professional", "dpo", "operator")
_MOST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """How a line is named: the account, or address and SIRET. `siret` may stand beside an account too."""

    issuer: str
    sub: str | None = field(default=None, repr=False)
    mail: str | None = field(default=None, repr=False)
    siret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the allow-list; `named` is what the operator wrote, or since the first sign-in the account."""

    id: str
    role: Listed
    organisation: str
    consortium: bool
    provider: str
    siret: str | None
    named: Mapping[str, str] = field(repr=False)
    created_at: int
    bound: bool


class Roles:
    """The allow-list of a consortium."""

    def __init__(
        self, *, store: Store, journal: Journal, blind: BlindIndex, sealing: Sealing, sessions: Sessions
    ) -> None:
        self._store = store
        self._journal = journal
        self._blind = blind
        self._sealing = sealing
        self._sessions = sessions

    async def give(
        self, role: Listed, organisation: str, named: Named, *, provider: str, consortium: bool = False, now: int
    ) -> str:
        """Add a line; gives its id. Raises `RoleInvalid`."""
        if consortium and role != "dpo":
            raise RoleInvalid("only a DPO can be the consortium's")
        if (named.sub is None) == (named.mail is None):
            raise RoleInvalid("name an account (sub) or an address of mail, not both")
        if named.mail is not None and named.siret is None:
            raise RoleInvalid("an address of mail needs the SIRET it comes with")
        id_ = secrets.token_hex(16)
        said = {"issuer": named.issuer, "sub": named.sub, "mail": named.mail}
        row = {
            "id": id_,
            "role": role,
            "organisation": organisation,
            "consortium": consortium,
            "provider": provider,
            "siret": named.siret,
            "mail": None if named.mail is None else self._mail(named.issuer, named.mail),
            "account": None if named.sub is None else self._account(named.issuer, named.sub),
            "sealed": self._seal(id_, said),
            "created_at": now,
        }

        def change(connection: Connection, index: int) -> None:
            same = [
                table.c[name].is_not_distinct_from(row[name])
                for name in ("role", "organisation", "consortium", "mail", "account", "siret")
            ]
            if connection.execute(sa.select(table.c.id).where(table.c.ended_at.is_(None), *same)).first() is not None:
                raise RoleInvalid("this role was given before")
            connection.execute(sa.insert(table), {**row, "entry": index})

        members: dict[str, Json] = {"line": id_, "role": role, "org": organisation, "provider": provider}
        if consortium:
            members["consortium"] = True
        await self._journal.append(Draft(type="role.given", members=members, time=now, change=change))
        return id_

    async def remove(self, id_: str, *, now: int) -> int:
        """Take a line out and end the sessions of its human, at once; gives how many. Raises `RoleInvalid`."""
        query = sa.select(table).where(table.c.id == id_, table.c.ended_at.is_(None))
        found = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if found is None:
            raise RoleInvalid("no such line")
        ended = 0

        def change(connection: Connection, index: int) -> None:
            nonlocal ended
            row = connection.execute(query).one_or_none()
            if row is None:
                raise RoleInvalid("no such line")
            named = self._opened(id_, row.sealed)
            if named["sub"] is not None:
                ended = self._sessions.drop(connection, owner(named["issuer"], named["sub"]))
            gone = {"ended_at": now, "entry": index, "sealed": b"", "mail": None, "account": None}
            connection.execute(sa.update(table).where(table.c.id == id_).values(gone))

        members: dict[str, Json] = {"line": id_, "role": found.role, "org": found.organisation}
        await self._journal.append(Draft(type="role.removed", members=members, time=now, change=change))
        return ended

    async def lines(self) -> Sequence[Line]:
        """The whole list, oldest first, read in pages."""
        found: list[Line] = []
        page = await self._page(None)
        while page:
            found += page
            page = await self._page(page[-1]) if len(page) == _MOST else []
        return found

    async def of(self, *, issuer: str, sub: str, mail: str | None, siret: str | None) -> Sequence[Line]:
        """The lines that this account may take, bound to it or still to be bound."""
        mine = table.c.account == self._account(issuer, sub)
        if mail is not None and siret is not None:
            mine |= table.c.account.is_(None) & (table.c.mail == self._mail(issuer, mail))
        right = table.c.siret.is_(None) | (table.c.siret == siret)
        query = sa.select(table).where(table.c.ended_at.is_(None), mine, right)
        ordered = query.order_by(table.c.created_at, table.c.id).limit(_MOST)
        rows = await self._store.read(lambda connection: connection.execute(ordered).all())
        return [self._line(row) for row in rows]

    async def _page(self, after: Line | None) -> list[Line]:
        query = sa.select(table).where(table.c.ended_at.is_(None)).order_by(table.c.created_at, table.c.id)
        if after is not None:
            query = query.where(sa.tuple_(table.c.created_at, table.c.id) > sa.tuple_(after.created_at, after.id))
        rows = await self._store.read(lambda connection: connection.execute(query.limit(_MOST)).all())
        return [self._line(row) for row in rows]

    def take(self, connection: Connection, id_: str, *, issuer: str, sub: str, now: int) -> None:
        """In the transaction that opens the session: the line still stands, and is this account's from now on."""
        name = self._account(issuer, sub)
        free = table.c.account.is_(None) | (table.c.account == name)
        mine = (table.c.id == id_, table.c.ended_at.is_(None), free)
        row = connection.execute(sa.select(table.c.account, table.c.sealed).where(*mine)).one_or_none()
        if row is None:
            raise SigninRefused(Fault.NOT_LISTED)
        if row.account is None:
            sealed = self._seal(id_, {**self._opened(id_, row.sealed), "sub": sub})
            bound = {"account": name, "mail": None, "sealed": sealed, "bound_at": now}
            connection.execute(sa.update(table).where(table.c.id == id_).values(bound))

    def _line(self, row: sa.Row[Any]) -> Line:
        named = self._opened(row.id, row.sealed)
        return Line(
            id=row.id,
            role=cast("Listed", row.role),
            organisation=row.organisation,
            consortium=row.consortium,
            provider=row.provider,
            siret=row.siret,
            named={name: value for name, value in named.items() if value is not None},
            created_at=row.created_at,
            bound=row.account is not None,
        )

    def _opened(self, id_: str, sealed: bytes) -> dict[str, Any]:
        named: dict[str, Any] = orjson.loads(self._sealing.unseal(sealed, _place(id_)))
        return named

    def _seal(self, id_: str, named: Mapping[str, str | None]) -> bytes:
        return self._sealing.seal(orjson.dumps(named), _place(id_))

    def _account(self, issuer: str, sub: str) -> str:
        return self._blind.of("role-account", f"{issuer}\0{sub}")

    def _mail(self, issuer: str, mail: str) -> str:
        return self._blind.of("role-mail", f"{issuer}\0{plain_mail(mail)}")


def plain_mail(mail: str) -> str:
    """An address as it is compared: composed characters, small letters."""
    return unicodedata.normalize("NFC", mail.strip()).casefold()


def owner(issuer: str, sub: str) -> str:
    """`Identity.owner` of an account."""
    return f"{issuer} {sub}"


def sealing_of(key: bytes, label: bytes) -> Sealing:
    """A key of its own for each use."""
    return Sealing(hmac.digest(key, label, "sha256"))


def _place(id_: str) -> bytes:
    return f"signin_role\x00sealed\x00{id_}".encode()
