"""Pure. What the caller says, sentence by sentence, for sessions that have no turns."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from trunkline.simulator.audio import SAMPLES_PER_MS, Encoding, Intake
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.hearing import Buffer
from trunkline.simulator.known import Known, recognise
from trunkline.simulator.vad import Detector, Started, Stopped, energy, silero

_THRESHOLD = 0.5
_PREFIX_MS = 300
_SILENCE_MS = 400
"""After so much silence a sentence is over."""
_KEPT_MS = 2_000


class Utterance(msgspec.Struct, frozen=True):
    """One sentence. Times are ms on the timeline of appended audio."""

    starts_ms: int
    ends_ms: int
    words: str
    """What stands for words when nobody knows them: how long it was."""


class Utterances:
    """Takes the caller's audio as it comes."""

    def __init__(
        self, config: SimulatorConfig, known: tuple[Known, ...], encoding: Encoding
    ) -> None:
        self._known = known
        self._scripted = iter(config.transcripts)
        self._intake = Intake(encoding)
        self._buffer = Buffer()
        self._detector = Detector((silero if config.vad == "silero" else energy)())
        self._started_ms: int | None = None

    @property
    def position_ms(self) -> int:
        """How much audio has come."""
        return self._buffer.ends // SAMPLES_PER_MS

    @property
    def speaking(self) -> bool:
        """Whether the caller is speaking just now."""
        return self._started_ms is not None

    def take(self, octets: bytes) -> Iterator[Utterance | None]:
        """Yield None when the caller begins to speak, and each sentence when it is over."""
        passed, wide, heard = self._intake.take(octets, listen=True)
        self._buffer.append(wide, passed)
        for found in self._detector.take(heard, threshold=_THRESHOLD, silence_ms=_SILENCE_MS):
            match found:
                case Started():
                    self._started_ms = max(0, found.onset_ms)
                    yield None
                case Stopped():
                    yield self._over(found.end_ms)
        if self._started_ms is None:
            self._buffer.drop_before(self._buffer.ends - _KEPT_MS * SAMPLES_PER_MS)

    def rest(self) -> Utterance | None:
        """Return the sentence that is being said, cut off; None when nobody speaks."""
        return None if self._started_ms is None else self._over(self.position_ms)

    def _over(self, ends_ms: int) -> Utterance:
        starts_ms, self._started_ms = self._started_ms or 0, None
        begins = max(0, starts_ms - _PREFIX_MS) * SAMPLES_PER_MS
        samples = self._buffer.cut(begins, (ends_ms + _PREFIX_MS) * SAMPLES_PER_MS)
        words = recognise(samples, self._known) or next(self._scripted, None)
        said = words or f"({(ends_ms - starts_ms) / 1000:.1f} seconds of speech)"
        return Utterance(starts_ms, ends_ms, said)
