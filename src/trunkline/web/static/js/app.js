// What every page does: copy buttons, local times, rows that open, forms that send themselves,
// and lists that stay up to date.
import { keepFresh } from "./fresh.js";
import { closeMenus, listKeys, unfold } from "./keys.js";
import { quietForms } from "./quiet.js";

const CLOCK = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const THIS_YEAR = new Intl.DateTimeFormat(undefined, CLOCK);
const ANY_YEAR = new Intl.DateTimeFormat(undefined, { ...CLOCK, year: "numeric" });

// A time that is typed in is local as well; the address has it in UTC.
const zone = () => new Intl.DateTimeFormat(undefined, { timeZoneName: "short" }).formatToParts().find((part) => part.type === "timeZoneName").value;

function localFields() {
  for (const field of document.querySelectorAll("input[data-utc]")) {
    if (field.dataset.utc) {
      const at = new Date(`${field.dataset.utc}Z`);
      field.value = new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
    }
    field.removeAttribute("data-utc");
    field.labels[0].querySelector("[data-zone]").textContent = zone();
  }
}

export function localTimes(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) time.textContent = (at.getFullYear() === new Date().getFullYear() ? THIS_YEAR : ANY_YEAR).format(at);
  }
}

async function copy(button) {
  const from = document.querySelector(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(from.value ?? from.textContent);
  } catch {
    // No permission, or no secure context: select it, so that one key press copies.
    const range = document.createRange();
    range.selectNodeContents(from);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return;
  }
  const label = button.querySelector("[data-label]");
  button.classList.add("copied");
  if (!label) return;
  const before = label.textContent;
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = before; button.classList.remove("copied"); }, 1600);
}

// What a number means, at its label. Escape, or a click elsewhere, closes it.
function means(label) {
  const card = document.querySelector("#means");
  card.textContent = label.title;
  card.showPopover();
  const at = label.getBoundingClientRect();
  const below = at.bottom + card.offsetHeight + 8 < innerHeight;
  card.style.left = `${Math.max(12, Math.min(at.left, innerWidth - card.offsetWidth - 12))}px`;
  card.style.top = `${below ? at.bottom + 6 : Math.max(12, at.top - card.offsetHeight - 6)}px`;
}

// Nor does it stay over what has focus next.
document.addEventListener("focusout", (event) => {
  if (event.target.closest("button.why")) document.querySelector("#means").hidePopover();
});

document.addEventListener("click", (event) => {
  const label = event.target.closest("button.why");
  if (label) { means(label); return; }
  const button = event.target.closest("[data-copy]");
  if (button) { copy(button); return; }
  closeMenus(event.target);
  const unfolds = event.target.closest("[data-unfold]");
  if (unfolds) {
    unfold(unfolds.form);
    unfolds.form.querySelector("#f-status").focus();
    return;
  }
  const cancel = event.target.closest("[data-close]");
  if (cancel) { closeMenus(null); return; }
  const row = event.target.closest("tr.goes");
  if (row && !event.target.closest("a, button, summary, input, label") && !String(getSelection())) {
    row.querySelector("a").click();
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  // Times change with every digit, and "custom" means nothing before there is one.
  if (!form || event.target.type === "datetime-local" || event.target.value === "custom") return;
  form.requestSubmit();
});

document.addEventListener("formdata", (event) => {
  if (!event.target.matches("form[data-auto]")) return;
  const { formData } = event;
  const span = formData.get("span");
  for (const name of ["from", "to"]) {
    const at = formData.get(name);
    if (at && span === "custom") formData.set(name, new Date(at).toISOString().replace(/(:00)?\.000Z$/, "Z"));
    else formData.delete(name);
  }
  if (span === "custom" || span === "any") formData.delete("span");
  // Empty fields would only make the address long.
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});

// A key is shown once: loading the page again must not make another one.
if (document.querySelector("#fresh-key")) history.replaceState(null, "", location.pathname);

const local = () => { localTimes(); localFields(); };
local();
document.addEventListener("trunkline:fresh", local);
// The navigation of a phone scrolls to the side: where one is should be seen.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
listKeys();
quietForms();
keepFresh();
