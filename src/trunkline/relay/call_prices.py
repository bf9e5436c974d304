"""Pure. What a caller says its own call costs, in place of what the price table says.

`Helicone-Input-Token-Cost` and its kin are US dollars per token, as a model's bill has it:
`0.000004`. Those without a modality are of both text and audio; one with a modality outdoes
them. The caller pays the bill and knows its discount; a header that is no amount is noted, and
the call goes on at the price of the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from trunkline.protocol.call import Note
from trunkline.protocol.prices import amount_of
from trunkline.relay.head import Head

HEADERS: Final = {
    "helicone-input-token-cost": ("text_in", "audio_in"),
    "helicone-cached-input-token-cost": ("text_cached", "audio_cached"),
    "helicone-output-token-cost": ("text_out", "audio_out"),
    "helicone-input-audio-token-cost": ("audio_in",),
    "helicone-cached-input-audio-token-cost": ("audio_cached",),
    "helicone-output-audio-token-cost": ("audio_out",),
}
"""Header to the fields of `Price` that it sets; later ones outdo earlier ones."""

_MILLION: Final = Decimal(1_000_000)


def given(head: Head) -> dict[str, str]:
    """Return the fields of `Price` that `head` sets, as dollars per million tokens."""
    found: dict[str, str] = {}
    for header, amount in _sent(head):
        if amount is not None:
            found |= dict.fromkeys(HEADERS[header], format(amount.normalize(), "f"))
    return found


def bad(head: Head) -> Iterator[Note]:
    """Yield a note for each header that is no amount."""
    for header, amount in _sent(head):
        if amount is None:
            yield Note(kind="bad_price", data={"header": header})


def _sent(head: Head) -> Iterator[tuple[str, Decimal | None]]:
    for header in HEADERS:
        if text := head.text(header):
            amount = amount_of(text)
            # Of a token, so that dollars per million are within what a price may be.
            dollars = None if amount is None else amount_of(str(amount * _MILLION))
            yield header, dollars
