"""Pure. One view of a session, whether the wire has it flat (beta) or nested (GA).

`WireSession` reads both shapes; `normalised` makes the `Session` of it that the rest of
Trunkline knows. Absent and null differ on the wire only for `turn_detection`, where
null means that nobody listens for turns: that is the type `none` here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.protocol.formats import Format, parse_format


class TurnDetection(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider finds turns. None in a field: the provider did not say."""

    type: str = ""
    """`server_vad`, `semantic_vad`, `none`, or a dialect's own, `azure_semantic_vad`."""
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    idle_timeout_ms: int | None = None
    eagerness: str = ""


class Tracing(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider is told to trace, on its own dashboard. It does not change once set."""

    mode: Literal["auto", "named"]
    """auto: as the provider likes. named: under the names below."""
    workflow_name: str = ""
    group_id: str = ""
    metadata: dict[str, str] = {}
    """Values that are no text are left out."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a `session.*` event says of the session. Empty or None: it did not say."""

    id: str = ""
    type: str = ""
    """`realtime`, `transcription`, `translation`; empty for beta sessions, which have no such
    field."""
    model: str = ""
    voice: str = ""
    instructions: str = ""
    modalities: tuple[str, ...] = ()
    """In GA words: `("audio",)` or `("text",)`. Beta's `text` + `audio` is `("audio",)`."""
    input_format: Format | None = None
    output_format: Format | None = None
    turn_detection: TurnDetection | None = None
    transcription_model: str = ""
    language: str = ""
    """What is translated into."""
    spoken: tuple[str, ...] = ()
    """Languages that the transcriber is told to expect."""
    tools: tuple[str, ...] = ()
    """Names of functions, labels of MCP servers."""
    tracing: Tracing | None = None
    """None too where it is switched off."""
    expires_at_s: int | None = None
    """Wall clock of the provider, seconds since 1970."""


class _Voice(msgspec.Struct, frozen=True):
    id: str = ""


class _Transcription(msgspec.Struct, frozen=True):
    model: str | None = None
    language: Any = None
    languages: Any = None


class _AudioInput(msgspec.Struct, frozen=True):
    format: Any = None
    transcription: _Transcription | None = None
    turn_detection: TurnDetection | UnsetType | None = UNSET


class _AudioOutput(msgspec.Struct, frozen=True):
    format: Any = None
    voice: str | _Voice | None = None
    language: str | None = None


class _Audio(msgspec.Struct, frozen=True):
    format: Any = None
    """GPT-Live: of both directions."""
    input: _AudioInput | None = None
    output: _AudioOutput | None = None


class _Tool(msgspec.Struct, frozen=True):
    name: str | None = None
    server_label: str | None = None


class WireSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session object as sent, GA and beta fields side by side."""

    id: str | None = None
    type: str | None = None
    model: str | None = None
    instructions: str | None = None
    expires_at: int | None = None
    tools: tuple[_Tool, ...] | None = None
    tracing: Any = None
    output_modalities: tuple[str, ...] | None = None
    audio: _Audio | None = None
    modalities: tuple[str, ...] | None = None
    voice: str | _Voice | None = None
    input_audio_format: Any = None
    output_audio_format: Any = None
    input_audio_transcription: _Transcription | None = None
    turn_detection: TurnDetection | UnsetType | None = UNSET


def normalised(wire: WireSession) -> Session:
    """Return the one view of `wire`. Where it has both shapes, the nested one wins."""
    audio = wire.audio or _Audio()
    heard, spoken = audio.input or _AudioInput(), audio.output or _AudioOutput()
    transcription = heard.transcription or wire.input_audio_transcription or _Transcription()
    both = parse_format(audio.format)
    detected = wire.turn_detection if heard.turn_detection is UNSET else heard.turn_detection
    return Session(
        id=wire.id or "",
        type=wire.type or "",
        model=wire.model or "",
        voice=_voice(spoken.voice) or _voice(wire.voice),
        instructions=wire.instructions or "",
        modalities=_modalities(wire.output_modalities or wire.modalities or ()),
        input_format=parse_format(heard.format) or both or parse_format(wire.input_audio_format),
        output_format=parse_format(spoken.format) or both or parse_format(wire.output_audio_format),
        turn_detection=_detection(detected),
        transcription_model=transcription.model or "",
        language=spoken.language or "",
        spoken=languages_of(transcription.languages) or languages_of([transcription.language]),
        tools=tuple(tool.name or tool.server_label or "" for tool in wire.tools or ()),
        tracing=_tracing(wire.tracing),
        expires_at_s=wire.expires_at,
    )


def languages_of(said: Any) -> tuple[str, ...]:
    """Return the names in a list of languages, in order; what is none is left out."""
    found: list[Any] = said if isinstance(said, list) else []
    return tuple(name for name in found if isinstance(name, str) and name)


def _tracing(said: Any) -> Tracing | None:
    if said == "auto":
        return Tracing(mode="auto")
    if not isinstance(said, dict) or not said:
        return None
    about: dict[str, Any] = said
    metadata: Any = about.get("metadata")
    named: dict[Any, Any] = metadata if isinstance(metadata, dict) else {}
    return Tracing(
        mode="named",
        workflow_name=_text(about.get("workflow_name")),
        group_id=_text(about.get("group_id")),
        metadata={str(name): value for name, value in named.items() if isinstance(value, str)},
    )


def _text(said: Any) -> str:
    return said if isinstance(said, str) else ""


def _voice(voice: str | _Voice | None) -> str:
    return voice.id if isinstance(voice, _Voice) else voice or ""


def _modalities(said: tuple[str, ...]) -> tuple[str, ...]:
    """Audio always comes with its transcript, so GA names only `audio`."""
    return ("audio",) if "audio" in said else said


def _detection(said: TurnDetection | UnsetType | None) -> TurnDetection | None:
    if said is UNSET:
        return None
    return said or TurnDetection(type="none")
