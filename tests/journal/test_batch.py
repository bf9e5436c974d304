"""The two batches, in Python and in C, make the same bytes."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.journal import batch as plain
from trunkline.journal.record import OVERHEAD_BYTES, Kind, Leg, decode
from trunkline.journal.writer import Batch as Chosen

CALL = b"call-of-16-bytes"
SIZE_BYTES = 1_000

if shutil.which("cc"):
    # Where a compiler is, a build that failed must not pass unseen.
    from trunkline.journal import _batch as compiled

    BATCHES: list[Any] = [plain.Batch, compiled.Batch]
else:
    BATCHES = [plain.Batch]

both = pytest.mark.parametrize("batch_type", BATCHES, ids=lambda kind: kind.__module__)

records = st.tuples(
    st.sampled_from(Kind),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**32 - 1),
    st.sampled_from(Leg),
    st.integers(0, 7),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(bytearray)),
)


@given(st.lists(records, max_size=20))
def test_both_hold_the_same_bytes(added: list[Any]) -> None:
    batches = [kind(SIZE_BYTES) for kind in BATCHES]
    taken = [[one.add(*record) for record in added] for one in batches]
    assert all(answers == taken[0] for answers in taken)
    assert len({one.records for one in batches}) == 1
    assert len({bytes(one.swap(memoryview(bytearray(8)))) for one in batches}) == 1


@both
def test_what_is_added_is_read_again(batch_type: Any) -> None:
    one = batch_type(SIZE_BYTES)
    one.add(Kind.FRAME, CALL, 7, Leg.CALLER, 1, 11, 13, memoryview(b"hello"))
    record, end = decode(one.swap(memoryview(bytearray(8))))
    assert (record.call, record.seq, record.leg, record.flags) == (CALL, 7, Leg.CALLER, 1)
    assert (record.received_ns, record.handed_ns, record.payload) == (11, 13, b"hello")
    assert end == OVERHEAD_BYTES + 5


@both
def test_what_does_not_fit_changes_nothing(batch_type: Any) -> None:
    one = batch_type(OVERHEAD_BYTES + 10)
    assert not one.add(Kind.FRAME, CALL, 0, Leg.CALLER, 0, 1, 2, bytes(11))
    assert (one.used, one.records) == (0, 0)
    assert one.add(Kind.FRAME, CALL, 0, Leg.CALLER, 0, 1, 2, bytes(10))
    assert not one.add(Kind.FRAME, CALL, 1, Leg.CALLER, 0, 1, 2, b"")
    assert (one.used, one.records) == (OVERHEAD_BYTES + 10, 1)


@both
def test_it_goes_on_in_another_view(batch_type: Any) -> None:
    one = batch_type(SIZE_BYTES)
    one.add(Kind.FRAME, CALL, 0, Leg.CALLER, 0, 1, 2, b"first")
    larger = memoryview(bytearray(SIZE_BYTES * 3))
    filled = one.swap(larger)
    assert one.add(Kind.FRAME, CALL, 1, Leg.CALLER, 0, 1, 2, bytes(SIZE_BYTES * 2))
    assert decode(filled)[0].payload == b"first"
    assert decode(larger)[0].seq == 1
    assert (one.view is larger, one.records) == (True, 2)


@both
def test_a_payload_that_is_no_buffer_is_refused(batch_type: Any) -> None:
    with pytest.raises(TypeError):
        batch_type(SIZE_BYTES).add(Kind.FRAME, CALL, 0, Leg.CALLER, 0, 1, 2, "text")


def test_the_compiled_one_is_used_where_it_was_built() -> None:
    assert Chosen is BATCHES[-1]
