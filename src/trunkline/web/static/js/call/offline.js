// The page of a call out of a file: what its scripts would ask a server for, the page holds itself.

const PAGE = 200;
// Frames that are nothing but sound, as `events_view` knows them.
const SOUND = /audio(_buffer)?\.(append|delta)$/;
const [SEQ, AT_MS, LEG, RECORD, TYPE, SIZE, TEXT] = [0, 1, 2, 3, 4, 5, 6];

// The next part of the index of events, narrowed as the server would.
export function part(events, query) {
  const [after, from_ms] = [Number(query.get("after") ?? -1), Number(query.get("from_ms") ?? 0)];
  const [contains, leg] = [(query.get("contains") ?? "").trim().toLowerCase(), query.get("leg")];
  const fits = (one) => one[SEQ] > after && one[AT_MS] >= from_ms && (!leg || one[LEG] === leg)
    && (contains ? one[TYPE].toLowerCase().includes(contains) : query.get("audio") === "true" || !SOUND.test(one[TYPE]));
  const found = events.filter(fits);
  const shown = found.slice(0, PAGE);
  return {
    events: shown.map((one) => ({ seq: one[SEQ], at_ms: one[AT_MS], leg: one[LEG], record: one[RECORD], type: one[TYPE], size_bytes: one[SIZE] })),
    after: shown.at(-1)?.[SEQ] ?? after,
    more: found.length > PAGE,
  };
}

// What the server would answer; null where the file has nothing.
export function answer(held, url) {
  const [path, query] = [url.pathname, url.searchParams];
  if (path.endsWith("/peaks")) return held.peaks;
  if (path.endsWith("/traffic")) return held.traffic;
  if (path.endsWith("/flame")) return held.flame;
  if (!path.endsWith("/events")) return null;
  if (!query.has("limit")) return part(held.events, query);
  const one = held.events.find((event) => event[SEQ] > Number(query.get("after")));
  return one ? { text: one[TEXT], base64: null } : null;
}

if (globalThis.document) {
  // What leads to the server leads nowhere here.
  for (const link of document.querySelectorAll("a[download]")) link.remove();
  for (const link of document.querySelectorAll("a[href]:not([href^='#'])")) link.removeAttribute("href");
  const held = JSON.parse(document.querySelector("#held").textContent);
  globalThis.fetch = async (asked) => {
    const found = answer(held, new URL(asked, location.href));
    return new Response(typeof found === "string" ? found : JSON.stringify(found), { status: found === null ? 404 : 200 });
  };
}
