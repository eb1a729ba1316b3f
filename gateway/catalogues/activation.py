"""One catalogue takes over from another: registered, signed, activated, each an entry of the journal.

1. Whoever changes the catalogue registers it: checked whole, stored under its digest.
2. It is signed for one step, from the catalogue in force to this one: by officers' keys, or by DPOs signed in with a
   second factor. When anything of it is wider two must sign, by the same means, and be two humans.
3. It is activated: the entry `catalogue.activated` and the row that says so are one transaction, in which the catalogue
   in force is still the one that was signed from and the signatures stand.
4. From that entry on no release decided with another catalogue is written (`consent.guards`, under the same lock);
   processes that notice take up the new one (`serve.py`).

The first catalogue of an empty journal is the folder's: nothing is there that it could widen.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.checkpoint import sign_note
from audit.journal import Draft, Journal
from audit.keys import Vkey, load_key
from audit.store import Store
from consent import approval as signatures
from consent.errors import OfficerRefused
from gateway.catalogues import bundles
from gateway.catalogues.bundles import CatalogueRefused, newest
from gateway.catalogues.models import active as table
from gateway.catalogues.models import approval
from gateway.oauth.models import insert_ignoring
from policies.catalogue import Catalogue
from policies.change import Change
from policies.difference import difference, widens

SIGNERS = 2
_NAMED = 60  # exchanges an entry names; a longer list stands in the catalogue itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From the catalogue in force to another one: what changes, and who signed it."""

    before: Catalogue
    after: Catalogue
    changes: tuple[Change, ...]
    officers: int
    sessions: int
    signers: frozenset[str]

    @property
    def widening(self) -> bool:
        """Whether anything of it permits more."""
        return widens(self.changes)

    @property
    def needed(self) -> int:
        """How many must sign."""
        return SIGNERS if self.widening else 1

    @property
    def signed(self) -> bool:
        """Whether enough have."""
        return max(self.officers, self.sessions) >= self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A catalogue that decides or decided."""

    digest: str
    previous: str | None
    at: int
    entry: int
    widening: bool


class Activations:
    """The catalogues of one gateway's database."""

    def __init__(
        self, *, store: Store, journal: Journal, officers: Callable[[], tuple[Vkey, ...]], secret: bytes
    ) -> None:
        self._store = store
        self._journal = journal
        self._officers = officers
        self._secret = secret

    async def first(self, catalogue: Catalogue, *, now: int) -> None:
        """Activate the catalogue a gateway starts with, when none ever was."""
        if await bundles.digest_in_force(self._store) is not None:
            return
        await bundles.keep(self._store, catalogue, now=now)
        try:
            await self._activate(catalogue, None, widening=False, members={"by": "operator"}, now=now)
        except CatalogueRefused:  # another process was first
            if await bundles.digest_in_force(self._store) is None:
                raise

    async def register(self, catalogue: Catalogue, *, now: int) -> None:
        """Keep a catalogue that may become active."""
        await bundles.keep(self._store, catalogue, now=now)

    async def versions(self) -> list[Version]:
        """Those that decide and decided, newest first."""
        query = sa.select(table).order_by(table.c.entry.desc()).limit(200)
        rows = await self._store.read(lambda connection: connection.execute(query).mappings().all())
        return [Version(**row) for row in rows]

    async def drafts(self) -> list[tuple[str, int]]:
        """Those stored that never were active, newest first."""
        known = {version.digest for version in await self.versions()}
        return [(digest, at) for digest, at in await bundles.listed(self._store) if digest not in known]

    async def step(self, digest: str) -> Step:
        """What activating this one would change, and who signed."""
        current = await bundles.digest_in_force(self._store)
        if current is None:
            raise CatalogueRefused("none_active")
        before, after = await bundles.read(self._store, current), await bundles.read(self._store, digest)
        rows = await self._store.read(lambda connection: _signatures(connection, digest, current))
        return Step(
            before=before,
            after=after,
            changes=difference(before, after),
            officers=_humans(rows, "officer"),
            sessions=_humans(rows, "session"),
            signers=frozenset(row.signer for row in rows),
        )

    def text(self, step: Step) -> str:
        """Write the lines officers sign: for this log, this step and no other."""
        return f"passerelle catalogue\n{self._journal.origin}\n{step.before.digest}\n{step.after.digest}\n"

    async def sign_by_officer(self, digest: str, key: Path, *, now: int) -> Step:
        """Sign with an officer's key."""
        step = await self.step(digest)
        wanted = self.text(step)
        officer, line = signatures.accept(sign_note(wanted, load_key(key)), wanted, self._officers())
        members = signatures.members(officer, line)
        signer = hashlib.sha256(officer.public).hexdigest()
        # officers are told apart by name and by key (`consent.approval`)
        await self._sign(step, signer=signer, human=self._human(officer.name), kind="officer", members=members, now=now)
        return await self.step(digest)

    async def sign_by_session(self, digest: str, *, actor: str, name: str, organisation: str, now: int) -> Step:
        """Sign as a DPO who is signed in with a second factor."""
        step = await self.step(digest)
        members: dict[str, Json] = {"org": organisation, "actor": actor}
        await self._sign(step, signer=actor, human=self._human(name), kind="session", members=members, now=now)
        return await self.step(digest)

    async def activate(self, digest: str, *, now: int, actor: str | None = None, org: str | None = None) -> Step:
        """Let it decide; by the operator's command, or by a DPO. Raises `CatalogueRefused`."""
        step = await self.step(digest)
        members: dict[str, Json] = {"by": "operator"} if actor is None else {"by": "dpo", "actor": actor, "org": org}
        await self._activate(step.after, step.before.digest, widening=step.widening, members=members, now=now)
        return step

    async def _sign(
        self, step: Step, *, signer: str, human: str, kind: str, members: dict[str, Json], now: int
    ) -> None:
        pair = {"digest": step.after.digest, "previous": step.before.digest}
        if step.before.digest == step.after.digest:
            raise CatalogueRefused("in_force")

        def change(connection: Connection, index: int) -> None:
            if connection.execute(sa.select(newest())).scalar() != pair["previous"]:
                raise CatalogueRefused("moved")
            if any(row.signer == signer or row.human == human for row in _signatures(connection, *pair.values())):
                raise CatalogueRefused("signed")
            row = {**pair, "signer": signer, "human": human, "kind": kind, "at": now, "entry": index}
            connection.execute(insert_ignoring(connection.dialect.name, approval), [row])

        told: dict[str, Json] = {"catalogue": pair["digest"], "previous": pair["previous"], **members}
        await self._journal.append(Draft(type="catalogue.approved", members=told, time=now, change=change))

    async def _activate(
        self, catalogue: Catalogue, previous: str | None, *, widening: bool, members: dict[str, Json], now: int
    ) -> None:
        needed = SIGNERS if widening else 1

        def change(connection: Connection, index: int) -> None:
            if connection.execute(sa.select(newest())).scalar() != previous:
                raise CatalogueRefused("moved")
            if previous is not None and (widening or members["by"] == "dpo"):
                rows = _signatures(connection, catalogue.digest, previous)
                if max(_humans(rows, "officer"), _humans(rows, "session")) < needed:
                    raise CatalogueRefused("two_needed" if widening else "unsigned")
            row = {"digest": catalogue.digest, "previous": previous, "at": now, "widening": widening, "entry": index}
            connection.execute(sa.insert(table), row)

        names = sorted(exchange.name for exchange in catalogue.counted.values())
        told: dict[str, Json] = {"catalogue": catalogue.digest, "widening": widening, **members}
        told |= {} if previous is None else {"previous": previous}
        told |= {"exchanges": names} if len(names) <= _NAMED else {}
        if previous == catalogue.digest:
            raise CatalogueRefused("in_force")
        await self._journal.append(Draft(type="catalogue.activated", members=told, time=now, change=change))

    def _human(self, name: str) -> str:
        """One human under two registrations: compared by a keyed digest, kept nowhere else."""
        plain = " ".join(name.casefold().split())
        return hmac.new(self._secret, b"passerelle-signer/v1\0" + plain.encode(), hashlib.sha256).hexdigest()


def _signatures(connection: Connection, digest: str, previous: str) -> Sequence[Any]:
    query = sa.select(approval.c.signer, approval.c.human, approval.c.kind)
    query = query.where(approval.c.digest == digest, approval.c.previous == previous).order_by(approval.c.entry)
    return connection.execute(query).all()


def _humans(rows: Sequence[Any], kind: str) -> int:
    return len({row.human for row in rows if row.kind == kind})


__all__ = ["Activations", "CatalogueRefused", "OfficerRefused", "Step", "Version"]
