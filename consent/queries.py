"""What a decision needs to know of a person, read in one go: `Snapshots`.

Answers for: look-ups waiting at the same moment are answered by one statement (and one for the keys not in
memory). May be slightly stale: correctness comes from the gate, which checks the epoch again at the commit.
Refuses: to tell "another partner's person" from "nobody", and to open identifiers nobody asked for.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from consent import models
from consent.blind import BlindIndex
from consent.errors import PersonUnknown, SubjectErased
from consent.guards import SubjectRef, use_key
from consent.rows import Batched, Rows
from consent.states import words
from consent.subjects import Pseudonym
from consent.vault import SubjectId, SubjectKey, Vault, place
from policies.facts import Authorisation

_BATCH = 256


class Snapshot(NamedTuple):
    """A person as one partner's request for one purpose sees them."""

    subject: SubjectId
    pseudonym: Pseudonym
    epoch: int
    flags: frozenset[str]
    uses: Mapping[str, int]
    authorisation: Authorisation | None
    ambiguous_kinds: frozenset[str]
    key: SubjectKey
    sealed: bytes | None

    def __repr__(self) -> str:
        return f"Snapshot(epoch={self.epoch!r})"

    @property
    def ref(self) -> SubjectRef:
        """For `Draft.subject`."""
        return SubjectRef(self.subject, self.key)

    def identifiers(self) -> dict[str, str]:
        """Unsealed when asked for: kind to value, without the ambiguous kinds."""
        if self.sealed is None:
            return {}
        opened: dict[str, str] = orjson.loads(
            self.key.unseal(self.sealed, place("consent_subject", "identifiers", self.subject))
        )
        return opened


_Ask = tuple[str, str, str, str]  # partner, pseudonym or "", reference fingerprint or "", purpose
_Waiting = tuple[_Ask, "asyncio.Future[Snapshot]"]


class Snapshots:
    """The loader: one per process, used from one event loop."""

    def __init__(self, *, store: Store, vault: Vault, blind: BlindIndex) -> None:
        self._store = store
        self._vault = vault
        self._blind = blind
        self._waiting: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def get(
        self, *, partner: str, purpose: str, pseudonym: str | None = None, reference: str | None = None
    ) -> Snapshot:
        """By the partner's pseudonym for the person, else by its own reference; raises `PersonUnknown`."""
        if pseudonym is not None:
            if "\0" in pseudonym:  # PostgreSQL holds none: it would refuse the whole batch
                raise PersonUnknown("this partner has no such person")
            ask = (partner, pseudonym, "", purpose)
        elif reference is not None:
            ask = (partner, "", self._blind.of_reference(partner, reference), purpose)
        else:
            raise PersonUnknown("nobody was named")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # a call of the system each time, in this version of Python
        future: asyncio.Future[Snapshot] = self._loop.create_future()
        self._waiting.append((ask, future))
        if self._running is None:
            self._running = self._loop.create_task(self._run(), name="snapshots")
        return await future

    async def _run(self) -> None:
        """One statement at a time: what arrives while it runs makes the next batch."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            outcomes: Sequence[Snapshot | Exception]
            try:
                outcomes = await self._load([ask for ask, _ in batch])
            except Exception as error:  # noqa: BLE001  handed to each of those who wait
                outcomes = [error] * len(batch)
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if future.done():
                    continue  # gave up waiting
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
        self._running = None

    async def _load(self, asks: Sequence[_Ask]) -> list[Snapshot | Exception]:
        rows = await self._store.read(lambda connection: _select(connection, asks))
        keys = await self._vault.open_many({row[1] for row in rows.values()})
        outcomes: list[Snapshot | Exception] = []
        for position in range(len(asks)):
            row = rows.get(position)
            if row is None:
                outcomes.append(PersonUnknown("this partner has no such person"))
                continue
            key = keys.get(row[1], _ERASED)
            if row[2] is not None:  # erased: another process may have done it, and this one still hold the key
                self._vault.forget(row[1])
                outcomes.append(_ERASED)
            elif isinstance(key, Exception):
                outcomes.append(key)
            else:
                outcomes.append(_snapshot(row, key))
        return outcomes


def _snapshot(row: Any, key: SubjectKey) -> Snapshot:
    _, subject, _, pseudonym, epoch, flags, uses, ambiguous, sealed, _, held, *terms = row
    counts = orjson.loads(uses) if uses != "{}" else {}
    authorisation = None
    if held is not None:
        basis, state, fields, explicit, valid_from, valid_until, max_uses = terms
        authorisation = Authorisation(
            id=held,
            basis=basis,
            state=state,
            fields=_names(fields),
            explicit=_names(explicit),
            valid_from=valid_from,
            valid_until=valid_until,
            max_uses=max_uses,
            uses=counts.get(use_key(held), 0),
        )
    return Snapshot(
        subject=subject,
        pseudonym=pseudonym,
        epoch=epoch,
        flags=_names(flags),
        uses=counts,
        authorisation=authorisation,
        ambiguous_kinds=_names(ambiguous),
        key=key,
        sealed=sealed,
    )


_ERASED = SubjectErased("no key for this person")
_names = lru_cache(maxsize=8_192)(words)  # many people share few sets of fields


def _named(rows: Rows) -> sa.Subquery:
    """The persons asked for, by either name; `position` is the ask's place in the batch."""
    names, references = models.partner_subject, models.reference
    columns = (rows[0].label("position"), rows[4].label("purpose"))
    asked = sa.select(*columns, names.c.partner, names.c.pseudonym, names.c.subject)
    by_pseudonym = asked.join_from(rows.table, names, (names.c.pseudonym == rows[2]) & (names.c.partner == rows[1]))
    by_reference = asked.join_from(
        rows.table, references, (references.c.partner == rows[1]) & (references.c.blind == rows[3])
    ).join(names, (names.c.subject == references.c.subject) & (names.c.partner == references.c.partner))
    return sa.union_all(by_pseudonym, by_reference).subquery("named")


def _statement(rows: Rows) -> sa.Select[Any]:
    """All of a batch in one statement; up to two rows per ask, of which the `current` record counts."""
    named, people, held = _named(rows), models.subject, models.authorisation
    its_own = (held.c.subject == named.c.subject) & (held.c.purpose == named.c.purpose)
    its_own &= (held.c.recipient == named.c.partner) & held.c.slot.is_not(None)
    return (
        sa.select(
            *(named.c.position, named.c.subject, people.c.erased_at, named.c.pseudonym, people.c.epoch, people.c.flags),
            *(
                people.c.uses,
                people.c.ambiguous,
                people.c.identifiers,
                held.c.slot,
                held.c.id,
                held.c.basis,
                held.c.state,
            ),
            *(held.c.fields, held.c.explicit, held.c.valid_from, held.c.valid_until, held.c.max_uses),
        )
        .join_from(named, people, people.c.id == named.c.subject)
        .outerjoin(held, its_own)
    )


_STATEMENT = Batched(_statement, sa.BigInteger, *[sa.Text] * 4)


def _select(connection: Connection, asks: Sequence[_Ask]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for row in _STATEMENT.execute(connection, [(position, *ask) for position, ask in enumerate(asks)]):
        position = int(row[0])
        if position not in found or row[9] == "current":
            found[position] = row
    return found
