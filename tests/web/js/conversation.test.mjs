// A conversation as a script: what comes in, and what is to be done.
import assert from "node:assert/strict";
import test from "node:test";
import { Conversation, sessionOf } from "../../../src/trunkline/web/static/js/talk/conversation.js";

const second = Buffer.alloc(48_000).toString("base64");
const created = { type: "response.created", response: { id: "r1" } };
const audio = (item = "a", response = "r1") => ({ type: "response.output_audio.delta", response_id: response, item_id: item, content_index: 0, delta: second });
const started = { type: "input_audio_buffer.speech_started" };
const done = (status = "completed", more = {}) => ({ type: "response.done", response: { id: "r1", status, ...more } });
const truncate = (item, ms) => ({ send: { type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: ms } });
const create = { send: { type: "response.create" } };

function talking(...events) {
  const talk = new Conversation();
  for (const event of events) talk.receive(event, 0);
  return talk;
}

test("sound is played when it comes", () => {
  const [one] = talking(created).receive(audio(), 0);
  assert.equal(one.play.length, 24_000);
  assert.equal(one.atS, 0.08);
});

test("who interrupts stops what plays, and the model is told what was heard", () => {
  const talk = talking(created, audio(), audio(), done());
  assert.deepEqual(talk.receive(started, 1.33), [{ stop: true }, truncate("a", 1250)]);
  assert.equal(talk.lines[0].cutMs, 1250);
});

test("what is still on its way of an answer that was cut off is not played", () => {
  const talk = talking(created, audio());
  talk.receive(started, 0.58);
  assert.deepEqual(talk.receive(audio(), 0.6), []);
  talk.receive(done("cancelled"), 0.7);
  talk.receive({ type: "response.created", response: { id: "r2" } }, 1);
  assert.equal(talk.receive(audio("b", "r2"), 1).length, 1);
});

test("an answer of which all that came was heard is cut there, while more of it is made", () => {
  const talk = talking(created, audio());
  assert.deepEqual(talk.receive(started, 9), [{ stop: true }, truncate("a", 1000)]);
});

test("who speaks when nothing plays interrupts nothing", () => {
  assert.deepEqual(talking(created, audio(), done()).receive(started, 9), []);
  assert.deepEqual(talking().receive(started, 9), []);
});

test("typed words are an item, and ask for an answer", () => {
  const item = { type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] };
  assert.deepEqual(talking().say("Hello", 0), [{ send: { type: "conversation.item.create", item } }, create]);
});

test("typed words end an answer first, and wait for its end", () => {
  const talk = talking(created, audio());
  const kinds = talk.say("Stop", 0.58).map((one) => one.send?.type ?? Object.keys(one)[0]);
  assert.deepEqual(kinds, ["stop", "response.cancel", "conversation.item.truncate", "conversation.item.create"]);
  assert.deepEqual(talk.receive(done("cancelled"), 0.7), [create]);
  assert.deepEqual(talk.receive(done("completed"), 0.8), []);
});

test("a button that is held is one turn", () => {
  const talk = talking(created, audio(), done());
  assert.deepEqual(talk.press(0.58), [{ stop: true }, truncate("a", 500), { send: { type: "input_audio_buffer.clear" } }]);
  assert.equal(talk.phase(0.58), "hearing");
  assert.deepEqual(talk.release(), [{ send: { type: "input_audio_buffer.commit" } }, create]);
});

test("its state is what somebody would say of it", () => {
  const talk = talking();
  assert.equal(talk.phase(0), "listening");
  talk.receive(started, 0);
  assert.equal(talk.phase(0), "hearing");
  talk.receive({ type: "input_audio_buffer.speech_stopped" }, 0);
  talk.receive(created, 0);
  assert.equal(talk.phase(0), "thinking");
  talk.receive(audio(), 0);
  talk.receive(done(), 0);
  assert.equal(talk.phase(0.5), "speaking");
  assert.equal(talk.phase(5), "listening");
});

test("lines are in the order of the conversation, not of their arrival", () => {
  const talk = talking(
    { type: "input_audio_buffer.committed", item_id: "u", previous_item_id: null },
    { type: "conversation.item.added", previous_item_id: "u", item: { id: "a", type: "message", role: "assistant", content: [] } },
    { type: "response.output_audio_transcript.delta", item_id: "a", delta: "Good " },
    { type: "response.output_audio_transcript.delta", item_id: "a", delta: "day" },
    { type: "conversation.item.added", previous_item_id: "a", item: { id: "u2", type: "message", role: "user", content: [{ type: "input_text", text: "Bye" }] } },
    { type: "conversation.item.input_audio_transcription.completed", item_id: "u", transcript: "Hello." },
    { type: "response.output_audio_transcript.done", item_id: "a", transcript: "Good day." },
  );
  assert.deepEqual(talk.lines.map(({ who, text, done: whole }) => [who, text, whole]), [
    ["you", "Hello.", true], ["assistant", "Good day.", true], ["you", "Bye", true],
  ]);
});

test("an item is put behind the one that it follows, though it came before it was known", () => {
  const talk = talking(
    { type: "response.output_audio_transcript.delta", item_id: "a", delta: "Yes" },
    { type: "input_audio_buffer.committed", item_id: "u", previous_item_id: null },
    { type: "conversation.item.added", previous_item_id: "u", item: { id: "a", type: "message", role: "assistant" } },
  );
  assert.deepEqual(talk.lines.map(({ id }) => id), ["u", "a"]);
});

test("speech that was not understood says so, tools and systems have no line", () => {
  const talk = talking(
    { type: "conversation.item.input_audio_transcription.failed", item_id: "u" },
    { type: "conversation.item.added", item: { id: "f", type: "function_call" } },
    { type: "conversation.item.added", item: { id: "s", type: "message", role: "system" } },
  );
  assert.deepEqual(talk.lines.map(({ text }) => text), ["(not understood)"]);
});

test("what fails is told, with the provider's code", () => {
  const error = { type: "error", error: { code: "invalid_value", message: "No such voice." } };
  assert.deepEqual(talking().receive(error, 0), [{ fail: { code: "invalid_value", message: "No such voice." } }]);
  assert.deepEqual(talking().receive({ type: "error", error: { code: "response_cancel_not_active" } }, 0), []);
  const failed = done("failed", { status_details: { error: { code: "server_error", message: "Oops." } } });
  assert.deepEqual(talking(created).receive(failed, 0), [{ fail: { code: "server_error", message: "Oops." } }]);
});

test("events that nobody knows, and those that lack something, break nothing", () => {
  const talk = talking({ type: "new.event" }, { type: "error" }, { type: "response.done" }, { type: "conversation.item.added" }, { type: "response.created" });
  assert.deepEqual(talk.lines, []);
});

test("the session asks for what the page can play, and for turns as they were chosen", () => {
  const session = sessionOf({ instructions: "", voice: "", handsFree: true });
  assert.equal(session.audio.input.turn_detection.type, "server_vad");
  assert.equal("instructions" in session, false);
  assert.equal("voice" in session.audio.output, false);
  const held = sessionOf({ instructions: "Be brief.", voice: "marin", handsFree: false });
  assert.equal(held.audio.input.turn_detection, null);
  assert.equal(held.audio.output.voice, "marin");
  assert.deepEqual(held.audio.input.format, { type: "audio/pcm", rate: 24_000 });
});
