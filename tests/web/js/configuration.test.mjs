// What was configured, and what each update changed.
import assert from "node:assert/strict";
import test from "node:test";
import { changes, history, settings } from "../../../src/trunkline/web/static/js/call/configuration.js";

test("settings are told apart by their path, and lists are one", () => {
  const session = {
    id: "sess_1", object: "realtime.session", expires_at: 1, client_secret: { value: "ek_secret" },
    model: "gpt-realtime-2.1",
    audio: { input: { turn_detection: { type: "server_vad", threshold: 0.5 }, noise_reduction: null } },
    tools: [{ name: "find" }, { name: "book" }],
  };
  assert.deepEqual([...settings(session)], [
    ["model", "gpt-realtime-2.1"],
    ["audio.input.turn_detection.type", "server_vad"],
    ["audio.input.turn_detection.threshold", "0.5"],
    ["audio.input.noise_reduction", "null"],
    ["tools", '[{"name":"find"},{"name":"book"}]'],
  ]);
});

test("a change says what was before, and what came or went", () => {
  const before = new Map([["voice", "alloy"], ["speed", "1"], ["model", "m"]]);
  const after = new Map([["voice", "marin"], ["model", "m"], ["instructions", "Be brief."]]);
  assert.deepEqual(changes(before, after), [
    ["instructions", null, "Be brief."],
    ["speed", "1", null],
    ["voice", "alloy", "marin"],
  ]);
});

test("the history begins with all that was set, and keeps updates that changed nothing", () => {
  const told = [
    { at_ms: 10, session: { voice: "alloy" } },
    { at_ms: 20, session: { voice: "alloy" } },
    { at_ms: 30, session: { voice: "marin" } },
  ];
  assert.deepEqual(history(told), [
    { at_ms: 10, changes: [["voice", null, "alloy"]] },
    { at_ms: 20, changes: [] },
    { at_ms: 30, changes: [["voice", "alloy", "marin"]] },
  ]);
});
