from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import golden

from trunkline.ids import ulid_bytes
from trunkline.journal.reader import Position
from trunkline.protocol import prices
from trunkline.recorder import checkpoint
from trunkline.recorder.checkpoint import Checkpoint, Closed, Live, Place
from trunkline.recorder.fold import call_row, fold
from trunkline.recorder.state import State


def after(name: str, count: int) -> State:
    """Return the state of a golden call after `count` of its records."""
    state = State.new()
    for record in golden.records(name)[:count]:
        state, _ = fold(state, record, prices.shipped())
    return state


def a_checkpoint(name: str, count: int) -> Checkpoint:
    state = after(name, count)
    return Checkpoint(
        {"gateway-0": Place(Position(3, 4096), ulid_bytes(1, bytes(10)))},
        {"call_live": Live(state, b"instance", 4000)},
        {"call_over": Closed(call_row(state), 5000)},
    )


@settings(max_examples=40)
@given(st.sampled_from(golden.names()), st.integers(0, 400))
def test_a_checkpoint_is_read_as_it_was_written(name: str, count: int) -> None:
    saved = a_checkpoint(name, count)
    assert checkpoint.decode(checkpoint.encode(saved)) == saved


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_checkpoint_is_none(data: st.DataObject) -> None:
    whole = checkpoint.encode(a_checkpoint(golden.names()[0], 60))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    damaged = bytearray(whole)
    damaged[bit // 8] ^= 1 << bit % 8
    assert checkpoint.decode(bytes(damaged)) is None
    assert checkpoint.decode(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


def test_a_checkpoint_replaces_the_one_before(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path) is None
    for count in (3, 30):
        checkpoint.save(tmp_path, a_checkpoint(golden.names()[0], count))
        checkpoint.sync(tmp_path)
    assert checkpoint.load(tmp_path) == a_checkpoint(golden.names()[0], 30)
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.NAME]
    checkpoint.forget(tmp_path)
    checkpoint.forget(tmp_path)
    assert checkpoint.load(tmp_path) is None


def test_a_checkpoint_of_another_release_is_none() -> None:
    assert checkpoint.decode(checkpoint.encode(Checkpoint())) == Checkpoint()
    assert checkpoint.decode(checkpoint.encode(Checkpoint(release="0.0.0"))) is None
