"""Formats by all the names that sessions give them."""

from typing import Any

import pytest

from trunkline.protocol.formats import PCM_24K, PCMA, PCMU, Format, parse_format

FORMATS: dict[str, tuple[Any, Format | None]] = {
    "GA PCM": ({"type": "audio/pcm", "rate": 24000}, PCM_24K),
    "GA PCM without a rate": ({"type": "audio/pcm"}, PCM_24K),
    "GA PCM of another rate": ({"type": "audio/pcm", "rate": 16000}, Format("pcm", 16000)),
    "GA mu-law": ({"type": "audio/pcmu"}, PCMU),
    "GA A-law": ({"type": "audio/pcma"}, PCMA),
    "GA type alone": ("audio/pcma", PCMA),
    "beta PCM": ("pcm16", PCM_24K),
    "beta mu-law": ("g711_ulaw", PCMU),
    "beta A-law": ("g711_alaw", PCMA),
    "Voice Live": ("pcm16_16000hz", Format("pcm", 16000)),
    "Together": ("pcm_s16le_16000", Format("pcm", 16000)),
    "an unknown name": ("mp3", None),
    "an unknown type": ({"type": "audio/opus"}, None),
    "a rate that is none": ({"type": "audio/pcm", "rate": 0}, PCM_24K),
    "a rate beyond all stores": ({"type": "audio/pcm", "rate": 10**30}, PCM_24K),
    "a rated name without a rate": ("pcm16_0000hz", None),
    "null": (None, None),
    "a number": (7, None),
}


@pytest.mark.parametrize(("said", "expected"), FORMATS.values(), ids=FORMATS.keys())
def test_a_format_is_read(said: object, expected: Format | None) -> None:
    assert parse_format(said) == expected


@pytest.mark.parametrize(
    ("format_", "per_second"), [(PCM_24K, 48_000), (PCMU, 8_000), (Format("pcm", 8_000), 16_000)]
)
def test_bytes_per_second(format_: Format, per_second: int) -> None:
    assert format_.bytes_per_second == per_second
