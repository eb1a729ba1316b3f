"""Entries as the journal holds them, each checked while it is read: never from the projection.

 1. the bytes must have the stored hash
 2. their hash must lead, by a path through the stored tiles, to the root of the served checkpoint
 3. whose signature must be of a key of this log

Of an entry that the retention removed, the tile still holds the hash: that it was there is proved, what it said is not
kept. An entry younger than the newest checkpoint waits for the next, at most a second or two.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import merkle, proofs, shards
from audit.canonical import loads
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.errors import AuditError, NotCanonical, NoteInvalid, NotPublished
from audit.keys import Vkey
from audit.models import audit_entry
from audit.proofs import InclusionProof
from audit.reading import PublishedLog, Served
from audit.shards import Shard
from audit.years import folder

State = Literal["proved", "waiting", "removed", "altered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry and what was found when it was read. `number` is its index in the log of its year (`origin`).

    `removed`: it is past its retention, its commitment still verifies. `altered`: it is not what was signed.
    """

    position: int
    number: int
    origin: str
    state: State
    content: Mapping[str, Any]
    leaf: bytes | None
    leaf_hash: bytes | None
    proof: InclusionProof | None
    checkpoint: Checkpoint | None

    @property
    def year(self) -> str:
        """The folder of its log in an export."""
        return folder(self.origin)

    def written(self) -> str:
        """The proof as C2SP tlog-proof text; empty when there is none."""
        return proofs.write(self.proof.index, self.proof.path, self.proof.note) if self.proof else ""


Head = tuple[Served, Checkpoint] | Literal["foreign"] | None
"""What entries are proved under; none was published yet, or one that no key of this log signed."""

Heads = dict[int, Head]
"""By the number of the year."""


def heads_of(connection: Connection, log: PublishedLog, vkeys: Callable[[str], Sequence[Vkey]]) -> Heads:
    """Read the newest checkpoint of every year: for proofs that must all be under the same."""
    return {shard.id: _head(connection, log, shard, vkeys) for shard in shards.every(connection)}


def read(
    connection: Connection,
    log: PublishedLog,
    positions: Sequence[int],
    vkeys: Callable[[str], Sequence[Vkey]],
    under: Heads | None = None,
) -> dict[int, Entry]:
    """Read and check entries by their positions over all years; what was never written is left out.

    Proofs are `under` these checkpoints, else under the newest.
    """
    every = shards.every(connection)
    columns = audit_entry.c
    query = (
        sa.select(columns.index, columns.hash, columns.leaf)
        .where(columns.index.in_(sorted(set(positions))))
        .order_by(columns.index)
    )
    rows = {position: (bytes(digest), bytes(leaf)) for position, digest, leaf in connection.execute(query)}
    heads: Heads = dict(under or {})
    for year in every:
        log.fetch(connection, year, (each - year.first for each in positions if 0 <= each - year.first < year.size))
    found = {}
    for position in positions:
        shard = next((each for each in every if each.first <= position < each.first + each.size), None)
        if shard is None:
            continue
        if shard.id not in heads:
            heads[shard.id] = _head(connection, log, shard, vkeys)
        found[position] = _check(connection, log, shard, position, row=rows.get(position), head=heads[shard.id])
    return found


def _head(connection: Connection, log: PublishedLog, shard: Shard, vkeys: Callable[[str], Sequence[Vkey]]) -> Head:
    try:
        served = log.serve(connection, year=folder(shard.origin))
        return served, open_checkpoint(served.note, *vkeys(shard.origin))
    except NotPublished:
        return None
    except NoteInvalid:
        return "foreign"


def _check(
    connection: Connection,
    log: PublishedLog,
    shard: Shard,
    position: int,
    *,
    row: tuple[bytes, bytes] | None,
    head: Head,
) -> Entry:
    number = position - shard.first
    stored, leaf = row or (None, None)
    digest = None if leaf is None else merkle.leaf_hash(leaf)
    proof, state = None, "altered"
    signed = head if isinstance(head, tuple) and number < head[1].size else None
    if signed is not None:
        digest, proof = _prove(connection, log, signed, number, digest)
        if proof is not None:
            state = "proved" if leaf is not None else "removed" if number < shard.minimum else "altered"
    elif leaf is not None and head != "foreign":
        state = "waiting"
    if digest != stored and leaf is not None:
        state = "altered"
    return Entry(
        position=position,
        number=number,
        origin=shard.origin,
        state=state,  # type: ignore[arg-type]  # one of them
        content=_content(leaf),
        leaf=leaf,
        leaf_hash=digest,
        proof=proof,
        checkpoint=signed[1] if signed else None,
    )


def _prove(
    connection: Connection, log: PublishedLog, head: tuple[Served, Checkpoint], number: int, digest: bytes | None
) -> tuple[bytes | None, InclusionProof | None]:
    """Give the leaf hash (the tile's, when the entry is gone) and the proof, None when it does not hold."""
    served, checkpoint = head
    try:
        node = log.node(connection, served.shard, checkpoint.size)
        leaf = digest if digest is not None else node(0, number)
        path = tuple(merkle.inclusion_path(number, checkpoint.size, node))
        holds = merkle.verify_inclusion(number, checkpoint.size, leaf, path, checkpoint.root)
    except (AuditError, IndexError):  # tiles that are not there
        return digest, None
    return leaf, InclusionProof(number, path, served.note) if holds else None


def _content(leaf: bytes | None) -> Mapping[str, Any]:
    if leaf is None:
        return {}
    try:
        entry = loads(leaf)
    except NotCanonical:
        return {}
    return entry if isinstance(entry, dict) else {}
