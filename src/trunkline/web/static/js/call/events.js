// Raw events: the index by parts, the content of one when it is opened.
// What was on the wire goes in by textContent only.
import { clock } from "./player.js";

const LONGEST = 2000;

export class Events {
  #root; #list; #status; #more;
  #after = -1;
  #hasMore = true;
  #shown = 0;
  #round = 0;
  #asked = "";
  #loading = null;

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
      const button = event.target.closest("button");
      if (button) this.#toggle(button);
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

  #filters() {
    const value = (id) => this.#root.querySelector(id).value;
    return { contains: value("#event-type"), leg: value("#event-leg"), audio: String(value("#event-audio") === "show") };
  }

  // What is asked for already may have been opened meanwhile: it stays.
  #restart() {
    if (this.#asked === JSON.stringify(this.#filters())) return;
    this.#round += 1;
    [this.#after, this.#hasMore, this.#shown, this.#loading] = [-1, true, 0, null];
    this.#list.replaceChildren();
    this.#load();
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
    try {
      const answer = await fetch(url, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const part = await answer.json();
      if (round !== this.#round) return;
      [this.#after, this.#hasMore] = [part.after, part.more];
      this.#list.append(...part.events.map((event) => row(event)));
      this.#shown += part.events.length;
      const shown = this.#shown.toLocaleString("en");
      this.#status.textContent = part.more ? `${shown} shown, more follow.` : this.#shown ? `${shown} shown, that is all.` : filters.contains || filters.leg ? "No event fits." : "No event is recorded.";
      this.#more.hidden = !part.more;
    } catch {
      this.#status.textContent = "The events of this call could not be read. Reload the page to try again.";
    }
  }

  async #toggle(button) {
    const item = button.parentElement;
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    item.querySelector("pre")?.remove();
    if (open) return;
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    pre.textContent = "…";
    item.append(pre);
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
  item.dataset.seq = event.seq;
  const button = document.createElement("button");
  button.setAttribute("aria-expanded", "false");
  const type = (event.type || "unreadable") + (event.record === "bridged" ? "  ↳ as sent" : "");
  const cells = [
    ["seq", event.seq], ["at", clock(event.at_ms, true)], [`leg ${event.leg}`, event.leg],
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

function pretty(text) {
  const shorten = (_key, value) => (typeof value === "string" && value.length > LONGEST
    ? `${value.slice(0, 120)}… (${value.length.toLocaleString("en")} characters)` : value);
  try {
    return JSON.stringify(JSON.parse(text, shorten), null, 2);
  } catch {
    return text.slice(0, LONGEST * 10);
  }
}
