"""Tiles and bundles, against the text of C2SP tlog-tiles and the RFC's own recursion."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merkle_reference import consistency, inclusion, synthetic_leaves, tree_hash

from ledger.errors import LedgerIOError, Refused
from ledger.merkle import EMPTY_ROOT, CompactRange
from ledger.proofs import check_inclusion, consistency_path, inclusion_path
from ledger.tiles import (
    Tile,
    TileHashes,
    bundle_path,
    decode_bundle,
    encode_bundle,
    frontier,
    new_tiles,
    parse_tile_path,
    tile_path,
    tiles_of,
)

SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, 70000]


class Files(dict):
    """A log's tiles by path, counting how often each is read."""

    def __init__(self, files=()):
        super().__init__(files)
        self.reads = []

    def read(self, path):
        self.reads.append(path)
        return self[path]


@pytest.fixture(scope="module")
def leaves():
    return synthetic_leaves(70000)


@pytest.fixture(scope="module")
def levels(leaves):
    """The hashes of each tile level of the largest log, by the definition in the specification."""
    rows = [leaves]
    while len(rows[-1]) >= 256:
        below = rows[-1]
        rows.append([tree_hash(below[at : at + 256]) for at in range(0, len(below) - 255, 256)])
    return rows


@pytest.fixture(scope="module")
def log(levels):
    """The tiles of hashes of a log of some size <= 70000, as Files."""

    def of(size, tiles=None):
        tiles = tiles_of(size) if tiles is None else tiles
        return Files(
            {
                tile.path: b"".join(levels[tile.level][tile.index * 256 : tile.index * 256 + tile.width])
                for tile in tiles
                if tile.level is not None
            }
        )

    return of


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),  # the specification's own index
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 0, 1), "tile/1/000.p/1"),
        (Tile(63, 999, 255), "tile/63/999.p/255"),
        (Tile(0, 1000, 5), "tile/0/x001/000.p/5"),
        (Tile(2, 1_000_000), "tile/2/x001/x000/000"),
        (Tile(None, 273, 112), "tile/entries/273.p/112"),
        (Tile(None, 1234067), "tile/entries/x001/x234/067"),
    ],
)
def test_paths_are_spelled_as_the_specification_spells_them(tile, path):
    assert tile.path == path
    assert parse_tile_path(path) == tile
    if tile.level is None:
        assert bundle_path(tile.index, tile.width) == path
    else:
        assert tile_path(tile.level, tile.index, tile.width) == path


@given(st.none() | st.integers(0, 63), st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_every_tile_has_one_path_and_the_path_names_that_tile(level, index, width):
    assert parse_tile_path(Tile(level, index, width).path) == Tile(level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x000",
        "tile/0/001/067",
        "tile/0/x001067",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile//000",
        "tile/data/000",
        "tile/8/0/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1_0",
        "tile/0/000.p/+1",
        "tile/0/00\u0663",
        "tile/0/000\n",
        " tile/0/000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/../000",
        "TILE/0/000",
        "tile/0/X001/000",
        "tile/entries/x000/001",
        "tile/0/" + "x001/" * 6 + "000",
        "tile/0/" + "x001/" * 2000 + "000",
    ],
)
def test_any_other_text_is_refused_as_a_path(path):
    with pytest.raises(Refused, match="not the path of a tile"):
        parse_tile_path(path)


@given(st.text("tile/entrisx.p0123456789", max_size=30))
def test_a_text_is_refused_or_is_the_only_spelling_of_a_tile(text):
    for path in (text, "tile/0/" + text, "tile/entries/" + text):
        try:
            tile = parse_tile_path(path)
        except Refused:
            continue
        assert tile.path == path


@pytest.mark.parametrize(
    "tile", [Tile(64, 0), Tile(-1, 0), Tile(0, -1), Tile(0, 0, 0), Tile(0, 0, 257), Tile(None, -1)]
)
def test_tiles_that_cannot_exist_have_no_path(tile):
    with pytest.raises(Refused, match="does not exist"):
        _ = tile.path


def test_a_log_of_70000_entries_has_the_tiles_that_the_specification_counts():
    tiles = list(tiles_of(70000))
    assert [tile for tile in tiles if tile.level is None] == [
        *(Tile(None, index) for index in range(273)),
        Tile(None, 273, 112),
    ]
    assert [tile for tile in tiles if tile.level == 0] == [*(Tile(0, index) for index in range(273)), Tile(0, 273, 112)]
    assert [tile for tile in tiles if (tile.level or 0) > 0] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]


def test_a_log_of_256_entries_has_a_full_tile_and_one_of_width_1_above_it():
    assert [tile.path for tile in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert list(tiles_of(0)) == []


@pytest.mark.parametrize("size", SIZES)
def test_a_partial_tile_is_as_wide_as_the_specification_says(size):
    partial = {tile.level: tile.width for tile in tiles_of(size) if tile.width < 256 and tile.level is not None}
    assert partial == {level: size // 256**level % 256 for level in range(8) if size // 256**level % 256}


@given(st.lists(st.integers(0, 200_000), max_size=6))
def test_a_log_that_grows_in_steps_ends_with_every_tile_of_its_size(stops):
    written, size = set(), 0
    for stop in sorted(stops):
        step = list(new_tiles(size, stop))
        assert len(set(step)) == len(step)
        assert set(step) <= set(tiles_of(stop))
        assert not set(step) & written, "a tile that is there already never changes"
        written |= set(step)
        size = stop
        assert set(tiles_of(size)) <= written


def test_a_log_does_not_shrink():
    for old, new in [(2, 1), (-1, 1)]:
        with pytest.raises(Refused, match="cannot grow"):
            list(new_tiles(old, new))


def test_a_bundle_is_a_sequence_of_big_endian_lengths_and_entries():
    assert encode_bundle([b"one", b"", b"three"]) == b"\x00\x03one\x00\x00\x00\x05three"
    assert encode_bundle([bytes(0x1234)])[:2] == b"\x12\x34"


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_gives_back_its_entries(entries):
    assert decode_bundle(encode_bundle(iter(entries))) == entries


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=9), st.data())
def test_a_bundle_that_ends_within_an_entry_is_refused(entries, data):
    bundle = encode_bundle(entries)
    ends = [len(encode_bundle(entries[:count])) for count in range(len(entries))]
    cut = data.draw(st.integers(0, len(bundle) - 1).filter(lambda cut: cut not in ends))
    with pytest.raises(Refused, match="ends within an entry"):
        decode_bundle(bundle[:cut])


