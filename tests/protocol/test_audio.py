"""Audio has the length that its bytes say, and G.711 is that of the ITU."""

import base64
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.protocol import audio
from trunkline.protocol.formats import PCM_24K, PCMA, PCMU, Format


@given(st.binary(max_size=99))
def test_decoded_length_needs_no_decoding(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert audio.decoded_bytes(text) == len(data)
    assert audio.decode_base64(text) == data


def test_a_second_of_each_format_lasts_a_second() -> None:
    for format_ in (PCM_24K, PCMU, PCMA, Format("pcm", 16_000)):
        text = base64.b64encode(bytes(format_.bytes_per_second)).decode()
        assert audio.duration_us(format_, text) == 1_000_000


def test_a_delta_of_4800_bytes_lasts_100_ms() -> None:
    assert audio.duration_us(PCM_24K, "A" * 6400) == 100_000


@pytest.mark.parametrize("text", ["A", "====", "é", "AAA"])
def test_what_is_not_base64_has_no_bytes(text: str) -> None:
    assert audio.decode_base64(text) == b""


@given(st.lists(st.binary(max_size=9), max_size=9))
def test_samples_split_over_deltas_are_joined_again(deltas: list[bytes]) -> None:
    carry, heard = b"", b""
    for delta in deltas:
        whole, carry = audio.whole_samples(PCM_24K, carry, delta)
        heard += audio.decode_pcm16(PCM_24K, whole).tobytes()
    assert heard + carry == b"".join(deltas)


def test_g711_has_no_odd_byte() -> None:
    assert audio.whole_samples(PCMU, b"", b"abc") == (b"abc", b"")


def test_an_odd_last_byte_is_left_out() -> None:
    assert audio.decode_pcm16(PCM_24K, b"\x01\x00\xff").tolist() == [1]


# Values of ITU-T G.711 tables 1a, 1b, 2a and 2b, scaled to 16 bits as the standard's
# software tool library (G.191) does.
ULAW_VECTORS = {0x00: -32124, 0x0F: -16764, 0x10: -15996, 0x7F: 0, 0x80: 32124, 0xF0: 120, 0xFF: 0}
ALAW_VECTORS = {0x00: -5504, 0x2A: -32256, 0x55: -8, 0x80: 5504, 0xAA: 32256, 0xD5: 8, 0xD4: 24}


def test_mu_law_of_the_standard() -> None:
    decoded = audio.decode_pcm16(PCMU, bytes(ULAW_VECTORS))
    assert decoded.tolist() == list(ULAW_VECTORS.values())


def test_a_law_of_the_standard() -> None:
    decoded = audio.decode_pcm16(PCMA, bytes(ALAW_VECTORS))
    assert decoded.tolist() == list(ALAW_VECTORS.values())


# SHA-256 of what Python 3.11's audioop, in C and since removed, made of the same input:
# every code decoded (ulaw2lin, alaw2lin), every 16-bit value encoded (lin2ulaw, lin2alaw).
DECODED = {
    "pcmu": "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
    "pcma": "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
}
ENCODED = {
    "pcmu": "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a",
    "pcma": "38488f6fd710f4686360edc4d38639f96c491595ef93f8eb8d62d5e07ca6ce7b",
}


@pytest.mark.parametrize("format_", [PCMU, PCMA])
def test_every_code_decodes_as_audioop_did(format_: Format) -> None:
    samples = audio.decode_pcm16(format_, bytes(range(256)))
    assert hashlib.sha256(samples.tobytes()).hexdigest() == DECODED[format_.encoding]


@pytest.mark.parametrize("format_", [PCMU, PCMA])
def test_every_sample_encodes_as_audioop_did(format_: Format) -> None:
    samples = np.arange(-32768, 32768).astype(np.int16)
    encoded = audio.encode_pcm16(format_, samples)
    assert hashlib.sha256(encoded).hexdigest() == ENCODED[format_.encoding]


def test_pcm_is_written_as_it_was_read() -> None:
    data = bytes(range(200))
    assert audio.encode_pcm16(PCM_24K, audio.decode_pcm16(PCM_24K, data)) == data
