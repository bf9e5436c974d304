// What plays when, and what was heard of it. Times in seconds, as the clock of the sound has them.
import assert from "node:assert/strict";
import test from "node:test";
import { PlayQueue } from "../../../src/trunkline/web/static/js/talk/queue.js";

const SECOND = 24_000;

test("pieces are played back to back, whenever they come", () => {
  const queue = new PlayQueue();
  assert.equal(queue.add("a", 0, 2_400, 1), 1.08);
  assert.equal(queue.add("a", 0, 2_400, 1.001), 1.18);
  assert.equal(queue.add("b", 0, 2_400, 1.2), 1.28);
});

test("what comes too late begins anew, a moment later", () => {
  const queue = new PlayQueue();
  queue.add("a", 0, 2_400, 1);
  assert.equal(queue.add("a", 0, 2_400, 3), 3.08);
});

test("a thousand pieces leave no gap of a single sample", () => {
  const queue = new PlayQueue();
  let next = queue.add("a", 0, 1_001, 0.123456);
  for (let i = 0; i < 1000; i += 1) {
    const start = queue.add("a", 0, 1_001, 0.2);
    assert.equal(Math.round(start * SECOND) - Math.round(next * SECOND), 1_001);
    assert.ok(Math.abs(start * SECOND - Math.round(start * SECOND)) < 1e-6);
    next = start;
  }
});

test("heard is what has left the loudspeaker", () => {
  const queue = new PlayQueue();
  queue.add("a", 0, SECOND, 0);
  assert.equal(queue.heardMs("a", 0.05), 0);
  assert.equal(queue.heardMs("a", 0.58), 500);
  queue.latencyS = 0.1;
  assert.equal(queue.heardMs("a", 0.58), 400);
  assert.equal(queue.heardMs("a", 60), 1000);
  assert.equal(queue.heardMs("nothing", 60), 0);
});

test("a gap is not heard, and counts for nothing", () => {
  const queue = new PlayQueue();
  queue.add("a", 0, SECOND, 0);
  queue.add("a", 0, SECOND, 5);
  assert.equal(queue.heardMs("a", 5.58), 1500);
});

test("of two items each has its own", () => {
  const queue = new PlayQueue();
  queue.add("a", 0, SECOND, 0);
  queue.add("b", 2, SECOND, 0);
  assert.deepEqual(queue.cut(1.33), [{ item: "b", content: 2, heardMs: 250 }]);
});

test("a cut names all that was not heard to its end, and then nothing plays", () => {
  const queue = new PlayQueue();
  queue.add("a", 0, SECOND, 0);
  queue.add("b", 0, SECOND, 0);
  assert.ok(queue.plays(0.5));
  assert.deepEqual(queue.cut(0.5), [{ item: "a", content: 0, heardMs: 420 }, { item: "b", content: 0, heardMs: 0 }]);
  assert.equal(queue.plays(0.5), false);
  assert.deepEqual(queue.cut(0.5), []);
  assert.equal(queue.add("c", 0, SECOND, 0.5), 0.58);
});

test("what was heard whole is not cut", () => {
  const queue = new PlayQueue();
  queue.add("a", 0, SECOND, 0);
  assert.deepEqual(queue.cut(2), []);
});
