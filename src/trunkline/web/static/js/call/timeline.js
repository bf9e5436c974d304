// The lanes of a call on one time axis, drawn on a canvas. The table below says the same in words.
import { anchors, drawAnchors } from "./anchors.js";
import { Colours } from "./colours.js";
import { clock } from "./player.js";
import { passed } from "./table.js";

const TURNS = { axis: [0, 26], caller: [26, 56], assistant: [82, 56], turns: [138, 20], vad: [158, 18], wait: [176, 20], responses: [196, 20], tools: [216, 20], marks: [236, 24], traffic: [260, 40] };
const FLOWS = { ...TURNS, turns: [138, 0], vad: [138, 18], wait: [156, 0], responses: [156, 0], tools: [156, 0], marks: [156, 24], traffic: [180, 40] };
const COLOURS = ["ink", "dim", "faint", "line", "line-strong", "panel", "caller", "agent", "agent-wash", "unheard", "bad", "bad-bar", "warn-bar", "good-bar", "bg"];
const STEPS_MS = [100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000];
const BAR = 3;
const SMALLEST_MS = 1000;
const LOUDEST = 127;

function loudestIn(peaks, from, to) {
  let loudest = 0;
  const end = Math.max(Math.floor(from) + 1, Math.ceil(to - 1e-6));
  for (let n = Math.floor(from + 1e-6); n < end; n += 1) loudest = Math.max(loudest, peaks[n] ?? 0);
  return loudest;
}

export class Timeline {
  // Told after each drawing, and whether it had the waveform.
  onDrawn = () => {};
  #root; #canvas; #stage; #head; #tip; #data; #seek;
  #peaks = null;
  #traffic = null;
  #view = null;
  #ms = 0;
  #colours;
  #proof = null;
  #queued = false;

  // Without turns there is nobody to wait for.
  get #lanes() { return this.#data.has_turns ? TURNS : FLOWS; }

