// The microphone, in the thread of the sound: 24 kHz PCM16 in pieces of 40 ms, and how loud it is.
import { level, RATE_HZ, Resampler, toPcm16 } from "./audio.js";

const PIECE = (RATE_HZ * 40) / 1000;

class Capture extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate);
  #waiting = new Float32Array(0);

  process([input]) {
    if (!input.length) return true;
    const fresh = this.#resampler.push(input[0]);
    const all = new Float32Array(this.#waiting.length + fresh.length);
    all.set(this.#waiting);
    all.set(fresh, this.#waiting.length);
    let at = 0;
    for (; at + PIECE <= all.length; at += PIECE) this.#tell(all.subarray(at, at + PIECE));
    this.#waiting = all.slice(at);
    return true;
  }

  #tell(piece) {
    const pcm = toPcm16(piece);
    this.port.postMessage({ pcm, level: level(piece) }, [pcm.buffer]);
  }
}

registerProcessor("capture", Capture);
