"""Reading and writing JSON loses nothing, and never raises."""

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocol.frames import any_frames, json_values

from trunkline.protocol.objects import MAX_COMMAS, read, read_scrubbed, write


@given(st.dictionaries(st.text(), json_values))
def test_an_object_comes_back_as_it_was(fields: dict[str, Any]) -> None:
    written = write(fields)
    assert written is not None
    assert read(written) == fields
    assert list(json.loads(written)) == list(fields)


def test_a_lone_surrogate_comes_back_as_it_was() -> None:
    frame = b'{"a":"x\\ud83d","b":"\\u00e9","c":0.25}'
    fields = read(frame)
    assert fields is not None
    assert fields == {"a": "x\ud83d", "b": "é", "c": 0.25}
    assert write(fields) == frame


def test_a_lone_surrogate_is_scrubbed_for_those_who_store_it() -> None:
    assert read_scrubbed(b'{"a":"x\\ud83d","b":"\\u00e9"}') == {"a": "x?", "b": "é"}


def test_an_integer_of_any_size_keeps_its_digits() -> None:
    frame = b'{"a":123456789012345678901234567890}'
    fields = read(frame)
    assert fields is not None
    assert write(fields) == frame


@pytest.mark.parametrize(
    "frame", [b"", b"[]", b"7", b"{", b"[" * 200_000, b"\xff", b'{"a":1e999}', b'{"a":NaN}']
)
def test_what_is_no_object_is_none(frame: bytes) -> None:
    assert read(frame) is None
    assert read_scrubbed(frame) is None


def test_what_json_cannot_say_is_none() -> None:
    assert write({"a": "\ud83d", "b": float("nan")}) is None


@given(any_frames)
def test_no_frame_makes_reading_raise(frame: bytes) -> None:
    for fields in (read(frame), read_scrubbed(frame)):
        assert fields is None or isinstance(fields, dict)
        if fields is not None:
            write(fields)


def test_what_has_too_many_members_is_not_read() -> None:
    """All calls of a gateway would wait while it is taken apart."""
    many, one = b'{"a":[' + b"1," * (MAX_COMMAS + 1) + b"1]}", b'{"a":"' + b"x" * 10_000_000 + b'"}'
    assert read(many) is None
    assert read_scrubbed(many) is None
    assert read(one) is not None


@pytest.mark.parametrize("before", range(20))
def test_a_number_of_very_many_digits_is_not_read(before: int) -> None:
    """The time for it grows with the square of its digits."""
    frame = b'{"a":"' + b"x" * (100_000 + before) + b'","n":' + b"9" * 150 + b"}"
    assert read(frame) is None
    assert read_scrubbed(frame) is None


@pytest.mark.parametrize("seed", range(5))
def test_sound_is_no_number(seed: int) -> None:
    sound = base64.b64encode(random.Random(seed).randbytes(1_000_000)).decode()
    fields = {"audio": sound, "number": 12345678901234567890}
    assert read(json.dumps(fields).encode()) == fields
