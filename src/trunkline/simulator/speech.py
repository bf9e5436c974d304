"""Pure. Spoken words as the wire wants them: chunks of base64, each with its transcript."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import pybase64

from trunkline.simulator.audio import (
    RATE,
    SAMPLES_PER_MS,
    Encoding,
    Samples,
    bytes_per_second,
    encode,
)


class Word(msgspec.Struct, frozen=True):
    """One word of a transcript, as written, and when it is spoken."""

    text: str
    begins_ms: int
    ends_ms: int


class Chunk(msgspec.Struct, frozen=True):
    """One audio delta, with the transcript of the words that begin in it."""

    audio: str
    """Base64 of the wire format."""
    duration_ms: float
    transcript: str
    """May be empty. The chunks' transcripts together are the clip's text."""


class Clip:
    """Something that can be said: exact words, their times, and the sound of them."""

    def __init__(self, text: str, words: tuple[Word, ...], samples: Samples) -> None:
        self.text = text
        self.words = words
        self.samples = samples
        self._wire: dict[Encoding, bytes] = {}
        self._chunks: dict[tuple[Encoding, int, bool], tuple[Chunk, ...]] = {}

    @property
    def duration_ms(self) -> int:
        """How long it takes to say it."""
        return len(self.samples) * 1000 // RATE

    def wire(self, encoding: Encoding) -> bytes:
        """Return the audio in a wire format. Made once, shared by all calls."""
        if encoding not in self._wire:
            self._wire[encoding] = encode(self.samples, encoding)
        return self._wire[encoding]

    def chunks(self, encoding: Encoding, chunk_ms: int, *, odd: bool = False) -> tuple[Chunk, ...]:
        """Return the deltas that say it. Made once, shared by all calls.

        `odd`: of an odd number of bytes each, so that they cut samples in two.
        """
        key = (encoding, chunk_ms, odd)
        if key not in self._chunks:
            self._chunks[key] = tuple(self._cut(encoding, chunk_ms, odd))
        return self._chunks[key]

    def _cut(self, encoding: Encoding, chunk_ms: int, odd: bool) -> Iterator[Chunk]:
        wire, per_second = self.wire(encoding), bytes_per_second(encoding)
        step = per_second * chunk_ms // 1000 | odd
        starts = list(range(0, len(wire), step)) or [0]
        for number, start in enumerate(starts):
            piece = wire[start : start + step]
            # The first chunk takes the words of the time before it, the last all that are left.
            since = number * chunk_ms if number else -1
            until = (number + 1) * chunk_ms if start != starts[-1] else 1 << 62
            yield Chunk(
                audio=pybase64.b64encode_as_string(piece),
                duration_ms=len(piece) * 1000 / per_second,
                transcript=self._words_between(since, until),
            )

    def _words_between(self, since_ms: int, until_ms: int) -> str:
        first = self.words[0] if self.words else None
        return "".join(
            word.text if word is first else " " + word.text
            for word in self.words
            if since_ms <= word.begins_ms < until_ms
        )


def evenly(text: str, samples: Samples) -> Clip:
    """Return a clip whose words are spread by their length: for voices that tell no times."""
    duration_ms, texts = len(samples) // SAMPLES_PER_MS, text.split()
    letters, seen, words = sum(len(one) + 1 for one in texts) or 1, 0, list[Word]()
    for one in texts:
        begins = seen * duration_ms // letters
        seen += len(one) + 1
        words.append(Word(one, begins, seen * duration_ms // letters))
    return Clip(" ".join(texts), tuple(words), samples)


class Library(msgspec.Struct, frozen=True):
    """All that the simulator can say without a synthesiser, by the clips' names."""

    clips: Mapping[str, Clip]

    def find(self, text: str) -> Clip | None:
        """Return the clip with exactly these words, if there is one."""
        wanted = " ".join(text.split())
        return next((clip for clip in self.clips.values() if clip.text == wanted), None)
