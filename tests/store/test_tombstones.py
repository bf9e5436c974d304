"""What was erased is known for good, whatever becomes of the last line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.facts import fresh_call

from trunkline.ids import parse_call_id
from trunkline.store.tombstones import Tombstones


def test_what_was_erased_is_known_after_a_restart(tmp_path: Path) -> None:
    first, second, third = (fresh_call() for _ in range(3))
    stones = Tombstones(tmp_path / "erased")
    assert (len(stones), first in stones) == (0, False)
    stones.add("org_1", first)
    stones.add("", second)
    stones.finish(first)
    for known in (stones, Tombstones(tmp_path / "erased")):
        assert first in known
        assert second in known
        assert third not in known
        assert known.has(parse_call_id(first))
        assert not known.has(parse_call_id(third))
        assert list(known.calls()) == [("org_1", first), ("", second)]
        assert known.unfinished() == [("", second)]
    assert (tmp_path / "erased").stat().st_mode & 0o077 == 0


@given(cut=st.integers(0, 200))
def test_a_torn_line_costs_itself_only(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("torn") / "erased"
    first, second, third = (fresh_call() for _ in range(3))
    stones = Tombstones(path)
    stones.add("org_1", first)
    whole = path.stat().st_size
    stones.add("org_1", second)
    path.write_bytes(path.read_bytes()[: max(whole, path.stat().st_size - cut)])
    Tombstones(path).add("org_1", third)
    known = Tombstones(path)
    assert first in known
    assert third in known
    assert len(known) == 2 + (second in known)


def test_what_is_no_call_is_neither_added_nor_read(tmp_path: Path) -> None:
    path = tmp_path / "erased"
    with pytest.raises(ValueError):
        Tombstones(path).add("org_1", "../../etc")
    path.write_bytes(b"nonsense\ncall_x done\n\n" + fresh_call().encode() + b"\n\xff\n")
    assert len(Tombstones(path)) == 0


def test_a_call_may_be_erased_and_finished_twice(tmp_path: Path) -> None:
    call = fresh_call()
    stones = Tombstones(tmp_path / "erased")
    for _ in range(2):
        stones.add("org_1", call)
        stones.finish(call)
    assert Tombstones(tmp_path / "erased").unfinished() == []
