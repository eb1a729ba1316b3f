"""Registered partner systems: who may ask for a token, with which keys, for which scopes.

A registration and each change of it are journal entries (`partner.registered`, `partner.changed`): the caller appends
them with `insert_partner` or `replace_partner` as the change of that entry, so that both are durable or neither is.
Refuses to hold a secret of a partner: it knows public keys only.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from audit.canonical import Json
from audit.store import Store
from gateway.oauth import bindings
from gateway.oauth import jwks as key_sets
from gateway.oauth.bindings import Binding
from gateway.oauth.errors import PartnerChanged, PartnerExists, PartnerInvalid
from gateway.oauth.jose import VerificationKey, encode
from gateway.oauth.models import insert_ignoring
from gateway.oauth.models import partner as table
from gateway.oauth.published_keys import PublishedKeys
from gateway.oauth.siret import is_siret

_BINDING = ("binding", "certificates")
ACTIVE, SUSPENDED = "active", "suspended"
MAX_SCOPES = 64
MAX_BATCH_JOBS = 32

_SLUG = re.compile(r"(?=.{2,41}\Z)[a-z](?:-?[a-z0-9])+")
_SCOPE = re.compile(r"[a-z][a-z_]{0,39}(?:[.:][a-z][a-z0-9_]{0,39}){0,3}")  # what the journal can hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """One registration, as it was when it was read."""

    id: str
    name: str
    siret: str
    scopes: frozenset[str]
    jwks: tuple[Mapping[str, str], ...] = field(repr=False)
    batch_jobs: frozenset[str]
    status: str
    created_at: int
    changed_at: int
    binding: Binding
    certificates: tuple[str, ...] = ()
    jwks_uri: str | None = None
    redirect_uris: tuple[str, ...] = ()
    keys: Mapping[str, VerificationKey] = field(repr=False, compare=False)

    @property
    def active(self) -> bool:
        """Whether this partner may ask for tokens and use them."""
        return self.status == ACTIVE


def is_partner_id(text: object) -> TypeGuard[str]:
    """Whether this could be the id of a partner at all: anything else is not worth a look-up."""
    return isinstance(text, str) and _SLUG.fullmatch(text) is not None


def new_partner(
    *,
    id: str,  # noqa: A002  the word of the catalogue
    name: str,
    siret: str,
    scopes: Collection[str],
    jwks: object = None,
    batch_jobs: Collection[str] = (),
    binding: str = "dpop",
    certificates: Collection[str] = (),
    jwks_uri: str | None = None,
    redirect_uris: Collection[str] = (),
    now: int,
) -> Partner:
    """A registration that keeps every rule, or `PartnerInvalid`. Writes nothing.

    Keys are given here (`jwks`) or published by the partner (`jwks_uri`), not both (RFC 7591 §2).
    """
    if not is_partner_id(id):
        raise PartnerInvalid("id", "must be 2 to 41 lower-case letters, digits or single hyphens, a letter first")
    if not 1 <= len(name) <= 120 or not name.isprintable() or name != name.strip():
        raise PartnerInvalid("name", "must be 1 to 120 printable characters")
    if not is_siret(siret):
        raise PartnerInvalid("siret", "must be the 14 digits of a SIRET with a valid key")
    _check_scopes(scopes)
    if len(batch_jobs) > MAX_BATCH_JOBS or not all(_SLUG.fullmatch(job) for job in batch_jobs):
        raise PartnerInvalid("batch_jobs", f"must be at most {MAX_BATCH_JOBS} slugs")
    if jwks is not None and jwks_uri is not None:
        raise PartnerInvalid("jwks_uri", "must not be given beside jwks")
    kept = key_sets.check(jwks) if jwks_uri is None else []
    bound, expected = bindings.check_binding(binding, certificates)
    return Partner(
        id=id, name=name, siret=siret, scopes=frozenset(scopes), jwks=tuple(kept), batch_jobs=frozenset(batch_jobs),
        status=ACTIVE, created_at=now, changed_at=now, binding=bound, certificates=expected,
        jwks_uri=bindings.check_jwks_uri(jwks_uri), redirect_uris=bindings.check_redirect_uris(redirect_uris),
        keys=key_sets.load(kept),
    )  # fmt: skip


def insert_partner(connection: Connection, partner: Partner) -> None:
    """Store a new registration; `PartnerExists` when its id is taken."""
    statement = insert_ignoring(connection.dialect.name, table).returning(table.c.id)
    if connection.execute(statement, [_row(partner)]).first() is None:
        raise PartnerExists(partner.id)


def journal_members(partner: Partner) -> dict[str, Json]:
    """The members of the entry `partner.registered` that goes with `insert_partner`; addresses as digests."""
    members: dict[str, Json] = {
        "org": partner.id,
        "siret": partner.siret,
        "scopes": sorted(partner.scopes),
        "keys": [key_sets.thumbprint(key) for key in partner.jwks],
        "batches": sorted(partner.batch_jobs),
        "binding": partner.binding,
    }
    lists = {"certificates": partner.certificates, "redirects": partner.redirect_uris}
    members |= {name: [_digest(each) for each in texts] for name, texts in lists.items() if texts}
    return members | ({} if partner.jwks_uri is None else {"keys_at": _digest(partner.jwks_uri)})


def with_keys(partner: Partner, *, jwks: object = None, jwks_uri: str | None = None, now: int) -> Partner:
    """The same partner with other keys, or with the address where it publishes them; `PartnerInvalid` as at first."""
    kept = key_sets.check(jwks) if jwks_uri is None else []
    address = bindings.check_jwks_uri(jwks_uri)
    return replace(
        partner, jwks=tuple(kept), keys=key_sets.load(kept), jwks_uri=address, changed_at=_later(partner, now)
    )


def with_scopes(partner: Partner, scopes: Collection[str], *, now: int) -> Partner:
    """The same partner with exactly these scopes; `PartnerInvalid` as at first."""
    _check_scopes(scopes)
    return replace(partner, scopes=frozenset(scopes), changed_at=_later(partner, now))


def with_binding(partner: Partner, binding: str, certificates: Collection[str], *, now: int) -> Partner:
    """The same partner whose tokens are bound otherwise; `PartnerInvalid` as at first."""
    bound, expected = bindings.check_binding(binding, certificates)
    return replace(partner, binding=bound, certificates=expected, changed_at=_later(partner, now))


def with_status(partner: Partner, status: str, *, now: int) -> Partner:
    """The same partner, active or suspended."""
    return replace(partner, status=status, changed_at=_later(partner, now))


def change_members(partner: Partner, what: str) -> dict[str, Json]:
    """The members of the entry `partner.changed` that goes with `replace_partner`: how it is afterwards."""
    members = journal_members(partner)
    shown = {"keys": ("keys", "keys_at"), "scopes": ("scopes",), "status": (), "binding": _BINDING}[what]
    named = {name: members[name] for name in shown if name in members}
    return {"org": partner.id, "what": what, "status": partner.status} | named


async def register(store: Store, partner: Partner) -> None:
    """Store a new registration in a transaction of its own, where no journal is there to carry it (tests)."""
    await store.write(lambda connection: insert_partner(connection, partner))


def replace_partner(connection: Connection, former: Partner, changed: Partner) -> None:
    """Store a changed registration; it reaches running tokens within `Partners.max_age`.

    `PartnerChanged` when it is not the one that was read any more.
    """
    statement = sa.update(table).where(table.c.id == former.id, table.c.changed_at == former.changed_at)
    if connection.execute(statement.values(_row(changed))).rowcount == 0:
        raise PartnerChanged(former.id)


def find_partner(connection: Connection, partner_id: str) -> Partner | None:
    """The registration under this id, whatever its status."""
    row = connection.execute(sa.select(table).where(table.c.id == partner_id)).first()
    return None if row is None else _partner(row)


def list_partners(connection: Connection, *, after: str = "", limit: int = 100) -> list[Partner]:
    """Registrations in the order of their ids, one page at a time."""
    statement = sa.select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
    return [_partner(row) for row in connection.execute(statement)]


def _partner(row: Row[Any]) -> Partner:
    keys = row.jwks["keys"]
    return Partner(
        id=row.id, name=row.name, siret=row.siret, scopes=frozenset(row.scopes), jwks=tuple(keys),
        batch_jobs=frozenset(row.batch_jobs), status=row.status, created_at=row.created_at,
        changed_at=row.changed_at, binding=row.binding, certificates=tuple(row.certificates), jwks_uri=row.jwks_uri,
        redirect_uris=tuple(row.redirect_uris),
        keys=key_sets.load(keys),
    )  # fmt: skip


def _later(partner: Partner, now: int) -> int:
    """Two changes never bear the same time: `replace_partner` goes by it."""
    return max(now, partner.changed_at + 1)


def _check_scopes(scopes: Collection[str]) -> None:
    if not 1 <= len(scopes) <= MAX_SCOPES or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise PartnerInvalid("scopes", f"must be 1 to {MAX_SCOPES} names such as data:rsa")


def _row(partner: Partner) -> dict[str, Any]:
    return {
        "id": partner.id,
        "name": partner.name,
        "siret": partner.siret,
        "scopes": sorted(partner.scopes),
        "jwks": {"keys": [dict(key) for key in partner.jwks]},
        "batch_jobs": sorted(partner.batch_jobs),
        "status": partner.status,
        "created_at": partner.created_at,
        "changed_at": partner.changed_at,
        "binding": partner.binding,
        "certificates": list(partner.certificates),
        "jwks_uri": partner.jwks_uri,
        "redirect_uris": list(partner.redirect_uris),
    }


def _digest(text: str) -> str:
    return encode(hashlib.sha256(text.encode("utf-8")).digest())


class Partners:
    """Reads registrations, remembering each for at most `max_age` milliseconds.

    The only thing that rests on this memory is that a change (suspension, new keys, fewer scopes) bites
    within `max_age` on every process. An unknown id is never remembered: a new partner works at once.
    """

    def __init__(
        self, store: Store, *, max_age: int = 5_000, size: int = 1_024, published: PublishedKeys | None = None
    ) -> None:
        self._store = store
        self._published = published
        self._max_age = max_age
        self._size = size
        self._known: dict[str, tuple[int, Partner]] = {}

    async def get(self, partner_id: str, now: int) -> Partner | None:
        """The registration under this id, at most `max_age` old."""
        known = self._known.get(partner_id)
        if known is not None and 0 <= now - known[0] < self._max_age:
            return known[1]
        partner = await self._store.read(_finder(partner_id))
        if partner is None:
            self._known.pop(partner_id, None)
            return None
        if len(self._known) >= self._size:
            self._known.clear()
        self._known[partner_id] = (now, partner)
        return partner

    async def key(self, partner: Partner, kid: str, now: int) -> VerificationKey | None:
        """The partner's key of this name, from its registration or from where it publishes its keys."""
        if partner.jwks_uri is None or self._published is None:
            return partner.keys.get(kid)
        return await self._published.find(partner.id, partner.jwks_uri, kid=kid, now=now)


def _finder(partner_id: str) -> Callable[[Connection], Partner | None]:
    return lambda connection: find_partner(connection, partner_id)
