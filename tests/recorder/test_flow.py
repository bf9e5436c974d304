"""Sessions without turns: what was said becomes lines, and time becomes money."""

import base64
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.recorder.folding import restored, run, saved
from tests.recorder.script import Told, caller, pcm, provider, records, rows_of
from tests.support.golden import WALL_NS, latest

from trunkline.journal.record import Record
from trunkline.recorder.fold import fold
from trunkline.recorder.state import State
from trunkline.recorder.summary import call_row
from trunkline.store.facts.rows import CallRow, ItemRow, TurnRow, UsageRow

MODEL = "gpt-realtime-translate"
SESSION = {
    "id": "sess_t", "type": "translation", "model": MODEL,
    "audio": {"input": {"transcription": {"model": "whisper-1"}}, "output": {"language": "fr"}},
}  # fmt: skip


def created(at_ms: float = 100) -> Told:
    return provider(at_ms, "session.created", session=SESSION)


def heard(at_ms: float, delta: str, **more: Any) -> Told:
    return provider(at_ms, "session.input_transcript.delta", delta=delta, **more)


def spoken(at_ms: float, delta: str) -> Told:
    return provider(at_ms, "session.output_transcript.delta", delta=delta)


def sound(at_ms: float, length_ms: float) -> Told:
    return provider(at_ms, "session.output_audio.delta", delta=pcm(length_ms))


def append(at_ms: float, length_ms: float = 200) -> Told:
    return caller(at_ms, "session.input_audio_buffer.append", audio=pcm(length_ms))


def mic(from_ms: int, until_ms: int) -> list[Told]:
    return [append(at + 200) for at in range(from_ms, until_ms, 200)]


def lines(*told: Told | list[Told]) -> list[tuple[str, str]]:
    rows: list[ItemRow] = rows_of(ItemRow, created(), *told)
    return [(row.role, row.text) for row in sorted(rows, key=lambda row: row.position)]


def of_november(journal: list[Record]) -> list[Record]:
    """The same call, opened on 2026-11-20, when the prices are known."""
    first = journal[0]
    opened = msgspec.json.decode(first.payload) | {"wall_ns": WALL_NS, "kind": "translation"}
    head = Record(
        first.kind, first.call, 0, received_ns=first.received_ns,
        payload=msgspec.json.encode(opened),
    )  # fmt: skip
    return [head, *journal[1:]]


def test_words_of_both_sides_become_lines_by_sentence() -> None:
    assert lines(
        heard(500, "Where is"), heard(520, " the station?"), spoken(700, "Où est"),
        spoken(720, " la gare ?"), heard(900, " It is 3."), heard(920, "5 miles away."),
        spoken(1100, " C'est loin."),
    ) == [
        ("caller", "Where is the station?"),
        ("assistant", "Où est la gare ?"),
        ("caller", " It is 3.5 miles away."),
        ("assistant", " C'est loin."),
    ]  # fmt: skip


def test_a_pause_ends_a_line() -> None:
    said = lines(heard(500, "so"), heard(1_900, " then"), heard(3_500, " well"))
    assert said == [("caller", "so then"), ("caller", " well")]


def test_a_line_that_never_ends_is_cut() -> None:
    said = lines([heard(500 + n, "and on ") for n in range(200)])
    assert [len(text) for _, text in said] == [595, 595, 210]


def test_sentences_of_scripts_without_blanks_are_parted() -> None:
    assert lines(spoken(500, "駅はどこですか？"), spoken(510, "遠いです。")) == [
        ("assistant", "駅はどこですか？"),
        ("assistant", "遠いです。"),
    ]


def test_the_callers_words_lie_where_they_were_said() -> None:
    rows = rows_of(ItemRow, created(0), mic(1_000, 4_000), heard(4_100, "Hello.", elapsed_ms=1_600))
    (line,) = rows
    assert (line.starts_us, line.ends_us, line.turn) == (2_400_000, 2_600_000, 0)
    assert line.transcript_status == "completed"


def test_what_is_said_lies_where_it_is_played() -> None:
    told = (created(), sound(2_000, 500), spoken(2_010, "Bonjour."), sound(2_020, 1_000))
    (line,) = rows_of(ItemRow, *told)
    assert (line.starts_us, line.ends_us) == (2_010_000, 2_500_000)


