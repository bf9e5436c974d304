"""Pure. Every switch of the simulator, and the little language that sets them per connection.

`switched(config, "drop_after_deltas:5,first_audio_ms:900,beta:serve")` returns a
copy with those fields changed. The same text is understood, without the
switches in `AT_START`,

- in a connection's query, as `simulate=…` (any path), and
- after `~` in the model or deployment name: `gpt-realtime-2.1~response:failed`,

so that one running simulator serves every test. A switch without a value is
set to true, several values are parted by `|`. Names are the fields below; an
unknown one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from trunkline.errors import OperatorError

Timing = Literal["early", "before", "during", "after"]
Outcome = Literal["completed", "failed", "incomplete", "content_filter", "silent"]


class SimulatorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the simulator behaves. Every default is what the real provider was seen to do."""

    # Identity
    seed: int | None = None
    """Same seed, same connection number, same input: same ids, same jitter, same faults. None
    draws one at start."""

    # Handshake
    accepted_keys: tuple[str, ...] = ()
    """Provider keys that are let in. Empty: any that does not contain `refused_key`."""
    refused_key: str = "bad"
    """A key that contains this is refused, as far as `accepted_keys` is empty."""
    beta: Literal["refuse", "serve"] = "refuse"
    """What a caller gets on OpenAI's path that asks for the beta dialect."""
    retired_models: tuple[str, ...] = ("gpt-4o-realtime-preview", "gpt-4o-mini-realtime-preview")
    """Model names that begin so no longer exist on OpenAI's path (unless it serves beta)."""
    fatal_code: str = ""
    """Accept, then send an `error` with this code and close: 3000 for those about accounts and
    keys, 4000 for the others."""
    missing_deployments: tuple[str, ...] = ("missing",)
    """Azure deployments whose name holds one of these do not exist: HTTP 404."""
    refuse_status: int = 0
    """Refuse every handshake with this HTTP status. 0: do not."""

    # Session
    session_s: int = 0
    """Life of a session. 0: 3600 at OpenAI, 1800 at Azure."""
    expire_after_ms: int = 0
    """End the session this early, whatever `expires_at` says. 0: at its time."""
    expiry_error: bool = True
    """Send `error` `session_expired` before the close 1001."""
    silence_ms: int = 200
    """Default `silence_duration_ms`: 200 on the wire, though the documentation says 500."""
    conversation_created: bool = False
    """Send `conversation.created` after `session.created`, as some dialects do."""
    omit_session_created: bool = False
    """Never say hello."""
    ping_every_ms: int = 20_260
    """Interval of WebSocket pings. 0: none."""

    # Habits of providers that speak the dialect in their own way
    provider: Literal["openai", "xai", "localai", "speaches", "vllm", "together"] = "openai"
    """Who lives at OpenAI's path."""
    no_usage: bool = False
    """`response.done` has an empty `usage`."""
    sparse_events: bool = False
    """Events about content parts have no indexes and no `part`."""
    text_twice: bool = False
    """Each event about text comes under its beta name too."""
    items_created: bool = False
    """Items are told as `conversation.item.created`, once, in GA too."""
    ping_events_ms: int = 0
    """Interval of events of the type `ping`. 0: none."""
    idle_close_ms: int = 0
    """Close with `close_code` when the caller has sent nothing for so long. 0: never."""

    # Hearing
    vad: Literal["silero", "energy"] = "silero"
    """`silero` knows speech (45 ms of CPU per s of audio); `energy` is loudness, for load."""
    known_speech: tuple[str, ...] = ()
    """Directories of recordings whose words are known (`voices.known_speech`)."""
    forget_audio: bool = False
    """Keep no caller audio after its turn: for load. `retrieve` then gives silence."""
    transcripts: tuple[str, ...] = ()
    """Transcripts of the caller's turns, in order, for speech that is not recognised. When they
    run out: `(2.4 seconds of speech)`."""
    transcription_timing: Timing = "during"
    """When a transcript comes: before the response, during it, or after its end. `early`: the
    deltas before the commit, as streaming models do, the rest during the response."""
    transcription_ms: int = 350
    """From the commit, or with `after` from `response.done`, to the first transcription event."""
    transcription_failed: bool = False
    """Every transcription fails with `audio_unintelligible`."""
    transcription_usage: Literal["auto", "tokens", "duration"] = "auto"
    """Kind of usage; `auto` is what the model bills by."""

    # Speaking
    respond_ms: int = 40
    """From the commit or request to `response.created`."""
    first_audio_ms: int = 220
    """From `response.created` to the first delta, of audio or text."""
    chunk_ms: int = 100
    """Audio per delta."""
    odd_bytes: bool = False
    """Deltas of PCM16 end in the middle of a sample: nothing promises that they do not."""
    burst: float = 4.0
    """Times faster than real time that audio is sent. 1: as it is played. 0: all at once."""
    jitter_ms: float = 8.0
    """Each delta is late by up to this much more."""
    text_delta_ms: int = 12
    """Between deltas of text and arguments."""
    rate_limits_ms: int = 40
    """From `response.done` to `rate_limits.updated`."""
    in_flight_deltas: int = 2
    """Deltas that still arrive after `speech_started` or a cancel."""
    items: int = 1
    """Messages per spoken response."""
    response: Outcome = "completed"
    """How responses end. `silent`: completed without any audio."""
    failure: str = "server_error"
    """`status_details.error.code` of a failed response."""
    unanswered: bool = False
    """Never create a response by itself."""
    context_tokens: int = 128_000
    """Context window. Older items are dropped silently, unless `truncation` is `disabled`."""

    # Errors
    late_error_ms: int = 0
    """Errors arrive this much later than they should."""
    error_event_id: bool = True
    """Errors name the event that they answer."""
    inject_error: str = ""
    """Send an `error` with this code after each `response.created`."""

    # Faults of the connection
    drop_after_deltas: int = 0
    """Cut the TCP connection after this many deltas: close code 1006 at the other end."""
    close_after_deltas: int = 0
    """Close with `close_code` and `close_reason` after this many deltas."""
    close_after_ms: int = 0
    """Close with `close_code` and `close_reason` this long after the handshake."""
    close_code: int = 1011
    """Close code of `close_after_…`."""
    close_reason: str = "The server had an error while processing your request"
    """Close reason of `close_after_…`."""
    half_open_after_ms: int = 0
    """From then on read nothing, send nothing, answer no ping, and close nothing."""
    read_bytes_per_s: int = 0
    """Read the caller's data no faster than this. 0: as fast as it comes."""
    duplicate_one_in: int = 0
    """Send one frame in this many twice."""
    swap_one_in: int = 0
    """Send one frame in this many after the one that follows it."""
    unknown_one_in: int = 0
    """Send an event of a type that nobody knows before one frame in this many."""
    extra_fields: bool = False
    """Add fields that nobody knows to every event."""
    pad_bytes: int = 0
    """Make every event at least this big, by a field that nobody knows."""
    fragment_bytes: int = 0
    """Send frames in WebSocket fragments of this size. 0: whole."""

    # For tests and demos
    webhook_secret: str = ""
    """Let calls come by telephone, at `POST /simulator/ring`, and sign their webhooks with this
    (`whsec_…`). Empty: there is no telephone. Whoever reaches the port then decides where it
    posts to."""
    show_connections: bool = False
    """Answer `GET /simulator/connections` with what arrived, credentials hidden."""