def test_bundles_and_entries_that_are_too_large_are_refused():
    assert decode_bundle(encode_bundle([bytes(65535)])) == [bytes(65535)]
    with pytest.raises(Refused, match="65536 bytes"):
        encode_bundle([bytes(65536)])
    with pytest.raises(Refused, match="257 entries"):
        encode_bundle([b""] * 257)
    with pytest.raises(Refused, match="257 entries"):
        decode_bundle(bytes(2 * 257))


@pytest.mark.parametrize("size", SIZES)
def test_paths_from_tiles_are_those_of_the_recursive_definitions(leaves, log, size):
    hashes, part = TileHashes(size, log(size).read), leaves[:size]
    for index in sorted({0, 1, size // 3, size // 2, size - 2, size - 1, 255, 256, 65535} & set(range(size))):
        assert inclusion_path(hashes.hash_at, index, size) == inclusion(index, part)
        assert consistency_path(hashes.hash_at, index + 1, size) == consistency(index + 1, part)


@settings(max_examples=30)
@given(st.data())
def test_every_perfect_subtree_of_a_log_has_its_hash(leaves, log, data):
    size = data.draw(st.sampled_from([513, 70000]))
    level = data.draw(st.integers(0, size.bit_length() - 1))
    index = data.draw(st.integers(0, (size >> level) - 1))
    expected = tree_hash(leaves[index << level : (index + 1) << level])
    assert TileHashes(size, log(size).read).hash_at(level, index) == expected


def test_a_subtree_that_the_log_does_not_fill_has_no_hash(log):
    hashes = TileHashes(257, log(257).read)
    for level, index in [(0, 257), (1, 128), (8, 1), (9, 0), (-1, 0), (0, -1)]:
        with pytest.raises(Refused, match="no full subtree"):
            hashes.hash_at(level, index)


@pytest.mark.parametrize("size", SIZES)
def test_the_frontier_is_the_tree_and_grows_on(leaves, log, size):
    files = log(size)
    tree = frontier(size, files.read)
    assert (tree.size, tree.root()) == (size, tree_hash(leaves[:size]))
    right_edge = {tile.level: tile.path for tile in tiles_of(size)}  # listed from left to right: the last one stays
    assert len(files.reads) == len(set(files.reads)) <= 3
    assert set(files.reads) <= set(right_edge.values())
    for leaf in leaves[size : size + 3]:
        tree.append(leaf)
    assert tree.root() == tree_hash(leaves[: tree.size])


def test_the_frontier_of_the_empty_log_reads_nothing():
    files = Files()
    assert frontier(0, files.read).root() == EMPTY_ROOT
    assert files.reads == []


class Endless:
    """Tiles of a log in which all leaves are the same, so that a million entries cost nothing."""

    def __init__(self):
        self.reads = []
        self.row = [EMPTY_ROOT]
        for _ in range(4):
            tree = CompactRange()
            for _ in range(256):
                tree.append(self.row[-1])
            self.row.append(tree.root())

    def read(self, path):
        self.reads.append(path)
        tile = parse_tile_path(path)
        return self.row[tile.level] * tile.width


@settings(max_examples=40)
@given(st.integers(2**20 - 5000, 2**20 + 5000), st.data())
def test_an_inclusion_proof_in_a_million_entries_reads_at_most_8_files(size, data):
    files = Endless()
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(TileHashes(size, files.read).hash_at, index, size)
    assert len(files.reads) == len(set(files.reads)) <= 8
    check_inclusion(EMPTY_ROOT, index, size, path, frontier(size, files.read).root())


def test_a_tile_is_read_once_for_many_proofs(log):
    files = log(70000)
    hashes = TileHashes(70000, files.read)
    for index in range(0, 256, 5):
        inclusion_path(hashes.hash_at, index, 70000)
    assert len(files.reads) == len(set(files.reads)) <= 8


@pytest.mark.parametrize("missing", [KeyError, FileNotFoundError, LedgerIOError])
def test_a_full_tile_stands_in_for_a_partial_one_that_is_gone(leaves, log, missing):
    # The specification lets a log delete a partial tile once the full one is there; older checkpoints still need it.
    files = log(300, [Tile(0, 0), Tile(0, 1), Tile(1, 0, 1)])

    def read(path):
        if path not in files:
            raise missing(path)
        return files[path]

    assert inclusion_path(TileHashes(300, read).hash_at, 299, 300) == inclusion(299, leaves[:300])
    del files["tile/1/000.p/1"]
    with pytest.raises(missing, match=r"tile/1/000\.p/1"):
        TileHashes(300, read).hash_at(8, 0)


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: data[:-32], lambda _: b""]
)
def test_a_tile_of_another_length_is_refused(log, change):
    files = log(300)
    for path in ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]:
        torn = Files({**files, path: change(files[path])})
        tile = parse_tile_path(path)
        with pytest.raises(Refused, match="bytes instead of"):
            TileHashes(300, torn.read).hash_at(8 * tile.level, tile.index * 256)
