// Forms with `data-quiet` are sent without loading the page again: the answer is the same page,
// and its regions that have changed are swapped. Without this script they are plain forms.
import { swap } from "./fresh.js";

const tell = (words) => {
  const status = document.querySelector("#marks-status");
  if (status) status.textContent = words;
};

async function send(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  const field = button?.id || form.querySelector("input[id]")?.id || form.closest("details")?.querySelector("summary")?.id;
  let answer;
  try {
    answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
  } catch {
    tell("Not saved: the server cannot be reached.");
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok) {
    tell(`Not saved. ${fresh.querySelector("main p, form p, p")?.textContent ?? ""}`);
    return;
  }
  tell("");
  // What has focus, or is open, is not swapped: this has done its work, others are left alone.
  const here = form.contains(document.activeElement);
  if (here) document.activeElement.blur();
  const menu = form.closest("details");
  if (menu) menu.open = false;
  swap(fresh);
  if (here) (document.getElementById(field) ?? document.querySelector("#new-tag"))?.focus();
}

export function quietForms() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-quiet]")) return;
    event.preventDefault();
    send(event.target, event.submitter);
  });
}