def test_a_translation_is_a_call_without_turns() -> None:
    journal = records(
        [created(), *mic(0, 2_000), heard(1_500, "Hello."), spoken(1_600, "Salut."),
         sound(1_610, 700), provider(2_500, "session.closed")]
    )  # fmt: skip
    folded = run(of_november(journal))
    (call,) = [row for row in latest(folded.rows) if isinstance(row, CallRow)]
    assert (call.kind, call.language, call.model_used) == ("translation", "fr", MODEL)
    assert (call.turns, call.responses, call.caller_audio_us) == (0, 0, 2_000_000)
    assert (call.assistant_audio_us, call.heard_audio_us) == (700_000, 700_000)
    assert not [row for row in folded.rows if isinstance(row, TurnRow)]


def usage(journal: list[Record], *, over: bool = True) -> list[UsageRow]:
    rows = run(of_november(journal), over=over).rows
    return [row for row in rows if isinstance(row, UsageRow)]


def test_a_translation_costs_its_time_minute_by_minute() -> None:
    """0.034 a minute, from `session.created` to `session.closed`."""
    journal = records([created(1_000), mic(1_000, 151_000), provider(153_000, "session.closed")])
    rows = usage(journal)
    assert [row.seconds_us for row in rows] == [60_000_000, 60_000_000, 32_000_000]
    assert {(row.kind, row.model, row.estimated) for row in rows} == {("session", MODEL, True)}
    assert sum(row.cost_usd or 0 for row in rows) == Decimal("0.086133333")
    assert len(usage(journal[:400], over=False)) == 1


def test_a_translation_whose_end_was_not_told_costs_until_its_last_record() -> None:
    (row,) = usage(records([created(1_000), mic(1_000, 21_000)]))
    assert row.seconds_us == 20_000_000


def test_a_session_is_charged_once() -> None:
    ends = [provider(at_ms, "session.closed") for at_ms in (11_000, 13_000)]
    rows = usage(records([created(1_000), ends, append(12_000)]))
    assert [row.seconds_us for row in rows] == [10_000_000]


def test_a_conversation_is_not_paid_by_time() -> None:
    told = provider(0, "session.created", session={"type": "realtime", "model": "gpt-realtime-2.1"})
    assert usage(records([told, provider(90_000, "rate_limits.updated")])) == []


@pytest.mark.parametrize("cut", range(1, 30, 4))
def test_a_restart_anywhere_changes_nothing(cut: int) -> None:
    told: list[Told] = [
        created(), *mic(0, 62_000)[::20], heard(1_500, "One. Two"), heard(1_700, " three."),
        spoken(2_600, "Un."), sound(2_610, 700), heard(2_800, " Four"),
        provider(64_000, "session.closed"),
    ]  # fmt: skip
    journal = of_november(records(told))
    cut = min(cut, len(journal) - 1)
    whole = run(journal)
    first = run(journal[:cut], over=False)
    second = run(journal[cut:], restored(saved(first.state)))
    assert latest(first.rows + second.rows) == latest(whole.rows)


def test_a_transcription_session_is_called_after_the_model_that_transcribes() -> None:
    session = {
        "id": "sess_t", "type": "transcription",
        "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}},
    }  # fmt: skip
    state = State.new()
    for record in records([provider(0, "session.updated", session=session)]):
        state, _ = fold(state, record)
    row = call_row(state)
    assert (row.kind, row.model_used) == ("transcription", "gpt-4o-transcribe")


LIVE = {"id": "live_1", "model": "gpt-live-1.1", "status": "active", "expires_at": 1,
        "audio": {"format": {"type": "audio/pcmu", "rate": 8000}}}  # fmt: skip


def started(at_ms: float = 100) -> Told:
    return provider(at_ms, "session.started", session=LIVE)


def told_usage(at_ms: float, seconds: float) -> Told:
    return provider(at_ms, "session.usage.updated", usage={"seconds": seconds})


def of_december(journal: list[Record], **more: Any) -> list[Record]:
    """The same call, opened in December 2026, when gpt-live-1.1 has a price."""
    first = journal[0]
    opened = msgspec.json.decode(first.payload) | {
        "wall_ns": 1_796_083_200 * 10**9, "kind": "live", "path": "/v1/live/sessions", **more,
    }  # fmt: skip
    payload = msgspec.json.encode(opened)
    return [Record(first.kind, first.call, 0, received_ns=first.received_ns, payload=payload),
            *journal[1:]]  # fmt: skip


