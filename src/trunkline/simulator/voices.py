"""I/O. Where speech comes from: the clips in the package, and a synthesiser if one is installed."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from functools import lru_cache
from pathlib import Path

import av
import msgspec
import numpy as np
import soxr
import structlog

from trunkline.errors import OperatorError
from trunkline.simulator.audio import RATE, Samples
from trunkline.simulator.known import Known, envelope
from trunkline.simulator.speech import Clip, Library, Word, evenly

CLIPS = Path(__file__).parent / "clips"
_SYNTHESISER = "espeak-ng"
_SYNTHESIS_LIMIT_S = 5
_LONGEST_TEXT = 1_000
_log = structlog.get_logger(__name__)


class _ClipEntry(msgspec.Struct):
    text: str
    words: list[tuple[str, int, int]] = []


class _Manifest(msgspec.Struct):
    clips: dict[str, _ClipEntry]


def _manifest(directory: Path) -> _Manifest:
    path = directory / "manifest.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise OperatorError(f"cannot read the speech manifest {path}: {exc}") from exc


def decode_opus(path: Path) -> Samples:
    """Return an Ogg Opus file as PCM16, 24 kHz, mono."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.int16)


@lru_cache(maxsize=1)
def library() -> Library:
    """Return the clips of the package, decoded. The first call takes about 50 ms."""
    clips = {
        name: Clip(
            entry.text,
            tuple(Word(*word) for word in entry.words),
            decode_opus(CLIPS / f"{name}.opus"),
        )
        for name, entry in _manifest(CLIPS).clips.items()
    }
    return Library(clips)


@lru_cache(maxsize=16)
def known_speech(directories: tuple[str, ...]) -> tuple[Known, ...]:
    """Return the speech that the simulator recognises: the directories' clips, then its own.

    A directory holds `manifest.json` (`{"clips": {name: {"text": …}}}`) and
    `<name>.opus`. Raises `OperatorError` when it does not.
    """
    found = list[Known]()
    for directory in map(Path, directories):
        for name, entry in _manifest(directory).clips.items():
            samples = decode_opus(directory / f"{name}.opus")
            found.append(Known(entry.text, envelope(samples)))
    found += [Known(clip.text, envelope(clip.samples)) for clip in library().clips.values()]
    return tuple(found)


def synthesiser() -> str | None:
    """Return the path of the synthesiser on this machine, None when there is none."""
    return shutil.which(_SYNTHESISER)


@lru_cache(maxsize=256)
def synthesise(text: str) -> Clip | None:
    """Return `text` spoken by the synthesiser, None without one or when it fails.

    Blocks for some tens of ms, once per text.
    """
    program = synthesiser()
    if program is None or not text.strip() or len(text) > _LONGEST_TEXT:
        return None
    try:
        spoken = subprocess.run(
            [program, "--stdout", "--", text],
            capture_output=True,
            check=True,
            timeout=_SYNTHESIS_LIMIT_S,
        )
        # espeak-ng writes to a pipe with an unset length, which `wave` takes for "until the end".
        with wave.open(io.BytesIO(spoken.stdout)) as file:
            raw, rate = file.readframes(file.getnframes()), file.getframerate()
    except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as exc:
        _log.warning("synthesiser_failed", program=program, error=str(exc))
        return None
    samples = soxr.resample(np.frombuffer(raw[: len(raw) & ~1], "<i2"), rate, RATE)
    return evenly(text, samples.astype(np.int16))
