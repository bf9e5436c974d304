// The timeline as a table.
import assert from "node:assert/strict";
import test from "node:test";
import { passed, rows } from "../../../src/trunkline/web/static/js/call/table.js";

const NOTHING = { speech: [], turns: [], vad: [], unheard: [], waits: [], responses: [], tools: [], marks: [] };
const said = (who, start_ms, end_ms, text) => ({ who, start_ms, end_ms, text });

test("every lane has its rows, in the order of time", () => {
  const found = rows({
    speech: [said("caller", 1000, 2000, "Hi"), said("assistant", 2600, 4000, "")],
    unheard: [{ start_ms: 4000, end_ms: 5000, label: "generated, never heard: 1.0 s" }],
    turns: [{ turn: 1, start_ms: 1000, end_ms: 4000, label: "turn 1, spoke", barge_in: false }],
    vad: [{ start_ms: 1200, end_ms: 2300, label: "speech 1.10 s" }],
    waits: [{ turn: 1, start_ms: 2000, end_ms: 2600, label: "0.60 s", tone: "good" }],
    responses: [
      { start_ms: 2200, end_ms: 4100, label: "response 1", status: "completed" },
      { start_ms: 4200, end_ms: 4300, label: "cancelled", status: "cancelled" },
    ],
    tools: [{ start_ms: 3000, end_ms: 3500, name: "find", answered: true, label: "find 0.50 s" }, { start_ms: 5000, end_ms: 6000, name: "book", answered: false, label: "book –" }],
    marks: [{ at_ms: 500, name: "speech started", tone: "none" }],
  });
  assert.deepEqual(found.map((row) => [row.from_ms, row.to_ms, row.lane, row.what]), [
    [500, null, "Events", "speech started"],
    [1000, 2000, "Caller", "Hi"],
    [1000, 4000, "Turns", "turn 1, spoke"],
    [1200, 2300, "VAD", "speech 1.10 s"],
    [2000, 2600, "Wait", "turn 1: 0.60 s"],
    [2200, 4100, "Responses", "response 1, completed"],
    [2600, 4000, "Assistant", "not transcribed"],
    [3000, 3500, "Tools", "find 0.50 s"],
    [4000, 5000, "Assistant", "generated, never heard: 1.0 s"],
    [4200, 4300, "Responses", "cancelled"],
    [5000, 6000, "Tools", "book, never answered"],
  ]);
});

test("how loud somebody was is the loudest peak of their own track, in dB of full scale", () => {
  const peaks = { per_second: 10, caller: [0, 127, 64, 0, 127], assistant: [9, 9, 9, 9, 9] };
  const [quiet, loud, none] = rows({ ...NOTHING, speech: [said("caller", 200, 400, "a"), said("caller", 400, 500, "b"), said("caller", 900, 950, "c")] }, peaks);
  assert.equal(quiet.loud_db.toFixed(2), "-5.95");
  assert.equal(loud.loud_db, 0);
  assert.equal(none.loud_db, null);
});

test("without a recording nobody knows how loud it was", () => {
  assert.equal(rows({ ...NOTHING, speech: [said("caller", 0, 100, "a")] })[0].loud_db, null);
});

test("each slice in which something passed says how much, of which leg", () => {
  const traffic = {
    slice_ms: 2000,
    caller: { frames: [2, 0, 1], bytes: [25740, 0, 90] },
    provider: { frames: [1, 0, 0], bytes: [999, 0, 0] },
  };
  const found = rows(NOTHING, null, traffic).map((row) => [row.from_ms, row.to_ms, row.lane, row.what]);
  assert.deepEqual(found, [
    [0, 2000, "Traffic", "caller 2 frames, 25.7 kB; provider 1 frame, 999 B"],
    [4000, 6000, "Traffic", "caller 1 frame, 90 B"],
  ]);
  assert.equal(passed(traffic, 1), "");
  assert.equal(passed(traffic, 7), "");
});
