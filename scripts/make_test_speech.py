"""Makes tests/speech/ from the recordings of Debian's package `pocketsphinx-testdata`.

    python scripts/make_test_speech.py /usr/share/pocketsphinx/test/data

Run once; its output is kept in the repository, so that no test needs the
package. People's voices, 16 kHz, BSD-2. Written as Ogg Opus, 24 kHz, mono.
"""

from __future__ import annotations

import json
import sys
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soxr

OUT = Path(__file__).parent.parent / "tests" / "speech"
RATE = 24_000
FRAME = RATE // 100

LIBRIVOX = "librivox/sense_and_sensibility_01_austen_64kb-{}.wav"
CLIPS = {
    "dashwood": (
        LIBRIVOX.format("0870"),
        "And Mister John Dashwood had then leisure to consider how much there might be "
        "prudently in his power to do for them.",
    ),
    "young_man": (LIBRIVOX.format("0880"), "He was not an ill disposed young man."),
    "selfish": (
        LIBRIVOX.format("0890"),
        "Unless to be rather cold hearted and rather selfish is to be ill disposed.",
    ),
    "amiable": (LIBRIVOX.format("0930"), "He might even have been made amiable himself."),
    "cards": ("cards/005.wav", "Eight of spades, four of clubs, seven of hearts."),
    "go_forward": ("goforward.raw", "Go forward ten meters."),
}
"""Name: file in the package, and the words in it, from the package's transcriptions."""


def samples_of(path: Path) -> np.ndarray:
    """The recording as int16 at 24 kHz."""
    if path.suffix == ".wav":
        with wave.open(str(path)) as file:
            rate, raw = file.getframerate(), file.readframes(file.getnframes())
    else:
        rate, raw = 16_000, path.read_bytes()
    return soxr.resample(np.frombuffer(raw, "<i2"), rate, RATE)


def speech_edges_ms(samples: np.ndarray) -> tuple[int, int]:
    """Where speech begins and ends: the runs of at least 50 ms within 24 dB of the loudest 10 ms.

    Runs: a click before or after the words must not count as speech.
    """
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    loudness = np.sqrt((frames**2).mean(axis=1))
    loud = loudness > loudness.max() * 10 ** (-24 / 20)
    runs = [i for i in range(len(loud) - 4) if loud[i : i + 5].all()]
    return runs[0] * 10, (runs[-1] + 5) * 10


def write_opus(path: Path, samples: np.ndarray) -> None:
    """Write `samples` as Ogg Opus at 40 kb/s."""
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE)
        stream.layout = "mono"
        stream.bit_rate = 40_000
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main(source: Path) -> None:
    """Write every clip and the manifest."""
    OUT.mkdir(exist_ok=True)
    clips = {}
    for name, (file, text) in CLIPS.items():
        samples = samples_of(source / file)
        begins_ms, ends_ms = speech_edges_ms(samples)
        write_opus(OUT / f"{name}.opus", samples)
        clips[name] = {
            "text": text,
            "duration_ms": len(samples) * 1000 // RATE,
            "speech_begins_ms": begins_ms,
            "speech_ends_ms": ends_ms,
            "source": f"pocketsphinx-testdata (Debian), {file}",
            "licence": "BSD-2-Clause",
        }
    manifest = {
        "about": "Recorded human speech for the tests. Made by scripts/make_test_speech.py.",
        "licence": "BSD-2-Clause, (c) 1995-2014 Carnegie Mellon University, 2014-2015 Alpha "
        "Cephei Inc.; librivox/ are readings from LibriVox, in the public domain",
        "clips": clips,
    }
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
