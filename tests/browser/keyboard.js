// Watches a page while somebody goes over it by Tab. Evaluated by the test's own channel.
(() => {
  const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, audio[controls], [tabindex]";
  const named = (node) => {
    const words = (node.getAttribute("aria-label") || node.innerText || node.name || node.id || "").trim().replace(/\s+/g, " ");
    return `<${node.localName}${node.id ? ` id=${node.id}` : ""}${node.className?.trim?.() ? ` class="${node.className}"` : ""}> ${words.slice(0, 50)}`;
  };
  const visible = (node) => node.checkVisibility({ opacityProperty: false, visibilityProperty: true, contentVisibilityAuto: true })
    && node.getClientRects().length > 0;
  const byTab = (node) => node.tabIndex >= 0 && !node.disabled && !node.closest("[inert]")
    // Of radio buttons the chosen one is a stop; arrows lead to the others.
    && !(node.type === "radio" && !node.checked && node.form?.elements.namedItem(node.name)?.value !== "")
    && !(node.type === "radio" && !node.checked && document.querySelector(`input[type=radio][name="${node.name}"]:checked`));
  // Arrows go from part to part of these, by their role; what has none of them is walked by Tab.
  const PROMISES = ["menu", "menubar", "tablist", "listbox", "tree", "grid", "radiogroup", "toolbar"];
  const main = () => document.querySelector("#main") ?? document.body;

  // Whom a mouse can press: controls that are not clipped away, and what says so by its cursor.
  const pressed = () => [...main().querySelectorAll("*")].filter((node) => visible(node) && getComputedStyle(node).clipPath === "none"
    && (node.matches("a[href], button:enabled, summary, select:enabled, input:enabled")
      || (getComputedStyle(node).cursor === "pointer" && getComputedStyle(node.parentElement).cursor !== "pointer")));
  // A drawing's parts are no stops: the table beside it leads there too.
  const elsewhere = (node) => node.ownerSVGElement && [...main().querySelectorAll("td a[href]")]
    .some((other) => other.getAttribute("href") === node.getAttribute("href") && byTab(other));
  const reachable = (node) => {
    if (elsewhere(node.closest("svg a") ?? node)) return true;
    const label = node.closest("label");
    return [node.closest(CONTROLS), label?.control, ...node.querySelectorAll(CONTROLS)].some((other) => other && (byTab(other) || other.type === "radio"));
  };

  // Who shows the focus of a control that is itself not seen: the label of a tab.
  const shower = (node) => (getComputedStyle(node).opacity === "0" && node.labels?.length ? node.labels[0] : node);
  const ring = (node) => {
    const { outlineStyle, outlineWidth, outlineOffset, outlineColor } = getComputedStyle(node);
    const wide = parseFloat(outlineWidth);
    if (outlineStyle === "none" || wide < 1 || /, 0\)$|transparent/.test(outlineColor)) return null;
    const by = wide + parseFloat(outlineOffset);
    return [...node.getClientRects()].filter((box) => box.width && box.height)
      .map((box) => ({ left: box.left - by, right: box.right + by, top: box.top - by, bottom: box.bottom + by }));
  };
  // How many sides of the ring are seen: what scrolls or cuts its content hides the others.
  const sides = (node, boxes) => {
    let [left, top, right, bottom] = [0, 0, innerWidth, innerHeight];
    for (let at = node.parentElement; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (at === document.documentElement || at === document.body) break;
      if (style.position === "fixed" || at.matches("[popover], dialog")) break;
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const box = at.getBoundingClientRect();
      [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
      [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
    }
    const first = boxes[0];
    const last = boxes.at(-1);
    return (first.left >= left - 1) + (last.right <= right + 1) + (first.top >= top - 1) + (last.bottom <= bottom + 1);
  };
  const covered = (node) => {
    const box = [...node.getClientRects()].find((one) => one.width && one.height);
    if (!box) return "it has no size";
    const [left, top] = [Math.max(0, box.left), Math.max(0, box.top)];
    const [right, bottom] = [Math.min(innerWidth, box.right), Math.min(innerHeight, box.bottom)];
    if (left >= right || top >= bottom) return "it is not on the screen";
    const [x, y] = [left + Math.min((right - left) / 2, 30), top + Math.min((bottom - top) / 2, 12)];
    const there = document.elementFromPoint(x, y);
    if (there && (node.contains(there) || there.contains(node) || there.closest("label")?.control === node)) return "";
    return `it is under ${there ? named(there) : "nothing"}`;
  };

  const wrong = () => {
    const node = document.activeElement;
    if (!node || node === document.body) return ["nothing has focus"];
    const shown = shower(node);
    const boxes = ring(shown);
    const found = [];
    if (!boxes?.length) found.push("its focus cannot be seen");
    else if (sides(shown, boxes) < 2) found.push("its focus is cut off");
    const under = covered(shown);
    if (under) found.push(under);
    return found.map((problem) => `${named(node)}: ${problem}`);
  };

  window.walk ??= {
    seen: [], problems: [], done: false, started: false,
    wrong,
    begin(back) {
      [this.seen, this.problems, this.done] = [[], [], false];
      getSelection().removeAllRanges();
      document.activeElement?.blur();
      if (back) {
        const after = document.createElement("button");
        after.id = "after-everything";
        document.body.append(after);
        after.focus();
      } else main().focus();
      if (this.started) return;
      this.started = true;
      // Before Tab moves on: by now whatever had to scroll has scrolled.
      document.addEventListener("keydown", (event) => { if (event.key === "Tab") this.look(); }, { capture: true });
    },
    look() {
      const node = document.activeElement;
      // A field of a date is several stops, and who asks whether it is over looks twice.
      if (this.done || node === main() || node?.id === "after-everything" || node === this.seen.at(-1)) return;
      if (!main().contains(node) || this.seen.includes(node)) { this.done = this.seen.length > 0; return; }
      this.seen.push(node);
      this.problems.push(...wrong());
    },
    over() { this.look(); return this.done || !main().querySelector(CONTROLS); },
    where: () => named(document.activeElement),
    end() {
      document.querySelector("#after-everything")?.remove();
      const missed = [...main().querySelectorAll(CONTROLS)].filter((node) => visible(node) && byTab(node) && !this.seen.includes(node));
      const mouse = pressed().filter((node) => !reachable(node));
      const promised = [...document.querySelectorAll(PROMISES.map((role) => `[role=${role}]`).join())];
      return [...this.problems, ...promised.map((node) => `${named(node)}: its role promises arrows`), ...missed.map((node) => `${named(node)}: Tab does not reach it`), ...mouse.map((node) => `${named(node)}: only a mouse can press it`)];
    },
    // One of each kind: by the words of its summary without names.
    menus() {
      const kinds = new Map();
      [...document.querySelectorAll("details.menu > summary")].forEach((node, number) => {
        if (visible(node) && !kinds.has(node.innerText)) kinds.set(node.innerText, number);
      });
      return [...kinds.values()];
    },
  };
})()
