"""Pure. Session and response settings, flat (beta) and nested (GA): one table for both ways.

The tables are those of protocol.md 2.3. A field that is in no table has the same
name in both dialects, or is unknown to us, and stays as it is and where it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from trunkline.protocol.formats import parse_format
from trunkline.protocol.objects import Fields


class Shape(NamedTuple):
    """How one kind of object differs between the dialects."""

    nested: dict[str, tuple[str, str]]
    """Beta field -> its place in GA's `audio`."""
    renamed: dict[str, str]
    """Beta field -> GA field, both at the top."""
    beta_only: frozenset[str] = frozenset()
    """Beta fields that GA has no place for."""
    ga_only: frozenset[str] = frozenset()
    """GA fields that beta has no place for, beside places in `audio` that are not above."""


_INPUT = {
    "input_audio_format": ("input", "format"),
    "input_audio_transcription": ("input", "transcription"),
    "input_audio_noise_reduction": ("input", "noise_reduction"),
    "turn_detection": ("input", "turn_detection"),
}
_OUTPUT = {"voice": ("output", "voice"), "output_audio_format": ("output", "format")}
_RENAMED = {
    "modalities": "output_modalities",
    "max_response_output_tokens": "max_output_tokens",
}
_GA_RESPONSE = frozenset({"reasoning", "parallel_tool_calls", "prompt"})

SESSION = Shape(
    nested={**_INPUT, **_OUTPUT, "speed": ("output", "speed")},
    renamed=_RENAMED,
    beta_only=frozenset({"temperature", "client_secret"}),
    ga_only=_GA_RESPONSE | {"truncation", "include"},
)
TRANSCRIPTION = Shape(
    nested=_INPUT,
    renamed={},
    beta_only=frozenset({"modalities", "temperature", "client_secret"}),
)
RESPONSE = Shape(
    nested=_OUTPUT,
    renamed=_RENAMED,
    beta_only=frozenset({"temperature"}),
    ga_only=_GA_RESPONSE,
)
"""What a caller asks of a response."""
RESPONSE_TOLD = Shape(nested=_OUTPUT, renamed={"modalities": "output_modalities"})
"""What a provider tells of a response: `max_output_tokens` in both dialects."""

GA_ONLY_WITHIN = {
    "audio.input.transcription": ("languages", "keywords", "delay"),
    "audio.input.noise_reduction": ("strength",),
    "audio.input.turn_detection": ("idle_timeout_ms",),
}
"""Fields that beta has no place for, inside those that it has."""

_MEANS_NOTHING = {"truncation": "auto", "parallel_tool_calls": True}
"""GA settings that ask for what happens in beta anyway: nothing is lost with them."""

BETA_FIELDS = frozenset(SESSION.nested) | frozenset(SESSION.renamed) | {"temperature"}
GA_FIELDS = frozenset({"type", "audio", "output_modalities", "max_output_tokens"})


class Made(NamedTuple):
    """An object in the other dialect, and the paths of what is not in it, as they were called."""

    fields: Fields
    lost: tuple[str, ...]


def to_ga(flat: Fields, shape: Shape, *, asked: bool) -> Made:
    """Return the GA form of the beta object `flat`. GA fields that are there already stay.

    What a caller `asked` for and GA has no place for is left out and named in `lost`; what a
    provider tells stays.
    """
    audio = _sides(flat.get("audio"))
    out: Fields = {}
    lost: list[str] = []
    for name, value in flat.items():
        if (asked and name in shape.beta_only) or (name == "audio" and audio is None):
            lost.append(name)
        elif name == "audio":
            out["audio"] = audio
        elif name in shape.nested:
            side, place = shape.nested[name]
            audio = audio or {}
            out.setdefault("audio", audio)
            audio.setdefault(side, {})[place] = _to_ga(name, value)
        else:
            out[shape.renamed.get(name, name)] = _to_ga(name, value)
    return Made(out, tuple(lost))


