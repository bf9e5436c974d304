// What keys do on every page: menus close, lists are walked, and `?` lists what else there is.
// Speech input types letters that nobody meant: whoever uses it turns single characters off.

const KEPT = "trunkline-single-keys";
let off = false;
try { off = localStorage.getItem(KEPT) === "off"; } catch { /* Nothing is kept here. */ }

// Whether a key is for the page: not typed into a field, not the browser's own, no dialog open.
export function forPage(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return false;
  if (off && event.key.length === 1 && event.key !== " ") return false;
  return !event.target.closest("input:not([type=checkbox]), select, textarea");
}

// All of them but the one that holds `besides`.
export function closeMenus(besides) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu.contains(besides)) continue;
    // Focus goes back to what opened it, if it was within.
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
}

function step(by) {
  const rows = [...document.querySelectorAll("tr.goes")];
  const at = rows.indexOf(document.activeElement.closest("tr.goes"));
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
  next?.querySelector("a").focus();
}

// On a phone only the first filter is seen, until somebody asks for all.
export function unfold(form) {
  form.classList.add("open");
}

function search() {
  const field = document.querySelector("#f-said, #f-search");
  const closed = field?.closest("details:not([open])");
  if (closed) closed.open = true;
  if (field) unfold(field.form);
  field?.focus();
  field?.select();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  "/": search,
  "?": () => document.querySelector("#shortcuts")?.showModal(),
};

export function listKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus(null);
    else if (forPage(event) && Object.hasOwn(KEYS, event.key)) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
  // A menu does not stay open over what has focus next.
  document.addEventListener("focusin", (event) => closeMenus(event.target));
  const dialog = document.querySelector("#shortcuts");
  if (!dialog) return;
  const opens = document.querySelector("#show-shortcuts");
  opens.hidden = false;
  opens.addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-done]")) dialog.close();
  });
  const single = dialog.querySelector("input");
  single.checked = !off;
  single.addEventListener("change", () => {
    off = !single.checked;
    try { localStorage.setItem(KEPT, off ? "off" : "on"); } catch { /* As long as the page lives. */ }
  });
}
