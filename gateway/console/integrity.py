"""What stands at the top of every page of a DPO: whether the journal is intact, as far as this process has checked.

Puts together the inspection (`audit.inspection`), the publisher, the witnesses and the newest checkpoint. Refuses to
call intact what it has not read back yet, or has not been able to check for a while.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import shards
from audit.errors import AuditError, LogContradicted, SignerRefused
from audit.inspection import Finding, Inspection
from audit.models import audit_checkpoint, audit_entry
from audit.publisher import Publisher
from audit.store import Store
from audit.witnessing import Witnessing
from gateway.console.projector import measure_lag

_Rows = tuple[int, int | None, int | None, int | None, int]
Verdict = Literal["intact", "checking", "late", "broken"]

_LATE_MS = 300_000  # the inspection looks every minute
_FRESH_MS = 1_000  # the publisher looks every second: rows read within one are not read again


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """A witness, and what makes its last answer doubtful (a stable code), if anything."""

    name: str
    doubt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of the journal; times in ms UTC. `contact` is who to call, `behind` entries the search lacks.

    `late` names what is overdue: `checks`, `checkpoint`, `witnesses`.
    """

    verdict: Verdict
    entries: int
    checkpoint: int | None
    checkpoint_at: int | None
    waiting_since: int | None
    witnesses: Sequence[Witnessed]
    finding: Finding
    fault: str | None
    late: tuple[str, ...]
    behind: int
    contact: str

    @property
    def heard(self) -> int:
        """How many witnesses answered without doubt."""
        return sum(each.doubt is None for each in self.witnesses)


class Integrity:
    """The state of one log, as this process knows it."""

    def __init__(
        self,
        store: Store,
        *,
        inspection: Inspection,
        publisher: Publisher,
        witnessing: Witnessing | None,
        contact: str,
        max_unpublished_ms: int,
    ) -> None:
        self.inspection = inspection
        self._store = store
        self._publisher = publisher
        self._witnessing = witnessing
        self._contact = contact
        self._max_unpublished_ms = max_unpublished_ms
        self._known: tuple[int, _Rows] | None = None

    async def status(self, now: int) -> Status:
        """Put together what is known now; reads a few rows."""
        entries, size, at, waiting, behind = await self._rows(now)
        finding = self.inspection.finding
        fault = finding.fault or _contradiction(self._publisher.fault)
        doubts: Mapping[str, AuditError | None] = self._witnessing.faults if self._witnessing else {}
        witnesses = [Witnessed(name=name, doubt=each.code if each else None) for name, each in sorted(doubts.items())]
        overdue = {
            "checks": finding.checked_at is not None and now - finding.checked_at > _LATE_MS,
            "checkpoint": waiting is not None and now - waiting > self._max_unpublished_ms,
            "witnesses": any(each.doubt for each in witnesses),
        }
        late = tuple(name for name, is_late in overdue.items() if is_late)
        return Status(
            verdict="broken" if fault else "late" if late else "intact" if finding.whole_at is not None else "checking",
            entries=entries,
            checkpoint=size,
            checkpoint_at=at,
            waiting_since=waiting,
            witnesses=witnesses,
            finding=finding,
            fault=fault,
            late=late,
            behind=behind,
            contact=self._contact,
        )

    async def _rows(self, now: int) -> _Rows:
        if self._known is None or not 0 <= now - self._known[0] < _FRESH_MS:
            self._known = now, (*await self._store.read(_newest), await measure_lag(self._store))
        return self._known[1]


def _contradiction(fault: AuditError | None) -> str | None:
    return str(fault) if isinstance(fault, SignerRefused | LogContradicted) else None


def _newest(connection: Connection) -> tuple[int, int | None, int | None, int | None]:
    """Read how many entries there are, the newest checkpoint's size and time, since when an entry waits for one."""
    every = shards.every(connection)
    if not every:
        return 0, None, None, None
    shard = every[-1]
    kept = audit_checkpoint.c
    newest = sa.select(kept.size, kept.at).where(kept.shard == shard.id).order_by(kept.size.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    entries = sum(each.size for each in every)
    covered = row.size if row else 0
    oldest = sa.select(audit_entry.c.at).where(audit_entry.c.index == shard.first + covered)
    waiting = connection.execute(oldest).scalar()
    return entries, row.size if row else None, row.at if row else None, waiting
