"""The tree: RFC 6962 hashes, compact ranges, inclusion and consistency proofs (RFC 9162 §2.1).

Pure. A node is named (level, index): it covers leaves `index << level` to `(index + 1) << level`. Functions
that need stored hashes take `node(level, index)`, asked for complete subtrees only. Refuses home-made proof
structures: only what other people's verifiers accept.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Self

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256().digest()

Node = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Hash one entry (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The roots of the complete subtrees that cover leaves 0 to `size`, largest first: a resumable tree."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count():
            raise ValueError("a compact range has one hash per bit set in its size")

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Self:
        """Read back what `to_bytes` gave."""
        if len(data) % HASH_SIZE:
            raise ValueError("a compact range is a whole number of hashes")
        return cls(size, (data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)))

    def to_bytes(self) -> bytes:
        """Concatenate the peaks."""
        return b"".join(self.peaks)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes on the right."""
        size, peaks, sha256 = self.size, self.peaks, hashlib.sha256
        for leaf in leaves:
            size += 1
            rest = size
            merged = leaf
            while not rest & 1:  # one merge per trailing zero of the new size
                merged = sha256(b"\x01" + peaks.pop() + merged).digest()
                rest >>= 1
            peaks.append(merged)
        self.size = size

    def root(self) -> bytes:
        """Fold the peaks into the tree head."""
        if not self.peaks:
            return EMPTY_ROOT
        folded = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            folded = node_hash(peak, folded)
        return folded

    def nodes(self) -> dict[tuple[int, int], bytes]:
        """Name the peaks (level, index)."""
        named, start = {}, 0
        levels = [level for level in range(self.size.bit_length() - 1, -1, -1) if self.size >> level & 1]
        for level, peak in zip(levels, self.peaks, strict=True):
            named[level, start >> level] = peak
            start += 1 << level
        return named


def root(leaves: Iterable[bytes]) -> bytes:
    """Give the tree head over leaf hashes."""
    growing = CompactRange()
    growing.extend(leaves)
    return growing.root()


def inclusion_path(index: int, size: int, node: Node) -> list[bytes]:
    """List the hashes from leaf `index` up to the head of a tree of `size` (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subtree(middle, high, node))
            high = middle
        else:
            path.append(_subtree(low, middle, node))
            low = middle
    return path[::-1]


def consistency_path(old: int, new: int, node: Node) -> list[bytes]:
    """List the hashes that prove the first `old` leaves of a tree of `new` (RFC 9162 §2.1.4.1)."""
    if not 0 < old <= new:
        raise ValueError("the older tree must have leaves, and not more than the newer")
    low, high, path = 0, new, []
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_subtree(middle, high, node))
            high = middle
        else:
            path.append(_subtree(low, middle, node))
            low = middle
    if low:
        path.append(_subtree(low, high, node))
    return path[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], head: bytes) -> bool:
    """Check an inclusion path, step by step as in RFC 9162 §2.1.3.2."""
    if not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0 or len(p) != HASH_SIZE:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == head


def verify_consistency(old: int, new: int, old_head: bytes, new_head: bytes, path: Sequence[bytes]) -> bool:
    """Check a consistency path, step by step as in RFC 9162 §2.1.4.2."""
    if not 0 < old <= new or any(len(p) != HASH_SIZE for p in path):
        return False
    if old == new:
        return not path and old_head == new_head
    steps = list(path) if old & (old - 1) else [old_head, *path]
    if not steps:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = steps[0]
    for c in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_head and sr == new_head


def _split(count: int) -> int:
    """Largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _subtree(low: int, high: int, node: Node) -> bytes:
    count = high - low
    if not count & (count - 1):
        level = count.bit_length() - 1
        return node(level, low >> level)
    middle = low + _split(count)
    return node_hash(_subtree(low, middle, node), _subtree(middle, high, node))
