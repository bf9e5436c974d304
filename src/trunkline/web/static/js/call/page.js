// The call page: one clock for waveform, transcript and turns.
import { forPage } from "../keys.js";
import { showConfiguration } from "./configuration.js";
import { Events } from "./events.js";
import { Mini } from "./mini.js";
import { Part } from "./part.js";
import { Player } from "./player.js";
import { LaneTable } from "./table.js";
import { Timeline } from "./timeline.js";
import { Transcript } from "./transcript.js";

const article = document.querySelector("#call");
const read = () => JSON.parse(document.querySelector("#timeline-data").textContent);
const player = new Player(read);
const transcript = new Transcript();
const stage = document.querySelector("#timeline");
const timeline = stage ? new Timeline(stage, read(), (ms) => player.seek(ms)) : null;
const table = stage ? new LaneTable(document.querySelector("#lane-table")) : null;
table?.show(read());
const mini = stage ? new Mini(document.querySelector("#player"), stage, read(), (ms) => player.seek(ms)) : null;
const events = document.querySelector("#events");
const raw = new Events(events);
new Part(() => document.querySelector(".flame[data-url]"));
showConfiguration(document.querySelector("#configuration"), events);

// How soon the page was of use: for who measures it, in a browser's own tools or in bench/page.py.
const mark = (name) => performance.getEntriesByName(name).length || performance.mark(name);
if (timeline) {
  timeline.onDrawn = (waved) => { mark("trunkline:usable"); if (waved) mark("trunkline:waveform"); };
}

player.onMove = (ms, playing) => {
  timeline?.moveTo(ms, playing);
  mini?.moveTo(ms);
  transcript.moveTo(ms, playing);
};

async function loadPeaks(data) {
  if (!data.has_audio || !timeline) return;
  const answer = await fetch(`/calls/${data.call_id}/peaks`, { credentials: "same-origin" });
  if (!answer.ok) return;
  const peaks = await answer.json();
  timeline.setPeaks(peaks);
  mini.setPeaks(peaks);
  table.show(read(), peaks);
}

const AGAIN_MS = 5000;
let asked = 0;
async function loadTraffic(data) {
  if (!timeline || performance.now() < asked) return;
  asked = performance.now() + AGAIN_MS;
  const answer = await fetch(`/calls/${data.call_id}/traffic`, { credentials: "same-origin" });
  if (!answer.ok) return;
  const traffic = await answer.json();
  timeline.setTraffic(traffic);
  table.showTraffic(traffic);
}

let running = read().live;
let sealed = read().has_audio;
document.addEventListener("trunkline:fresh", () => {
  const data = read();
  timeline?.setData(data);
  mini?.setData(data);
  table?.show(data);
  player.bind();
  // While it runs now and then, and once more for what came last.
  if (running && !data.live) asked = 0;
  if (running) loadTraffic(data);
  running = data.live;
  if (data.has_audio && !sealed) { sealed = true; loadPeaks(data); }
});

document.addEventListener("click", (event) => {
  const frame = event.target.closest("[data-frame]");
  if (frame) {
    event.preventDefault();
    raw.frame(Number(frame.dataset.frame));
    return;
  }
  const target = event.target.closest("[data-seek-ms]") ?? event.target.closest(".say[data-start-ms], tr[data-start-ms]");
  if (!target || String(getSelection())) return;
  const { seekMs, startMs, untilMs } = target.dataset;
  const ms = Number(seekMs ?? startMs);
  player.seek(ms);
  if (untilMs) timeline?.prove(ms, Number(untilMs));
});

document.querySelector("#events-here")?.addEventListener("click", () => raw.around(player.ms));

// Whoever marks a turn means the one that is being heard.
document.addEventListener("toggle", (event) => {
  if (!event.target.matches("details.part") || !event.target.open) return;
  const turns = [...event.target.querySelectorAll("option[data-start-ms]")];
  const now = turns.findLast((turn) => Number(turn.dataset.startMs) <= player.ms + 50);
  if (now && player.ms) now.selected = true;
}, { capture: true });

document.querySelector("#zoom")?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-zoom]");
  if (button) timeline.zoom(button.dataset.zoom, player.ms);
});

const near = (list, ms, step) => (step > 0
  ? list.find((at) => at > ms + 50)
  : list.findLast((at) => at < ms - 800));

const onSlider = (event) => event.target.closest(".playhead");
const KEYS = {
  " ": () => player.toggle(),
  ArrowLeft: () => player.seek(player.ms - 5000),
  ArrowRight: () => player.seek(player.ms + 5000),
  "[": () => player.seek(near(read().turn_starts_ms, player.ms, -1) ?? 0),
  "]": () => player.seek(near(read().turn_starts_ms, player.ms, 1) ?? player.ms),
  Home: () => player.seek(0),
  End: () => player.seek(read().duration_ms),
  e: () => raw.around(player.ms),
  i: () => player.seek(near(read().barge_ins_ms, player.ms, 1) ?? read().barge_ins_ms[0] ?? player.ms),
};

document.addEventListener("keydown", (event) => {
  if (!forPage(event) || !Object.hasOwn(KEYS, event.key)) return;
  const at = event.target;
  if (at.closest(".evs")) return;
  if (event.key === " " && at.closest("button, summary, a, input")) return;
  if (["Home", "End"].includes(event.key) && !onSlider(event)) return;
  event.preventDefault();
  KEYS[event.key]();
});

const since = () => {
  const value = document.querySelector("[data-since]");
  if (!value) return;
  const seconds = Math.max(0, (Date.now() - new Date(value.dataset.since)) / 1000);
  value.textContent = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
};
if (article.dataset.refreshMs) setInterval(since, 1000);
if ("live" in article.dataset) import("./live.js").then(({ watch }) => watch(article));

loadPeaks(read());
loadTraffic(read());
const wanted = Number(new URLSearchParams(location.search).get("t"));
if (wanted > 0) player.seek(wanted * 1000, { quiet: true });
