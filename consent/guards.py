"""What must still hold at the moment of the commit, checked for a whole batch of entries under the journal's lock.

`Gate` is the hook the composition root hands to the journal: one SELECT for all persons of the batch, then each
entry in order (so that an earlier withdrawal stops a later release of the same batch), then one UPDATE, which the
journal runs. It stamps
the person's tag, numbers the entry in the person's own count, counts uses, advances epochs. A refused entry
leaves nothing behind (when a change fails, the journal undoes the gate's writes and asks it again without that
entry), so a person's numbers have no gap: a missing one is a removed entry (promise P8).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.batch import Draft, Moved, Ruling
from consent.errors import (
    AuthorisationExpired,
    CatalogueSuperseded,
    EpochChanged,
    FrequencyExceeded,
    GuardRefused,
    IncidentFreeze,
    SubjectErased,
)
from consent.models import subject
from consent.rows import Batched, Rows
from consent.vault import SubjectId, SubjectKey


@dataclass(frozen=True, slots=True)
class SubjectRef:
    """Whom an entry is about: goes into `Draft.subject`."""

    id: SubjectId
    key: SubjectKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochGuard:
    """For entries of an exchange: what the decision relied on. Goes into `Draft.guard`.

    `counts` are (window key, limit) pairs, each counted once by this entry; so is a use of `authorisation` when
    it has a limit (`max_uses`). A window key is `<exchange>:<window>`, windows of one exchange growing as text.
    `catalogue` is the digest decided with: it must still be the active one.
    """

    epoch: int
    catalogue: str | None = None
    valid_until: int | None = None
    counts: tuple[tuple[str, int], ...] = ()
    authorisation: str | None = None
    max_uses: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGuard:
    """For entries that prove a change of the person's own state (the change itself is `Draft.change`).

    `epoch` is the one the change was prepared on, None for a person it creates with `counter` 1. With `bump` the
    epoch advances, and what follows in the same batch sees it.
    """

    epoch: int | None
    bump: bool = True


def use_key(authorisation: str) -> str:
    """Where the uses of an authorisation are counted, beside the windows of exchanges."""
    return f"authorisation:{authorisation}"


def counters(guard: EpochGuard) -> list[str]:
    """Name everything an entry with this guard counts."""
    uses = [] if guard.authorisation is None or guard.max_uses is None else [use_key(guard.authorisation)]
    return [*(window for window, _ in guard.counts), *uses]


class Gate:
    """See the module. `clock` gives milliseconds UTC and is read once per batch.

    `active` selects the digest of the catalogue that decides, NULL while none was ever activated; `frozen` whether the
    emergency stop is on. Both are read in the statement that reads the persons, so that they cost no round trip.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        active: sa.ScalarSelect[str] | None = None,
        frozen: sa.ColumnElement[bool] | None = None,
    ) -> None:
        self._clock = clock
        active_, frozen_ = sa.null() if active is None else active, sa.false() if frozen is None else frozen
        self._select = Batched(partial(_wanted, active=active_, frozen=frozen_), sa.Text)

    def __call__(self, connection: Connection, drafts: Sequence[Draft]) -> Ruling:
        """For each draft, the members to add, or why it is refused."""
        people = self._read(connection, {each.subject.id for each in drafts if isinstance(each.subject, SubjectRef)})
        now = self._clock()
        outcomes: list[Mapping[str, str] | Exception] = []
        for draft in drafts:
            try:
                outcomes.append(_admit(people, draft, now))
            except Exception as refusal:  # noqa: BLE001  an entry that cannot be judged fails alone, not its batch
                outcomes.append(refusal)
        return Ruling(outcomes, moved=_moves(connection, people))

    def _read(self, connection: Connection, ids: set[SubjectId]) -> dict[str, "_Standing"]:
        if not ids:
            return {}
        found = self._select.execute(connection, [(each,) for each in ids])
        return {id_: _Standing(*row) for id_, *row in found}


