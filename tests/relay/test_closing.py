"""Codes and reasons that may be sent, and events of ours."""

from __future__ import annotations

import msgspec
import pytest

from trunkline.relay.closing import (
    ENDS,
    MAX_REASON_BYTES,
    End,
    cut,
    error_event,
    is_clean,
    sendable,
)


def test_only_codes_that_may_be_in_a_frame_are_sent() -> None:
    may = {code for code in range(65536) if sendable(code) == code}
    assert may == {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}
    assert {sendable(code) for code in range(65536) if code not in may} == {1011}
    assert sendable(None) is None


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_every_end_of_ours_can_be_said(end: End) -> None:
    assert sendable(end.caller_code) == end.caller_code
    assert len(cut(end.message)) == len(end.message.encode())


REASONS = {
    "short": ("bye", b"bye"),
    "just fits": ("x" * 123, b"x" * 123),
    "one too many": ("x" * 124, b"x" * 123),
    "cut between characters": ("€" * 42, ("€" * 41).encode()),
    "not encodable": ("a\udc80b", b"a?b"),
}


@pytest.mark.parametrize(("reason", "sent"), REASONS.values(), ids=REASONS.keys())
def test_a_reason_fits_its_frame(reason: str, sent: bytes) -> None:
    assert cut(reason) == sent
    assert len(sent) <= MAX_REASON_BYTES


def test_what_counts_as_a_clean_end() -> None:
    assert [code for code in (1000, 1001, 1005, 1006, 1011, 3000, 4000) if is_clean(code)] == [
        1000,
        1001,
        1005,
    ]


def test_an_error_event_of_ours_has_the_shape_of_theirs() -> None:
    event = msgspec.json.decode(error_event("call_X", "server_error", "drained", "later"))
    assert event == {
        "type": "error",
        "event_id": "event_trunkline_X",
        "error": {
            "type": "server_error",
            "code": "drained",
            "message": "later",
            "param": None,
            "event_id": None,
        },
    }
