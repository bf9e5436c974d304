// What the feed tells of one call, into the places that the server has rendered for it:
// `[data-f]` of a card on the Live page, or of the strip on the call's own.

const QUIETEST = -60;
const SILENT = -96;
export const words = JSON.parse(document.querySelector("#words").textContent);

function put(card, name, text) {
  const place = card.querySelector(`[data-f="${name}"]`);
  if (place && place.textContent !== text) place.textContent = text;
  return place;
}

// As `text.money` on the server has it.
function money(usd) {
  const value = Number(usd);
  if (value === 0) return "$0.00";
  if (value >= 1000) return `$${Math.round(value).toLocaleString("en-US")}`;
  if (value >= 1) return `$${value.toFixed(2)}`;
  return `$${value.toFixed(Math.min(9, Math.max(2, 2 - Math.floor(Math.log10(value)))))}`;
}

export function show(card, call) {
  card.dataset.state = call.state;
  put(card, "state", words.states[call.state]);
  if (call.last_line) {
    put(card, "speaker", words.speakers[call.last_line.who]);
    put(card, "line", call.last_line.text);
  }
  for (const name of ["turns", "barge_ins", "errors"]) put(card, name, String(call[name]));
  card.querySelector('[data-f="errors"]')?.classList.toggle("bad", call.errors > 0);
  if (call.cost_usd !== null) put(card, "cost", money(call.cost_usd));
  else if (call.unpriced.length) put(card, "cost", words.unpriced);
}

export function level(card, levels) {
  for (const [place, side] of ["caller", "assistant"].entries()) {
    const dbfs = levels[place];
    const meter = card.querySelector(`[data-f="${side}"]`);
    if (!meter) return;
    meter.value = Math.max(QUIETEST, dbfs ?? QUIETEST);
    put(card, `${side}-words`, dbfs === null ? words.unknown
      : dbfs <= SILENT ? words.silent : `${dbfs} dB`.replace("-", "−"));
  }
}
