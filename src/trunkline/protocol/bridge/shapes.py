"""Pure. Session and response settings, flat (beta) to nested (GA) and back.

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
    lost: frozenset[str]
    """Beta fields that GA has no place for."""


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

SESSION = Shape(
    nested={**_INPUT, **_OUTPUT, "speed": ("output", "speed")},
    renamed=_RENAMED,
    lost=frozenset({"temperature", "client_secret"}),
)
TRANSCRIPTION = Shape(
    nested=_INPUT, renamed={}, lost=frozenset({"modalities", "temperature", "client_secret"})
)
RESPONSE = Shape(nested=_OUTPUT, renamed=_RENAMED, lost=frozenset({"temperature"}))
"""What a caller asks of a response."""
RESPONSE_TOLD = Shape(
    nested=_OUTPUT, renamed={"modalities": "output_modalities"}, lost=frozenset({"temperature"})
)
"""What a provider tells of a response: `max_output_tokens` in both dialects."""

BETA_FIELDS = frozenset(SESSION.nested) | frozenset(SESSION.renamed) | {"temperature"}
GA_FIELDS = frozenset({"type", "audio", "output_modalities", "max_output_tokens"})


class Nested(NamedTuple):
    """A GA object, and the beta fields that are not in it."""

    fields: Fields
    lost: tuple[str, ...]


def nested(flat: Fields, shape: Shape) -> Nested:
    """Return the GA form of the beta object `flat`. GA fields that are there already stay."""
    audio = _sides(flat.get("audio"))
    out: Fields = {}
    lost: list[str] = []
    for name, value in flat.items():
        if name in shape.lost or (name == "audio" and audio is None):
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
    return Nested(out, tuple(lost))


def flattened(ga: Fields, shape: Shape) -> Fields:
    """Return the beta form of the GA object `ga`. What beta has no name for stays nested."""
    names = {place: name for name, place in shape.nested.items()}
    tops = {ga_name: name for name, ga_name in shape.renamed.items()}
    out: Fields = {}
    for name, value in ga.items():
        sides = _sides(value) if name == "audio" else None
        if sides is None:
            top = tops.get(name, name)
            out[top] = _to_beta(top, value)
        else:
            _flatten_audio(sides, names, out)
    return out


def _flatten_audio(sides: Fields, names: dict[tuple[str, str], str], out: Fields) -> None:
    """Move what `names` knows of `sides` to the top of `out`, and leave the rest nested."""
    rest: Fields = {}
    for side, settings in sides.items():
        for place, value in settings.items():
            name = names.get((side, place))
            if name is None:
                rest.setdefault(side, {})[place] = value
            else:
                out[name] = _to_beta(name, value)
    if rest:
        out["audio"] = rest


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
