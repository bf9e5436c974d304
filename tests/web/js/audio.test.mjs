// Sound as the API has it: rates, samples, letters.
import assert from "node:assert/strict";
import test from "node:test";
import { Decoder, level, Resampler, toBase64, toPcm16 } from "../../../src/trunkline/web/static/js/talk/audio.js";

const tone = (hz, rate, seconds, loud = 0.5) => Float32Array.from(
  { length: Math.round(rate * seconds) }, (_, at) => loud * Math.sin((2 * Math.PI * hz * at) / rate),
);
const rms = (samples) => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
const middle = (samples) => samples.slice(1000, -1000);
const decibels = (ratio) => 20 * Math.log10(ratio);

function resampled(samples, from, pieces = [samples.length]) {
  const resampler = new Resampler(from);
  const made = [];
  let at = 0;
  for (let i = 0; at < samples.length; i += 1) {
    const size = pieces[i % pieces.length];
    made.push(...resampler.push(samples.subarray(at, at + size)));
    at += size;
  }
  made.push(...resampler.flush());
  return Float32Array.from(made);
}

for (const from of [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000]) {
  test(`a second at ${from} Hz is a second at 24 kHz, and a tone stays what it was`, () => {
    const made = resampled(tone(1_000, from, 1), from);
    assert.equal(made.length, 24_000);
    const meant = tone(1_000, 24_000, 1);
    const worst = Math.max(...middle(made).map((x, i) => Math.abs(x - middle(meant)[i])));
    assert.ok(worst < 0.002, `off by ${worst}`);
  });
}

test("what 24 kHz cannot hold is gone, and does not come back as another tone", () => {
  for (const hz of [13_000, 15_000, 20_000]) {
    const left = decibels(rms(middle(resampled(tone(hz, 48_000, 1), 48_000))) / rms(tone(hz, 48_000, 1)));
    assert.ok(left < -70, `${hz} Hz is at ${left} dB`);
  }
});

test("speech up to 10 kHz keeps its loudness within a tenth of a decibel", () => {
  for (const hz of [100, 3_000, 7_000, 10_000]) {
    const change = decibels(rms(middle(resampled(tone(hz, 44_100, 1), 44_100))) / rms(tone(hz, 44_100, 1)));
    assert.ok(Math.abs(change) < 0.1, `${hz} Hz by ${change} dB`);
  }
});

test("it does not matter in what pieces it comes", () => {
  const samples = tone(440, 44_100, 0.5);
  const whole = resampled(samples, 44_100);
  assert.deepEqual(resampled(samples, 44_100, [128]), whole);
  assert.deepEqual(resampled(samples, 44_100, [1, 7, 1000, 3]), whole);
});

test("an hour does not drift", () => {
  const resampler = new Resampler(44_100);
  const quantum = new Float32Array(44_100);
  let made = 0;
  for (let second = 0; second < 60; second += 1) made += resampler.push(quantum).length;
  assert.ok(Math.abs(made - 60 * 24_000) <= 48, `${made}`);
});

test("samples become 16 bits, and what is too loud is cut, not turned over", () => {
  assert.deepEqual([...toPcm16(Float32Array.of(0, 1, -1, 1.5, -1.5, 0.5))], [0, 32_767, -32_768, 32_767, -32_768, 16_384]);
});

test("base 64 there and back, however it is cut into deltas", () => {
  const pcm = Int16Array.from({ length: 30_000 }, (_, at) => (at * 7_919) % 65_536 - 32_768);
  const bytes = Buffer.from(toBase64(pcm), "base64");
  assert.deepEqual(new Int16Array(bytes.buffer, bytes.byteOffset, pcm.length), pcm);
  const decoder = new Decoder();
  const back = [];
  for (let at = 0; at < bytes.length; at += 333) back.push(...decoder.samples(bytes.subarray(at, at + 333).toString("base64")));
  assert.deepEqual(back, [...pcm].map((x) => x / 32_768));
});

test("a level is 0 in silence and 1 at the loudest", () => {
  assert.equal(level(new Float32Array(100)), 0);
  assert.equal(level(new Float32Array(0)), 0);
  assert.equal(level(new Float32Array(100).fill(1)), 1);
  assert.ok(Math.abs(level(new Float32Array(100).fill(0.001))) < 1e-6);
  assert.ok(Math.abs(level(new Float32Array(100).fill(0.0316228)) - 0.5) < 1e-4);
});
