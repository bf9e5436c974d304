"""The test speech is what its manifest says."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import speech


@pytest.mark.parametrize("name", speech.names())
def test_a_clip_is_loud_where_the_manifest_says_that_speech_is(name: str) -> None:
    clip, samples = speech.about(name), np.frombuffer(speech.load(name), "<i2").astype(float)
    begins, ends = clip["speech_begins_ms"] * 24, clip["speech_ends_ms"] * 24
    outside = np.concatenate([samples[:begins], samples[ends:]])
    assert len(samples) == clip["duration_ms"] * 24
    assert samples[begins:ends].std() > 5 * outside.std()


def test_chunks_are_the_whole_clip_in_order() -> None:
    pcm = speech.load("cards")
    pieces = speech.chunks(pcm, 100)
    assert b"".join(pieces) == pcm
    assert {len(piece) for piece in pieces[:-1]} == {100 * speech.BYTES_PER_MS}
