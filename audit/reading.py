"""The published log as it is served: checkpoints with their cosignatures, tiles, bundles, inclusion proofs.

Nothing beyond the served checkpoint is ever given: the newest signed one, with `quorum` the newest that enough
witnesses have cosigned. Tiles are remembered as small trees (they never change), so that a proof at a million
entries costs one row and a few hundred hashes. A shard is asked for by its year, None for the one that is appended to.
Refuses what is not there by name: `NotPublished`, `Pruned`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from audit import attested, merkle, shards, tiles, years
from audit.directory import split
from audit.errors import NotPublished, Pruned
from audit.layout import WIDTH
from audit.proofs import InclusionProof
from audit.shards import Shard
from audit.store import Store

_TREES = 128  # about 40 KB each


@dataclass(frozen=True, slots=True)
class Served:
    """A shard and the checkpoint it is served under."""

    shard: Shard
    size: int
    note: str


class PublishedLog:
    """Reads one log; any number of these may, on any process."""

    def __init__(self, store: Store, *, quorum: bool = False) -> None:
        self._store = store
        self._quorum = quorum
        self._trees: OrderedDict[tuple[int, int, int, int], list[list[bytes]]] = OrderedDict()

    async def served(self, year: str | None = None) -> Served:
        """Give the newest checkpoint that may be served."""
        return await self._store.read(partial(self.serve, year=year))

    async def tile(self, year: str | None, level: int, *, index: int, width: int = WIDTH) -> bytes:
        """Give a tile of hashes, whole or its first `width` hashes."""

        def work(connection: Connection) -> bytes:
            served = self.serve(connection, year=year)
            if index * WIDTH + width > served.size >> 8 * level:
                raise NotPublished("no served checkpoint covers this tile")
            return b"".join(self._tree(connection, served.shard, level, index=index, width=width)[0])

        return await self._store.read(work)

    async def bundle(self, year: str | None, index: int, width: int = WIDTH) -> bytes:
        """Give a bundle of entries."""

        def work(connection: Connection) -> bytes:
            served = self.serve(connection, year=year)
            if index * WIDTH + width > served.size:
                raise NotPublished("no served checkpoint covers this bundle")
            return tiles.read_bundle(connection, served.shard, index=index, width=width)

        return await self._store.read(work)

    async def proof(self, year: str | None, index: int) -> tuple[bytes, InclusionProof]:
        """Give the leaf hash of an entry, and its proof in the served checkpoint; also of a pruned entry."""

        def work(connection: Connection) -> tuple[bytes, InclusionProof]:
            served = self.serve(connection, year=year)
            if index >= served.size:
                raise NotPublished("no served checkpoint covers this entry")
            node = self.node(connection, served.shard, served.size)
            return node(0, index), InclusionProof(
                index, tuple(merkle.inclusion_path(index, served.size, node)), served.note
            )

        return await self._store.read(work)

    def serve(self, connection: Connection, *, year: str | None = None) -> Served:
        """Find the shard of a year and the newest checkpoint it may be served under."""
        shard = shards.current(connection) if year is None else _of_year(connection, year)
        if shard is None:
            raise NotPublished("this log has no such year")
        return Served(shard, *attested.served(connection, shard, quorum=self._quorum))

    def fetch(self, connection: Connection, shard: Shard, numbers: Iterable[int]) -> None:
        """Read the full lowest tiles over these entries in one statement, for proofs of entries that lie far apart."""
        missing = {number // WIDTH for number in numbers}
        missing = {index for index in missing if (shard.id, 0, index, WIDTH) not in self._trees}
        for index, hashes in tiles.stored_lowest(connection, shard, sorted(missing)):
            self._keep((shard.id, 0, index, WIDTH), _grow(split(hashes)))

    def node(self, connection: Connection, shard: Shard, size: int) -> Callable[[int, int], bytes]:
        """Give the hash of any complete subtree of the tree of a size, as `audit.merkle` asks for it."""

        def node(level: int, index: int) -> bytes:
            tile_level, height = divmod(level, 8)
            tile = index >> (8 - height)
            width = min(WIDTH, (size >> 8 * tile_level) - tile * WIDTH)
            tree = self._tree(connection, shard, tile_level, index=tile, width=width)
            return tree[height][index - (tile << (8 - height))]

        return node

    def _tree(self, connection: Connection, shard: Shard, level: int, *, index: int, width: int) -> list[list[bytes]]:
        key = (shard.id, level, index, width)
        tree = self._trees.get(key)
        if tree is None:
            return self._keep(key, _grow(_hashes(connection, shard, level, index=index, width=width)))
        self._trees.move_to_end(key)
        return tree

    def _keep(self, key: tuple[int, int, int, int], tree: list[list[bytes]]) -> list[list[bytes]]:
        self._trees[key] = tree
        if len(self._trees) > _TREES:
            self._trees.popitem(last=False)
        return tree


def _of_year(connection: Connection, year: str) -> Shard | None:
    return next((shard for shard in shards.every(connection) if years.folder(shard.origin) == year), None)


def _hashes(connection: Connection, shard: Shard, level: int, *, index: int, width: int) -> list[bytes]:
    full = tiles.stored_tile(connection, shard, level, index)
    if full is not None:
        return split(full)[:width]
    hashes = tiles.hashes_at(connection, shard, level, start=index * WIDTH, end=index * WIDTH + width)
    if len(hashes) != width:
        raise Pruned(f"{shard.origin} was pruned as a whole")
    return hashes


def _grow(hashes: list[bytes]) -> list[list[bytes]]:
    """Give all complete subtrees of a tile, by height."""
    tree = [hashes]
    while len(tree) < 8:
        below = tree[-1]
        tree.append([merkle.node_hash(below[n], below[n + 1]) for n in range(0, len(below) - 1, 2)])
    return tree