def live_rows(*told: Told | list[Told], **more: Any) -> list[Any]:
    return latest(run(of_december(records(told), **more)).rows)


def test_gpt_live_costs_what_the_provider_says_by_the_second() -> None:
    """0.05 a minute; a total, of which only what is new is charged."""
    rows = [row for row in live_rows(
        started(), told_usage(10_000, 10), told_usage(70_000, 70), told_usage(71_000, 70),
        provider(90_000, "session.closed", reason="close_requested", usage={"seconds": 89.5}),
    ) if isinstance(row, UsageRow)]  # fmt: skip
    assert [row.seconds_us for row in rows] == [70_000_000, 19_500_000]
    assert {(row.kind, row.model, row.estimated) for row in rows} == {
        ("session", "gpt-live-1.1", False)
    }
    cost = sum((row.cost_usd or Decimal(0) for row in rows), Decimal(0))
    assert abs(cost - Decimal("0.05") * Decimal("89.5") / 60) < Decimal("1e-8")


def test_time_on_standby_costs_less_and_is_marked() -> None:
    """Muted from 20 s to 50 s: 30 s at 0.02 a minute, the other 30 s at 0.05."""
    (row,) = [row for row in live_rows(
        started(0), provider(20_000, "session.input_audio.muted"),
        provider(50_000, "session.input_audio.unmuted"),
        provider(60_000, "session.closed", reason="expired", usage={"seconds": 60}),
    ) if isinstance(row, UsageRow)]  # fmt: skip
    assert (row.seconds_us, row.standby_us, row.estimated) == (60_000_000, 30_000_000, True)
    assert row.cost_usd == Decimal("0.035")


def test_both_lanes_of_gpt_live_have_sound_and_words() -> None:
    rows = live_rows(
        started(0),
        [
            caller(at + 200, "session.input_audio.append", audio=ulaw(200))
            for at in range(0, 2_000, 200)
        ],
        heard(1_900, "Hello.", start_ms=400, end_ms=900),
        spoken(2_000, "Hi!"),
        provider(2_010, "session.output_audio.delta", delta=ulaw(700)),
        provider(4_000, "session.closed", reason="close_requested", usage={"seconds": 4}),
    )  # fmt: skip
    (call,) = [row for row in rows if isinstance(row, CallRow)]
    assert (call.kind, call.turns, call.model_used) == ("live", 0, "gpt-live-1.1")
    assert (call.caller_audio_us, call.assistant_audio_us) == (2_000_000, 700_000)
    items = {row.role: row for row in rows if isinstance(row, ItemRow)}
    assert (items["caller"].text, items["caller"].starts_us) == ("Hello.", 400_000)
    assert items["assistant"].text == "Hi!"


def ulaw(length_ms: int) -> str:
    return base64.b64encode(b"\xff" * 8 * length_ms).decode()


def test_a_sideband_of_gpt_live_hears_both_and_pays_nothing() -> None:
    rows = live_rows(
        started(0),
        [
            provider(at + 200, "session.input_audio.append", audio=pcm(200))
            for at in range(0, 1_000, 200)
        ],
        provider(1_500, "session.output_audio.delta", delta=pcm(300), start_ms=1_400, end_ms=1_700),
        told_usage(2_000, 2), path="/v1/live/sessions/live_1/attach",
    )  # fmt: skip
    (call,) = [row for row in rows if isinstance(row, CallRow)]
    assert (call.caller_audio_us, call.assistant_audio_us) == (1_000_000, 300_000)
    assert not [row for row in rows if isinstance(row, UsageRow)]


# --- a conversation that costs its time, and what a server of one's own writes down

XAI = {"provider": "xai", "kind": "realtime", "path": "/v1/realtime",
       "model_asked": "grok-voice-latest", "model_used": "grok-voice-latest"}  # fmt: skip


def grok(at_ms: float = 100) -> Told:
    return provider(at_ms, "session.created", session={"id": "sess_x", "model": XAI["model_used"]})


def written(at_ms: float, item_id: str, type_: str = "input_text") -> Told:
    item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": type_}]}
    return caller(at_ms, "conversation.item.create", item=item)


