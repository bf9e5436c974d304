"""Pure. When the provider's voice activity detection heard the caller speak.

Not when the caller spoke: `TurnRow` has that. Between the two lies what the detection costs.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.store.facts.queries_call import SPEECH_STARTED, SPEECH_STOPPED
from trunkline.store.facts.rows import EventRow


class Detected(msgspec.Struct, frozen=True):
    """From `speech_started` to `speech_stopped`, as the gateway received them, call clock."""

    item_id: str
    started_us: int
    stopped_us: int | None
    """None: the provider has not told, or never did."""


def detected(events: Iterable[EventRow]) -> list[Detected]:
    """Return the speeches that `events` tell, in their order.

    One without its end is over when the next begins, but nobody knows since when: it has none.
    An end without its beginning is left out.
    """
    found: list[Detected] = []
    begun: EventRow | None = None
    for event in events:
        if event.type == SPEECH_STARTED:
            found += [_open(begun)] if begun else []
            begun = event
        elif event.type == SPEECH_STOPPED and begun:
            found.append(Detected(begun.item_id, begun.at_us, event.at_us))
            begun = None
    return found + ([_open(begun)] if begun else [])


def _open(begun: EventRow) -> Detected:
    return Detected(begun.item_id, begun.at_us, None)
