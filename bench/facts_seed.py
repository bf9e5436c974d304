"""I/O. Fills a facts store with calls that could have been: SQL makes them, where they are kept.

Made by formulas from the number of a call, so that a store of one size is always the same:
a month of calls with more of them by day than by night; users of which a few call often;
waits, durations and costs with long tails; here and there a failure, a tool, an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trunkline.store.facts import listed
from trunkline.store.facts.gathering import with_gathered

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

ORG: Final = "org_bench"
DAYS: Final = 30
TURNS: Final = 12
"""Of a call."""
FIRST_DAY_US: Final = 1_793_491_200_000_000
"""1 November 2026, UTC."""
NOW_US: Final = FIRST_DAY_US + DAYS * 86_400_000_000
BATCH: Final = 10_000
MODELS: Final = ["gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2"]
"""Calls that are inserted at once, with all that belongs to them."""

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _uniform(salt: int) -> str:
    """Return SQL for a number between 0 and 1 that is the row's own."""
    return f"(cityHash64(n, {salt}) / 18446744073709551616.)"


def _normal(salt: int) -> str:
    """Return SQL for a number of the normal distribution (Box and Muller)."""
    return f"(sqrt(-2 * log({_uniform(salt)} + 1e-12)) * cos(2 * pi() * {_uniform(salt + 1000)}))"


def _long_tailed(median: float, sigma: float, salt: int) -> str:
    return f"({median} * exp({sigma} * {_normal(salt)}))"


