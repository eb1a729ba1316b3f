"""One batch, one transaction: the steps of an append, under the lock of the head row.

 1. lock and read the head, in a new year of a new shard, and since when an entry waits for a published checkpoint;
 2. refuse releases when that is too long, or an entry has waited too long for witnesses;
 3. the gate: once for the batch, refuses or stamps;
 4. each draft's change, in a savepoint; when one fails, gate and changes are undone and run again without it,
    so that no number is lost, neither the log's nor the ones the gate counts per person (one that is alone needs no
    savepoint: the whole transaction is undone);
 5. number, complete the canonical bytes, hash;
 6. write entries, seals, full tiles and the new head.

Where a statement is a round trip, a batch without changes that finds the log as this journal left it goes without
the lock (`write_unlocked`). Refuses to decide anything: guards and changes are the caller's.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from audit import canonical, shards, tiles, years
from audit.attested import Deadline
from audit.batch import Appended, Batch, Docket, Draft, Gate, LockNeeded, Moved, Ruling
from audit.errors import EntryInvalid, EntryTooLarge, JournalInconsistent, ReleaseStopped
from audit.events import MAX_BYTES, VERSION, check_subject
from audit.merkle import CompactRange, leaf_hash
from audit.rows import write_rows
from audit.shards import Shard

_NO_TAG = b'"subject":"",'

Outcomes: TypeAlias = dict[int, Appended | Exception]
"""By position in the batch: the place an entry was given, or why it has none."""


class Undone(Exception):  # noqa: N818  caught by the journal
    """The one change of a batch failed, for the reason given: the whole transaction is to be undone."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


@dataclass(slots=True)
class Prepared:
    """A draft whose canonical bytes are ready but for the subject tag, which sorts between the two halves."""

    draft: Draft
    low: bytes = field(repr=False)
    high: bytes = field(repr=False)


@dataclass(slots=True)
class _Settled:
    """An entry that passed the gate."""

    position: int
    draft: Draft
    tag: str | None
    leaf: bytes