def to_beta(ga: Fields, shape: Shape, *, asked: bool) -> Made:
    """Return the beta form of the GA object `ga`.

    What a caller `asked` for and beta has no place for is left out and named in `lost`; what
    a provider tells stays, nested where it was.
    """
    tops = {ga_name: name for name, ga_name in shape.renamed.items()}
    out: Fields = {}
    lost: list[str] = []
    for name, value in ga.items():
        sides = _sides(value) if name == "audio" else None
        if sides is not None:
            lost += _flatten(sides, shape, out, asked=asked)
        elif asked and (name in shape.ga_only or name == "audio"):
            lost += [] if _means_nothing(name, value) else [name]
        else:
            top = tops.get(name, name)
            out[top] = _to_beta(top, value)
    return Made(out, tuple(lost))


def _flatten(sides: Fields, shape: Shape, out: Fields, *, asked: bool) -> list[str]:
    """Move what `shape` knows of `sides` to the top of `out`; return what is lost of the rest."""
    names = {place: name for name, place in shape.nested.items()}
    rest: Fields = {}
    lost: list[str] = []
    for side, settings in sides.items():
        for place, value in settings.items():
            name, path = names.get((side, place)), f"audio.{side}.{place}"
            if name is not None:
                kept, gone = _without(path, value) if asked else (value, [])
                out[name] = _to_beta(name, kept)
                lost += gone
            elif not asked:
                rest.setdefault(side, {})[place] = value
            elif not _means_nothing(place, value):
                lost.append(path)
    if rest:
        out["audio"] = rest
    return lost


def _without(path: str, value: Any) -> tuple[Any, list[str]]:
    """Return `value` without what beta has no place for in it, and the paths of that."""
    names = GA_ONLY_WITHIN.get(path, ())
    if not isinstance(value, dict):
        return value, []
    fields = cast("Fields", value)
    kept = {name: inner for name, inner in fields.items() if name not in names}
    gone = [name for name in names if not _means_nothing(name, fields.get(name))]
    return kept, [f"{path}.{name}" for name in gone]


def _means_nothing(name: str, value: Any) -> bool:
    return value is None or value == [] or _MEANS_NOTHING.get(name) == value


def _sides(audio: object) -> Fields | None:
    """Return a copy of GA's `audio` that may be written to; None if it is not of that shape."""
    if not isinstance(audio, dict):
        return None
    sides = cast("Fields", audio)
    if not all(isinstance(settings, dict) for settings in sides.values()):
        return None
    return {side: dict(cast("Fields", settings)) for side, settings in sides.items()}


def _to_ga(name: str, value: Any) -> Any:
    if name in ("input_audio_format", "output_audio_format"):
        return _ga_format(value)
    if name == "modalities" and isinstance(value, list) and "audio" in value:
        return ["audio"]
    return value


def _to_beta(name: str, value: Any) -> Any:
    if name in ("input_audio_format", "output_audio_format"):
        return _beta_format(value)
    if name == "modalities" and value == ["audio"]:
        return ["text", "audio"]
    if name == "voice" and isinstance(value, dict):
        return cast("Fields", value).get("id", value)
    return value


def _ga_format(value: Any) -> Any:
    """`pcm16` -> `{"type": "audio/pcm", "rate": 24000}`. Unknown formats are the provider's."""
    known = parse_format(value) if isinstance(value, str) else None
    if known is None:
        return value
    if known.encoding == "pcm":
        return {"type": "audio/pcm", "rate": known.rate_hz}
    return {"type": f"audio/{known.encoding}"}


def _beta_format(value: Any) -> Any:
    known = parse_format(value)
    if known is None:
        return value
    if known.encoding == "pcm":
        return "pcm16" if known.rate_hz == 24_000 else f"pcm16_{known.rate_hz}hz"
    return "g711_ulaw" if known.encoding == "pcmu" else "g711_alaw"
