// Raw events, by pages from the API. What was on the wire goes in by textContent only.
import { clock } from "./player.js";

const PAGE = 200;
const AUDIO = /audio(_buffer)?\.(append|delta)$/;

export class Events {
  #root; #list; #status; #more; #types = new Set();
  #next = null;
  #rows = [];
  #busy = false;

  constructor(root) {
    this.#root = root;
    this.#list = root.querySelector("ol");
    this.#status = root.querySelector("#event-status");
    this.#more = root.querySelector("#event-more");
    this.#more.addEventListener("click", () => this.#load());
    for (const id of ["#event-type", "#event-leg", "#event-audio"]) {
      root.querySelector(id).addEventListener("input", () => this.#filter());
    }
    this.#list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.#toggle(button);
    });
    // Nobody pays for events that they do not look at.
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) { seen.disconnect(); this.#load(); }
    }, { rootMargin: "200px" });
    seen.observe(root);
    const nearEnd = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting) && this.#next) this.#load();
    }, { root: root.querySelector(".evs"), rootMargin: "300px" });
    nearEnd.observe(this.#more);
  }

  async #load() {
    if (this.#busy) return;
    this.#busy = true;
    const url = new URL(this.#root.dataset.url, location.href);
    url.searchParams.set("limit", String(PAGE));
    if (this.#next) url.searchParams.set("cursor", this.#next);
    try {
      const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/x-ndjson" } });
      if (!answer.ok) throw new Error(String(answer.status));
      this.#next = answer.headers.get("x-next-cursor");
      const lines = (await answer.text()).split("\n").filter(Boolean);
      for (const line of lines) this.#add(JSON.parse(line));
      this.#suggest();
      this.#filter();
    } catch {
      this.#status.textContent = "The events of this call could not be read.";
    } finally {
      this.#busy = false;
    }
  }

  #add(event) {
    const item = document.createElement("li");
    item.className = "ev";
    const button = document.createElement("button");
    button.setAttribute("aria-expanded", "false");
    const type = event.type || event.kind || "unreadable";
    const cells = [
      ["seq", event.seq], ["at", clock(event.at_ms, true)], [`leg ${event.leg ?? ""}`, event.leg ?? "gateway"],
      [`type${/error|failed/.test(type) ? " bad" : ""}`, type], ["sz", event.size_bytes === undefined ? "" : `${event.size_bytes} B`],
    ];
    for (const [name, words] of cells) {
      const cell = document.createElement("span");
      cell.className = name;
      cell.textContent = words;
      button.append(cell);
    }
    item.append(button);
    this.#list.append(item);
    this.#rows.push({ item, event, type });
    this.#types.add(type);
  }

  #toggle(button) {
    const item = button.parentElement;
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    item.querySelector("pre")?.remove();
    if (open) return;
    const { event } = this.#rows.find((row) => row.item === item);
    const pre = document.createElement("pre");
    pre.textContent = JSON.stringify(event.event ?? event, shorten, 2);
    item.append(pre);
  }

  #suggest() {
    const list = this.#root.querySelector("#event-types");
    list.replaceChildren(...[...this.#types].sort().map((type) => new Option(type)));
  }

  #filter() {
    const type = this.#root.querySelector("#event-type").value.trim().toLowerCase();
    const leg = this.#root.querySelector("#event-leg").value;
    const audio = this.#root.querySelector("#event-audio").value === "show";
    let shown = 0;
    for (const row of this.#rows) {
      const fits = (!type || row.type.toLowerCase().includes(type)) && (!leg || row.event.leg === leg)
        && (audio || type || !AUDIO.test(row.type));
      row.item.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    const all = this.#rows.length;
    this.#status.textContent = `${shown.toLocaleString()} shown of ${all.toLocaleString()} read${this.#next ? ", more follow" : ""}`;
    this.#more.hidden = !this.#next;
  }
}

const shorten = (key, value) => (typeof value === "string" && value.length > 2000
  ? `${value.slice(0, 120)}… (${value.length.toLocaleString()} characters)` : value);
