// The Live page: what the feed tells goes into the cards that the server has rendered. Cards
// that come and go are the server's again.
import { follow } from "./feed.js";
import { refresh } from "./fresh.js";

const QUIETEST = -60;
const SILENT = -96;
const words = JSON.parse(document.querySelector("#words").textContent);
const status = document.querySelector("#feed");

const cardOf = (id) => document.querySelector(`.run[data-key="${CSS.escape(id)}"]`);

function put(card, name, text) {
  const place = card.querySelector(`[data-f="${name}"]`);
  if (place && place.textContent !== text) place.textContent = text;
  return place;
}

// As `text.money` on the server has it.
export function money(usd) {
  const value = Number(usd);
  if (value === 0) return "$0.00";
  if (value >= 1000) return `$${Math.round(value).toLocaleString("en-US")}`;
  if (value >= 1) return `$${value.toFixed(2)}`;
  return `$${value.toFixed(Math.min(9, Math.max(2, 2 - Math.floor(Math.log10(value)))))}`;
}

function show(call) {
  const card = cardOf(call.id);
  if (!card) return false;
  card.dataset.state = call.state;
  put(card, "state", words.states[call.state]);
  if (call.last_line) {
    put(card, "speaker", words.speakers[call.last_line.who]);
    put(card, "line", call.last_line.text);
  }
  for (const name of ["turns", "barge_ins", "errors"]) put(card, name, String(call[name]));
  card.querySelector('[data-f="errors"]').classList.toggle("bad", call.errors > 0);
  if (call.cost_usd !== null) put(card, "cost", money(call.cost_usd));
  else if (call.unpriced.length) put(card, "cost", words.unpriced);
  return true;
}

function level(id, levels) {
  const card = cardOf(id);
  if (!card) return;
  for (const [place, side] of ["caller", "assistant"].entries()) {
    const dbfs = levels[place];
    const meter = card.querySelector(`[data-f="${side}"]`);
    if (!meter) return;
    meter.value = Math.max(QUIETEST, dbfs ?? QUIETEST);
    put(card, `${side}-words`, dbfs === null ? words.unknown
      : dbfs <= SILENT ? words.silent : `${dbfs} dB`.replace("-", "−"));
  }
}

follow("", {
  told: async (news, whole) => {
    const there = new Set([...document.querySelectorAll(".run")].map((card) => card.dataset.key));
    const now = new Set(news.calls.map((call) => call.id));
    const others = news.ended.some((id) => there.has(id)) || [...now].some((id) => !there.has(id))
      || (whole && [...there].some((id) => !now.has(id)));
    if (others) await refresh();
    news.calls.forEach(show);
    Object.entries(news.levels).forEach(([id, levels]) => level(id, levels));
  },
  state: (connected) => {
    status.textContent = connected ? words.connected : words.away;
  },
});

setInterval(() => {
  for (const place of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - new Date(place.dataset.since)) / 1000));
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const two = (number) => String(number).padStart(2, "0");
    place.textContent = hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  }
}, 1000);
