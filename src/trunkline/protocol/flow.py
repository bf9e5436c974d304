"""Pure. The events of sessions that flow: translation, GPT-Live (protocol.md 2.4, 2.5), and vLLM's.

Sound and words go both ways at once. There are no items, no responses and no turns:
whoever reads these must not wait for any. `events.Modelled` has them among the others.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from trunkline.protocol.session import Session
from trunkline.protocol.wire import Wire


class SessionUsage(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session was billed for so far. A total, never an increment."""

    seconds: float | None = None


class Words(Wire, frozen=True):
    """A piece of a transcript. Pieces are put together as they come, without spaces between."""

    delta: str = ""
    elapsed_ms: int | None = None
    """Translation: how much of the caller's sound had been worked on, in steps of 200."""
    start_ms: int | None = None
    """GPT-Live: since the session began, as `end_ms`."""
    end_ms: int | None = None


class SessionStarted(Wire, frozen=True, tag="session.started"):
    """GPT-Live: the session as it begins, in answer to the caller's `session.start`."""

    session: Session = Session()


class FlowAppend(Wire, frozen=True, tag="session.input_audio_buffer.append"):
    """The caller's sound, to be translated: 24 kHz PCM16. Silence must be sent too."""

    audio: str = ""


class LiveAppend(Wire, frozen=True, tag="session.input_audio.append"):
    """The caller's sound for GPT-Live, in the session's format. On a sideband the provider sends
    it, always in 24 kHz PCM16."""

    audio: str = ""


class HeardWords(Words, frozen=True, tag="session.input_transcript.delta"):
    """What the caller said."""


class SpokenWords(Words, frozen=True, tag="session.output_transcript.delta"):
    """What the assistant says, or the translation."""


class DictatedWords(Wire, frozen=True, tag="transcription.delta"):
    """vLLM: a piece of what the caller said, while it is being worked out."""

    delta: str = ""


class Dictated(Wire, frozen=True, tag="transcription.done"):
    """vLLM: all that the caller said since the last of these."""

    text: str = ""


class FlowAudio(Wire, frozen=True, tag="session.output_audio.delta"):
    """A piece of what is said to the caller."""

    delta: str = ""
    """Base64: 24 kHz PCM16, but for GPT-Live's own connection: in the session's format."""
    start_ms: int | None = None
    """Only on a sideband: since the session began."""


class FlowClose(Wire, frozen=True, tag="session.close"):
    """The caller has had enough; what is pending still comes."""


class FlowClosed(Wire, frozen=True, tag="session.closed"):
    """Nothing more comes."""

    reason: str = ""
    """GPT-Live only: `close_requested`, `expired`, `content`, `remote_hangup`, …"""
    usage: SessionUsage | None = None
    """GPT-Live only."""


class UsageUpdated(Wire, frozen=True, tag="session.usage.updated"):
    """GPT-Live: what was used so far."""

    usage: SessionUsage | None = None


class InputMuted(Wire, frozen=True, tag="session.input_audio.muted"):
    """GPT-Live hears the caller no longer."""


class InputUnmuted(Wire, frozen=True, tag="session.input_audio.unmuted"):
    """GPT-Live hears the caller again."""


Flowing: TypeAlias = (
    Dictated
    | DictatedWords
    | FlowAppend
    | FlowAudio
    | FlowClose
    | FlowClosed
    | HeardWords
    | InputMuted
    | InputUnmuted
    | LiveAppend
    | SessionStarted
    | SpokenWords
    | UsageUpdated
)
"""Every event of these sessions."""
