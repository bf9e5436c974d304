// Raw events: the index by parts, the content of one when it is opened.
// What was on the wire goes in by textContent only.
import { moment } from "./player.js";

const LONGEST = 2000;
const BESIDE_MS = 1000;
const BESIDE_FRAMES = 12;
const MOST_ROWS = 1000;

export class Events {
  #root; #list; #status; #more;
  #after = -1;
  #hasMore = true;
  #shown = 0;
  #round = 0;
  #asked = "";
  #loading = null;
  #from_ms = 0;
  #found = () => {};

  constructor(root) {
    this.#root = root;
    this.#list = root.querySelector("ol");
    this.#status = root.querySelector("#event-status");
    this.#more = root.querySelector("#event-more");
    this.#more.addEventListener("click", () => this.#load());
    let wait = 0;
    root.querySelector("#event-type").addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(() => this.#restart(), 200);
    });
    for (const id of ["#event-leg", "#event-audio"]) {
      root.querySelector(id).addEventListener("change", () => this.#restart());
    }
    this.#list.addEventListener("click", (event) => {
      const button = event.target.closest(".ev > button");
      if (button) this.#toggle(button);
    });
    root.querySelector("#event-from button").addEventListener("click", () => {
      this.#show(-1, 0);
    });
    // Nobody pays for events that they do not look at.
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      this.#load();
      document.addEventListener("trunkline:fresh", () => { if (!this.#hasMore) this.#load(); });
    }, { rootMargin: "200px" });
    seen.observe(root);
    new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting) && this.#shown) this.#load();
    }, { root: root.querySelector(".evs"), rootMargin: "300px" }).observe(this.#more);
  }

  // Shows what passed around a moment, and where among it that is.
  around(ms) {
    const at = Math.round(ms);
    this.#show(-1, Math.max(0, at - BESIDE_MS), () => {
      const rows = [...this.#list.children];
      return rows.find((row) => Number(row.dataset.atMs) >= at) ?? rows.at(-1);
    });
  }

  // Shows one frame among its neighbours, opened, whatever the filters had left out.
  frame(seq) {
    for (const [id, value] of [["#event-type", ""], ["#event-leg", ""], ["#event-audio", "show"]]) this.#root.querySelector(id).value = value;
    this.#show(Math.max(-1, seq - BESIDE_FRAMES), 0, () => {
      const row = this.#list.querySelector(`[data-seq="${seq}"]`);
      if (row) this.#open(row);
      return row;
    });
  }

  #show(after, from_ms, found = () => {}) {
    this.#from_ms = from_ms;
    this.#found = () => {
      this.#found = () => {};
      const row = found();
      if (!row) return;
      row.classList.add("here");
      row.scrollIntoView({ block: "center" });
      row.querySelector("button").focus({ preventScroll: true });
    };
    this.#root.scrollIntoView({ block: "nearest" });
    this.#begin(after);
  }

  #filters() {
    const value = (id) => this.#root.querySelector(id).value;
    return { contains: value("#event-type"), leg: value("#event-leg"), audio: String(value("#event-audio") === "show") };
  }

  // What is asked for already may have been opened meanwhile: it stays.
  #restart() {
    if (this.#asked !== JSON.stringify(this.#filters())) this.#begin(-1);
  }

  #begin(after) {
    this.#round += 1;
    [this.#after, this.#hasMore, this.#shown, this.#loading] = [after, true, 0, null];
    this.#list.replaceChildren();
    this.#note(after >= 0 ? `frame ${after + 1}` : this.#from_ms ? moment(this.#from_ms) : "");
    this.#load();
  }

  #note(from) {
    const note = this.#root.querySelector("#event-from");
    note.hidden = !from;
    note.querySelector("b").textContent = from;
  }

  // Of a long call only the neighbourhood is kept; what stands does not move.
  #forget() {
    const rows = [...this.#list.children];
    if (rows.length <= MOST_ROWS) return;
    const first = rows[rows.length - MOST_ROWS];
    const stood = first.getBoundingClientRect().top;
    for (const old of rows.slice(0, rows.length - MOST_ROWS)) old.remove();
    this.#root.querySelector(".evs").scrollTop += first.getBoundingClientRect().top - stood;
    this.#note(`frame ${first.dataset.seq}`);
  }

  #load() {
    this.#loading ??= this.#fetch(this.#round).finally(() => { this.#loading = null; });
  }

  async #fetch(round) {
    const url = new URL(this.#root.dataset.index, location.href);
    url.searchParams.set("after", String(this.#after));
    const filters = this.#filters();
    this.#asked = JSON.stringify(filters);
    for (const [name, value] of Object.entries(filters)) url.searchParams.set(name, value);
    if (this.#from_ms) url.searchParams.set("from_ms", String(this.#from_ms));
    try {
      const answer = await fetch(url, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const part = await answer.json();
      if (round !== this.#round) return;
      [this.#after, this.#hasMore] = [part.after, part.more];
      this.#list.append(...part.events.map((event) => row(event)));
      this.#forget();
      this.#shown = this.#list.children.length;
      const shown = this.#shown.toLocaleString("en");
      this.#status.textContent = part.more ? `${shown} shown, more follow.` : this.#shown ? `${shown} shown, that is all.` : filters.contains || filters.leg ? "No event fits." : "No event is recorded.";
      this.#more.hidden = !part.more;
      this.#found();
    } catch {
      this.#status.textContent = "The events of this call could not be read. Reload the page to try again.";
    }
  }

  #toggle(button) {
    const item = button.parentElement;
    if (button.getAttribute("aria-expanded") !== "true") { this.#open(item); return; }
    button.setAttribute("aria-expanded", "false");
    item.querySelector(".whole").remove();
  }

  async #open(item) {
    item.querySelector("button").setAttribute("aria-expanded", "true");
    const whole = document.createElement("div");
    whole.className = "whole";
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    pre.id = `event-${item.dataset.seq}`;
    pre.textContent = "…";
    whole.append(acts(item, pre), pre);
    item.append(whole);
    pre.textContent = await this.#content(Number(item.dataset.seq));
  }

  async #content(seq) {
    const url = new URL(this.#root.dataset.url, location.href);
    url.searchParams.set("after", String(seq - 1));
    url.searchParams.set("limit", "1");
    try {
      const answer = await fetch(url, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const line = JSON.parse((await answer.text()).split("\n")[0]);
      if (line.text === null) return line.base64 ? `binary, base64: ${line.base64.slice(0, LONGEST)}` : "nothing was recorded";
      return pretty(line.text);
    } catch {
      return "This frame could not be read.";
    }
  }
}

function row(event) {
  const item = document.createElement("li");
  item.className = "ev";
  [item.dataset.seq, item.dataset.atMs] = [event.seq, event.at_ms];
  const button = document.createElement("button");
  button.setAttribute("aria-expanded", "false");
  const type = (event.type || "unreadable") + (event.record === "bridged" ? "  ↳ as sent" : "");
  const cells = [
    ["seq", event.seq], ["at", moment(event.at_ms)], [`leg ${event.leg}`, event.leg],
    [`type${/error|failed/.test(type) ? " bad" : ""}`, type], ["sz", `${event.size_bytes.toLocaleString("en")} B`],
  ];
  for (const [name, words] of cells) {
    const cell = document.createElement("span");
    cell.className = name;
    cell.textContent = words;
    button.append(cell);
  }
  item.append(button);
  return item;
}

// What can be done with an opened event: hear it, and take it along.
function acts(item, pre) {
  const row = document.createElement("div");
  row.className = "row acts";
  const button = (words, name, value) => {
    const made = document.createElement("button");
    [made.className, made.textContent, made.dataset[name]] = ["btn small", words, value];
    row.append(made);
    return made;
  };
  button(`Go to ${moment(Number(item.dataset.atMs))}`, "seekMs", item.dataset.atMs);
  const copy = button("", "copy", `#${pre.id}`);
  const words = document.createElement("span");
  words.dataset.label = "";
  words.textContent = "Copy JSON";
  copy.append(words);
  return row;
}

function pretty(text) {
  const shorten = (_key, value) => (typeof value === "string" && value.length > LONGEST
    ? `${value.slice(0, 120)}… (${value.length.toLocaleString("en")} characters)` : value);
  try {
    return JSON.stringify(JSON.parse(text, shorten), null, 2);
  } catch {
    return text.slice(0, LONGEST * 10);
  }
}
