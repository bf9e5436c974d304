"""A session behaves as the provider was seen to behave (protocol notes, parts 2, 3 and 7)."""

from __future__ import annotations

import base64

import pytest
from tests.simulator.talk import SERVER_VAD, Talk
from tests.support import speech

from trunkline.simulator.faults import Close

MANUAL = {"input": {"turn_detection": None}}


def vad(**fields: object) -> dict[str, object]:
    return {"input": {"turn_detection": {**SERVER_VAD, **fields}}}


def spoken(name: str) -> bytes:
    return speech.load(name) + speech.silence(700)


def joined(talk: Talk, type_: str) -> str:
    return "".join(event["delta"] for event in talk.all(type_))


def test_the_first_event_tells_the_whole_session_with_its_defaults() -> None:
    session = Talk().events[0]["session"]
    assert session["id"].startswith("sess_")
    assert session["expires_at"] == 1_800_003_600
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300,
        "silence_duration_ms": 200, "idle_timeout_ms": None,
        "create_response": True, "interrupt_response": True,
    }  # fmt: skip


def test_a_spoken_answer_comes_in_the_providers_order() -> None:
    talk = Talk()
    talk.clear()
    talk.ask("Hello")
    order = [t for t in talk.types() if t != "response.output_audio_transcript.delta"]
    without_runs = [t for i, t in enumerate(order) if i == 0 or order[i - 1] != t]
    assert without_runs == [
        "conversation.item.added", "conversation.item.done",
        "response.created", "response.output_item.added", "conversation.item.added",
        "response.content_part.added", "response.output_audio.delta",
        "response.output_audio.done", "response.output_audio_transcript.done",
        "response.content_part.done", "conversation.item.done", "response.output_item.done",
        "response.done", "rate_limits.updated",
    ]  # fmt: skip


def test_what_is_heard_and_what_is_transcribed_are_the_same_words() -> None:
    talk = Talk()
    response = talk.ask("Hello")
    item = response["output"][0]
    text = "Hello! How can I help you today?"
    assert item["content"] == [{"type": "output_audio", "transcript": text}]
    assert joined(talk, "response.output_audio_transcript.delta") == text
    deltas = talk.all("response.output_audio.delta")
    heard = b"".join(base64.b64decode(event["delta"]) for event in deltas)
    assert 2_000 <= len(heard) / 48 <= 2_200


def test_audio_comes_faster_than_it_is_played_and_limits_follow_the_end() -> None:
    talk = Talk()
    talk.ask("tell me a story")
    first = talk.at_ms(talk.all("response.output_audio.delta")[0])
    done = talk.at_ms(talk.last("response.done"))
    assert 21_000 / 4 - 300 < done - first < 21_600 / 4 + 100
    assert first - talk.at_ms(talk.last("response.created")) == 220
    assert talk.at_ms(talk.last("rate_limits.updated")) - done == 40


def test_a_text_answer_has_text_parts_only() -> None:
    talk = Talk()
    talk.update(output_modalities=["text"])
    response = talk.ask("Hello")
    assert response["output"][0]["content"][0]["type"] == "output_text"
    assert talk.all("response.content_part.added")[0]["part"] == {"type": "text", "text": ""}
    assert "response.output_text.delta" in talk.types()
    assert "response.output_audio.delta" not in talk.types()


def test_a_spoken_turn_is_heard_committed_and_answered() -> None:
    talk = Talk()
    talk.update(audio=vad())
    talk.clear()
    talk.say(spoken("young_man"))
    started = talk.last("input_audio_buffer.speech_started")
    stopped = talk.last("input_audio_buffer.speech_stopped")
    clip = speech.about("young_man")
    assert started["audio_start_ms"] == max(0, clip["speech_begins_ms"] - 300) or (
        abs(started["audio_start_ms"] + 300 - clip["speech_begins_ms"]) <= 300
    )
    assert abs(stopped["audio_end_ms"] - 500 - clip["speech_ends_ms"]) <= 100
    talk.wait(10_000)
    assert talk.types()[:6] == [
        "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed", "conversation.item.added", "conversation.item.done",
        "response.created",
    ]  # fmt: skip
    item_id = started["item_id"]
    assert {stopped["item_id"], talk.last("input_audio_buffer.committed")["item_id"]} == {item_id}
    assert talk.last("response.done")["response"]["status"] == "completed"
    spoken_item = talk.all("response.output_item.added")[0]["item"]
    added = [e for e in talk.all("conversation.item.added") if e["item"]["id"] == spoken_item["id"]]
    assert added[0]["previous_item_id"] == item_id