  constructor(root, data, seek) {
    this.#root = root;
    this.#stage = root.querySelector(".stage");
    this.#canvas = root.querySelector("canvas");
    this.#head = root.querySelector(".playhead");
    this.#tip = root.querySelector(".tip");
    this.#data = data;
    this.#seek = seek;
    this.#colours = new Colours(root, COLOURS);
    new ResizeObserver(() => this.#draw()).observe(this.#stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.#colours.forget(); this.#draw(); });
    document.fonts?.ready.then(() => this.#draw());
    this.#listen();
    this.#draw();
  }

  setData(data) { this.#data = data; this.#draw(); this.moveTo(this.#ms, false); }
  setPeaks(peaks) { this.#peaks = peaks; this.#draw(); }

  setTraffic(traffic) { this.#traffic = traffic; this.#draw(); }

  moveTo(ms, playing) {
    this.#ms = ms;
    const [from, to] = this.#span();
    if (this.#view && (playing ? ms > to - (to - from) * 0.06 || ms < from : ms < from || ms > to)) {
      this.#look(ms - (to - from) * (playing ? 0.1 : 0.5), to - from);
    }
    this.#place();
  }

  // Where a number comes from, near enough to see: both of its ends, and what lies between.
  prove(start_ms, end_ms) {
    const same = (one) => one.start_ms === start_ms && one.end_ms === end_ms;
    const wait = this.#data.waits.find(same);
    this.#proof = anchors(start_ms, end_ms, { unheard: this.#data.unheard.some(same), stopped_ms: wait?.stopped_ms });
    const beside = Math.max(500, (end_ms - start_ms) * 0.6);
    this.#look(start_ms - beside, end_ms - start_ms + 2 * beside);
    this.#place();
    this.#stage.scrollIntoView({ block: "nearest" });
  }

  zoom(how, around) {
    const [from, to] = this.#span();
    if (how === "fit") [this.#view, this.#proof] = [null, null];
    else {
      const width = (to - from) * (how === "in" ? 0.5 : 2);
      this.#look(around - (width * (around - from)) / (to - from), width);
    }
    this.#draw();
  }

  #whole() { return Math.max(1000, this.#data.duration_ms) * 1.012; }
  #span() { return this.#view ?? [0, this.#whole()]; }

  #look(from, width) {
    const whole = this.#whole();
    width = Math.max(SMALLEST_MS, width);
    if (width >= whole) { this.#view = null; } else {
      from = Math.min(Math.max(0, from), whole - width);
      this.#view = [from, from + width];
    }
    this.#draw();
  }

  #x(ms) { const [from, to] = this.#span(); return ((ms - from) / (to - from)) * this.#stage.clientWidth; }
  #at(x) { const [from, to] = this.#span(); return from + (x / this.#stage.clientWidth) * (to - from); }

  #place() {
    const x = this.#x(this.#ms);
    this.#head.hidden = x < -1 || x > this.#stage.clientWidth + 1;
    this.#head.style.transform = `translateX(${x}px)`;
    const seconds = Math.floor(this.#ms / 1000);
    if (this.#head.getAttribute("aria-valuenow") === String(seconds)) return;
    this.#head.setAttribute("aria-valuenow", String(seconds));
    this.#head.setAttribute("aria-valuemax", String(Math.floor(this.#data.duration_ms / 1000)));
    this.#head.setAttribute("aria-valuetext", `${clock(this.#ms)} of ${clock(this.#data.duration_ms)}`);
  }

  #listen() {
    const stage = this.#stage;
    const to = (event) => this.#at(event.clientX - stage.getBoundingClientRect().left);
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      this.#seek(to(event));
    });
    stage.addEventListener("pointermove", (event) => {
      if (stage.hasPointerCapture(event.pointerId)) this.#seek(to(event));
      this.#explain(event);
    });
    stage.addEventListener("pointerleave", () => { this.#tip.hidden = true; });
    stage.addEventListener("wheel", (event) => {
      const [from, till] = this.#span();
      if (event.ctrlKey || event.metaKey) {
        const width = (till - from) * Math.exp(event.deltaY / 200);
        const at = to(event);
        this.#look(at - (width * (at - from)) / (till - from), width);
      } else if (this.#view && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
        this.#look(from + ((event.deltaX || event.deltaY) / stage.clientWidth) * (till - from), till - from);
      } else return;
      event.preventDefault();
    }, { passive: false });
  }

  #explain(event) {
    const box = this.#stage.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const words = this.#words(this.#at(x), y, this.#at(x + 4) - this.#at(x));
    this.#tip.textContent = words;
    this.#tip.hidden = false;
    const left = x + 14 + this.#tip.offsetWidth > box.width ? x - this.#tip.offsetWidth - 10 : x + 14;
    this.#tip.style.transform = `translate(${Math.max(0, left)}px, ${Math.min(y, box.height - 34)}px)`;
  }

  #words(ms, y, slack) {
    const data = this.#data;
    const under = (name) => y >= this.#lanes[name][0] && y < this.#lanes[name][0] + this.#lanes[name][1];
    const hit = (spans) => spans.find((span) => span.start_ms - slack <= ms && ms <= span.end_ms + slack);
    const at = clock(ms, true);
    const unheard = under("assistant") && hit(data.unheard);
    if (unheard) return `${at}  ${unheard.label}`;
    if (under("caller")) return [at, hit(data.speech.filter((said) => said.who === "caller"))?.text].filter(Boolean).join("  ");
    if (under("assistant")) return [at, hit(data.speech.filter((said) => said.who === "assistant"))?.text].filter(Boolean).join("  ");
    if (under("turns")) { const turn = hit(data.turns); if (turn) return turn.label; }
    if (under("vad")) { const heard = hit(data.vad); if (heard) return `${at}  the provider heard ${heard.label}`; }
    if (under("wait")) { const wait = hit(data.waits); if (wait) return `turn ${wait.turn}: waited ${wait.label}`; }
    if (under("responses")) { const found = hit(data.responses); if (found) return `${found.label}, ${found.status}`; }
    if (under("tools")) { const tool = hit(data.tools); if (tool) return tool.answered ? tool.label : `${tool.name}, never answered`; }
    if (under("marks")) {
      const mark = data.marks.filter((other) => Math.abs(other.at_ms - ms) <= slack);
      if (mark.length) return `${at}  ${mark.map((other) => other.name).join(", ")}`;
    }
    if (under("traffic") && this.#traffic) return `${at}  ${passed(this.#traffic, Math.floor(ms / this.#traffic.slice_ms)) || "nothing passed"}`;
    return at;
  }

  #draw() {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.#paint();
      this.#place();
      this.onDrawn(Boolean(this.#peaks));
    });
  }

  #paint() {
    const [width, height, scale] = [this.#stage.clientWidth, this.#stage.clientHeight, devicePixelRatio || 1];
    if (!width) return;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const pen = this.#canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = '10px Inter, system-ui, sans-serif';
    pen.textBaseline = "middle";
    this.#axis(pen, width);
    this.#voice(pen, width, "caller");
    this.#voice(pen, width, "assistant");
    for (const turn of this.#data.turns) this.#turn(pen, turn);
    for (const heard of this.#data.vad) this.#heard(pen, heard);
    for (const wait of this.#data.waits) this.#bar(pen, "wait", wait, `${wait.tone}-bar`, wait.label, "panel");
    for (const one of this.#data.responses) {
      this.#bar(pen, "responses", one, "agent-wash", one.label, one.status === "completed" || one.status === "in_progress" ? "dim" : "bad");
    }
    for (const tool of this.#data.tools) this.#tool(pen, tool);
    this.#marks(pen);
    this.#passed(pen, width);
    if (this.#proof) drawAnchors(pen, this.#proof, (ms) => this.#x(ms), this.#colours, [width, height]);
  }

  #axis(pen, width) {
    const [from, to] = this.#span();
    const step = STEPS_MS.find((ms) => (ms / (to - from)) * width >= 74) ?? STEPS_MS.at(-1);
    for (let ms = Math.ceil(from / step) * step; ms <= to; ms += step) {
      const x = this.#x(ms);
      pen.fillStyle = this.#colours.get("line");
      pen.globalAlpha = 0.6;
      pen.fillRect(x, 26, 1, this.#stage.clientHeight - 26);
      pen.globalAlpha = 1;
      pen.fillStyle = this.#colours.get("faint");
      const label = clock(ms, step < 1000);
      pen.textAlign = x < 12 ? "left" : "center";
      if (x + pen.measureText(label).width / 2 < width) pen.fillText(label, x < 12 ? Math.max(1, x) : x, 15);
    }
    pen.textAlign = "left";
  }

  #voice(pen, width, who) {
    const [top, tall] = this.#lanes[who];
    const middle = top + tall / 2;
    pen.fillStyle = this.#colours.get("line");
    pen.fillRect(0, middle - 0.5, width, 1);
    const unheard = who === "assistant" ? this.#data.unheard : [];
    for (const one of unheard) this.#hatch(pen, this.#x(one.start_ms), this.#x(one.end_ms), top + 7, tall - 14);
    if (this.#peaks) this.#wave(pen, width, who, middle, tall);
    else this.#blocks(pen, who, middle);
  }

  #wave(pen, width, who, middle, tall) {
    const slice = 1000 / this.#peaks.per_second;
    const lanes = who === "caller"
      ? [[this.#peaks.caller, this.#colours.get("caller")]]
      : [[this.#peaks.assistant_unheard, this.#colours.get("unheard")], [this.#peaks.assistant, this.#colours.get("agent")]];
    const [from, to] = this.#span();
    // Bars sit on the call's clock, not on the screen, so that they do not dance while panning.
    const each = Math.max(slice, ((to - from) / width) * BAR);
    const wide = Math.max(1.4, (each / (to - from)) * width - 1.2);
    for (const [peaks, colour] of lanes) {
      pen.fillStyle = colour;
      for (let n = Math.floor(from / each); n * each < to; n += 1) {
        const loudest = loudestIn(peaks, (n * each) / slice, ((n + 1) * each) / slice);
        if (loudest < 1) continue;
        // By the square root: speech is mostly far below full scale.
        const half = Math.max(1, (Math.sqrt(loudest / LOUDEST) * (tall - 8)) / 2);
        pen.beginPath();
        pen.roundRect(this.#x(n * each), middle - half, wide, half * 2, 0.9);
        pen.fill();
      }
    }
  }

  // While a call is live there is no waveform yet: who spoke when is known all the same.
  #blocks(pen, who, middle) {
    pen.fillStyle = this.#colours.get(who === "caller" ? "caller" : "agent");
    for (const said of this.#data.speech) {
      if (said.who !== who) continue;
      const [a, b] = [this.#x(said.start_ms), this.#x(said.end_ms)];
      pen.globalAlpha = 0.75;
      pen.beginPath();
      pen.roundRect(a, middle - 8, Math.max(2, b - a), 16, 4);
      pen.fill();
      pen.globalAlpha = 1;
    }
  }

  // From the caller above the line, from the provider below; where slices are narrow, the fullest.
  #passed(pen, width) {
    const [top, tall] = this.#lanes.traffic;
    const middle = top + tall / 2 - 2;
    pen.fillStyle = this.#colours.get("line");
    pen.fillRect(0, middle - 0.5, width, 1);
    if (this.#traffic) {
      const { slice_ms, caller, provider } = this.#traffic;
      const most = Math.sqrt(Math.max(1, loudestIn(caller.bytes, 0, caller.bytes.length), loudestIn(provider.bytes, 0, provider.bytes.length)));
      const [from, to] = this.#span();
      const each = Math.max(1, Math.ceil(((to - from) / width) * BAR / slice_ms));
      const wide = Math.max(1.4, ((each * slice_ms) / (to - from)) * width - 1);
      for (const [sizes, colour, up] of [[caller.bytes, "caller", true], [provider.bytes, "agent", false]]) {
        pen.fillStyle = this.#colours.get(colour);
        pen.globalAlpha = 0.65;
        for (let n = Math.max(0, Math.floor(from / slice_ms / each) * each); n < sizes.length && n * slice_ms < to; n += each) {
          const size = loudestIn(sizes, n, n + each);
          if (!size) continue;
          const high = Math.max(1, (Math.sqrt(size) / most) * (tall / 2 - 6));
          pen.fillRect(this.#x(n * slice_ms), up ? middle - 0.5 - high : middle + 0.5, wide, high);
        }
      }
    }
    pen.globalAlpha = 1;
  }

  #hatch(pen, a, b, top, tall) {
    pen.save();
    pen.beginPath();
    pen.roundRect(a, top, Math.max(2, b - a), tall, 4);
    pen.clip();
    pen.strokeStyle = this.#colours.get("unheard");
    pen.globalAlpha = 0.55;
    pen.lineWidth = 1;
    pen.beginPath();
    for (let x = a - tall; x < b; x += 5) { pen.moveTo(x, top + tall); pen.lineTo(x + tall, top); }
    pen.stroke();
    pen.restore();
  }

  #bar(pen, lane, span, colour, label, ink) {
    const [top, tall] = this.#lanes[lane];
    const [a, b] = [this.#x(span.start_ms), this.#x(span.end_ms)];
    if (b < 0 || a > this.#stage.clientWidth) return;
    const wide = Math.max(2.5, b - a);
    pen.fillStyle = this.#colours.get(this.#colours.has(colour) ? colour : "faint");
    pen.beginPath();
    pen.roundRect(a, top + 4, wide, tall - 8, 3);
    pen.fill();
    const room = Math.min(b, this.#stage.clientWidth) - Math.max(a, 0) - 8;
    if (room < 16 || pen.measureText(label).width > room) return;
    pen.fillStyle = this.#colours.get(ink);
    pen.fillText(label, Math.max(a, 0) + 5, top + tall / 2 + 0.5);
  }

  // From the caller's first word to the last of the answer: a barge-in lies on the turn before it.
  #turn(pen, turn) {
    const room = this.#x(turn.end_ms) - this.#x(turn.start_ms) - 8;
    const words = [turn.label, `turn ${turn.turn}`, String(turn.turn)].find((label) => pen.measureText(label).width <= room);
    const [top, tall] = this.#lanes.turns;
    pen.fillStyle = this.#colours.get("panel");
    pen.fillRect(this.#x(turn.start_ms) - 1, top + 4, 1, tall - 8);
    this.#bar(pen, "turns", turn, "line", words ?? "", turn.barge_in ? "bad" : "dim");
  }

  // Thinner than a turn, and the caller's colour: what the provider heard of the caller.
  #heard(pen, heard) {
    const [top, tall] = this.#lanes.vad;
    const [a, b] = [this.#x(heard.start_ms), this.#x(heard.end_ms)];
    pen.fillStyle = this.#colours.get("caller");
    pen.beginPath();
    pen.roundRect(a, top + tall / 2 - 3, Math.max(2.5, b - a), 6, 2);
    pen.fill();
  }

  // A tool's name stands behind its bar: the bar is mostly too short for it.
  #tool(pen, tool) {
    this.#bar(pen, "tools", tool, tool.answered ? "warn-bar" : "bad-bar", "", "panel");
    const x = this.#x(tool.end_ms) + 5;
    const next = this.#data.tools.find((other) => other.start_ms > tool.start_ms);
    const room = (next ? this.#x(next.start_ms) : this.#stage.clientWidth) - x;
    if (x < 0 || pen.measureText(tool.label).width > room) return;
    pen.fillStyle = this.#colours.get(tool.answered ? "dim" : "bad");
    pen.fillText(tool.label, x, this.#lanes.tools[0] + this.#lanes.tools[1] / 2 + 0.5);
  }

  #marks(pen) {
    const [top, tall] = this.#lanes.marks;
    for (const grave of [false, true]) {
      for (const mark of this.#data.marks) {
        const bad = mark.tone !== "none";
        if (bad !== grave) continue;
        pen.fillStyle = this.#colours.get(bad ? "bad-bar" : "line-strong");
        pen.beginPath();
        pen.roundRect(this.#x(mark.at_ms) - (bad ? 2 : 1), top + 6, bad ? 4 : 2, tall - 14, 1);
        pen.fill();
      }
    }
  }
}
