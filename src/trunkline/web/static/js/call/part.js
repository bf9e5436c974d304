// Parts of the page that are fetched when somebody comes near them: they are half of what the
// page of a long call would draw, and few look at them.

const NEAR = "400px";
const AGAIN_MS = 5000;

async function fetched(url) {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  return new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes;
}

export class Part {
  #find;
  #seen = null;
  #asked = -Infinity;
  #watching;

  // `find` returns the panel, if there is one now: a call that runs may get it later.
  constructor(find) {
    this.#find = find;
    this.#watching = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.#watching.disconnect();
      this.#load();
    }, { rootMargin: NEAR });
    this.bind();
    // Calls that run bring more of it.
    document.addEventListener("trunkline:fresh", () => this.bind());
  }

  bind() {
    const panel = this.#find();
    if (panel === this.#seen) {
      if (panel && this.#asked > -Infinity) this.#load();
      return;
    }
    this.#watching.disconnect();
    [this.#seen, this.#asked] = [panel, -Infinity];
    if (panel) this.#watching.observe(panel);
  }

  async #load() {
    const panel = this.#seen;
    if (performance.now() - this.#asked < AGAIN_MS) return;
    this.#asked = performance.now();
    const body = panel.querySelector("[data-part]");
    try {
      const nodes = await fetched(panel.dataset.url);
      if (!body.contains(document.activeElement)) body.replaceChildren(...nodes);
    } catch {
      // What was there stays, with its link.
    }
  }
}