@pytest.mark.parametrize("encoding", ["audio/pcmu", "audio/pcma"])
def test_telephone_audio_is_heard_and_spoken(encoding: str) -> None:
    talk = Talk()
    form = {"type": encoding}
    detection = {"turn_detection": SERVER_VAD, "format": form}
    transcribed = {"transcription": {"model": "whisper-1"}}
    talk.update(audio={"input": {**detection, **transcribed}, "output": {"format": form}})
    talk.say(spoken("cards"), encoding)  # pyright: ignore[reportArgumentType]
    talk.wait(10_000)
    completed = talk.last("conversation.item.input_audio_transcription.completed")
    assert completed["transcript"] == speech.transcript("cards")
    deltas = talk.all("response.output_audio.delta")
    octets = sum(len(base64.b64decode(event["delta"])) for event in deltas)
    usage = talk.last("response.done")["response"]["usage"]
    assert -(-octets // 400) == usage["output_token_details"]["audio_tokens"]


def test_silence_threshold_and_prefix_are_the_sessions() -> None:
    talk = Talk()
    talk.update(audio=vad(silence_duration_ms=900, prefix_padding_ms=100, create_response=False))
    talk.say(speech.silence(1_000) + speech.load("cards") + speech.silence(1_200))
    stopped = talk.last("input_audio_buffer.speech_stopped")
    started = talk.last("input_audio_buffer.speech_started")
    assert abs(stopped["audio_end_ms"] - 900 - 1_000 - 3_210) <= 100
    assert abs(started["audio_start_ms"] + 100 - 1_000 - 210) <= 80
    talk.wait(2_000)
    assert "response.created" not in talk.types()


def test_barge_in_cancels_without_truncating() -> None:
    talk = Talk("burst:1")
    talk.update(audio=vad())
    talk.write("tell me a story")
    talk.send("response.create")
    talk.wait(3_000)
    talk.clear()
    talk.say(spoken("go_forward"))
    types = talk.types()
    at = types.index("input_audio_buffer.speech_started")
    done = talk.all("response.done")[0]
    assert types.index("response.done") > at
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["response"]["output"][0]["status"] == "incomplete"
    assert done["response"]["usage"]["output_tokens"] > 0
    assert "conversation.item.truncated" not in types
    assert not [t for t in types if t.startswith("output_audio_buffer")]
    after = talk.events[talk.events.index(talk.all("input_audio_buffer.speech_started")[0]) :]
    in_flight = [e for e in after[: after.index(done)] if e["type"].endswith(".delta")]
    assert len(in_flight) == 2
    talk.wait(10_000)
    assert (
        "Sorry" in talk.last("response.done")["response"]["output"][0]["content"][0]["transcript"]
    )


def test_without_interruption_the_next_automatic_answer_is_refused() -> None:
    talk = Talk("burst:1")
    talk.update(audio=vad(interrupt_response=False))
    talk.write("tell me a story")
    talk.send("response.create")
    talk.wait(1_000)
    talk.say(spoken("go_forward"))
    assert talk.error()["code"] == "conversation_already_has_active_response"
    assert talk.error()["event_id"] is None


def test_manual_mode_commits_without_answering_and_answers_when_asked() -> None:
    talk = Talk()
    talk.update(audio=MANUAL)
    talk.clear()
    talk.say(speech.load("amiable"), live=False)
    assert talk.types() == []
    talk.send("input_audio_buffer.commit")
    talk.wait(2_000)
    assert talk.types() == [
        "input_audio_buffer.committed", "conversation.item.added", "conversation.item.done",
    ]  # fmt: skip
    talk.send("response.create")
    talk.wait(10_000)
    assert (
        talk.last("response.done")["response"]["usage"]["input_token_details"]["audio_tokens"] == 33
    )


def test_a_commit_of_less_than_100_ms_is_refused() -> None:
    talk = Talk()
    talk.update(audio=MANUAL)
    talk.say(speech.silence(50))
    talk.send("input_audio_buffer.commit", event_id="mine")
    assert talk.error()["code"] == "input_audio_buffer_commit_empty"
    assert talk.error()["event_id"] == "mine"
    talk.say(speech.silence(50))
    talk.send("input_audio_buffer.commit")
    assert talk.types()[-1] == "conversation.item.done"


def test_clear_empties_the_buffer_and_leaves_the_timeline() -> None:
    talk = Talk()
    talk.update(audio=vad())
    talk.say(speech.silence(1_000))
    talk.send("input_audio_buffer.clear")
    assert talk.types()[-1] == "input_audio_buffer.cleared"
    talk.say(spoken("cards"))
    assert talk.last("input_audio_buffer.speech_started")["audio_start_ms"] == 1_000
    assert abs(talk.last("input_audio_buffer.speech_stopped")["audio_end_ms"] - 4_710) <= 100


def test_semantic_vad_waits_longer_when_it_is_less_eager() -> None:
    ends = list[int]()
    for eagerness in ("high", "low"):
        talk = Talk()
        detection = {"type": "semantic_vad", "eagerness": eagerness}
        talk.update(audio={"input": {"turn_detection": detection}})
        talk.say(speech.load("cards") + speech.silence(3_000))
        ends.append(talk.last("input_audio_buffer.speech_stopped")["audio_end_ms"])
    assert ends[1] - ends[0] == 1_500


def test_silence_for_too_long_is_announced_and_answered() -> None:
    talk = Talk()
    talk.update(audio=vad(idle_timeout_ms=5_000))
    talk.ask("Hello")
    assert "input_audio_buffer.timeout_triggered" in talk.types()
    done = talk.all("response.done")[0]
    timeout = talk.all("input_audio_buffer.timeout_triggered")[0]
    at = talk.events.index(timeout)
    assert [e["type"] for e in talk.events[at : at + 5]] == [
        "input_audio_buffer.timeout_triggered", "input_audio_buffer.committed",
        "conversation.item.added", "conversation.item.done", "response.created",
    ]  # fmt: skip
    # The answer takes 2.1 s to hear, and was sent in a quarter of that.
    assert 5_000 + 1_500 < talk.at_ms(timeout) - talk.at_ms(done) < 5_000 + 2_100
    second = talk.all("response.done")[1]["response"]["output"][0]["content"][0]["transcript"]
    assert second.startswith("Are you still there?")


TIMINGS = {"before": 0, "during": 1, "after": 2}


@pytest.mark.parametrize("timing", TIMINGS)
def test_a_transcript_comes_when_it_is_told_to(timing: str) -> None:
    talk = Talk(f"transcription_timing:{timing}")
    model = {"model": "gpt-4o-transcribe"}
    talk.update(audio={"input": {"turn_detection": SERVER_VAD, "transcription": model}})
    talk.say(spoken("cards"))
    talk.wait(10_000)
    completed = talk.last("conversation.item.input_audio_transcription.completed")
    marks = [talk.last("response.created"), talk.last("response.done")]
    passed = sum(talk.events.index(mark) < talk.events.index(completed) for mark in marks)
    assert passed == TIMINGS[timing]
    assert (
        joined(talk, "conversation.item.input_audio_transcription.delta") == completed["transcript"]
    )
    assert completed["transcript"] == speech.transcript("cards")


def test_whisper_bills_by_the_second_and_others_by_the_token() -> None:
    usages = list[dict[str, object]]()
    for model in ("whisper-1", "gpt-4o-mini-transcribe"):
        talk = Talk()
        talk.update(audio={"input": {"turn_detection": None, "transcription": {"model": model}}})
        talk.say(speech.load("amiable"), live=False)
        talk.send("input_audio_buffer.commit")
        talk.wait(2_000)
        usages.append(talk.last("conversation.item.input_audio_transcription.completed")["usage"])
    assert usages == [
        {"type": "duration", "seconds": 4.0},
        {
            "type": "tokens", "total_tokens": 45, "input_tokens": 33,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 33}, "output_tokens": 12,
        },
    ]  # fmt: skip


