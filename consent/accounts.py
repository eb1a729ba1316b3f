"""By which account of an identity provider a person is recognised, and whom a first sign-in designates.

 1  the account is known: that person, and nobody else
 2  else the civil identity the provider vouches for, complete, as `pivot.py` compares it
 3  one person is found by it; none is an outcome, and so are identities partners declare differently: never a guess
 4  the account is remembered with the session it opens, looked at again under the journal's lock

Nothing is created for somebody no partner has linked. The account stands as a keyed digest, and sealed under the
person's own key; it goes with the person (`wiping.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from consent import pivot
from consent.blind import BlindIndex
from consent.errors import IdentifierInvalid, PersonUnknown, SubjectAmbiguous
from consent.forms import Bad
from consent.models import account as table
from consent.models import identifier
from consent.models import subject as people
from consent.vault import SubjectId, Vault, place


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody's name at a provider: OpenID Connect `iss` and `sub`."""

    issuer: str
    sub: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """The one person an account designates. `remember` writes that down; None when it is written already."""

    subject: SubjectId
    remember: Callable[[Connection, int], None] | None = field(repr=False)


class Accounts:
    """The accounts of a consortium's persons."""

    def __init__(self, *, store: Store, vault: Vault, blind: BlindIndex) -> None:
        self._store = store
        self._vault = vault
        self._blind = blind

    async def recognise(self, account: Account, civil: Mapping[str, Any], *, now: int) -> Recognised:
        """Raises `PersonUnknown`, `SubjectAmbiguous`, or `IdentifierInvalid`: the identity can find nobody surely."""
        name = self._blind.of("account", f"{account.issuer}\0{account.sub}")
        known = await self._store.read(lambda connection: _by_account(connection, name))
        if known is not None:  # 1
            return Recognised(subject=known, remember=None)
        claim = self.civil_name(civil, now=now)  # 2
        subject = await self._store.read(lambda connection: _by_identity(connection, claim))  # 3
        key = await self._vault.open(subject)
        content = orjson.dumps({"iss": account.issuer, "sub": account.sub})
        row = {
            "blind": name,
            "subject": subject,
            "sealed": key.seal(content, place("consent_account", "sealed", subject)),
            "created_at": now,
        }

        def remember(connection: Connection, _index: int) -> None:  # 4
            if _by_identity(connection, claim) != subject or _by_account(connection, name) not in {None, subject}:
                raise SubjectAmbiguous("this identity designates somebody else now")
            if _by_account(connection, name) is None:
                connection.execute(sa.insert(table), row)

        return Recognised(subject=subject, remember=remember)

    async def name_of(self, subject: SubjectId) -> str:
        """First given name and birth name, for a helper who chooses whom to help; empty when not known surely."""
        query = sa.select(people.c.identifiers).where(people.c.id == subject, people.c.erased_at.is_(None))
        sealed = await self._store.read(lambda connection: connection.execute(query).scalar_one_or_none())
        if sealed is None:
            return ""
        key = await self._vault.open(subject)
        known = orjson.loads(key.unseal(sealed, place("consent_subject", "identifiers", subject)))
        civil = orjson.loads(known["pivot"]) if "pivot" in known else None
        return "" if civil is None else f"{civil['given_names'][0]} {civil['family_name']}"

    def civil_name(self, civil: Mapping[str, Any], *, now: int) -> str:
        """The keyed digest by which a complete civil identity is found; raises `IdentifierInvalid`."""
        try:
            _, compared, finds = pivot.read(civil, now)
        except Bad as bad:
            raise IdentifierInvalid(f"/pivot{bad.inside}", bad.reason) from None
        if not finds:
            raise IdentifierInvalid("/pivot", "date or place of birth is not known")
        return self._blind.of("pivot", compared)


def _by_account(connection: Connection, name: str) -> SubjectId | None:
    query = sa.select(table.c.subject).join(people, people.c.id == table.c.subject)
    found = connection.execute(query.where(table.c.blind == name, people.c.erased_at.is_(None))).scalar_one_or_none()
    return None if found is None else SubjectId(found)


def _by_identity(connection: Connection, claim: str) -> SubjectId:
    query = sa.select(people.c.id, people.c.ambiguous).join(identifier, identifier.c.subject == people.c.id)
    mine = (identifier.c.kind == "pivot", identifier.c.blind == claim, people.c.erased_at.is_(None))
    row = connection.execute(query.where(*mine)).one_or_none()
    if row is None:
        raise PersonUnknown("no partner has linked this person")
    if "pivot" in row.ambiguous.split():
        raise SubjectAmbiguous("partners declare different identities for this person")
    return SubjectId(row.id)