@dataclass(slots=True)
class _Standing:
    """A person's row while the batch goes through."""

    epoch: int
    counter: int
    uses: str
    catalogue: str | None = None
    frozen: bool = False
    counts: dict[str, int] | None = None
    touched: bool = False

    def opened(self) -> dict[str, int]:
        if self.counts is None:
            self.counts = orjson.loads(self.uses)
        return self.counts


def _admit(people: dict[str, _Standing], draft: Draft, now: int) -> Mapping[str, str]:
    about, guard = draft.subject, draft.guard
    if not isinstance(about, SubjectRef):
        if about is not None or guard is not None:
            raise GuardRefused("a guard needs the person it is about")
        return {}
    person = people.get(about.id)
    if isinstance(guard, ChangeGuard) and guard.epoch is None:
        if person is not None:
            raise EpochChanged("this person exists already")
        return {"subject": about.key.tag(0)}  # the change inserts the row
    if person is None:
        raise SubjectErased("no such person any more")
    if isinstance(guard, EpochGuard):
        _check(person, guard, now)
    elif isinstance(guard, ChangeGuard):
        _same_epoch(person, guard.epoch)
        person.epoch += guard.bump
    elif guard is not None:
        raise GuardRefused("unknown kind of guard")
    tag = about.key.tag(person.counter)
    person.counter += 1
    person.touched = True
    return {"subject": tag}


def _same_epoch(person: _Standing, epoch: int | None) -> None:
    if person.epoch != epoch:
        raise EpochChanged("the person's choices changed meanwhile")


def _check(person: _Standing, guard: EpochGuard, now: int) -> None:
    if person.frozen:
        raise IncidentFreeze("everything is stopped")
    _same_epoch(person, guard.epoch)
    if guard.catalogue and person.catalogue and guard.catalogue != person.catalogue:
        raise CatalogueSuperseded("another catalogue became active since this was decided")
    if guard.valid_until is not None and guard.valid_until <= now:
        raise AuthorisationExpired("the authorisation ended")
    used = None if guard.authorisation is None or guard.max_uses is None else use_key(guard.authorisation)
    if used is None and not guard.counts:
        return
    counts = person.opened()
    if used is not None and guard.max_uses is not None and counts.get(used, 0) >= guard.max_uses:
        raise AuthorisationExpired("the authorisation's uses are spent")
    for window, limit in guard.counts:
        if counts.get(window, 0) >= limit:
            raise FrequencyExceeded("already used as often as allowed")
    for window, _ in guard.counts:
        _count(counts, window)
    if used is not None:
        counts[used] = counts.get(used, 0) + 1


def _count(counts: dict[str, int], window: str) -> None:
    """One more in this window; earlier windows of the same exchange are over and are dropped."""
    exchange = window.rpartition(":")[0] + ":"
    for other in [each for each in counts if each.startswith(exchange) and each < window]:
        del counts[other]
    counts[window] = counts.get(window, 0) + 1


def _wanted(rows: Rows, *, active: sa.ColumnElement[Any], frozen: sa.ColumnElement[Any]) -> sa.Select[Any]:
    own = (subject.c.id, subject.c.epoch, subject.c.counter, subject.c.uses)
    columns = sa.select(*own, active.label("catalogue"), frozen.label("frozen"))
    return columns.join_from(rows.table, subject, subject.c.id == rows[0]).where(subject.c.erased_at.is_(None))


def _moved(rows: Rows) -> sa.Update:
    values = {"epoch": rows[1], "counter": rows[2], "uses": rows[3]}
    return sa.update(subject).values(values).where(subject.c.id == rows[0])


_UPDATE = Batched(_moved, sa.Text, sa.BigInteger, sa.BigInteger, sa.Text)


def _moves(connection: Connection, people: dict[str, _Standing]) -> Moved | None:
    rows = [
        (id_, each.epoch, each.counter, each.uses if each.counts is None else orjson.dumps(each.counts).decode())
        for id_, each in people.items()
        if each.touched
    ]
    return _UPDATE.bound(connection, rows) if rows else None
