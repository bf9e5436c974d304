"""Pure. What the gateway knows of a call that no frame says: payloads of journal records.

`Opened`, `Closed`, `Note` and `Gap` are the JSON payloads of the journal's records
of the same names. They are read years later: a new field has a default, and a
field never changes its meaning.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

Dialect: TypeAlias = Literal["ga", "beta"]
"""The two event vocabularies of the Realtime API (protocol.md 2)."""

CallKind: TypeAlias = Literal["realtime", "transcription", "translation", "live"]
"""What sort of session it is. realtime: a conversation, in turns. transcription: the caller's
words alone. translation: the caller's words in another language. live: GPT-Live, both
speak at once. Only the first has turns and responses."""

Transport: TypeAlias = Literal["websocket", "webrtc", "sip"]
"""How sound gets to the provider. All but the first go past the gateway, which then records
what the provider tells on a sideband."""

CallStatus: TypeAlias = Literal["live", "completed", "failed", "refused", "recovered"]
"""live: still running. completed: ended by a close of either end. failed: cut off, or
ended by an error. refused: never relayed a frame. recovered: its gateway died."""

EndReason: TypeAlias = Literal[
    "caller_closed",
    "provider_closed",
    "caller_lost",
    "provider_lost",
    "refused_by_gateway",
    "refused_by_provider",
    "rejected",
    "not_answered",
    "provider_unreachable",
    "provider_timeout",
    "key_revoked",
    "key_duration",
    "key_budget",
    "org_budget",
    "hung_up",
    "frame_too_big",
    "caller_too_slow",
    "provider_too_slow",
    "protocol_error",
    "too_many_pings",
    "drained",
    "gateway_died",
    "internal_error",
]
"""Who or what ended the call. `*_lost`: the connection went without a close frame. `rejected`,
`not_answered`: of a call by telephone, by the application it was for."""


def kind_of(path: str, intent: str) -> CallKind:
    """Return what sort of session `path` and the query's `intent` ask for (protocol.md 1.1)."""
    if "/live/sessions" in path:
        return "live"
    if path.endswith("/realtime/translations"):
        return "translation"
    return "transcription" if intent == "transcription" else "realtime"


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """First record of every attempt, refused ones too. Holds no credential."""

    call_id: str
    """`call_<ULID>`."""
    wall_ns: int
    """Wall clock at `opened_ns`: the call's anchor in the world's time."""
    opened_ns: int
    """Gateway monotonic clock when the request head was complete. Zero of the call's clock."""
    org_id: str
    kind: CallKind = "realtime"
    """What was asked for; the provider's own word, in its session, is the last one."""
    transport: Transport = "websocket"
    key_id: str = ""
    key_name: str = ""
    provider: str = ""
    """Name of a profile, or `simulator`. Empty when refused before it was known."""
    provider_url: str = ""
    """Where we dialled, with every credential removed."""
    model_asked: str = ""
    model_used: str = ""
    """Differs from `model_asked` when a retired name was mapped to its successor."""
    caller_dialect: Dialect = "ga"
    provider_dialect: Dialect = "ga"
    path: str = ""
    """Request path, without its query."""
    session_id: str = ""
    session_name: str = ""
    session_path: str = ""
    user_id: str = ""
    properties: dict[str, str] = {}
    """From `Helicone-Property-*`, names as the caller wrote them after the prefix."""
    prices: dict[str, str] = {}
    """Fields of `prices.Price`, dollars per million tokens, that the caller said this call costs
    (`Helicone-Input-Token-Cost` and its kin)."""
    caller_address: str = ""
    user_agent: str = ""
    traceparent: str = ""
    """`trace.Parent.text`: the span of the caller's in which it was opened."""
    gateway: str = ""
    """ULID of the gateway process instance."""
    version: str = ""
    """Trunkline's version."""


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """Last record of a call."""

    status: CallStatus
    end_reason: EndReason
    caller_close_code: int | None = None
    """Received from the caller, or sent to it; None when its TCP went without one."""
    caller_close_reason: str = ""
    provider_close_code: int | None = None
    provider_close_reason: str = ""
    http_status: int | None = None
    """For refused calls: what the caller was answered."""
    error_code: str = ""
    error_message: str = ""
    caller_frames: int = 0
    """Relayed from the caller. Checked against the recorded frames."""
    provider_frames: int = 0
    caller_bytes: int = 0
    provider_bytes: int = 0


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something the gateway did or saw that is not a frame.

    Kinds: `connected` (data: connect_ns, provider handshake headers worth keeping),
    `dialect` (data: caller_dialect: it showed only in a frame), `model_mapped`
    (data: asked, used, why), `early_frames` (data: frames that went on at once, bytes), `revoked`,
    `bad_price` (data: header), `bad_traceparent`, `incoming` (of a call by telephone; data:
    call_id, api, webhook, sip_headers, media_security, rang_ms).
    """

    kind: str
    data: dict[str, Any] = {}


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Frames that were relayed but could not be recorded. Exact, never guessed."""

    first_seq: int
    last_seq: int
    frames: int
    bytes: int
    why: str
    """`disk_full`, `io_error`, `overrun`."""