def test_unknown_speech_is_not_given_words() -> None:
    talk = Talk()
    talk.update(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
    talk.say(speech.load("dashwood")[: 48 * 2_400], live=False)
    talk.send("input_audio_buffer.commit")
    talk.wait(2_000)
    completed = talk.last("conversation.item.input_audio_transcription.completed")
    assert completed["transcript"] == "(2.4 seconds of speech)"


def transcribed(talk: Talk, pcm: bytes, model: str = "gpt-4o-transcribe") -> str:
    talk.update(audio={"input": {"turn_detection": None, "transcription": {"model": model}}})
    talk.say(pcm, live=False)
    talk.send("input_audio_buffer.commit")
    talk.wait(2_000)
    return talk.last("conversation.item.input_audio_transcription.completed")["transcript"]


def test_silence_is_transcribed_to_nothing_and_billed() -> None:
    talk = Talk("transcripts:Never said.")
    assert transcribed(talk, speech.silence(1_500)) == ""
    usage = talk.last("conversation.item.input_audio_transcription.completed")["usage"]
    assert usage["total_tokens"] == 15


def test_scripted_transcripts_are_for_speech_that_is_not_recognised() -> None:
    talk = Talk("transcripts:First.|Second.")
    part = speech.load("dashwood")[: 48 * 2_400]
    said = [transcribed(talk, part), transcribed(talk, speech.load("cards")),
            transcribed(talk, part), transcribed(talk, part)]  # fmt: skip
    assert said == ["First.", speech.transcript("cards"), "Second.", "(2.4 seconds of speech)"]


def test_early_deltas_precede_the_commit_and_name_the_item() -> None:
    talk = Talk("transcription_timing:early")
    text = transcribed(talk, speech.load("cards"))
    deltas = talk.all("conversation.item.input_audio_transcription.delta")
    committed = talk.last("input_audio_buffer.committed")
    assert talk.events.index(deltas[-1]) < talk.events.index(committed)
    assert {delta["item_id"] for delta in deltas} == {committed["item_id"]}
    assert "".join(delta["delta"] for delta in deltas) == text == speech.transcript("cards")


def test_forgotten_audio_keeps_its_length_and_its_words() -> None:
    talk = Talk("forget_audio")
    assert transcribed(talk, speech.load("amiable")) == speech.transcript("amiable")
    item = talk.last("conversation.item.done")["item"]
    talk.send("conversation.item.retrieve", item_id=item["id"])
    audio = talk.last("conversation.item.retrieved")["item"]["content"][0]["audio"]
    assert base64.b64decode(audio) == bytes(len(speech.load("amiable")))


def test_deltas_may_cut_samples_in_two() -> None:
    talk, odd = Talk(), Talk("odd_bytes")
    heard = list[bytes]()
    for one in (talk, odd):
        one.ask("Hello")
        deltas = [base64.b64decode(e["delta"]) for e in one.all("response.output_audio.delta")]
        heard.append(b"".join(deltas))
    assert {len(delta) % 2 for delta in deltas[:-1]} == {1}
    assert heard[0] == heard[1]


def test_a_transcription_can_fail() -> None:
    talk = Talk("transcription_failed")
    talk.update(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
    talk.say(speech.load("amiable"), live=False)
    talk.send("input_audio_buffer.commit")
    talk.wait(2_000)
    failed = talk.last("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["code"] == "audio_unintelligible"


def test_a_transcription_session_has_no_responses_and_no_links() -> None:
    talk = Talk(kind="transcription", model="")
    session = talk.events[0]["session"]
    assert "create_response" not in session["audio"]["input"]["turn_detection"]
    model = {"model": "gpt-live-transcribe", "delay": "low"}
    audio = {"input": {"turn_detection": SERVER_VAD, "transcription": model}}
    talk.send("session.update", session={"type": "transcription", "audio": audio})
    assert "delay" not in talk.last("session.updated")["session"]["audio"]["input"]["transcription"]
    talk.say(spoken("cards"))
    talk.wait(3_000)
    assert "response.created" not in talk.types()
    assert "previous_item_id" not in talk.last("conversation.item.added")
    assert talk.last("conversation.item.input_audio_transcription.completed")["usage"] == {
        "type": "duration", "seconds": 4.0,
    }  # fmt: skip


WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}},
    },
}