def test_a_conversation_with_xai_costs_its_time_and_the_messages_that_are_written() -> None:
    """0.08 a minute from `session.created` on, 0.004 for a text; what was said costs no more."""
    journal = records([
        grok(), written(1_000, "i1"), written(2_000, "i2"), written(3_000, "i3", "input_audio"),
        provider(4_000, "response.created", response={"id": "r1"}),
        provider(5_000, "response.done", response={
            "id": "r1", "status": "completed",
            "usage": {"input_tokens": 7, "output_tokens": 9, "total_tokens": 16},
        }),
        provider(90_100, "ping"),
    ])  # fmt: skip
    rows = latest(run(of_december(journal, **XAI), over=True).rows)
    used = [row for row in rows if isinstance(row, UsageRow)]
    assert sorted((row.kind, row.seconds_us, row.cost_usd) for row in used) == [
        ("message", 0, Decimal("0.004")),
        ("message", 0, Decimal("0.004")),
        ("response", 0, Decimal(0)),
        ("session", 30_000_000, Decimal("0.04")),
        ("session", 60_000_000, Decimal("0.08")),
    ]
    assert {row.item_id for row in used if row.kind == "message"} == {"i1", "i2"}
    assert {row.estimated for row in used if row.kind == "session"} == {True}
    (call,) = [row for row in rows if isinstance(row, CallRow)]
    assert (call.cost_usd, call.unpriced, call.kind) == (Decimal("0.128"), (), "realtime")


def test_where_no_price_is_known_nothing_is_metered() -> None:
    for more in ({"model_used": "grok-unheard-of"}, {"provider": "openai"}):
        rows = run(of_december(records([grok(), provider(90_000, "ping")]), **{**XAI, **more})).rows
        assert not [row for row in rows if isinstance(row, UsageRow)]


VLLM = {"provider": "vllm", "kind": "realtime", "path": "/v1/realtime", "model_used": "",
        "model_asked": "", "caller_dialect": "beta", "provider_dialect": "beta"}  # fmt: skip


def pushed(at_ms: float, length_ms: int = 100) -> Told:
    audio = base64.b64encode(b"\0\0" * 16 * length_ms).decode()
    return caller(at_ms, "input_audio_buffer.append", audio=audio)


def test_what_vllm_writes_down_are_lines_that_end_when_it_says_so() -> None:
    rows = live_rows(
        provider(100, "session.created", id="sess_v", created=1),
        caller(200, "session.update", model="voxtral"),
        [pushed(1_000 + at) for at in range(0, 1_000, 100)],
        caller(2_000, "input_audio_buffer.commit", final=False),
        provider(2_200, "transcription.delta", delta="Go forward."),
        provider(2_300, "transcription.delta", delta=" Ten metrs"),
        provider(2_400, "transcription.done", text="Go forward. Ten meters."),
        [pushed(5_000 + at) for at in range(0, 500, 100)],
        provider(6_000, "transcription.done", text="Stop."),
        **VLLM,
    )  # fmt: skip
    said = sorted((row for row in rows if isinstance(row, ItemRow)), key=lambda row: row.position)
    assert [(row.role, row.text) for row in said] == [
        ("caller", "Go forward. Ten meters."), ("caller", "Stop."),
    ]  # fmt: skip
    # 16 kHz: a second and a half of sound, and each line lies where its own is.
    first, second = said
    assert (first.starts_us, first.ends_us) == (900_000, 1_900_000)
    assert (second.starts_us, second.ends_us) == (4_900_000, 5_400_000)
    (call,) = [row for row in rows if isinstance(row, CallRow)]
    assert (call.kind, call.caller_audio_us, call.turns) == ("transcription", 1_500_000, 0)
    assert call.model_used == "voxtral"


def test_dictation_survives_a_restart_anywhere() -> None:
    journal = of_december(records([
        provider(100, "session.created", id="sess_v"), pushed(1_000),
        provider(2_200, "transcription.delta", delta="Go"), pushed(2_300),
        provider(2_400, "transcription.done", text="Go on."),
    ]), **VLLM)  # fmt: skip
    whole = run(journal)
    for cut in range(1, len(journal)):
        first = run(journal[:cut], over=False)
        second = run(journal[cut:], restored(saved(first.state)))
        assert latest(first.rows + second.rows) == latest(whole.rows)
