"""Pure. What the row of a call gathers of its parts, worked out from their tables.

The recorder writes it with the call. This is for calls that were written before it did.
"""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from trunkline.store.facts.amounts import Bill, Tokens
from trunkline.store.facts.catalogue_parts import APART_USD, NEW
from trunkline.store.facts.ddl import column_type
from trunkline.store.facts.rows import CallRow, Gathered

_KEY: Final = "org_id, call_id"
_TOKENS: Final = ", ".join(f"sum(tokens.{name})" for name in Tokens.__struct_fields__)
_TURNS: Final = (
    f"SELECT {_KEY}, toInt64(count()) AS turns, toInt64(sum(barge_in)) AS barge_ins,"
    " groupArray(wait_us) AS waits_us, groupArray(endpoint_us) AS endpoints_us,"
    f" groupArray(stop_us) AS stops_us FROM turns FINAL WHERE {{where}} GROUP BY {_KEY}"
)
_RESPONSES: Final = (
    f"SELECT {_KEY}, groupArray(first_audio_us - created_us) AS first_audios_us"
    f" FROM responses FINAL WHERE {{where}} GROUP BY {_KEY}"
)
_TOOL_CALLS: Final = (
    f"SELECT {_KEY}, groupArray(latency_us) AS latencies_us"
    f" FROM tool_calls FINAL WHERE {{where}} GROUP BY {_KEY}"
)
_BILL: Final = {
    "model": "model",
    "kind": "kind",
    "day": "at_day",
    "uses": "count()",
    "unpriced": "countIf(isNull(cost_usd))",
    "cost_usd": "sum(ifNull(cost_usd, 0))",
    "tokens": f"tuple({_TOKENS})",
    "seconds_us": "sum(seconds_us)",
    "told_apart": "count(again_tokens)",
    "new_tokens": f"sum(ifNull({NEW}, 0))",
    "again_tokens": "sum(ifNull(again_tokens, 0))",
    "priced_apart": "count(again_usd)",
    "new_usd": f"sum(ifNull({APART_USD} - again_usd, 0))",
    "again_usd": "sum(ifNull(again_usd, 0))",
}
"""Each field of `Bill`, of rows of `usage`."""
_FIELDS: Final = Bill.__struct_fields__
_USAGE: Final = (
    f"SELECT {_KEY}, groupArray(CAST(tuple({', '.join(f'bill_{name}' for name in _FIELDS)}),"
    f" '{column_type(Bill)}')) AS bills FROM (SELECT {_KEY},"
    f" {', '.join(f'{_BILL[name]} AS bill_{name}' for name in _FIELDS)}"
    f" FROM usage FINAL WHERE {{where}} GROUP BY {_KEY}, model, kind, at_day) GROUP BY {_KEY}"
)
_PARTS: Final = {"t": _TURNS, "r": _RESPONSES, "k": _TOOL_CALLS, "u": _USAGE}


_MADE: Final = {
    **dict.fromkeys(("turns", "barge_ins", "waits_us", "endpoints_us", "stops_us"), "t"),
    "first_audios_us": "r",
    "latencies_us": "k",
    "bills": "u",
}
"""Each field of `Gathered`, and which subquery has it."""


def with_gathered(
    calls: str, parts: str, columns: Iterable[str] = CallRow.__struct_fields__
) -> str:
    """Return SQL that gives `columns` of calls, those that the subquery `calls` selects.

    `parts` is the predicate for where their parts lie, in their tables.
    """
    where = f"{parts} AND call_id IN (SELECT call_id FROM ({calls}))"
    joins = "".join(
        f" LEFT JOIN ({sql.format(where=where)}) AS {name} USING ({_KEY})"
        for name, sql in _PARTS.items()
    )
    listed = ", ".join(f"{_MADE[name]}.{name}" for name in Gathered.__struct_fields__)
    made = [
        f"CAST(tuple({listed}), '{column_type(Gathered)}') AS gathered"
        if name == "gathered"
        else f"made.{name} AS {name}"
        for name in columns
    ]
    return f"SELECT {', '.join(made)} FROM ({calls}) AS made{joins}"
