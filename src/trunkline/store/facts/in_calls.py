"""Pure. Where the rows of calls have what metrics ask of their parts: data for `measure`.

So that the parts need not be read, see `rows.Gathered`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from trunkline.store.facts.catalogue_parts import NANO


class InCalls(msgspec.Struct, frozen=True):
    """Where a row of `calls` has what a metric asks of the call's parts (`rows.Gathered`).

    Of bills, `bill.<field>` is what each of them has: their sum, where nobody asks which.
    """

    count: str
    """How many rows of the part's table have a value."""
    total: str = ""
    """Their sum."""
    each: str = ""
    """All of them, as an array; or empty: only their sum is known."""
    over: str = ""
    """For shares: what `total` is divided by."""


def _all_of(array: str) -> InCalls:
    return InCalls(f"length(gathered.{array})", each=f"gathered.{array}")


def _used(total: str, count: str = "bill.uses") -> InCalls:
    return InCalls(count, total)


IN_CALLS: Final[dict[str, InCalls]] = {
    "turns": InCalls("gathered.turns", "gathered.turns"),
    "turn.wait": _all_of("waits_us"),
    "turn.endpoint": _all_of("endpoints_us"),
    "turn.stop": _all_of("stops_us"),
    "turn.barge_ins": InCalls("gathered.turns", "gathered.barge_ins"),
    "turn.barge_in_share": InCalls("gathered.turns", "gathered.barge_ins", over="gathered.turns"),
    "response.first_audio": _all_of("first_audios_us"),
    "tool.latency": _all_of("latencies_us"),
    "usage": _used("bill.uses"),
    "usage.cost": _used("bill.cost_usd", "bill.uses - bill.unpriced"),
    "usage.unpriced": _used("bill.unpriced"),
    **{
        f"usage.{name}": _used(f"bill.tokens.{name}")
        for name in (
            "input_text",
            "input_audio",
            "input_image",
            "cached_text",
            "cached_audio",
            "cached_image",
            "output_text",
            "output_audio",
        )
    },
    "usage.input_new": _used("bill.new_tokens", "bill.told_apart"),
    "usage.input_again": _used("bill.again_tokens", "bill.told_apart"),
    "usage.input_new_cost": _used("bill.new_usd", "bill.priced_apart"),
    "usage.input_again_cost": _used("bill.again_usd", "bill.priced_apart"),
    "usage.input_again_share": InCalls(
        "bill.priced_apart",
        NANO.format("bill.again_usd"),
        over=NANO.format("(bill.new_usd + bill.again_usd)"),
    ),
    "usage.seconds": _used("bill.seconds_us"),
}
"""Metrics of parts that can be had without reading the parts, by id."""
ROWS_OF: Final = {
    "turns": "gathered.turns",
    "responses": "length(gathered.first_audios_us)",
    "tool_calls": "length(gathered.latencies_us)",
    "usage": "bill.uses",
}
"""How many rows of a table of parts a call has that have a number."""
BILLED: Final = {
    "billed_model": "bill.model",
    "billed_kind": "bill.kind",
    "billed_day": "bill.day",
}
"""Dimensions of bills, by id."""