def test_a_function_is_called_and_its_output_answered() -> None:
    talk = Talk()
    talk.update(tools=[WEATHER])
    talk.clear()
    response = talk.ask("What is the weather in Paris, in kelvin?")
    assert talk.types()[2:] == [
        "response.created", "response.output_item.added", "conversation.item.added",
        "response.function_call_arguments.delta", "response.function_call_arguments.done",
        "conversation.item.done", "response.output_item.done", "response.done",
        "rate_limits.updated",
    ]  # fmt: skip
    call = response["output"][0]
    assert (call["name"], call["arguments"]) == (
        "get_weather", '{"city": "Paris", "unit": "kelvin"}',
    )  # fmt: skip
    assert joined(talk, "response.function_call_arguments.delta") == call["arguments"]
    assert len(call["call_id"]) <= 32
    item = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"c": 22}'}
    talk.send("conversation.item.create", item=item)
    talk.send("response.create")
    talk.wait(20_000)
    answer = talk.last("response.done")["response"]["output"][0]["content"][0]["transcript"]
    assert answer.startswith("It is sunny in Paris")


def test_the_output_of_an_unknown_call_is_refused() -> None:
    talk = Talk()
    item = {"type": "function_call_output", "call_id": "call_x", "output": "1"}
    talk.send("conversation.item.create", item=item)
    assert talk.error()["code"] == "invalid_tool_call_id"


