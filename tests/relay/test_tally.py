"""What gateways know together of a key's calls: each `Tally` here is another process's view."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from trunkline.relay import tally as module
from trunkline.relay.tally import NoRow, Tally

S = 10**9
NOW = 10**15

HOLDER = """
import sys
from pathlib import Path
from trunkline.relay.tally import Tally
tally = Tally(Path(sys.argv[1]))
assert tally.take(3) and tally.take(3)
assert [tally.begin(2, int(sys.argv[2])) for _ in range(2)] == [0, 0]
print("holds", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key_1"


@pytest.fixture
def two(path: Path) -> Generator[tuple[Tally, Tally]]:
    tallies = Tally(path), Tally(path)
    yield tallies
    for tally in tallies:
        tally.close()


def test_all_together_have_as_many_live_calls_as_there_may_be(two: tuple[Tally, Tally]) -> None:
    one, other = two
    assert [one.take(3), other.take(3), one.take(3)] == [True, True, True]
    assert not other.take(3)
    assert not one.take(3)
    other.give_back()
    assert one.take(3)
    assert not other.take(3)
    assert (one.live, other.live) == (3, 0)


def test_where_the_limit_was_lowered_earlier_calls_count(two: tuple[Tally, Tally]) -> None:
    one, other = two
    for _ in range(3):
        assert one.take(10)
        assert other.take(10)
    assert not one.take(3)
    for _ in range(3):
        one.give_back()
        assert not other.take(3)
    other.give_back()
    assert one.take(3)
    assert not other.take(3)


def test_a_closed_tally_counts_no_call(path: Path, two: tuple[Tally, Tally]) -> None:
    third = Tally(path)
    assert third.take(1)
    assert not two[0].take(1)
    third.close()
    assert two[0].take(1)
    assert not two[1].take(1)


def test_who_takes_over_the_row_of_another_begins_with_no_call(path: Path) -> None:
    dead = Tally(path)
    assert dead.take(9)
    assert dead.take(9)
    dead.close()
    next_one, witness = Tally(path), Tally(path)
    assert [next_one.take(2), next_one.take(2)] == [True, True]
    assert not witness.take(2)
    assert witness.take(3)
    for tally in (next_one, witness):
        tally.close()


def test_a_killed_process_has_no_live_call_and_its_minute_goes_on(
    path: Path, two: tuple[Tally, Tally]
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), str(NOW)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"
        tally = two[0]
        assert tally.take(3)
        assert not tally.take(3)
        assert tally.begin(2, NOW + 20 * S) == 40 * S
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert [tally.take(3), tally.take(3), tally.take(3)] == [True, True, False]
    assert tally.begin(2, NOW + 20 * S) == 40 * S
    assert tally.begin(2, NOW + 60 * S) == 0


def test_the_minute_is_everyones(two: tuple[Tally, Tally]) -> None:
    one, other = two
    assert [one.begin(2, NOW), other.begin(2, NOW + S)] == [0, 0]
    assert one.begin(2, NOW + 2 * S) == 58 * S
    assert other.begin(2, NOW + 2 * S) == 58 * S
    assert other.begin(3, NOW + 2 * S) == 0
    assert one.begin(2, NOW + 3 * S) == 58 * S
    assert one.begin(2, NOW + 62 * S) == 0


def test_live_calls_and_times_are_kept_apart(two: tuple[Tally, Tally]) -> None:
    one, other = two
    for number in range(5):
        assert one.begin(10, NOW + number) == 0
        assert other.take(5)
    assert not one.take(5)
    assert other.begin(5, NOW + 5) == 60 * S - 5


def test_a_file_of_anything_bounds_nobody_for_longer_than_a_minute(path: Path) -> None:
    path.write_bytes(b"\xff\x7f\x00" * 1001)
    tally = Tally(path)
    assert tally.take(1)
    assert tally.begin(1, NOW) <= 60 * S
    assert tally.begin(1, NOW + 60 * S) == 0
    tally.close()
    again = Tally(path)
    assert again.begin(1, NOW + 61 * S) == 59 * S
    again.close()


def test_a_process_that_stopped_while_it_wrote_stops_no_other(
    two: tuple[Tally, Tally], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GUARD_TRIES", 2)
    one, other = two
    assert one._guard()  # pyright: ignore[reportPrivateUsage]
    assert other.begin(1, NOW) == 0
    assert other.begin(1, NOW) == 60 * S
    assert other.take(1)
    assert not other.take(1)


def test_more_gateways_than_rows_are_told_so(
    two: tuple[Tally, Tally], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS", 1)
    assert two[0].take(2)
    with pytest.raises(NoRow):
        two[1].take(2)


def test_the_file_is_its_owners_alone(path: Path, two: tuple[Tally, Tally]) -> None:
    two[0].begin(1, NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
