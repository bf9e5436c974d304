"""How loud a call is, against tones whose loudness is known."""

from base64 import b64encode

import numpy as np
import pytest

from trunkline.live.running import SILENT_DBFS
from trunkline.protocol.audio import encode_pcm16
from trunkline.protocol.formats import PCM_24K, Format
from trunkline.recorder.ears import Ears, level_of
from trunkline.recorder.sound import Placed, Stopped

S = 1_000_000
PCMU = Format("pcmu", 8000)


def tone(
    starts_us: int, length_us: int, dbfs: float, leg: str, format_: Format = PCM_24K
) -> Placed:
    """A square wave, whose root mean square is its amplitude."""
    count = length_us * format_.rate_hz // S
    wave = np.where(np.arange(count) % 20 < 10, 1, -1) * 32768 * 10 ** (dbfs / 20)
    data = encode_pcm16(format_, np.clip(wave, -32768, 32767).astype(np.int16))
    return Placed(leg, starts_us, length_us, format_, b64encode(data).decode())


@pytest.mark.parametrize("format_", [PCM_24K, PCMU, Format("pcma", 8000)])
@pytest.mark.parametrize("dbfs", [-3, -20, -42])
def test_a_tone_is_as_loud_as_it_is(dbfs: int, format_: Format) -> None:
    ears = Ears(0, 0)
    ears.hear(tone(0, S, dbfs, "caller", format_))
    ears.hear(tone(0, S, -30, "provider", format_))
    assert ears.levels(S) == (dbfs, -30)


def test_it_is_the_last_second_that_counts() -> None:
    ears = Ears(0, 0)
    for second, dbfs in enumerate((-6, -6, -40)):
        for tenth in range(10):
            at_us = second * S + tenth * S // 10
            ears.hear(tone(at_us, S // 10, dbfs, "caller"))
    assert ears.levels(3 * S)[0] in (-40, -16), "at most one window of what was before"
    assert ears.levels(3 * S + 200_000)[0] == -40
    assert ears.levels(5 * S)[0] == SILENT_DBFS


def test_what_was_sent_ahead_is_heard_when_it_is_played() -> None:
    ears = Ears(0, 0)
    ears.hear(tone(2 * S, 3 * S, -10, "provider"))
    assert ears.levels(S)[1] == SILENT_DBFS
    assert ears.levels(3 * S)[1] == -10
    assert ears.levels(7 * S)[1] == SILENT_DBFS


def test_what_is_cut_is_not_heard() -> None:
    ears = Ears(0, 0)
    ears.hear(tone(0, 10 * S, -10, "provider"))
    ears.hear(Stopped(("item_1",), 2 * S))
    assert ears.levels(2 * S)[1] == -10
    assert ears.levels(4 * S)[1] == SILENT_DBFS


def test_nothing_is_known_before_anybody_has_listened() -> None:
    ears = Ears(5 * S, 0)
    assert ears.levels(5 * S) == (None, None)
    assert ears.levels(5 * S + 1) == (SILENT_DBFS, SILENT_DBFS)


def test_an_answer_that_was_sent_before_is_not_called_silence() -> None:
    ears = Ears(5 * S, 9 * S)
    assert ears.levels(6 * S) == (SILENT_DBFS, None)
    assert ears.levels(9 * S) == (SILENT_DBFS, SILENT_DBFS)
    cut = Ears(5 * S, 9 * S)
    cut.hear(Stopped(("item_1",), 6 * S))
    assert cut.levels(6 * S) == (SILENT_DBFS, SILENT_DBFS)


@pytest.mark.parametrize("base64", ["", "not base64!", "AA=="])
def test_foreign_sound_breaks_nothing(base64: str) -> None:
    ears = Ears(0, 0)
    ears.hear(Placed("caller", 0, 0, PCM_24K, base64))
    ears.hear(None)
    assert ears.levels(S) == (SILENT_DBFS, SILENT_DBFS)


def test_a_file_that_is_pushed_is_not_measured_for_ever() -> None:
    ears = Ears(0, 0)
    ears.hear(tone(3600 * S, S, -10, "caller"))
    assert ears.levels(3600 * S + S)[0] == SILENT_DBFS


def test_levels_by_hand() -> None:
    assert level_of(0, 0) == level_of(0, 100) == SILENT_DBFS
    assert level_of(32768.0**2 * 10, 10) == 0
    assert level_of(1.0, 24_000) == SILENT_DBFS, "nothing is lower"
