"""Verifiers that others wrote accept what the gateway logs; their trees are our trees."""

import random

import pytest
from pymerkle import InmemoryTree

from audit import merkle
from audit.evidence import verify_paths
from audit.merkle import CompactRange
from audit.trust import Trust
from tests.foreign.conftest import Made
from tests.foreign.tools import TOOLS

LEAVES = [b"%d" % number for number in range(3_000)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
_chance = random.Random(6962)  # noqa: S311  which trees are compared is not a secret


def test_the_log_has_more_than_two_tiles_of_entries(made: Made) -> None:
    """Full tiles, a partial one, and one above them."""
    assert (made.copy / "tile" / "entries" / "001").is_file()
    assert list((made.copy / "tile" / "0" / "002.p").iterdir())
    assert list((made.copy / "tile" / "1" / "000.p").iterdir())


@pytest.mark.parametrize("tool", TOOLS)
def test_a_foreign_verifier_accepts_the_log(made: Made, tool: str) -> None:
    """Signature, root, every entry, and that it goes on from the head that was held, as far as each looks."""
    assert TOOLS[tool](made.copy, made.vkeys, made.held) == ""


def test_ours_accepts_it(made: Made, tmp_path) -> None:
    """The same log, the same head."""
    held = tmp_path / "held"
    held.write_text(made.held, "utf-8")
    reports = verify_paths([made.copy, held], Trust((made.vkey,)))
    assert [report.failed() for report in reports] == [[], []]
    assert {check.name: check.ok for check in reports[1].checks}["extension"]


@pytest.fixture(scope="module")
def tree() -> InmemoryTree:
    """Somebody else's tree over the leaves."""
    grown = InmemoryTree(algorithm="sha256")
    for leaf in LEAVES:
        grown.append_entry(leaf)
    return grown


def node(level: int, index: int) -> bytes:
    return merkle.root(HASHES[index << level : (index + 1) << level])


def test_every_root_up_to_600_and_some_larger_are_the_same(tree: InmemoryTree) -> None:
    """However the tree grew: leaf by leaf, or in random pieces."""
    growing, jumping = CompactRange(), CompactRange()
    for size in range(1, 601):
        growing.extend(HASHES[size - 1 : size])
        assert growing.root() == tree.get_root(size)
    for size in sorted(_chance.sample(range(601, len(LEAVES) + 1), 40)):
        jumping.extend(HASHES[jumping.size : size])
        assert jumping.root() == tree.get_root(size)


@pytest.mark.parametrize("sizes", [range(1, 601), sorted(_chance.sample(range(601, len(LEAVES) + 1), 40))])
def test_inclusion_paths_are_the_same_byte_for_byte(tree: InmemoryTree, sizes) -> None:
    """The first, the last and random leaves of each size; the path there begins with the leaf itself."""
    for size in sizes:
        for index in {0, size - 1, _chance.randrange(size)}:
            proof = tree.prove_inclusion(index + 1, size)
            path = merkle.inclusion_path(index, size, node)
            assert proof.path[0] == HASHES[index]
            assert proof.path[1:] == path
            assert merkle.verify_inclusion(index, size, HASHES[index], path, tree.get_root(size))
