"""Pure. How audio is coded on the wire, by the names that sessions give it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

import msgspec

Encoding: TypeAlias = Literal["pcm", "pcmu", "pcma"]
"""Signed 16 bit little endian, G.711 mu-law, G.711 A-law. Always one channel."""


class Format(msgspec.Struct, frozen=True):
    """How one direction's audio is coded."""

    encoding: Encoding
    rate_hz: int

    @property
    def bytes_per_sample(self) -> int:
        """2 for PCM, 1 for G.711."""
        return 2 if self.encoding == "pcm" else 1

    @property
    def bytes_per_second(self) -> int:
        """Of decoded audio, not of its base64 text."""
        return self.rate_hz * 2 if self.encoding == "pcm" else self.rate_hz


PCM_24K = Format("pcm", 24_000)
"""What every provider speaks unless told otherwise."""
PCMU = Format("pcmu", 8_000)
PCMA = Format("pcma", 8_000)

_BETA_FORMATS = {"pcm16": PCM_24K, "pcm": PCM_24K, "g711_ulaw": PCMU, "g711_alaw": PCMA}
_GA_ENCODINGS: dict[str, Encoding] = {
    "audio/pcm": "pcm",
    "audio/pcmu": "pcmu",
    "audio/pcma": "pcma",
}
_RATED_PCM = re.compile(r"pcm(?:16|_s16le)?_(\d{4,6})(?:hz)?", re.ASCII)
"""`pcm16_16000hz` (Azure Voice Live), `pcm_s16le_16000` (Together)."""

_RATES_HZ = range(1_000, 1_000_000)
"""Outside of it, it is a mistake or an attack: no speech, or numbers that no store holds."""


def parse_format(value: object) -> Format | None:
    """Return the format that a session names, GA object or beta string; None if unknown."""
    if isinstance(value, str):
        return _BETA_FORMATS.get(value) or _rated(value) or parse_format({"type": value})
    if not isinstance(value, Mapping):
        return None
    fields = cast("Mapping[str, object]", value)
    encoding = _GA_ENCODINGS.get(str(fields.get("type")))
    if encoding is None:
        return None
    rate_hz = fields.get("rate")
    if isinstance(rate_hz, int) and rate_hz in _RATES_HZ:
        return Format(encoding, rate_hz)
    return Format(encoding, 24_000 if encoding == "pcm" else 8_000)


def _rated(name: str) -> Format | None:
    found = _RATED_PCM.fullmatch(name)
    return Format("pcm", int(found[1])) if found and int(found[1]) in _RATES_HZ else None
