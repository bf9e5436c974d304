"""A call on a loudspeaker, from its frames to its facts: once recorded, once rebuilt."""

from base64 import b64encode
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.recorder.journals import Journal, MemoryFacts, instance, recording
from tests.recorder.script import Told, begin, caller, done, provider, records, session, speech
from tests.recorder.test_echo import echo_of, noise, samples, voice

from trunkline.journal.record import Record
from trunkline.protocol import prices
from trunkline.recorder.reindex import reindex
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import CallRow, TurnRow

RATE_HZ = 8_000
DETECTED = {"status_details": {"type": "cancelled", "reason": "turn_detected"}}


def pcm16(signal: npt.NDArray[np.float64]) -> list[str]:
    """Chunks of 100 ms, 24 kHz, as the wire has them."""
    loud = samples(np.repeat(signal, 3))
    return [b64encode(loud[at : at + 2400].tobytes()).decode() for at in range(0, len(loud), 2400)]


def on_a_loudspeaker(*, over: bool) -> list[Record]:
    """An answer from 3 s on, whose echo the provider takes for speech at 4 s.

    `over`: the caller then speaks over another echo, which is a barge-in.
    """
    said = voice("dashwood")[: 4 * RATE_HZ]
    heard = noise(12 * RATE_HZ, -70, 1)
    for starts_s in (3, 7):
        heard[starts_s * RATE_HZ :][: len(said)] += echo_of(said, 150, 10, 2)
    if over:
        heard[8 * RATE_HZ :][: 2 * RATE_HZ] += voice("cards")[: 2 * RATE_HZ]
    answer = pcm16(said)
    told: list[Told | list[Told]] = [
        provider(0, "session.created", session={"id": "s"}),
        session(0),
        [
            caller(100 * (number + 1), "input_audio_buffer.append", audio=chunk)
            for number, chunk in enumerate(pcm16(heard))
        ],
        speech(1000, 2000, "item_1"),
        begin(2700, "resp_1"),
        speech(4000, 4600, "item_3"),
        done(4150, "resp_1", "cancelled", **DETECTED),
        begin(5300, "resp_2"),
        speech(8000, 9600, "item_5"),
        done(8150, "resp_2", "cancelled", **DETECTED),
    ]
    for at_ms, response, item in ((3000, "resp_1", "item_2"), (7000, "resp_2", "item_4")):
        where = {"response_id": response, "item_id": item, "content_index": 0}
        told += [
            provider(at_ms + number, "response.output_audio.delta", **where, delta=chunk)
            for number, chunk in enumerate(answer)
        ]
    return records(told)


pytestmark = pytest.mark.usefixtures("quick")


def kinds(facts: MemoryFacts) -> list[str]:
    turns = sorted(
        (row for row in facts.table.values() if isinstance(row, TurnRow)), key=lambda row: row.turn
    )
    return [turn.barge_in_kind for turn in turns]


def the_call(facts: MemoryFacts) -> CallRow:
    (call,) = (row for row in facts.table.values() if isinstance(row, CallRow))
    return call


@pytest.mark.parametrize(("over", "second"), [(True, "speech"), (False, "echo")])
async def test_an_echo_is_a_false_barge_in_and_stays_one(
    tmp_path: Path, *, over: bool, second: str
) -> None:
    journal = Journal(tmp_path)
    journal.begin(instance(1))
    facts = MemoryFacts()
    journal.write(on_a_loudspeaker(over=over))
    # The process is gone, so its call is over.
    journal.die()
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
    assert kinds(facts) == ["", "echo", second]
    call = the_call(facts)
    assert (call.barge_ins, call.false_barge_ins) == (2, 1 + (second == "echo"))
    assert call.has_audio
    rebuilt = MemoryFacts()
    blobs = Blobs.open("", tmp_path / "blobs")
    report = await reindex(rebuilt, blobs, tmp_path, prices.shipped())
    assert rebuilt.table == facts.table
    assert report.unreadable == ()
