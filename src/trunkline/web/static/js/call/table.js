// What the timeline draws, as a table: made when somebody opens it, for a long call has thousands
// of rows.
import { clock } from "./player.js";

const FULL_SCALE = 127;

// The loudest moment of a stretch, in dB of full scale; null where nothing was to be heard.
function loudest(peaks, per_second, from_ms, to_ms) {
  let top = 0;
  const end = Math.min(peaks.length, Math.ceil((to_ms / 1000) * per_second));
  for (let n = Math.floor((from_ms / 1000) * per_second); n < end; n += 1) top = Math.max(top, peaks[n]);
  return top ? 20 * Math.log10(top / FULL_SCALE) : null;
}

const bytes = (number) => (number < 1000 ? `${number} B` : `${(number / 1000).toFixed(1)} kB`);
const frames = (number) => `${number} ${number === 1 ? "frame" : "frames"}`;

// What passed in slice `n`, in words; nothing where nothing did.
export function passed(traffic, n) {
  return ["caller", "provider"]
    .filter((leg) => traffic[leg].frames[n])
    .map((leg) => `${leg} ${frames(traffic[leg].frames[n])}, ${bytes(traffic[leg].bytes[n])}`)
    .join("; ");
}

// Each thing that is drawn: from and to in ms of the call, its lane, what it is, and how loud.
export function rows(data, peaks = null, traffic = null) {
  const found = [];
  const add = (lane, from_ms, to_ms, what, loud_db = null) => found.push({ lane, from_ms, to_ms, what, loud_db });
  for (const said of data.speech) {
    const [lane, track] = said.who === "caller" ? ["Caller", peaks?.caller] : ["Assistant", peaks?.assistant];
    add(lane, said.start_ms, said.end_ms, said.text || "not transcribed", track ? loudest(track, peaks.per_second, said.start_ms, said.end_ms) : null);
  }
  for (const unheard of data.unheard) add("Assistant", unheard.start_ms, unheard.end_ms, unheard.label);
  for (const turn of data.turns) add("Turns", turn.start_ms, turn.end_ms, turn.label);
  for (const speech of data.vad) add("VAD", speech.start_ms, speech.end_ms, speech.label);
  for (const wait of data.waits) add("Wait", wait.start_ms, wait.end_ms, `turn ${wait.turn}: ${wait.label}`);
  for (const one of data.responses) add("Responses", one.start_ms, one.end_ms, one.label === one.status ? one.label : `${one.label}, ${one.status}`);
  for (const tool of data.tools) add("Tools", tool.start_ms, tool.end_ms, tool.answered ? tool.label : `${tool.name}, never answered`);
  for (const mark of data.marks) add("Events", mark.at_ms, null, mark.name);
  for (let n = 0; n < (traffic?.caller.frames.length ?? 0); n += 1) {
    const words = passed(traffic, n);
    if (words) add("Traffic", n * traffic.slice_ms, (n + 1) * traffic.slice_ms, words);
  }
  return found.sort((a, b) => a.from_ms - b.from_ms);
}

export class LaneTable {
  #details; #body;
  #data = null;
  #peaks = null;
  #traffic = null;

  constructor(details) {
    this.#details = details;
    this.#body = details.querySelector("tbody");
    details.hidden = false;
    details.addEventListener("toggle", () => this.#fill());
  }

  show(data, peaks = this.#peaks) {
    [this.#data, this.#peaks] = [data, peaks];
    // What somebody reads, or has focus in, is left as it is until they open it again.
    if (!this.#body.contains(document.activeElement)) this.#fill();
  }

  showTraffic(traffic) {
    this.#traffic = traffic;
    this.show(this.#data);
  }

  #fill() {
    this.#body.replaceChildren(...(this.#details.open ? rows(this.#data, this.#peaks, this.#traffic).map(drawn) : []));
  }
}

function drawn(row) {
  const line = document.createElement("tr");
  const seek = document.createElement("button");
  seek.className = "from";
  seek.dataset.seekMs = row.from_ms;
  seek.textContent = clock(row.from_ms, true);
  const cell = (content, name = "") => {
    const made = line.insertCell();
    made.className = name;
    made.append(content);
  };
  cell(seek, "mono");
  cell(row.to_ms === null ? "" : clock(row.to_ms, true), "mono");
  cell(row.lane, "dim");
  cell(row.what);
  cell(row.loud_db === null ? "" : `${row.loud_db.toFixed(1).replace("-", "−")} dB`, "num");
  return line;
}
