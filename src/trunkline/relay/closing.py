"""Pure. How calls end: which codes travel, what each end says, and to whom."""

from __future__ import annotations

import msgspec

from trunkline.protocol.call import EndReason

MAX_REASON_BYTES = 123
"""A control frame has at most 125 bytes, two of which are the code (RFC 6455, 5.5)."""

NO_CODE = 1005
"""Recorded for a close frame that had no code; never sent."""

_MAY_BE_SENT = frozenset({*range(1000, 1004), *range(1007, 1015)})
_CLEAN = frozenset({1000, 1001, NO_CODE})


class End(msgspec.Struct, frozen=True):
    """How the gateway ends a call for one reason."""

    caller_code: int
    provider_code: int
    type: str
    message: str
    """For the `error` event that goes ahead of the close, and for the record."""


ENDS: dict[EndReason, End] = {
    "caller_lost": End(1011, 1011, "connection_error", "the caller's connection was lost"),
    "provider_lost": End(
        1011, 1011, "server_error", "the provider's connection was lost: connect again"
    ),
    "caller_too_slow": End(
        1013, 1001, "connection_error", "this connection takes events too slowly: try again later"
    ),
    "provider_too_slow": End(
        1013, 1013, "server_error", "the provider takes no more input: try again later"
    ),
    "frame_too_big": End(1009, 1009, "invalid_request_error", "a message was too big"),
    "protocol_error": End(1011, 1011, "server_error", "the connection broke a WebSocket rule"),
    "too_many_pings": End(1008, 1008, "server_error", "too many pings and pongs came"),
    "key_revoked": End(
        1008, 1001, "authentication_error", "the key that opened this call was revoked"
    ),
    "key_duration": End(
        1008, 1001, "rate_limit_error", "this call was as long as its key allows: open another"
    ),
    "key_budget": End(
        1008, 1001, "rate_limit_error", "the monthly budget of this call's key is spent"
    ),
    "org_budget": End(
        1008, 1001, "rate_limit_error", "the monthly budget of this call's organisation is spent"
    ),
    "hung_up": End(
        1008, 1001, "connection_error", "somebody of this call's organisation has hung it up"
    ),
    "drained": End(1012, 1001, "server_error", "the gateway restarts: connect again"),
    "internal_error": End(1011, 1001, "server_error", "the gateway failed: connect again"),
}
"""Every close of ours. Others are the peers': their codes and reasons travel as they are."""


def sendable(code: int | None) -> int | None:
    """Return the code to send where `code` was received.

    1005, 1006 and 1015 stand for things that never were in a frame and may not be in
    one; they, and codes that mean nothing, become 1011. No code stays no code.
    """
    if code is None or code in _MAY_BE_SENT or 3000 <= code <= 4999:
        return code
    return 1011


def is_clean(code: int) -> bool:
    """Return whether a provider that closes with `code` just ended the call.

    1001 is how OpenAI ends a session that has reached its age.
    """
    return code in _CLEAN


def cut(reason: str) -> bytes:
    """Return `reason` in at most 123 bytes, cut between characters."""
    whole = reason.encode("utf-8", "replace")
    if len(whole) <= MAX_REASON_BYTES:
        return whole
    return whole[:MAX_REASON_BYTES].decode("utf-8", "ignore").encode()


def error_event(call_id: str, type_: str, code: str, message: str) -> bytes:
    """Return an `error` event of ours: the same shape in both dialects.

    Its `event_id` begins `event_trunkline_`, so that no one takes it for the provider's.
    """
    return msgspec.json.encode(
        {
            "type": "error",
            "event_id": f"event_trunkline_{call_id.removeprefix('call_')}",
            "error": {
                "type": type_,
                "code": code,
                "message": message,
                "param": None,
                "event_id": None,
            },
        }
    )
