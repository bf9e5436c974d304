// The page's colours as a canvas needs them: looked up once, and again when light turns to dark.

export class Colours {
  #root; #names; #found = {};

  constructor(root, names) { [this.#root, this.#names] = [root, names]; }

  has(name) { return this.#names.includes(name); }
  forget() { this.#found = {}; }

  get(name) {
    if (!(name in this.#found)) {
      // A probe, because the value of a custom property keeps its light-dark() unresolved.
      const probe = document.createElement("i");
      this.#root.append(probe);
      for (const each of this.#names) {
        probe.style.color = `var(--${each})`;
        this.#found[each] = getComputedStyle(probe).color;
      }
      probe.remove();
    }
    return this.#found[name];
  }
}
