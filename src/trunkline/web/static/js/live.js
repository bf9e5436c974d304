// The Live page: what the feed tells goes into the cards that the server has rendered. Cards
// that come and go are the server's again.
import { follow } from "./feed.js";
import { refresh } from "./fresh.js";
import { level, show, words } from "./running.js";

const status = document.querySelector("#feed");
const cards = () => new Map(
  [...document.querySelectorAll(".run")].map((card) => [card.dataset.key, card]),
);

follow("", {
  told: async (news, whole) => {
    let there = cards();
    const now = new Set(news.calls.map((call) => call.id));
    const others = news.ended.some((id) => there.has(id)) || [...now].some((id) => !there.has(id))
      || (whole && [...there.keys()].some((id) => !now.has(id)));
    if (others) { await refresh(); there = cards(); }
    for (const call of news.calls) if (there.has(call.id)) show(there.get(call.id), call);
    for (const [id, levels] of Object.entries(news.levels)) {
      if (there.has(id)) level(there.get(id), levels);
    }
  },
  state: (connected) => { status.textContent = connected ? words.connected : words.away; },
});

setInterval(() => {
  for (const place of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - new Date(place.dataset.since)) / 1000));
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const two = (number) => String(number).padStart(2, "0");
    place.textContent = hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  }
}, 1000);
