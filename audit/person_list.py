"""Writes the list that `audit.person` checks: all entries about one person that published checkpoints cover.

Entries are found by the person's tags, which only their key makes; SQL of a person's entries and seals lives here.
Refuses nothing: what is missing is missing in the list, and its check says so.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import merkle, shards
from audit.errors import NotPublished
from audit.keys import Vkey
from audit.models import audit_entry, audit_pruning, audit_seal, span_of
from audit.person import FORMAT
from audit.person_key import PersonKey
from audit.reading import PublishedLog, Served
from audit.rotation import published_keys
from audit.years import folder

_CHUNK = 500
_entries = (
    sa.select(audit_entry.c.index, audit_entry.c.subject, audit_entry.c.leaf, audit_seal.c.sealed)
    .outerjoin(audit_seal, audit_seal.c.index == audit_entry.c.index)
    .order_by(audit_entry.c.index)
)


def write_list(
    connection: Connection, log: PublishedLog, key: PersonKey, *, count: int, vkeys: Sequence[Vkey], now: int
) -> dict[str, Any]:
    """Give the content of the file; `count` is how many entries there were about the person at this moment."""
    covered = list(_covered(connection, log))
    numbers = {key.tag(number): number for number in range(count)}
    mine = [
        {"number": numbers[row.subject], **proved}
        for row in read_entries(connection, key, range(count))
        if (proved := _proved(connection, log, covered, row))
    ]
    announced = _announced(connection, log, covered) if mine and mine[0]["number"] else []
    return {
        "format": FORMAT,
        "made_at": now,
        "key": key.export(),
        "count": mine[-1]["number"] + 1 if mine else 0,
        "keys": [asdict(each) for each in published_keys(connection, {"log": vkeys}) if each.use == "log"],
        "checkpoints": [served.note for served in covered],
        "entries": mine,
        "announced": announced,
    }


def read_entries(connection: Connection, key: PersonKey, numbers: Iterable[int]) -> list[Any]:
    """Give index, subject, leaf and seal of a person's entries of these numbers, in the order of the log."""
    tags = [key.tag(number) for number in numbers]
    spans = _spans(connection) if tags else ()
    rows = [row for chunk in _chunks(tags) for row in _of(connection, spans, audit_entry.c.subject.in_(chunk))]
    return sorted(rows, key=lambda row: row.index)


def delete_seals(connection: Connection, tags: Sequence[str]) -> None:
    """Erase what was sealed beside these entries."""
    spans = _spans(connection)
    for chunk in _chunks(tags):
        theirs = sa.select(audit_entry.c.index).where(audit_entry.c.span.in_(spans), audit_entry.c.subject.in_(chunk))
        connection.execute(sa.delete(audit_seal).where(audit_seal.c.index.in_(theirs)))


def _covered(connection: Connection, log: PublishedLog) -> Iterator[Served]:
    for shard in shards.every(connection):
        try:
            yield log.serve(connection, year=folder(shard.origin))
        except NotPublished:  # a year that began this second, or waits for its witnesses
            continue


def _spans(connection: Connection) -> Sequence[int]:
    """Every span that entries stand in: the index of tags is looked through span by span."""
    index = audit_entry.c.index
    first, last = connection.execute(sa.select(sa.func.min(index), sa.func.max(index))).one()
    return range(span_of(first), span_of(last) + 1) if first is not None else ()


def _of(connection: Connection, spans: Sequence[int], mine: sa.ColumnElement[bool]) -> Sequence[Any]:
    return connection.execute(_entries.where(audit_entry.c.span.in_(spans), mine)).all()


def _proved(connection: Connection, log: PublishedLog, covered: Sequence[Served], row: Any) -> dict[str, Any] | None:
    """The entry with its path; None when it is newer than the checkpoints."""
    for number, served in enumerate(covered):
        index = row.index - served.shard.first
        if 0 <= index < served.size:
            path = merkle.inclusion_path(index, served.size, log.node(connection, served.shard, served.size))
            told = {"checkpoint": number, "index": index, "entry": row.leaf.decode(), "path": [_text(e) for e in path]}
            return told if row.sealed is None else {**told, "sealed": _text(row.sealed)}
    return None


def _announced(connection: Connection, log: PublishedLog, covered: Sequence[Served]) -> list[dict[str, Any]]:
    """The entries that announce a pruning: they are about nobody, as few are."""
    prunings = _entries.join(audit_pruning, audit_pruning.c.index == audit_entry.c.index)
    return [each for row in connection.execute(prunings) if (each := _proved(connection, log, covered, row))]


def _chunks(tags: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(tags), _CHUNK):
        yield tags[start : start + _CHUNK]


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
