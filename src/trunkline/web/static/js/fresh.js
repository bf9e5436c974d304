// Keeps a page up to date: fetches it again and swaps the regions that have changed.
//
// The server renders; this only moves what it rendered. `[data-region]` names a region,
// `[data-keyed]` one whose children are told apart by `data-key`, so that reading aloud,
// scrolling and focus survive. The page asks for it with `data-refresh-ms`.

const sent = new WeakMap();
// What the server sent for a region or a keyed child: what scripts changed in it since (local
// times, marks) is no difference.

export function swap(fresh) {
  let changed = false;
  for (const region of document.querySelectorAll("[data-region]")) {
    const next = fresh.querySelector(`[data-region="${region.dataset.region}"]`);
    if (!next) continue;
    if (region.hasAttribute("data-keyed")) changed = reconcile(region, next) || changed;
    else changed = replace(region, next) || changed;
  }
  if (changed) document.dispatchEvent(new CustomEvent("trunkline:fresh"));
}

// The token of a form is in other letters on every page, and no difference.
const plain = (html) => html.replaceAll(/(name="csrf_token" value=)"\w+"/g, "$1");
// A region that holds other regions has a version, and changes only with that.
const content = (region) => region.dataset.version ?? plain(region.innerHTML);
// The same of a keyed child, which a script may keep up to date itself.
const whole = (child) => child.dataset.version ?? plain(child.outerHTML);

function replace(region, next) {
  const html = content(next);
  if (sent.get(region) === html) return false;
  // Whoever is in the middle of something there keeps it; the next round will do.
  if (region.contains(document.activeElement) || region.querySelector("details[open]:is(.menu, .rest)")) return false;
  sent.set(region, html);
  if (next.dataset.version) region.dataset.version = html;
  region.replaceChildren(...[...next.childNodes].map((node) => document.adoptNode(node)));
  return true;
}

function reconcile(region, next) {
  let changed = false;
  const old = new Map([...region.children].map((child) => [child.dataset.key, child]));
  const scroller = region.closest("[data-scroller]");
  const atEnd = scroller && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
  let place = region.firstElementChild;
  for (const child of [...next.children]) {
    const html = whole(child);
    const have = old.get(child.dataset.key);
    old.delete(child.dataset.key);
    if (have && (sent.get(have) === html || have.contains(document.activeElement))) {
      if (have === place) place = place.nextElementSibling;
      else region.insertBefore(have, place);
      continue;
    }
    changed = true;
    const added = document.adoptNode(child);
    sent.set(added, html);
    if (have) {
      if (have === place) place = place.nextElementSibling;
      have.replaceWith(added);
    }
    region.insertBefore(added, place);
  }
  for (const gone of old.values()) { gone.remove(); changed = true; }
  if (changed && atEnd) scroller.scrollTop = scroller.scrollHeight;
  return changed;
}

let tag = "";

// Fetches the page again, if it is another than it was; returns what came, or null.
export async function refresh() {
  try {
    const answer = await fetch(location.href, {
      headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store", credentials: "same-origin",
    });
    if (answer.redirected || answer.status === 401) { location.reload(); return null; }
    if (!answer.ok) return null;
    tag = answer.headers.get("etag") ?? "";
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    swap(fresh);
    return fresh;
  } catch {
    // The server restarts, or the network is away: the next try will tell.
    return null;
  }
}

export function keepFresh() {
  const holder = document.querySelector("[data-refresh-ms]");
  if (!holder) return;
  const again = () => setTimeout(tick, Number(holder.dataset.refreshMs));
  async function tick() {
    const fresh = document.hidden ? null : await refresh();
    // A call that has ended says so by not asking any more.
    if (!fresh || fresh.querySelector("[data-refresh-ms]")) again();
  }
  again();
}

// Before any script touches a region: modules run in order, and this one is the first.
for (const region of document.querySelectorAll("[data-region]")) sent.set(region, content(region));
for (const child of document.querySelectorAll("[data-keyed] > *")) sent.set(child, whole(child));
