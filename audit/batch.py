"""What goes into the journal and what comes back: drafts, batches, and the place an entry was given."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Connection, Update

from audit.canonical import Json
from audit.merkle import CompactRange, inclusion_path, node_hash

Change: TypeAlias = Callable[[Connection, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry somebody asks to append.

    `subject`, `guard` and `token` (the credential it was asked with) mean something to the gate only. `change` runs in
    the entry's transaction, with the entry's index; it may run again, so it must do nothing but SQL. `seal` is stored
    beside the entry, erasable. `release` marks an entry after which data leaves.
    """

    type: str
    members: Mapping[str, Json]
    time: int
    subject: object | None = field(default=None, repr=False)
    guard: object | None = field(default=None, repr=False)
    change: Change | None = field(default=None, repr=False)
    seal: bytes | None = field(default=None, repr=False)
    release: bool = False
    token: object | None = field(default=None, repr=False)


class LockNeeded(Exception):  # noqa: N818  caught by the journal
    """A gate that writes something itself says so when the log is not locked: nothing of the batch is written."""


class Docket(list[Draft]):
    """The drafts a gate judges.

    `alone` tells that no other process has written to the log since this journal's last durable batch: what the gate
    knew of the log then is still all there is to know. When the log is not `locked`, that is a guess which the batch
    is written on condition of; a gate may read then, and raises `LockNeeded` rather than write.
    """

    def __init__(self, drafts: Iterable[Draft], *, alone: bool = False, locked: bool = True) -> None:
        super().__init__(drafts)
        self.alone = alone
        self.locked = locked


Moved: TypeAlias = tuple[Update, Mapping[str, Any]]
"""A constant statement (one object for all batches, so that it is compiled once) and its parameters."""


class Ruling(list[Mapping[str, str] | Exception]):
    """A gate's answers, with what it has to write: the journal runs it before the changes and with the rows."""

    def __init__(self, answers: Iterable[Mapping[str, str] | Exception], *, moved: Moved | None = None) -> None:
        super().__init__(answers)
        self.moved = moved


Gate: TypeAlias = Callable[[Connection, Sequence[Draft]], Sequence[Mapping[str, str] | Exception]]
"""Run once per batch under the head lock: for each draft the members to stamp, or why it is refused; a `Ruling`
when it has something to write."""


class Batch:
    """The entries of one transaction, with enough of the tree to prove each of them."""

    __slots__ = ("_nodes", "first", "leaves", "notes", "origin", "root", "size", "start")

    def __init__(
        self, before: CompactRange, leaves: list[bytes], root: bytes, *, origin: str = "", first: int = 0
    ) -> None:
        self.origin = origin
        self.first = first  # position of the shard's entry 0 over all shards
        self.start = before.size
        self.size = before.size + len(leaves)
        self.leaves = leaves
        self.root = root
        self.notes: dict[str, str] = {}  # receipts sign a batch once per key
        self._nodes = before.nodes()

    def node(self, level: int, index: int) -> bytes:
        """Give a complete subtree that holds, or touches on its left, leaves of this batch."""
        known = self._nodes.get((level, index))
        if known is None:
            if level == 0:
                return self.leaves[index - self.start]
            known = node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))
            self._nodes[level, index] = known
        return known

    def path(self, index: int) -> list[bytes]:
        """Give the inclusion path of one of the batch's entries in the tree the batch made."""
        return inclusion_path(index, self.size, self.node)


@dataclass(frozen=True, slots=True)
class Appended:
    """A durable entry: its position over all shards, its bytes, and the tree head it was committed with."""

    index: int
    leaf: bytes
    batch: Batch = field(repr=False)

    @property
    def leaf_index(self) -> int:
        """Index of the entry in the tree of its shard."""
        return self.index - self.batch.first

    @property
    def leaf_hash(self) -> bytes:
        """Hash of the entry in the tree."""
        return self.batch.leaves[self.leaf_index - self.batch.start]

    @property
    def size(self) -> int:
        """Size of the tree right after the entry's batch."""
        return self.batch.size

    @property
    def root(self) -> bytes:
        """Head of that tree."""
        return self.batch.root

    def path(self) -> list[bytes]:
        """Inclusion path in that tree, computed when asked for."""
        return self.batch.path(self.leaf_index)
