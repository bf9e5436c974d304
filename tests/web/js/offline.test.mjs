// What a call's page in a file answers in place of a server.
import assert from "node:assert/strict";
import test from "node:test";
import { answer, part } from "../../../src/trunkline/web/static/js/call/offline.js";

const events = Array.from({ length: 500 }, (_, at) => [
  at, at * 10, at % 2 ? "caller" : "provider", "frame",
  at % 5 ? "input_audio_buffer.append" : "session.updated", 100, `{"at":${at}}`,
]);
const held = { events, peaks: { per_second: 50 }, traffic: { slice_ms: 1000 }, flame: "<p>", };
const asked = (address) => answer(held, new URL(address, "file:///C:/calls/index.html"));
const seqs = (found) => found.events.map((one) => one.seq);

test("events come in parts, and sound only when it is asked for", () => {
  const first = part(events, new URLSearchParams({ audio: "true" }));
  assert.deepEqual([first.events.length, first.after, first.more], [200, 199, true]);
  const last = part(events, new URLSearchParams({ audio: "true", after: "399" }));
  assert.deepEqual([last.events.length, last.after, last.more], [100, 499, false]);
  assert.deepEqual(seqs(part(events, new URLSearchParams())), Array.from({ length: 100 }, (_, at) => at * 5));
});

test("events are narrowed by type, side and moment", () => {
  assert.equal(part(events, new URLSearchParams({ contains: "APPEND" })).events.length, 200);
  assert.deepEqual(seqs(part(events, new URLSearchParams({ leg: "caller", from_ms: "4800" }))), [485, 495]);
  assert.deepEqual(part(events, new URLSearchParams({ contains: "none" })), { events: [], after: -1, more: false });
});

test("addresses are answered as the server would", () => {
  assert.deepEqual(asked("/v1/calls/call_1/events?after=41&limit=1"), { text: '{"at":42}', base64: null });
  assert.equal(asked("/v1/calls/call_1/events?after=499&limit=1"), null);
  assert.deepEqual(asked("/calls/call_1/peaks"), held.peaks);
  assert.deepEqual(asked("/calls/call_1/traffic"), held.traffic);
  assert.equal(asked("/calls/call_1/flame"), "<p>");
  assert.equal(asked("/elsewhere"), null);
});
