"""I/O. What is being heard of answers that were sent before anybody listened in.

An answer is sent faster than it is spoken: who begins to listen in the middle of one would
hear nothing until the next. Its sound is in the call's spool, and where it ends is in the state.
"""

from __future__ import annotations

from typing import Final

import structlog

from trunkline.journal.record import Kind, Leg, TooNew
from trunkline.protocol.audio import duration_us
from trunkline.protocol.decode import decode
from trunkline.protocol.events import AudioDelta
from trunkline.recorder.calls import Call
from trunkline.recorder.sound import Placed
from trunkline.store.spool import scan

LOOKED_AT_BYTES: Final = 4 * 1024 * 1024
"""The end of the spool: about a minute of speech, and about 20 ms of work."""

log = structlog.get_logger("trunkline.recorder")


def recall(call: Call, from_us: int) -> list[Placed]:
    """Return the sound that is heard after `from_us`, of answers that nothing has cut."""
    sound = call.state.sound
    item_ids = sound.playing(from_us)
    if not item_ids:
        return []
    deltas: dict[str, list[str]] = {item_id: [] for item_id in item_ids}
    try:
        call.spool.flush()
        for spooled in scan(call.spool.path, max(0, call.spool.length_bytes - LOOKED_AT_BYTES)):
            record = spooled.record
            if record.kind is Kind.FRAME and record.leg is Leg.PROVIDER:
                event = decode(record.payload)
                if isinstance(event, AudioDelta) and event.item_id in deltas:
                    deltas[event.item_id].append(event.delta)
    except (OSError, TooNew) as exc:
        log.warning("cannot look back into a spool", call=call.call_id, error=str(exc))
        return []
    found: list[Placed] = []
    for item_id, sent in deltas.items():
        # From its end: where it began may be before what was looked at, or behind a stall.
        ends_us = sound.plays[item_id].ends_us
        for delta in reversed(sent):
            length_us = duration_us(sound.assistant_format, delta)
            ends_us -= length_us
            found.append(
                Placed("provider", ends_us, length_us, sound.assistant_format, delta, item_id)
            )
    return sorted(found, key=lambda placed: placed.starts_us)
