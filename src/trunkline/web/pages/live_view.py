"""Pure. Running calls as the Live page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from trunkline.live.running import SILENT_DBFS, Levels, Running
from trunkline.web.pages import text

STATES: Final = {
    "connecting": "connecting",
    "listening": "listening",
    "thinking": "thinking",
    "speaking": "speaking",
    "tool": "waiting for a tool",
}
SPEAKERS: Final = {"caller": "Caller", "assistant": "Assistant"}
QUIETEST_DBFS: Final = -60
"""Left end of a meter: quieter is not speech."""


SILENCE: Final = "silent"
WORDS: Final = {
    "states": STATES,
    "speakers": SPEAKERS,
    "silent": SILENCE,
    "unknown": text.UNKNOWN,
    "unpriced": text.UNPRICED,
    "connected": "Follows by itself.",
    "away": "Out of touch with the server; trying again.",
}
"""What the scripts say."""


class Meter(msgspec.Struct, frozen=True):
    """How loud one side is."""

    side: str
    name: str
    dbfs: int
    """As far as the meter goes."""
    words: str


class Card(msgspec.Struct, frozen=True):
    """One call."""

    call_id: str
    name: str
    """Who or what to call it by."""
    state: str
    state_words: str
    model: str
    kind: str
    transport: str
    opened_at_iso: str
    length: str
    meters: tuple[Meter, ...]
    """None of a call whose sound goes past the gateway."""
    speaker: str
    line: str
    turns: int
    barge_ins: int
    errors: int
    cost: str
    priced: bool


def cards(seen: Sequence[tuple[Running, Levels]], now_us: int) -> list[Card]:
    """Return one card for each call."""
    return [_card(call, levels, now_us) for call, levels in seen]


def _card(call: Running, levels: Levels, now_us: int) -> Card:
    line = call.last_line
    return Card(
        call_id=call.call_id,
        name=call.user_id or call.session_name or call.session_id or call.key_name or "Caller",
        state=call.doing,
        state_words=STATES[call.doing],
        model=call.model or text.UNKNOWN,
        kind=text.kind(call.kind),
        transport=text.transport(call.transport),
        opened_at_iso=text.iso(call.opened_at_us),
        length=text.clock(now_us - call.opened_at_us),
        meters=tuple(
            Meter(side, name, _on_meter(dbfs), loudness(dbfs))
            for (side, name), dbfs in zip(SPEAKERS.items(), levels, strict=True)
        )
        if call.transport == "websocket"
        else (),
        speaker=SPEAKERS[line.who] if line else "",
        line=line.text if line else "",
        turns=call.turns,
        barge_ins=call.barge_ins,
        errors=call.errors,
        cost=cost(call),
        priced=not call.unpriced,
    )


def _on_meter(dbfs: int | None) -> int:
    return QUIETEST_DBFS if dbfs is None else max(QUIETEST_DBFS, dbfs)


def loudness(dbfs: int | None) -> str:
    """Return a level in words."""
    if dbfs is None:
        return text.UNKNOWN
    return SILENCE if dbfs <= SILENT_DBFS else f"{dbfs} dB".replace("-", "−")


def cost(call: Running) -> str:
    """Return what it has cost; nothing is no price, where nothing was billed yet."""
    if call.cost_usd is None and not call.unpriced:
        return text.UNKNOWN
    return text.money(call.cost_usd)
