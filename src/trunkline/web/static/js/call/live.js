// The page of a call that runs: the feed says what goes on now, and when there is more to fetch.
import { follow } from "../feed.js";
import { refresh } from "../fresh.js";
import { level, show } from "../running.js";
import { Listening } from "./listen.js";

// With the feed, asking by itself is for what it may miss.
const SELDOM_MS = 15000;

export function watch(article) {
  const often = article.dataset.refreshMs;
  const id = article.dataset.call;
  let version = -1;
  const button = document.querySelector("#listen");
  if (button) new Listening(button, document.querySelector("#listening"), `/calls/${id}/listen`);
  const stop = follow(`?call=${encodeURIComponent(id)}`, {
    told: async (news, whole) => {
      const [call] = news.calls;
      const strip = document.querySelector("#now");
      if (call && strip) { strip.hidden = false; show(strip, call); }
      if (strip && id in news.levels) level(strip, news.levels[id]);
      const over = news.ended.includes(id) || (whole && !call);
      if (over) {
        stop();
        article.dataset.refreshMs = often;
        // What is focused stays as it is, and here comes the recording.
        if (strip?.contains(document.activeElement)) document.activeElement.blur();
      }
      // The caller may have gone before this page asked for the first time.
      if (over || (call && call.version !== version)) await refresh();
      if (call) version = call.version;
    },
    state: (connected) => { article.dataset.refreshMs = connected ? SELDOM_MS : often; },
  });
}