def _pick(values: list[str], salt: int, power: float = 1.0) -> str:
    """Return SQL for one of `values`; with a higher power the first ones are more frequent."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"[{listed}][1 + toUInt32(pow({_uniform(salt)}, {power}) * {len(values)})]"


def _letter(number: str, shift: int) -> str:
    return f"substring('{_CROCKFORD}', 1 + bitAnd(bitShiftRight({number}, {shift}), 31), 1)"


def _whole(median: float, sigma: float, salt: int) -> str:
    return f"toInt64({_long_tailed(median, sigma, salt)})"


def _money(median: float, sigma: float, salt: int) -> str:
    return f"toDecimal64({_long_tailed(median, sigma, salt)}, 9)"


def _missing(share: float, salt: int, value: str) -> str:
    return f"if({_uniform(salt)} < {share}, NULL, {value})"


def _call_columns(calls: int) -> dict[str, str]:
    day_us, hour = 86_400_000_000, _uniform(2)
    # A third of the calls at any hour, the others around two in the afternoon.
    hours = (
        f"if({_uniform(3)} < 0.33, 24 * {hour}, least(23.99, greatest(0, 14 + 3 * {_normal(4)})))"
    )
    opened = f"toInt64({FIRST_DAY_US} + intDiv(n * {DAYS}, {calls}) * {day_us} + {hours} * 3.6e9)"
    random = [_letter(f"cityHash64(n, {7 + place // 12})", 5 * (place % 12)) for place in range(16)]
    time = [_letter("intDiv(opened_at_us, 1000)", shift) for shift in range(45, -1, -5)]
    failed = f"{_uniform(5)} < 0.03"
    return {
        "opened_at_us": opened,
        "org_id": f"'{ORG}'",
        "call_id": f"concat('call_', {', '.join([*time, *random])})",
        "version": "5000",
        "duration_us": f"toInt64(1e6 * least(3600, {_long_tailed(140, 0.7, 10)}))",
        "ended_at_us": "opened_at_us + duration_us",
        "status": f"if({failed}, 'failed', 'completed')",
        "end_reason": f"if({failed}, 'provider_lost', 'caller_closed')",
        "provider": _pick(["openai", "azure"], 11, 2),
        "model_asked": _pick(MODELS, 12, 2),
        "model_used": "model_asked",
        "voice": _pick(["marin", "cedar", "alloy", "verse"], 13, 1.5),
        "vad": _pick(["server_vad", "semantic_vad"], 14, 1.5),
        "prompt": _pick([f"{number:012x}" for number in range(6)], 106, 2),
        "key_id": _pick([f"key_{number}" for number in range(8)], 15, 2),
        "key_name": "key_id",
        "user_id": f"concat('user-', toString(toUInt32(5000 * pow({_uniform(16)}, 3))))",
        "session_id": "concat('session-', toString(intDiv(n, 3)))",
        "session_name": _pick(["Support", "Sales", "Booking", "Survey"], 17, 1.5),
        "properties": (
            f"map('Environment', {_pick(['production', 'staging', 'test'], 18, 3)},"
            f" 'Tier', {_pick(['free', 'gold', 'silver'], 19)},"
            f" 'Campaign', concat('c', toString(toUInt32(40 * {_uniform(20)}))))"
        ),
        "turns": str(TURNS),
        "responses": str(TURNS),
        "barge_ins": f"toInt64(4 * pow({_uniform(21)}, 3))",
        "tool_calls": f"toInt64(3 * pow({_uniform(22)}, 2))",
        "errors": f"toInt64({_uniform(23)} < 0.05)",
        "caller_audio_us": "duration_us",
        "assistant_audio_us": "toInt64(duration_us * 0.5)",
        "heard_audio_us": f"toInt64(assistant_audio_us * (1 - 0.2 * {_uniform(24)}))",
        "tokens": (
            f"tuple({_whole(9000, 0.8, 25)}, {_whole(14000, 0.8, 26)},"
            f" 0, 6000, 8000, 0, {_whole(900, 0.6, 27)},"
            f" {_whole(2600, 0.6, 28)})"
        ),
        "cost_usd": _missing(0.01, 29, _money(0.21, 0.9, 30)),
        "unpriced": "if(isNull(cost_usd), ['brand-new'], [])",
        "connect_us": _whole(260_000, 0.5, 31),
        "wait_p50_us": _whole(1_150_000, 0.4, 32),
        "wait_max_us": "wait_p50_us * 3",
        "relay_p50_us": _whole(60, 0.2, 33),
        "relay_p99_us": _whole(400, 0.5, 34),
        "configure_us": _whole(90_000, 0.4, 35),
        "time_to_first_audio_us": _whole(1_400_000, 0.5, 36),
        "assistant_talk_us": f"toInt64(duration_us * (0.3 + 0.2 * {_uniform(37)}))",
        "caller_talk_us": f"toInt64(duration_us * (0.2 + 0.2 * {_uniform(38)}))",
        "overlap_us": f"toInt64(duration_us * 0.03 * {_uniform(39)})",
        "silence_us": "duration_us - assistant_talk_us - caller_talk_us + overlap_us",
        "longest_silence_us": _whole(4e6, 0.6, 100),
        "longest_monologue_us": _whole(16e6, 0.4, 101),
        "caller_words": "intDiv(caller_talk_us, 450000)",
        "caller_worded_us": "caller_talk_us",
        "assistant_words": "intDiv(assistant_talk_us, 380000)",
        "assistant_worded_us": "assistant_talk_us",
        "caller_frames": "intDiv(duration_us, 40000)",
        "provider_frames": f"toInt64(caller_frames * (0.5 + {_uniform(102)}))",
        "caller_bytes": "caller_frames * 2700",
        "provider_bytes": "provider_frames * 3400",
        "unheard_usd": _missing(0.01, 29, _money(0.01, 0.9, 103)),
        "input_jitter_us": _whole(3000, 0.5, 104),
        # Frames around 25 µs in the gateway, and a long tail, in buckets an eighth wide.
        "relayed": (
            "tuple(arrayMap(k -> toInt64(6000 * pow(1.125, k)), range(48)),"
            " arrayMap(k -> 1 + toInt64(caller_frames * exp(-pow((k - 12) / 6, 2))"
            " * (cityHash64(n, k, 105) % 100) / 500), range(48)))"
        ),
        "has_audio": "true",
    }


def _part(table: str) -> dict[str, str]:
    """Return the columns of a part of a call; `c` is its call, `i` its number in it from 1."""
    return {
        "turns": {
            "turn": "i",
            "kind": "'speech'",
            "status": f"if({_uniform(40)} < 0.06, 'interrupted', 'completed')",
            "started_us": "i * 10000000",
            "wait_us": _missing(0.04, 41, _whole(1_150_000, 0.55, 42)),
            "wait_from_stopped_us": _whole(620_000, 0.6, 43),
            "dispatch_us": _whole(9000, 0.5, 49),
            "speech_started_us": "started_us",
            "speech_ended_us": "i * 10000000 + 3000000",
            "ended_us": "i * 10000000 + 9000000",
            "item_id": "concat('item_', toString(i))",
            "response_id": "concat('resp_', toString(i))",
            "endpoint_us": _whole(520_000, 0.15, 44),
            "vad_lag_us": _whole(60_000, 0.4, 55),
            "gap_us": "wait_us",
            "caller_gap_us": _whole(700_000, 0.6, 56),
            "barge_in": f"{_uniform(45)} < 0.08",
            "stop_us": f"if({_uniform(45)} < 0.08, {_whole(260_000, 0.4, 46)}, NULL)",
            "audio_us": _whole(5e6, 0.6, 47),
            "heard_us": "toInt64(audio_us * 0.9)",
            "cost_usd": _money(0.017, 0.8, 48),
        },
        "responses": {
            "response_id": "concat('resp_', toString(i))",
            "turn": "i",
            "status": f"if({_uniform(50)} < 0.05, 'cancelled', 'completed')",
            "created_us": "i * 10000000",
            "first_audio_us": f"created_us + {_whole(430_000, 0.5, 51)}",
            "to_first_audio_us": "first_audio_us - created_us",
            "done_us": "created_us + 4000000",
            "stream_us": _whole(2e6, 0.5, 52),
            "audio_us": _whole(5e6, 0.6, 53),
            "heard_us": "toInt64(audio_us * 0.9)",
            "cost_usd": _money(0.016, 0.8, 54),
        },
        "items": {
            "item_id": "concat('item_', toString(i))",
            "position": "i * 10",
            "kind": "'message'",
            "role": "if(i % 2 = 1, 'caller', 'assistant')",
            "modality": "'audio'",
            "turn": "intDiv(i + 1, 2)",
            "transcript_status": "'completed'",
            "text": "concat(arrayStringConcat(arrayMap(k -> "
            + _words()
            + ", range(toUInt32(4 + 14 * "
            + _uniform(60)
            + f"))), ' '), if(cityHash64(n, 62) % 200000 = 0, ' {RARE}', ''))",
        },
        "usage": {
            "seq": "i * 100",
            "at_us": "i * 10000000",
            "at_day": "toString(toDate(toDateTime(intDiv(c.opened_at_us, 1000000), 'UTC')))",
            "kind": "if(i = 13, 'transcription', 'response')",
            "model": "if(i = 13, 'gpt-4o-mini-transcribe', c.model_used)",
            "turn": "i % 13",
            "tokens": f"tuple(toInt64(700 * {_uniform(70)}), toInt64(1200 * {_uniform(71)}),"
            " 0, 400, 600, 0,"
            f" toInt64(80 * {_uniform(72)}), toInt64(220 * {_uniform(73)}))",
            "cost_usd": _money(0.016, 0.8, 74),
            "again_tokens": f"toInt64((tokens.1 + tokens.2) * {_uniform(75)})",
            "parts": (
                f"tuple({', '.join(f'toDecimal64(cost_usd * {share}, 9)' for share in _SHARES)})"
            ),
            "again_usd": "toDecimal64(cost_usd * 0.4, 9)",
        },
        "tool_calls": {
            "tool_call_id": "concat('call_t', toString(i))",
            "turn": "i",
            "name": _pick(["find_slot", "book", "cancel", "look_up_customer", "transfer"], 80, 1.6),
            "called_us": "i * 10000000",
            "latency_us": _missing(0.02, 81, _whole(480_000, 0.9, 82)),
            "answered_us": "called_us + latency_us",
        },
        "errors": {
            "seq": "i",
            "at_us": "i * 10000000",
            "source": "'provider'",
            "type": "'invalid_request_error'",
            "code": _pick(
                ["response_cancel_not_active", "rate_limit_exceeded", "item_missing"], 90
            ),
            "phase": _pick(["answering", "idle", "starting"], 91, 1.5),
            "message": "concat('Item item_', toString(n % 1000), ' is not there')",
        },
    }[table]


_SHARES: Final = (0.1, 0.2, 0, 0.1, 0.1, 0, 0.1, 0.4)
"""Of what a use costs, for each kind of token."""

_PARTS: Final = {
    "turns": str(TURNS),
    "responses": str(TURNS),
    "items": str(2 * TURNS),
    "usage": str(TURNS + 1),
    "tool_calls": "c.tool_calls",
    "errors": "c.errors",
}
"""Tables, and how many rows of each a call has."""


RARE: Final = "Świętochowska"
"""Said once in 200,000 lines; all other words are in every few lines."""


def _words() -> str:
    words = (
        "the appointment on tuesday please could you move it to next week after three o'clock"
        " because my daughter has school termin verschieben bitte danke 予約 変更 お願いします"
        " la cita mañana gracias insurance number address invoice refund delivery broken"
    )
    listed = ", ".join("'" + word.replace("'", "''") + "'" for word in words.split())
    return f"[{listed}][1 + cityHash64(n, k, 61) % {len(words.split())}]"


def seed(client: Client, first: int, count: int, calls: int) -> None:
    """Insert calls number `first` to `first + count` of `calls`, with all their parts."""
    made = _call_columns(calls)
    numbered = f"SELECT number AS n, {_chosen(made)} FROM numbers({first}, {count})"
    for table, rows in _PARTS.items():
        part = _part(table)
        columns = ", ".join(("org_id", "call_id", "version", *part))
        numbers = f"arrayMap(x -> toInt64(x), range(1, toUInt32({rows}) + 1))"
        client.command(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM (SELECT c.org_id AS org_id,"
            " c.call_id AS call_id, c.version AS version, i, cityHash64(c.call_id, i) AS n,"
            f" {_chosen(part)} FROM (SELECT * FROM ({numbered})) AS c ARRAY JOIN {numbers} AS i)",
            settings=_UNHURRIED,
        )
    days = [FIRST_DAY_US // 1_000_000 + n * DAYS // calls * 86_400 for n in (first, first + count)]
    near = f"hour BETWEEN toDateTime({days[0]}, 'UTC') AND toDateTime({days[1] + 90_000}, 'UTC')"
    columns = (*made, "gathered")
    client.command(
        f"INSERT INTO calls ({', '.join(columns)}) {with_gathered(numbered, near, columns)}",
        settings=_UNHURRIED,
    )
    calls_of = f"SELECT * FROM calls WHERE org_id = '{ORG}' AND {near}"
    client.command(
        f"INSERT INTO listed ({listed.COLUMNS}) {listed.listing(calls_of)}"
        f" WHERE call_id IN (SELECT call_id FROM ({numbered}))",
        settings=_UNHURRIED,
    )


_UNHURRIED: Final = {"max_execution_time": 0}


def _chosen(columns: dict[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