def prepare(draft: Draft, *, entry_id: str) -> Prepared:
    """Write the canonical bytes before the lock is taken.

    The members have passed `events.check`: ASCII strings without escapes and small integers, for which sorted
    orjson is canonical JSON, in a tenth of the time. The publisher reads every entry back with `audit.canonical`.
    """
    fields = {**draft.members, "v": VERSION, "type": draft.type, "id": entry_id, "time": draft.time, "subject": ""}
    try:
        data = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # keys of a str subclass
        data = canonical.write(fields)
    low, _, high = data.partition(_NO_TAG)
    if len(data) + 32 > MAX_BYTES:
        raise EntryTooLarge(f"{draft.type}: an entry is at most {MAX_BYTES} bytes")
    return Prepared(draft, low, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What every batch of a journal is held to."""

    gate: Gate
    base: str
    max_unpublished_ms: int
    witnesses: Deadline | None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch, and its shard as it left it; None when it wrote nothing."""

    outcomes: Outcomes
    tail: Shard | None
    alone: bool


def write_batch(
    connection: Connection, batch: Sequence[Prepared], *, rules: Rules, now: int, tail: Shard | None = None
) -> Written:
    """Append what may be appended; `tail` is the shard as this journal's last durable batch left it."""
    head, waiting_since = shards.locked(connection)  # 1
    shard = shards.turn(connection, head, base=rules.base, now=now)
    releases = [position for position, one in enumerate(batch) if one.draft.release]  # 2
    late = waiting_since is not None and now - waiting_since > rules.max_unpublished_ms
    late = late or bool(releases and rules.witnesses and rules.witnesses.missed(connection, now))
    outcomes: Outcomes = {
        position: ReleaseStopped("entries have waited too long for a published or a witnessed checkpoint")
        for position in releases
        if late
    }
    alone = tail is not None and shard.first + shard.size == tail.first + tail.size
    position = shard.first + shard.size
    settled, moved = _settle(connection, batch, outcomes, gate=rules.gate, position=position, alone=alone)  # 3, 4
    written = _write(connection, settled, moved, shard=shard, now=now, outcomes=outcomes) if settled else None  # 5, 6
    if settled and written is None:
        raise JournalInconsistent("the head moved under its lock")
    return Written(outcomes, written, alone)


def write_unlocked(
    connection: Connection, batch: Sequence[Prepared], *, rules: Rules, now: int, tail: Shard
) -> Written | None:
    """Append drafts without changes where this journal left the log; None, and nothing written, when that fails.

    Two statements, each a transaction of its own: the gate's, and one that writes on condition that the head has not
    moved. What the gate relies on changes with the head only, so it was still so at the commit
    (docs/adr/0032-batches-without-a-lock.md).
    """
    releases = any(one.draft.release for one in batch)
    if years.is_over(rules.base, tail.origin, now):
        return None
    if releases and rules.witnesses and rules.witnesses.missed(connection, now):
        return None
    try:
        docket = Docket((one.draft for one in batch), alone=True, locked=False)
        settled, outcomes, moved = _pass_gate(connection, batch, range(len(batch)), rules.gate, docket)
    except LockNeeded:
        return None
    if not settled:
        return Written(outcomes, None, alone=True)
    oldest = now - rules.max_unpublished_ms if releases else 0
    conditions = {"oldest": oldest, "minimum": tail.minimum}
    written = _write(connection, settled, moved, shard=tail, now=now, outcomes=outcomes, **conditions)
    return Written(outcomes, written, alone=True) if written else None


def _settle(
    connection: Connection, batch: Sequence[Prepared], outcomes: Outcomes, *, gate: Gate, position: int, alone: bool
) -> tuple[list[_Settled], Moved | None]:
    """Give what passed, and what the gate left to write: with changes it is written already, before them."""
    while pending := [position for position in range(len(batch)) if position not in outcomes]:
        changing = any(batch[position].draft.change for position in pending)
        undo = connection.begin_nested() if changing and len(batch) > 1 else None
        docket = Docket((batch[position].draft for position in pending), alone=alone)
        settled, refused, moved = _pass_gate(connection, batch, pending, gate, docket)
        if not changing:
            outcomes.update(refused)
            return settled, moved
        if moved is not None:
            connection.execute(*moved)
        failed = _change(connection, settled, position)
        if not failed:
            if undo is not None:
                undo.commit()
            outcomes.update(refused)
            return settled, None
        if undo is None:
            raise Undone(failed[0])
        undo.rollback()
        outcomes.update(failed)
    return [], None


def _pass_gate(
    connection: Connection, batch: Sequence[Prepared], pending: Sequence[int], gate: Gate, docket: Docket
) -> tuple[list[_Settled], Outcomes, Moved | None]:
    answers = gate(connection, docket)
    if len(answers) != len(pending):
        raise JournalInconsistent("the gate must answer for each draft")
    settled: list[_Settled] = []
    refused: Outcomes = {}
    for position, answer in zip(pending, answers, strict=True):
        if isinstance(answer, Exception):
            refused[position] = answer
            continue
        tag = answer.get("subject")
        try:
            check_subject(batch[position].draft.type, tag)
        except EntryInvalid as error:
            refused[position] = error
        else:
            settled.append(_Settled(position, batch[position].draft, tag, _leaf(batch[position], tag)))
    return settled, refused, answers.moved if isinstance(answers, Ruling) else None


def _leaf(one: Prepared, tag: str | None) -> bytes:
    return one.low + one.high if tag is None else b'%b"subject":"%b",%b' % (one.low, tag.encode(), one.high)


def _change(connection: Connection, settled: Sequence[_Settled], position: int) -> dict[int, Exception]:
    failed: dict[int, Exception] = {}
    for index, one in enumerate(settled, position):
        if one.draft.change is None:
            continue
        try:
            with connection.begin_nested() if len(settled) > 1 else nullcontext():
                one.draft.change(connection, index)
        except (IntegrityError, DataError) as error:
            failed[one.position] = error
        except SQLAlchemyError:
            raise  # the database itself fails: no entry of the batch can be trusted to it
        except Exception as error:  # noqa: BLE001  whatever the change raises is its caller's
            failed[one.position] = error
    return failed


def _write(
    connection: Connection,
    settled: Sequence[_Settled],
    moved: Moved | None,
    *,
    shard: Shard,
    now: int,
    outcomes: Outcomes,
    **conditions: int,
) -> Shard | None:
    """Add what was written to the outcomes, and give the shard after it; None when nothing was."""
    hashes = [leaf_hash(one.leaf) for one in settled]
    before, after = (CompactRange.from_bytes(shard.size, shard.peaks) for _ in range(2))
    after.extend(hashes)
    batch = Batch(before, hashes, after.root(), origin=shard.origin, first=shard.first)
    first = shard.first + shard.size
    head = (after.size, after.to_bytes(), batch.root)
    written = write_rows(
        connection,
        at=now,
        shard=shard,
        entries=[(one.tag, digest, one.leaf) for one, digest in zip(settled, hashes, strict=True)],
        seals=[(index, one.draft.seal) for index, one in enumerate(settled, first) if one.draft.seal is not None],
        tiles=tiles.filled_by(connection, shard, hashes),
        head=head,
        moved=moved,
        **conditions,
    )
    if not written:
        return None
    for index, one in enumerate(settled, first):
        outcomes[one.position] = Appended(index, one.leaf, batch)
    return replace(shard, size=head[0], peaks=head[1], root=head[2])
