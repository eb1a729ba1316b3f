"""Paths and bundles are those of C2SP tlog-tiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales import tiles as other

from audit.errors import NoteInvalid
from audit.layout import pack, parse_path, tile_path, tiles_of, unpack


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((1, 67, 256), "tile/1/067"),
        ((0, 1_234_067, 256), "tile/0/x001/x234/067"),
        ((None, 1_234_067, 8), "tile/entries/x001/x234/067.p/8"),
    ],
)
def test_paths_are_those_of_the_norm(place, path):
    """Thousands become folders, partial tiles carry their width."""
    assert tile_path(*place) == path
    assert parse_path(path) == place


@given(st.none() | st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_a_path_names_one_tile(level, index, width):
    """Writing and reading a path are inverse, and others write it the same."""
    path = tile_path(level, index, width)
    assert parse_path(path) == (level, index, width)
    assert path == "/".join(other.tile_path(-1 if level is None else level, index, 0 if width == 256 else width))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/001",
        "tile/0/001.p/256",
        "tile/0/001.p/0",
        "tile/0/../000",
        "tile/0/١٢٣",
        "tile/0/" + "x123/" * 7 + "000",
        "tile/entries/" + "x123/" * 1_500 + "000",
    ],
)
def test_anything_else_names_nothing(path):
    """A tile has one name; a name that is not it cannot be a second one."""
    assert parse_path(path) is None


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        (0, []),
        (1, [(0, 0, 1)]),
        (256, [(0, 0, 256), (1, 0, 1)]),
        (513, [(0, 0, 256), (0, 1, 256), (0, 2, 1), (1, 0, 2)]),
    ],
)
def test_a_tree_has_these_tiles(size, tiles):
    """Every level is there up to the one that holds a single partial tile."""
    assert list(tiles_of(size)) == tiles


@given(st.lists(st.binary(max_size=300)))
def test_bundles_are_read_back(entries):
    """Length-prefixed entries come out as they went in."""
    assert unpack(pack(entries)) == entries


@pytest.mark.parametrize("bundle", [b"\0", b"\0\2a", b"\0\1ab"])
def test_a_bundle_cut_short_is_refused(bundle):
    """A missing byte is an error, not a shorter entry."""
    with pytest.raises(NoteInvalid):
        unpack(bundle)
