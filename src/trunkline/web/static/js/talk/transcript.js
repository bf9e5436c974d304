// What both sides say, as it is said. A line is text, never markup.

const WHO = { you: "You", assistant: "Assistant" };

export class Transcript {
  #list;
  #said;
  #rows = new Map();

  // `said` is read aloud: each line once, when it is whole.
  constructor(list, said) {
    this.#list = list;
    this.#said = said;
  }

  clear() {
    this.#list.replaceChildren();
    this.#rows.clear();
  }

  show(lines) {
    const atEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    lines.forEach((line, at) => {
      const row = this.#rows.get(line.id) ?? this.#make(line);
      if (this.#list.children[at] !== row.item) this.#list.insertBefore(row.item, this.#list.children[at] ?? null);
      const text = line.text || "…";
      if (row.words.textContent !== text) row.words.textContent = text;
      const cut = line.cutMs === null ? "" : `You interrupted after ${(line.cutMs / 1000).toFixed(1)} s`;
      if (row.cut.textContent !== cut) row.cut.textContent = cut;
      if (line.done && !row.told && line.text) {
        row.told = true;
        this.#said.textContent = `${WHO[line.who]}: ${line.text}`;
      }
    });
    if (atEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #make({ id, who }) {
    const item = document.createElement("li");
    item.className = who;
    const [name, words, cut] = ["b", "p", "small"].map((tag) => document.createElement(tag));
    name.textContent = WHO[who];
    item.append(name, words, cut);
    const row = { item, words, cut, told: false };
    this.#rows.set(id, row);
    return row;
  }
}
