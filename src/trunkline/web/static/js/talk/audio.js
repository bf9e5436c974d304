// Pure. Sound as the Realtime API has it: PCM16, little endian, mono, 24 kHz, in base 64.

export const RATE_HZ = 24_000;

const ZEROS = 24;
// Zero crossings of the kernel on each side: with the window below, what would alias is 74 dB down.
const ROLLOFF = 0.92;
// Of the lower Nyquist frequency: where the filter begins to close.

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

// Resamples a stream, exactly: the ratio of two whole rates, so nothing drifts however long it
// runs. A windowed sinc (Blackman), with one set of taps for each phase that occurs.
export class Resampler {
  #step;
  #phases;
  #half;
  #cutoff;
  #taps = new Map();
  #held;
  #heldFrom;
  // Index of the first held sample in the stream.
  #made = 0;

  constructor(fromHz, toHz = RATE_HZ) {
    const common = gcd(fromHz, toHz);
    this.#step = fromHz / common;
    this.#phases = toHz / common;
    const narrower = Math.min(1, toHz / fromHz);
    this.#half = Math.ceil(ZEROS / narrower);
    this.#cutoff = 0.5 * narrower * ROLLOFF;
    // Before the stream there was silence.
    this.#held = new Float32Array(this.#half);
    this.#heldFrom = -this.#half;
  }

  // What can be known of the output once `samples` have come, which is `#half` of them late.
  push(samples) {
    if (this.#step === this.#phases) return Float32Array.from(samples);
    const held = new Float32Array(this.#held.length + samples.length);
    held.set(this.#held);
    held.set(samples, this.#held.length);
    const end = this.#heldFrom + held.length;
    const made = [];
    let base = this.#base();
    while (base + this.#half < end) {
      made.push(this.#one(held, base - this.#half + 1 - this.#heldFrom));
      this.#made += 1;
      base = this.#base();
    }
    const keep = Math.max(0, base - this.#half + 1 - this.#heldFrom);
    this.#held = held.slice(keep);
    this.#heldFrom += keep;
    return Float32Array.from(made);
  }

  // The rest, when nothing more will come.
  flush() { return this.push(new Float32Array(this.#step === this.#phases ? 0 : this.#half)); }

  #base() { return Math.floor((this.#made * this.#step) / this.#phases); }

  #one(held, from) {
    const taps = this.#tapsOf((this.#made * this.#step) % this.#phases);
    let sum = 0;
    for (let i = 0; i < taps.length; i += 1) sum += taps[i] * held[from + i];
    return sum;
  }

  #tapsOf(phase) {
    const known = this.#taps.get(phase);
    if (known) return known;
    const taps = new Float64Array(2 * this.#half);
    let sum = 0;
    for (let i = 0; i < taps.length; i += 1) {
      const at = i - this.#half + 1 - phase / this.#phases;
      taps[i] = sinc(2 * this.#cutoff * at) * blackman(at / this.#half);
      sum += taps[i];
    }
    for (let i = 0; i < taps.length; i += 1) taps[i] /= sum;
    this.#taps.set(phase, taps);
    return taps;
  }
}

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const blackman = (x) => (Math.abs(x) >= 1 ? 0 : 0.42 + 0.5 * Math.cos(Math.PI * x) + 0.08 * Math.cos(2 * Math.PI * x));

export function toPcm16(samples) {
  const pcm = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i += 1) {
    pcm[i] = Math.max(-32_768, Math.min(32_767, Math.round(samples[i] * 32_768)));
  }
  return pcm;
}

export function toBase64(pcm) {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

// Deltas to samples. Nothing promises that a delta ends with a whole sample: the rest is kept.
export class Decoder {
  #rest = "";

  samples(base64) {
    const text = this.#rest + atob(base64);
    const whole = text.length - (text.length % 2);
    this.#rest = text.slice(whole);
    const samples = new Float32Array(whole / 2);
    for (let i = 0; i < samples.length; i += 1) {
      const value = text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8);
      samples[i] = (value > 32_767 ? value - 65_536 : value) / 32_768;
    }
    return samples;
  }
}

// How loud, from 0 (60 dB below the loudest, or less) to 1.
export function level(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  return rms > 0 ? Math.max(0, Math.min(1, 1 + (20 * Math.log10(rms)) / 60)) : 0;
}