def test_a_second_response_is_refused_and_one_beside_the_conversation_is_not() -> None:
    talk = Talk()
    talk.write("tell me a story")
    talk.send("response.create")
    talk.wait(1_000)
    talk.send("response.create", event_id="second")
    assert talk.error()["code"] == "conversation_already_has_active_response"
    assert talk.error()["event_id"] == "second"
    beside = {"conversation": "none", "metadata": {"topic": "mood"}, "output_modalities": ["text"],
              "input": []}  # fmt: skip
    talk.send("response.create", response=beside)
    talk.wait(1_500)
    done = talk.last("response.done")["response"]
    assert (done["conversation_id"], done["metadata"]) == (None, {"topic": "mood"})
    assert done["usage"]["input_tokens"] == 0
    ids = {e["item"]["id"] for e in talk.all("conversation.item.added")}
    assert done["output"][0]["id"] not in ids
    talk.wait(30_000)
    assert talk.last("response.done")["response"]["conversation_id"] is not None


def test_a_response_is_cancelled_by_the_caller_also_before_it_was_created() -> None:
    talk = Talk()
    talk.send("response.cancel")
    assert talk.error()["code"] == "response_cancel_not_active"
    for wait_ms in (0, 500):
        talk.send("response.create")
        talk.wait(wait_ms)
        talk.send("response.cancel")
        done = talk.last("response.done")["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert talk.last("response.created")["response"]["id"] == done["id"]


def test_a_token_limit_leaves_the_response_incomplete() -> None:
    talk = Talk()
    response = talk.ask("tell me a story", max_output_tokens=40)
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert 40 <= response["usage"]["output_tokens"] <= 44
    assert response["output"][0]["status"] == "incomplete"


OUTCOMES = {
    "failed": ("failed", "error"),
    "incomplete": ("incomplete", "reason"),
    "content_filter": ("incomplete", "reason"),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_responses_end_as_they_are_told_to(outcome: str) -> None:
    response = Talk(f"response:{outcome},failure:insufficient_quota").ask("Hello")
    status, name = OUTCOMES[outcome]
    assert response["status"] == status
    assert name in response["status_details"]


def test_a_silent_response_completes_without_audio() -> None:
    talk = Talk("response:silent")
    assert talk.ask("Hello")["usage"]["output_token_details"]["audio_tokens"] == 0
    assert "response.output_audio.delta" not in talk.types()


def test_a_response_may_hold_several_items() -> None:
    response = Talk("items:2").ask("Hello")
    assert [item["status"] for item in response["output"]] == ["completed", "completed"]


def test_exact_words_are_written_and_never_falsely_spoken() -> None:
    talk = Talk()
    written = talk.ask("Say: The eagle has landed.", output_modalities=["text"])
    assert written["output"][0]["content"][0]["text"] == "The eagle has landed."
    heard = talk.ask("Say: The eagle has landed.")["output"][0]["content"][0]["transcript"]
    assert heard == "Sure. Let me know what you need, and we will go through it step by step."


def test_an_item_can_be_truncated_and_loses_its_transcript() -> None:
    talk = Talk()
    item_id = talk.ask("Hello")["output"][0]["id"]
    where = {"item_id": item_id, "content_index": 0}
    talk.send("conversation.item.truncate", **where, audio_end_ms=9_000)
    assert talk.error()["code"] == "invalid_value"
    assert "2094ms" in talk.error()["message"]
    talk.send("conversation.item.truncate", **where, audio_end_ms=500)
    assert talk.last("conversation.item.truncated")["audio_end_ms"] == 500
    talk.send("conversation.item.retrieve", item_id=item_id)
    part = talk.last("conversation.item.retrieved")["item"]["content"][0]
    assert part["transcript"] is None
    assert len(base64.b64decode(part["audio"])) == 500 * 48


def test_items_are_a_linked_list() -> None:
    talk = Talk()

    def add(id_: str, after: str | None) -> None:
        part = {"type": "input_text", "text": id_}
        item = {"id": id_, "type": "message", "role": "user", "content": [part]}
        talk.send("conversation.item.create", item=item, previous_item_id=after)

    add("a", None)
    add("c", "a")
    add("b", "a")
    add("first", "root")
    links = [(e["item"]["id"], e["previous_item_id"]) for e in talk.all("conversation.item.added")]
    assert links == [("a", None), ("c", "a"), ("b", "a"), ("first", None)]
    add("a", None)
    assert talk.error()["code"] == "item_create_duplicate_item_id"
    add("d", "nowhere")
    assert talk.error()["param"] == "previous_item_id"
    talk.send("conversation.item.delete", item_id="b")
    assert talk.last("conversation.item.deleted")["item_id"] == "b"
    talk.send("conversation.item.retrieve", item_id="b")
    assert talk.error()["code"] == "item_retrieve_invalid_item_id"


def test_an_update_is_all_or_nothing_and_echoes_everything() -> None:
    talk = Talk()
    talk.send("session.update", event_id="u1", session={"type": "realtime", "instructions": "Hm."})
    updated = talk.last("session.updated")
    assert updated["session"]["instructions"] == "Hm."
    assert updated["session"]["audio"]["output"]["voice"] == "marin"
    assert "u1" not in str(updated)
    talk.update(instructions="New.", audio={"output": {"voice": "nobody"}})
    assert talk.error()["param"] == "session.audio.output.voice"
    talk.update()
    assert talk.last("session.updated")["session"]["instructions"] == "Hm."


def test_the_voice_is_fixed_once_it_was_heard() -> None:
    talk = Talk()
    talk.update(audio={"output": {"voice": "cedar"}})
    talk.ask("Hello")
    talk.update(instructions="Lost.", audio={"output": {"voice": "alloy"}})
    assert talk.error()["code"] == "cannot_update_voice"
    talk.update(audio={"output": {"voice": "cedar"}})
    assert talk.last("session.updated")["session"]["instructions"] == ""


def test_an_update_of_beta_shape_is_refused_on_ga() -> None:
    talk = Talk()
    talk.send("session.update", session={"modalities": ["text", "audio"], "voice": "alloy"})
    assert (talk.error()["code"], talk.error()["param"]) == (
        "missing_required_parameter", "session.type",
    )  # fmt: skip


MISSING = "missing_required_parameter"
BROKEN = {
    "not json": ("{nope", "invalid_json"),
    "not utf-8": (b'{"type":"\xff"}', "invalid_json"),
    "too deep": ("[" * 200_000, "invalid_json"),
    "not an object": ("[1]", "invalid_event"),
    "no type": ("{}", MISSING),
    "a type that is a number": ('{"type":4}', "invalid_value"),
    "an unknown type": ('{"type":"output_audio_buffer.clear"}', "invalid_value"),
    "not base64": ('{"type":"input_audio_buffer.append","audio":"?"}', "invalid_value"),
    "no audio": ('{"type":"input_audio_buffer.append"}', MISSING),
    "an item without type": ('{"type":"conversation.item.create","item":{}}', MISSING),
    "a session that is a list": ('{"type":"session.update","session":[]}', MISSING),
    "an unknown field": ('{"type":"response.create","response":{"voice":1}}', "unknown_parameter"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_event_is_answered_and_the_session_goes_on(name: str) -> None:
    talk = Talk()
    frame, code = BROKEN[name]
    talk.raw(frame.encode() if isinstance(frame, str) else frame)
    assert talk.error()["code"] == code
    talk.update()
    assert talk.types()[-1] == "session.updated"
    assert talk.ends == []


def test_a_binary_frame_is_answered_and_the_session_goes_on() -> None:
    talk = Talk()
    talk.raw(b'{"type":"response.create"}', text=False)
    assert talk.error()["code"] == "invalid_event"
    assert talk.ends == []


def test_errors_can_be_late_and_nameless() -> None:
    talk = Talk("late_error_ms:800,error_event_id:false")
    talk.send("response.cancel", event_id="mine")
    talk.update()
    talk.wait(1_000)
    assert talk.types()[-2:] == ["session.updated", "error"]
    assert talk.error()["event_id"] is None


def test_a_session_expires_with_an_error_and_1001() -> None:
    talk = Talk("expire_after_ms:2000")
    talk.wait(3_000)
    assert talk.error()["code"] == "session_expired"
    assert talk.ends == [Close(1001, "Your session hit the maximum duration of 60 minutes.")]
    talk.update()
    assert talk.types()[-1] == "error"


def test_the_format_may_change_in_mid_session() -> None:
    talk = Talk()
    talk.update(audio=vad(create_response=False))
    talk.say(speech.silence(1_000))
    form = {"type": "audio/pcmu"}
    talk.update(audio={"input": {"format": form}})
    talk.say(spoken("cards"), "audio/pcmu")
    assert abs(talk.last("input_audio_buffer.speech_started")["audio_start_ms"] - 910) <= 100


def test_the_context_window_drops_the_oldest_without_a_word() -> None:
    talk = Talk("context_tokens:200")
    talk.update(output_modalities=["text"])
    counts = list[int]()
    for _ in range(4):
        counts.append(talk.ask("x" * 320)["usage"]["input_tokens"])
    assert counts[:2] == [80, 80 + 80 + 8]
    assert all(count <= 200 for count in counts)
    talk.update(truncation="disabled")
    talk.send("response.create")
    assert talk.error()["code"] == "context_length_exceeded"
