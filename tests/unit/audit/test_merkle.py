"""The tree is the one of RFC 6962: golden values, and a second implementation written from the definition."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle
from audit.merkle import CompactRange

# Inputs and heads of the reference tests of Certificate Transparency (RFC 6962 §2.1).
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
HEADS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(131)]
SIZES = range(1, 131)


def mth(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962 §2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def node(level: int, index: int) -> bytes:
    return mth(LEAVES[index << level : (index + 1) << level])


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """The definition of an audit path, RFC 6962 §2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if index < k:
        return [*path(index, leaves[:k]), mth(leaves[k:])]
    return [*path(index - k, leaves[k:]), mth(leaves[:k])]


@pytest.mark.parametrize("size", range(9))
def test_heads_are_the_golden_ones(size):
    """Any RFC 6962 implementation gives these heads."""
    leaves = [merkle.leaf_hash(bytes.fromhex(data)) for data in INPUTS[:size]]
    assert merkle.root(leaves).hex() == HEADS[size]


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_path_of_every_size(size):
    """Each leaf of each tree is proved, by the path of the definition."""
    head = merkle.root(LEAVES[:size])
    assert head == mth(LEAVES[:size])
    for index in range(size):
        proof = merkle.inclusion_path(index, size, node)
        assert proof == path(index, LEAVES[:size])
        assert merkle.verify_inclusion(index, size, LEAVES[index], proof, head)


@pytest.mark.parametrize("new", SIZES)
def test_every_consistency_path_of_every_size(new):
    """Each tree is proved to be the beginning of each larger one."""
    heads = {size: mth(LEAVES[:size]) for size in range(1, new + 1)}
    for old in range(1, new + 1):
        proof = merkle.consistency_path(old, new, node)
        assert merkle.verify_consistency(old, new, heads[old], heads[new], proof)
        assert old == new or not merkle.verify_consistency(old, new, heads[new], heads[new], proof)
        assert not merkle.verify_consistency(old, new, heads[old], LEAVES[130], proof)


@given(st.integers(1, 130).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))), st.data())
def test_an_inclusion_path_holds_for_nothing_else(place, data):
    """Any change of leaf, place, size, head or path is noticed."""
    index, size = place
    head, proof = mth(LEAVES[:size]), merkle.inclusion_path(index, size, node)
    assert not merkle.verify_inclusion(index, size, LEAVES[130], proof, head)
    assert not merkle.verify_inclusion(index, size, LEAVES[index], proof, LEAVES[130])
    assert not merkle.verify_inclusion(index, size, LEAVES[index], [*proof, LEAVES[130]], head)
    assert not merkle.verify_inclusion(index, size, LEAVES[index], [*proof, LEAVES[130][:31]], head)
    other = data.draw(st.integers(-1, 140).filter(lambda other: other != index))
    assert not merkle.verify_inclusion(other, size, LEAVES[index], proof, head)
    if proof:
        broken = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.verify_inclusion(index, size, LEAVES[index], proof[:broken] + proof[broken + 1 :], head)
        proof[broken] = LEAVES[130]
        assert not merkle.verify_inclusion(index, size, LEAVES[index], proof, head)


@given(st.integers(1, 130).flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new))), st.data())
def test_a_consistency_path_holds_for_nothing_else(sizes, data):
    """Any change of a step of the path is noticed, and so is one step more or less."""
    old, new = sizes
    heads = mth(LEAVES[:old]), mth(LEAVES[:new])
    proof = merkle.consistency_path(old, new, node)
    assert not merkle.verify_consistency(old, new, *heads, [*proof, LEAVES[130]])
    assert not merkle.verify_consistency(old, new, *heads, [*proof, b"short"])
    if proof:
        broken = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.verify_consistency(old, new, *heads, proof[:broken] + proof[broken + 1 :])
        proof[broken] = LEAVES[130]
        assert not merkle.verify_consistency(old, new, *heads, proof)


def test_the_empty_tree_proves_nothing():
    """Consistency with the empty tree would hold for any log, so it is not accepted as a proof."""
    assert not merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, mth(LEAVES[:5]), [])
    assert not merkle.verify_consistency(3, 5, mth(LEAVES[:3]), mth(LEAVES[:5]), [])
    assert not merkle.verify_consistency(6, 5, mth(LEAVES[:6]), mth(LEAVES[:5]), [])
    assert not merkle.verify_inclusion(0, 0, LEAVES[0], [], merkle.EMPTY_ROOT)


@pytest.mark.parametrize(("function", "place"), [(merkle.inclusion_path, (5, 5)), (merkle.consistency_path, (0, 5))])
def test_there_is_no_path_outside_the_tree(function, place):
    """A proof is asked for a leaf or a size the tree has."""
    with pytest.raises(ValueError, match="tree"):
        function(*place, node)


@given(st.integers(0, 130), st.integers(0, 130))
def test_a_compact_range_resumes_anywhere(first, second):
    """Stored and read back, it grows into the same tree."""
    first, second = sorted((first, second))
    growing = CompactRange()
    growing.extend(LEAVES[:first])
    growing = CompactRange.from_bytes(first, growing.to_bytes())
    growing.extend(LEAVES[first:second])
    assert (growing.size, growing.root()) == (second, mth(LEAVES[:second]))
    assert growing.nodes() == {place: node(*place) for place in growing.nodes()}


@pytest.mark.parametrize(("size", "data"), [(3, b"x" * 32), (1, b"x" * 31), (-1, b"x" * 32)])
def test_a_compact_range_that_cannot_be_is_refused(size, data):
    """A size has exactly one number of peaks."""
    with pytest.raises(ValueError, match="compact range"):
        CompactRange.from_bytes(size, data)
