// Listening in: sound that comes as it is heard, a second or two behind, played without a gap.

const HEADER_BYTES = 44;
const RATE_HZ = 24000;
const FRAME_BYTES = 4;
// Kept ready, so that a late piece is no gap; and at most, when the network has caught up.
const LEAD_S = 0.4;
const MOST_S = 4;

export class Listening {
  #button;
  #status;
  #url;
  #abort = null;

  constructor(button, status, url) {
    [this.#button, this.#status, this.#url] = [button, status, url];
    button.addEventListener("click", () => (this.#abort ? this.stop() : this.#start()));
    addEventListener("pagehide", () => this.stop());
  }

  stop(words = "") {
    this.#abort?.abort();
    this.#abort = null;
    this.#tell(false, words);
  }

  #tell(on, words) {
    this.#button.setAttribute("aria-pressed", String(on));
    this.#button.querySelector("[data-label]").textContent = on ? "Stop listening" : "Listen in";
    this.#status.textContent = words;
  }

  async #start() {
    const abort = this.#abort = new AbortController();
    this.#tell(true, "Connecting …");
    const context = new AudioContext({ sampleRate: RATE_HZ });
    try {
      await context.resume();
      const answer = await fetch(this.#url, { credentials: "same-origin", signal: abort.signal });
      if (!answer.ok) throw new Error(answer.status === 503 ? "Too many listen in now." : "You may not listen in to this call.");
      // Until somebody speaks there is nothing to play.
      this.#tell(true, "Connected. Nobody is to be heard now. It is noted that you listen.");
      await play(answer.body.getReader(), context, () => this.#tell(true, "You hear the call, a second or two behind. It is noted that you do."));
      if (this.#abort === abort) this.stop("It has ended.");
    } catch (error) {
      if (this.#abort === abort) this.stop(error.name === "Error" ? error.message : "The connection was lost.");
    } finally {
      // What is scheduled is still to be heard, unless somebody has stopped it.
      setTimeout(() => context.close(), abort.signal.aborted ? 0 : MOST_S * 1000);
    }
  }
}

async function play(reader, context, begun) {
  let rest = new Uint8Array(0);
  let header = HEADER_BYTES;
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const skipped = Math.min(header, value.length);
    header -= skipped;
    const bytes = new Uint8Array(rest.length + value.length - skipped);
    bytes.set(rest);
    bytes.set(value.subarray(skipped), rest.length);
    const frames = Math.floor(bytes.length / FRAME_BYTES);
    rest = bytes.slice(frames * FRAME_BYTES);
    if (!frames) continue;
    if (at < context.currentTime) at = context.currentTime + LEAD_S;
    if (at - context.currentTime > MOST_S) continue;
    const source = context.createBufferSource();
    source.buffer = decoded(new DataView(bytes.buffer), frames, context);
    source.connect(context.destination);
    source.start(at);
    at += frames / RATE_HZ;
    begun();
  }
}

function decoded(view, frames, context) {
  const buffer = context.createBuffer(2, frames, RATE_HZ);
  for (const channel of [0, 1]) {
    const samples = buffer.getChannelData(channel);
    for (let frame = 0; frame < frames; frame += 1) {
      samples[frame] = view.getInt16(frame * FRAME_BYTES + channel * 2, true) / 32768;
    }
  }
  return buffer;
}
