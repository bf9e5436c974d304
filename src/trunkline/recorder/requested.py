"""Pure. What a `session.update` asked for, held against what `session.updated` says.

Both are compared as they were sent, leaf by leaf, by the path of names to it. A provider may
fill in, so only what was asked counts. Long text is known by its length and checksum, so that
no instructions and no secret of a tool is kept; of tools only the names count.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from trunkline.protocol.objects import read_scrubbed
from trunkline.recorder.bounds import MAX_NUMBER, id_of

Leaf: TypeAlias = str | float | bool | None

MAX_BYTES: Final = 1_000_000
"""No session has so much to say; what is longer is not looked into."""
MAX_LEAVES: Final = 200
MAX_SHOWN_CHARS: Final = 40
_TOLERANCE: Final = 1e-6
"""Providers answer with what a 32-bit float makes of 0.8."""

BETA_ONLY: Final = frozenset(
    (
        "modalities",
        "voice",
        "input_audio_format",
        "output_audio_format",
        "input_audio_transcription",
        "input_audio_noise_reduction",
        "turn_detection",
        "temperature",
        "max_response_output_tokens",
        "speed",
    )
)
"""Fields at the top of a beta session; GA has them nested, or not at all."""
GA_ONLY: Final = frozenset(("type", "audio", "output_modalities", "max_output_tokens"))


class Asked(msgspec.Struct, frozen=True):
    """One `session.update`, or the session in its answer."""

    leaves: dict[str, Leaf]
    event_id: str = ""
    dialects: tuple[str, ...] = ()
    """Whose words it uses: `ga`, `beta`, both, or neither."""


def read(payload: bytes) -> Asked | None:
    """Return what the session in the frame `payload` says; None when it cannot be read."""
    frame = read_scrubbed(payload) if len(payload) <= MAX_BYTES else None
    if frame is None or not isinstance(frame.get("session"), dict):
        return None
    session: dict[str, Any] = frame["session"]
    event_id = frame.get("event_id")
    leaves: dict[str, Leaf] = {}
    for path, leaf in _leaves("", session, 0):
        leaves[path] = leaf
        if len(leaves) >= MAX_LEAVES:
            break
    names = session.keys()
    dialects = [d for d, own in (("beta", BETA_ONLY), ("ga", GA_ONLY)) if names & own]
    return Asked(leaves, id_of(event_id if isinstance(event_id, str) else ""), tuple(dialects))


def _leaves(path: str, value: Any, depth: int) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, dict) and depth < 6:
        found: dict[str, Any] = value
        for name, inner in found.items():
            yield from _leaves(f"{path}.{name[:64]}" if path else name[:64], inner, depth + 1)
    elif isinstance(value, list):
        listed: list[Any] = value[:MAX_LEAVES]
        yield path, ", ".join(sorted(_name(member) for member in listed))[:1000]
    elif value is None or isinstance(value, bool | float):
        yield path, value
    elif isinstance(value, int):
        # Python refuses to write a number of thousands of digits, and no store holds it.
        yield path, value if abs(value) <= MAX_NUMBER else f"{value.bit_length()} bits"
    elif isinstance(value, str):
        yield path, _text(value)


def _name(member: Any) -> str:
    """Return what a member of a list is known by; empty for what has no name."""
    if isinstance(member, dict):
        fields: dict[str, Any] = member
        named = (fields.get(key) for key in ("name", "server_label", "type"))
        return next((_text(name) for name in named if isinstance(name, str) and name), "")
    return _text(member) if isinstance(member, str) else ""


def _text(value: str) -> str:
    if len(value) <= MAX_SHOWN_CHARS:
        return value
    return f"{len(value)} characters, {zlib.crc32(value.encode('utf-8', 'replace')):08x}"


def differences(asked: Mapping[str, Leaf], told: Mapping[str, Leaf]) -> Iterator[tuple[str, str]]:
    """Yield the fields that were asked for and are not in force, each with what is instead.

    Null and the empty text ask for nothing to be there: nothing there is what they get.
    """
    for path, wanted in asked.items():
        if path in told:
            if not _same(wanted, told[path]):
                yield path, f"asked for {_shown(wanted)}, is {_shown(told[path])}"
        elif wanted not in (None, ""):
            yield path, f"asked for {_shown(wanted)}, is not there"


def _same(one: Leaf, other: Leaf) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= _TOLERANCE * max(1.0, abs(one))
    return (one or "") == (other or "")


def _shown(leaf: Leaf) -> str:
    if leaf is None:
        return "null"
    return str(leaf).lower() if isinstance(leaf, bool) else f"{leaf}" or "nothing"
