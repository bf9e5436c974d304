// The feed of running calls. A page that nobody sees has none: browsers keep six connections to
// one server, and each open page would hold one of them.
import { refresh } from "./fresh.js";

const AGAIN_MS = 5000;

export function follow(query, { told, state = () => {} }) {
  let source = null;
  let timer = 0;
  // One after the other: a page that is fetched meanwhile must not overtake what follows.
  let work = Promise.resolve();
  const take = (whole) => (event) => {
    const news = JSON.parse(event.data);
    work = work.then(() => told(news, whole)).catch(() => {});
  };

  function open() {
    if (source || document.hidden) return;
    source = new EventSource(`/v1/live/events${query}`);
    source.addEventListener("calls", take(true));
    source.addEventListener("changes", take(false));
    source.addEventListener("open", () => state(true));
    source.addEventListener("error", lost);
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  // A browser comes back by itself, unless it was refused: signed out, or too many watch.
  function lost() {
    state(false);
    if (source.readyState !== EventSource.CLOSED) return;
    close();
    timer = setTimeout(async () => { await refresh(); open(); }, AGAIN_MS);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  open();
  return close;
}
