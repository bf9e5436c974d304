// Follows the clock: marks the line that is being said, and keeps it in view.

export class Transcript {
  #list = document.querySelector("#transcript");
  #touched = 0;

  constructor() {
    // Whoever scrolls is reading something else: leave them alone for a while.
    for (const kind of ["wheel", "touchmove", "keydown"]) {
      this.#list?.addEventListener(kind, () => { this.#touched = performance.now(); }, { passive: true });
    }
  }

  moveTo(ms, playing) {
    if (!this.#list) return;
    this.#mark(this.#list.querySelectorAll(".say[data-start-ms]"), ms, playing);
    this.#mark(document.querySelectorAll(".turns tr[data-start-ms]"), ms, false);
  }

  #mark(lines, ms, follow) {
    let now = null;
    for (const line of lines) if (Number(line.dataset.startMs) <= ms + 20) now = line;
    for (const line of lines) {
      if (line === now || !line.classList.contains("now")) continue;
      line.classList.remove("now");
      line.removeAttribute("aria-current");
    }
    if (!now || now.classList.contains("now")) return;
    now.classList.add("now");
    now.setAttribute("aria-current", "true");
    if (now.tagName === "LI") this.#show(now, follow);
  }

  #show(line, playing) {
    if (playing && performance.now() - this.#touched < 4000) return;
    const list = this.#list;
    const above = line.offsetTop < list.scrollTop;
    const below = line.offsetTop + line.offsetHeight > list.scrollTop + list.clientHeight;
    if (above || below) list.scrollTop = Math.max(0, line.offsetTop - list.clientHeight / 3);
  }
}
