"""Rows that are gone are missed at the next start, whatever became of them."""

import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.engines import columns_of, engine

from trunkline.store.facts.manifest import Blocks, Manifest, joined, missing
from trunkline.store.facts.store import MANIFEST

blocks = st.builds(
    lambda table, first, more: Blocks(table, "202611", first, first + more),
    st.sampled_from(["calls", "turns"]),
    st.integers(0, 30),
    st.integers(0, 3),
)


def numbers(found: list[Blocks]) -> set[tuple[str, int]]:
    return {(each.table, n) for each in found for n in range(each.first, each.last + 1)}


@given(st.lists(blocks))
def test_joined_blocks_are_the_same_blocks_in_few_ranges(some: list[Blocks]) -> None:
    found = joined(some)
    assert numbers(found) == numbers(some)
    assert found == sorted(found)
    for one, next_one in itertools.pairwise(found):
        assert one.table != next_one.table or one.last + 1 < next_one.first


@given(st.lists(blocks), st.lists(blocks))
def test_a_block_is_missing_unless_all_of_it_is_there(
    wanted: list[Blocks], there: list[Blocks]
) -> None:
    expected = [block for block in wanted if not numbers([block]) <= numbers(there)]
    assert missing(wanted, there) == expected


@pytest.fixture(scope="module")
def three_calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an engine in it, three parts of each table, and what is kept beside it."""
    directory = tmp_path_factory.mktemp("engine")
    engine(directory / "facts", "still", "insert", "insert", "insert")
    return directory


@pytest.fixture
def stored(three_calls: Path, tmp_path: Path) -> Path:
    """An engine's directory with three calls in it."""
    shutil.copytree(three_calls, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy" / "facts"


@pytest.mark.guarantee("D10")
def test_a_part_that_is_torn_is_told_at_every_start_until_a_rebuild(stored: Path) -> None:
    torn = columns_of(stored)[0]
    torn.write_bytes(torn.read_bytes()[:10])
    said, counted, _ = engine(stored, "damage", "read", "insert")
    assert said.startswith("rows of ")
    assert said.endswith(" are damaged or gone")
    assert 2 * 16 <= sum(counted.values()) < 3 * 16
    assert engine(stored, "damage", "clear", "insert", "rebuilt", "damage")[0::4] == [said, ""]


@pytest.mark.guarantee("D10")
@pytest.mark.parametrize("gone", ["store/*/*/*_1_1_*", "."])
def test_parts_that_are_gone_are_told_at_the_start(stored: Path, gone: str) -> None:
    """Some of them, or the directory with all of them."""
    for path in list(stored.glob(gone)) if gone != "." else [stored]:
        shutil.rmtree(path)
    said = engine(stored, "damage")[0]
    assert "rows of calls, errors, events, findings, items, listed, marks, responses, " in said
    assert said.endswith(" are damaged or gone")


@pytest.mark.guarantee("D10")
@pytest.mark.parametrize("place", [0, 16, 20, 30])
def test_a_flipped_bit_is_told_when_it_is_read(stored: Path, place: int) -> None:
    """The engine looks at nothing but sizes when it starts.

    What it says later depends on what of the first block is hit: its checksum, its codec, its
    size or its content.
    """
    path = columns_of(stored)[0]
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    before, read, after = engine(stored, "damage", "read", "damage")
    assert (before, after) == ("", "a part is damaged")
    assert "Code: " in read


@pytest.mark.guarantee("D10")
def test_a_rebuild_that_was_interrupted_is_told(stored: Path) -> None:
    engine(stored, "clear", "insert", "die")
    assert engine(stored, "damage") == ["the rebuild of the facts was not finished"]


def test_merges_erasures_and_a_sudden_end_are_no_damage(stored: Path) -> None:
    engine(stored, "merge", "erase", "merge", "insert", "die")
    assert engine(stored, "damage") == [""]


def test_an_unreadable_manifest_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b"{")
    assert Manifest(tmp_path / MANIFEST).damage == ""
