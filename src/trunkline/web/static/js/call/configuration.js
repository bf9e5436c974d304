// How the session was set up, and what each update made of it: by what the provider confirmed.
// The events of a call are asked for when somebody opens the panel.
import { clock } from "./player.js";

// Of a session, and no setting: names, times, and what only its application should have.
const NO_SETTING = new Set(["id", "object", "expires_at", "client_secret"]);
const TOLD = /^(transcription_)?session\.(created|updated)$/;
const LONGEST = 400;

// Every setting by its path, as text. Lists count as one: their order means something.
export function settings(session, path = "", found = new Map()) {
  for (const [name, value] of Object.entries(session)) {
    if (!path && NO_SETTING.has(name)) continue;
    const here = path ? `${path}.${name}` : name;
    if (value && typeof value === "object" && !Array.isArray(value)) settings(value, here, found);
    else found.set(here, typeof value === "string" ? value : JSON.stringify(value));
  }
  return found;
}

// What differs, by path: [path, before, after]; null for a setting that is not there.
export function changes(before, after) {
  const paths = [...new Set([...before.keys(), ...after.keys()])];
  return paths.map((path) => [path, before.get(path) ?? null, after.get(path) ?? null])
    .filter(([, one, other]) => one !== other)
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

// What was set first, and each change of it: [{at_ms, changes}]. Updates that changed nothing too.
export function history(told) {
  let before = new Map();
  return told.map(({ at_ms, session }) => {
    const after = settings(session);
    const step = { at_ms, changes: changes(before, after) };
    before = after;
    return step;
  });
}

async function read(root) {
  const asked = new URL(root.dataset.index, location.href);
  asked.searchParams.set("contains", "session.");
  asked.searchParams.set("leg", "provider");
  const told = [];
  for (let after = -1, more = true; more;) {
    asked.searchParams.set("after", String(after));
    const part = await json(asked);
    for (const event of part.events) {
      if (!TOLD.test(event.type) || event.record === "bridged") continue;
      const content = new URL(root.dataset.url, location.href);
      content.searchParams.set("after", String(event.seq - 1));
      content.searchParams.set("limit", "1");
      const { text } = await json(content);
      if (text) told.push({ at_ms: event.at_ms, session: JSON.parse(text).session });
    }
    [after, more] = [part.after, part.more];
  }
  return told;
}

async function json(url) {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  return JSON.parse((await answer.text()).split("\n")[0]);
}

export function showConfiguration(details, events) {
  details.hidden = false;
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    const [body, status] = [details.querySelector("tbody"), details.querySelector("[role=status]")];
    try {
      const steps = history(await read(events));
      body.replaceChildren(...steps.flatMap((step, at) => drawn(step, at === 0)));
      status.textContent = steps.length ? "" : "The provider has told of no session.";
    } catch {
      status.textContent = "The events of this call could not be read. Open this again to try again.";
    }
  });
}

function drawn(step, first) {
  const rows = step.changes.length ? step.changes : [["nothing changed", null, null]];
  return rows.map(([path, before, after], at) => {
    const line = document.createElement("tr");
    const cell = (content, name) => {
      const made = line.insertCell();
      made.className = name;
      made.append(content);
    };
    if (at === 0) {
      const seek = document.createElement("button");
      seek.className = "seek";
      seek.dataset.seekMs = step.at_ms;
      seek.textContent = clock(step.at_ms, true);
      cell(seek, "mono");
    } else cell("", "");
    cell(path, step.changes.length ? "mono" : "dim");
    cell(first ? "" : marked("del", before), "");
    cell(marked(first ? "span" : "ins", after), "");
    return line;
  });
}

function marked(tag, text) {
  const made = document.createElement(text === null ? "span" : tag);
  made.textContent = text === null ? "" : text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return made;
}
