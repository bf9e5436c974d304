import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import ids


@given(st.binary(min_size=16, max_size=16))
def test_a_ulid_is_read_as_it_was_written(ulid: bytes) -> None:
    assert ids.parse_call_id(ids.call_id(ulid)) == ulid


@given(st.integers(0, 2**47), st.integers(0, 2**47))
def test_ulids_sort_by_the_time_they_were_made(a_ms: int, b_ms: int) -> None:
    first, second = sorted((a_ms, b_ms))
    earlier = ids.ulid_text(ids.ulid_bytes(first * 1_000_000, bytes(10)))
    later = ids.ulid_text(ids.ulid_bytes(second * 1_000_000, b"\xff" * 10))
    assert earlier < later


@pytest.mark.parametrize(
    "text",
    ["", "call_", "call_" + "0" * 25, "call_8" + "0" * 25, "call_" + "U" * 26, "0" * 26, "é"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a "):
        ids.parse_call_id(text)


def test_a_ulid_needs_ten_random_bytes() -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        ids.ulid_bytes(0, b"")
