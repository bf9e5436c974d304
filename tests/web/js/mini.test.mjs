// The call in small.
import assert from "node:assert/strict";
import test from "node:test";
import { anchors } from "../../../src/trunkline/web/static/js/call/anchors.js";
import { columns } from "../../../src/trunkline/web/static/js/call/mini.js";
import { moment } from "../../../src/trunkline/web/static/js/call/player.js";
import { shares } from "../../../src/trunkline/web/static/js/call/voices.js";

test("a column is as loud as the loudest moment in it, and none is left out", () => {
  const peaks = [0, 3, 9, 1, 0, 0, 7, 2];
  assert.deepEqual([...columns(peaks, 4, 2000, 4)], [3, 9, 0, 7]);
  // The recording ends before the call does.
  assert.deepEqual([...columns(peaks, 4, 4000, 4)], [9, 7, 0, 0]);
  assert.deepEqual([...columns([], 4, 4000, 2)], [0, 0]);
});

test("one voice is its side in both ears", () => {
  const heard = (track, left, right) => [0, 1].map((ear) => left * shares(track)[0][ear] + right * shares(track)[1][ear]);
  assert.deepEqual(heard("mix", 5, 8), [5, 8]);
  assert.deepEqual(heard("caller", 5, 8), [5, 5]);
  assert.deepEqual(heard("assistant", 5, 8), [8, 8]);
});

test("a wait has its ends, and speech_stopped where it lies between", () => {
  const named = (...args) => anchors(...args).map((one) => `${one.words} ${moment(one.ms)}`);
  assert.deepEqual(named(57500, 61900, { stopped_ms: 57700 }), ["true end of speech 0:57.500", "speech_stopped 0:57.700", "first audio 1:01.900"]);
  assert.deepEqual(named(57500, 61900, { stopped_ms: null }), ["true end of speech 0:57.500", "first audio 1:01.900"]);
  assert.deepEqual(named(57500, 61900, { stopped_ms: 62000 }), ["true end of speech 0:57.500", "first audio 1:01.900"]);
  assert.deepEqual(named(3600007, 3601000, { unheard: true }), ["heard until 1:00:00.007", "generated until 1:00:01.000"]);
});
