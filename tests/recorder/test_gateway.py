"""What the gateway makes of a wait: each frame stays in it for a time of its own, in ms."""

import json

import pytest
from msgspec.structs import replace
from tests.recorder.folding import run
from tests.recorder.script import (
    Told,
    begin,
    call,
    caller,
    done,
    mic,
    output,
    provider,
    records,
    session,
    sound,
    speech,
    text,
    typed,
)
from tests.support.golden import latest

from trunkline.journal.record import Record
from trunkline.store.facts.rows import TurnRow

CREATED = provider(0, "session.created", session={"id": "s"})
Script = list[Told | list[Told]]

IN_GATEWAY = {
    "input_audio_buffer.append": 1,
    "input_audio_buffer.commit": 2,
    "response.create": 4,
    "response.function_call_arguments.done": 8,
    "conversation.item.create": 16,
    "response.output_text.delta": 32,
    "response.output_audio.delta": 64,
}
"""Each a power of two: the sum says which ones were counted. All others: 5 s, never counted."""


def arguments(at_ms: int, response: str, item: str) -> list[Told]:
    about = call(item, f"call_{item}")
    done_ = {"call_id": about["call_id"], "name": about["name"], "arguments": "{}"}
    where = {"response_id": response, "item_id": item}
    return [
        provider(at_ms, "response.function_call_arguments.done", **where, **done_),
        done(at_ms + 10, response),
    ]


TURNS: dict[str, tuple[Script, int | None]] = {
    "the provider notices the end by the sound before": (
        [session(), mic(0, 3000), speech(1000, 2000, "u"), begin(2700, "r"),
         sound(3050, "r", "a", 500), done(3200, "r")],
        1 + 64,
    ),
    "the application asks for the answer": (
        [session(create_response=False), mic(0, 3000), speech(1000, 2000, "u"),
         caller(2650, "response.create"), begin(2700, "r"), sound(3050, "r", "a", 500),
         done(3200, "r")],
        1 + 4 + 64,
    ),
    "by hand, both are under way at the same time": (
        [provider(0, "session.updated", session={"audio": {"input": {"turn_detection": None}}}),
         mic(0, 1000), caller(1050, "input_audio_buffer.commit"), caller(1051, "response.create"),
         provider(1200, "input_audio_buffer.committed", item_id="u"), begin(1300, "r"),
         sound(1500, "r", "a", 500), done(1600, "r")],
        1 + 4 + 64,
    ),
    "the application's tool is on the way": (
        [session(), mic(0, 3000), speech(1000, 2000, "u"), begin(2700, "r1"),
         arguments(3000, "r1", "f"), output(3500, "call_f"), caller(3600, "response.create"),
         begin(3700, "r2"), sound(4050, "r2", "a", 500), done(4200, "r2")],
        1 + 8 + 16 + 4 + 64,
    ),
    "a tool is called when something was heard already": (
        [session(), mic(0, 3000), speech(1000, 2000, "u"), begin(2700, "r1"),
         sound(2900, "r1", "a", 100), arguments(3000, "r1", "f"), output(3500, "call_f"),
         caller(3600, "response.create"), begin(3700, "r2"), sound(4050, "r2", "b", 500),
         done(4200, "r2")],
        1 + 64,
    ),
    "who writes waits from when the provider has the request": (
        [typed(1000, "Hello?"), caller(1100, "response.create"), begin(1200, "r"),
         text(1500, "r", "a", "Hi."), done(1600, "r")],
        32,
    ),
    "the sound decides, where there is both": (
        [typed(1000, "Hello?"), caller(1100, "response.create"), begin(1200, "r"),
         text(1500, "r", "a", "Hi."), sound(1700, "r", "a", 500), done(1800, "r")],
        64,
    ),
    "nobody answers": ([session(), mic(0, 3000), speech(1000, 2000, "u")], None),
    "the assistant begins by itself": (
        [session(), begin(1000, "r"), sound(1100, "r", "a", 500), done(1200, "r")],
        None,
    ),
    "the sound goes past the gateway": (
        [session(), speech(1000, 2000, "u"), begin(2700, "r"),
         provider(3050, "output_audio_buffer.started", response_id="r"), done(3200, "r")],
        None,
    ),
}  # fmt: skip


def turns_of(told: Script) -> list[TurnRow]:
    """Fold what was told, each frame handed on when it had been in the gateway for its time."""
    made = [
        replace(record, handed_ns=record.received_ns + _in_gateway_ns(record)) if n else record
        for n, record in enumerate(records([CREATED, *told]))
    ]
    return [row for row in latest(run(made).rows) if isinstance(row, TurnRow)]


def _in_gateway_ns(record: Record) -> int:
    return IN_GATEWAY.get(json.loads(record.payload)["type"], 5000) * 1_000_000


@pytest.mark.parametrize(("told", "gateway_ms"), TURNS.values(), ids=TURNS.keys())
def test_what_the_gateway_makes_of_a_wait(told: Script, gateway_ms: int | None) -> None:
    (turn,) = turns_of(told)
    assert turn.gateway_us == (None if gateway_ms is None else gateway_ms * 1000)
