// Pure. What is to be played, back to back, and how much of it has been heard.
//
// Times are those of the clock that plays, in seconds. What is handed to it is heard `latencyS`
// later: that much of what "has been played" nobody has heard yet.
import { RATE_HZ } from "./audio.js";

const LEAD_S = 0.08;
// Between the first sound and its playing: what comes a little late leaves no gap.

const frames = (s) => Math.round(s * RATE_HZ) / RATE_HZ;

export class PlayQueue {
  latencyS = 0;
  #pieces = [];
  #before = new Map();
  // Seconds of each item that were played whole, and are no piece any more.
  #endS = 0;

  // Take `samples` of an item; return when to play them: behind the last, or at once.
  add(item, content, samples, nowS) {
    this.#tidy(nowS);
    const startS = this.#endS > nowS ? this.#endS : frames(nowS + LEAD_S);
    this.#endS = frames(startS + samples / RATE_HZ);
    this.#pieces.push({ item, content, startS, endS: this.#endS });
    return startS;
  }

  plays(nowS) { return this.#endS > nowS - this.latencyS; }

  heardMs(item, nowS) {
    // Never more than was made: a provider refuses to cut behind the end.
    return Math.floor((this.#before.get(item) ?? 0) * 1000 + this.#heard(item, nowS) * 1000 + 1e-6);
  }

  // Play nothing any more; return what was not heard to its end, by item, in order.
  cut(nowS) {
    const heardS = nowS - this.latencyS;
    const cut = new Map();
    for (const { item, content, endS } of this.#pieces) {
      if (endS > heardS) cut.set(item, { item, content, heardMs: this.heardMs(item, nowS) });
    }
    this.#pieces = [];
    this.#endS = 0;
    return [...cut.values()];
  }

  #heard(item, nowS) {
    const heardS = nowS - this.latencyS;
    let sum = 0;
    for (const piece of this.#pieces) {
      if (piece.item === item) sum += Math.max(0, Math.min(heardS, piece.endS) - piece.startS);
    }
    return sum;
  }

  #tidy(nowS) {
    const heardS = nowS - this.latencyS;
    while (this.#pieces.length && this.#pieces[0].endS <= heardS) {
      const { item, startS, endS } = this.#pieces.shift();
      this.#before.set(item, (this.#before.get(item) ?? 0) + endS - startS);
    }
  }
}