_SEPARATOR = re.compile("[:=]")
AT_START = ("accepted_keys", "known_speech", "show_connections", "webhook_secret")
"""Switches that a connection may not set for itself."""


def switched(
    config: SimulatorConfig, switches: str | Sequence[str], *, fixed: tuple[str, ...] = ()
) -> SimulatorConfig:
    """Return `config` with the switches of a text such as `drop_after_deltas:5,extra_fields`.

    A sequence holds one switch each, whose value may have commas. `=` will do
    for `:`; several values of one switch are parted by `|`. Raises
    `OperatorError` for a switch that is unknown or in `fixed`, and for a value
    that does not fit.
    """
    each = switches.split(",") if isinstance(switches, str) else switches
    fields: dict[str, Any] = msgspec.structs.asdict(config)
    allowed = [name for name in fields if name not in fixed]
    for switch in filter(None, (part.strip() for part in each)):
        name, *value = _SEPARATOR.split(switch, maxsplit=1)
        if name not in allowed:
            raise OperatorError(
                f"unknown simulator switch {name!r}; there are: {', '.join(allowed)}"
            )
        several = isinstance(fields[name], tuple)
        fields[name] = "|".join(value).split("|") if several else (value or ["true"])[0]
    try:
        return msgspec.convert(fields, SimulatorConfig, strict=False)
    except msgspec.ValidationError as exc:
        raise OperatorError(f"simulator switches {switches!r}: {exc}") from exc
