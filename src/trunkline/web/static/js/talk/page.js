// The Talk page: a call from the browser, through this gateway, to the recorded call's page.
import { toBase64 } from "./audio.js";
import { Conversation, sessionOf } from "./conversation.js";
import { canHear, NoMicrophone, openMicrophone, Speaker } from "./devices.js";
import { Transcript } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const article = $("talk");
const offers = JSON.parse($("offers").textContent);
const gateway = article.dataset.gateway || location.origin.replace(/^http/, "ws");
const transcript = new Transcript($("lines"), $("said"));

const PHASES = {
  ready: "Ready", microphone: "Asking for the microphone…", connecting: "Connecting…", listening: "Listening",
  hearing: "You are speaking", thinking: "Thinking…", speaking: "Speaking", ended: "Ended",
};
const LOOK_EVERY_MS = 300;
const RECORDED_WITHIN_MS = 60_000;
const PLAYABLE_WITHIN_MS = 6_000;
const REFUSED_WITHIN_MS = 5_000;

let call = null;
// The one that runs: {socket, conversation, speaker, microphone, id, opened}.

const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function show(phase) {
  if (article.dataset.phase === phase) return;
  article.dataset.phase = phase;
  $("phase").textContent = PHASES[phase];
}

function complain(code, message) {
  $("problem").hidden = false;
  $("problem-code").textContent = code;
  $("problem-words").textContent = message;
}

function choose() {
  const offer = offers.find(({ name }) => name === $("provider").value) ?? offers[0];
  $("model").value = offer.models[0] ?? "";
  $("model").placeholder = offer.models.length ? "" : "the model’s name";
  const fill = (list, values) => list.replaceChildren(...values.map((value) => new Option(value, value)));
  fill($("models"), offer.models);
  fill($("voices"), offer.voices);
}

// --- a call

async function begin({ speaking }) {
  if (call) return;
  $("problem").hidden = true;
  $("afterwards").hidden = true;
  const mine = { conversation: new Conversation(), speaker: null, microphone: null, socket: null, id: "", opened: false };
  call = mine;
  lock(true);
  try {
    mine.speaker = new Speaker();
    if (speaking) {
      show("microphone");
      mine.microphone = await openMicrophone((pcm, level) => hear(mine, pcm, level));
      if (call !== mine) { mine.microphone.stop(); return; }
      mine.microphone.gone(() => complain("microphone_gone", "The microphone was taken away. Type instead, or hang up."));
    }
    show("connecting");
    const made = await token();
    if (call !== mine) return;
    mine.id = made.talk_id;
    connect(mine, made.token);
  } catch (error) {
    if (call === mine) fail(error);
  }
}

function fail(error) {
  if (error instanceof NoMicrophone || error instanceof Refused) complain(error.code, error.message);
  else complain("page_failed", `This page failed: ${error.message}. Reload it.`);
  release();
  show("ready");
}

class Refused extends Error {
  constructor(code, message) { super(message); this.code = code; }
}

async function token() {
  let answer;
  try {
    answer = await fetch("/talk/token", {
      method: "POST",
      redirect: "error",
      headers: { "X-CSRF-Token": article.dataset.csrf },
      body: new URLSearchParams({ provider: $("provider").value, model: $("model").value }),
    });
  } catch {
    throw new Refused("not_reached", "The server did not answer. Are you still signed in? Reload the page.");
  }
  const told = await answer.json().catch(() => null);
  if (answer.ok) return told;
  throw new Refused(told?.error?.code ?? `http_${answer.status}`, told?.error?.message ?? "The server refused. Reload the page, and try again.");
}

function connect(mine, secret) {
  const { conversation } = mine;
  mine.socket = new WebSocket(`${gateway}/v1/realtime`, ["realtime", `openai-insecure-api-key.${secret}`]);
  mine.socket.onopen = () => {
    mine.opened = true;
    send(mine, { type: "session.update", session: sessionOf({
      instructions: $("instructions").value.trim(), voice: $("voice").value.trim(),
      handsFree: !mine.microphone || $("hands-free").checked,
    }) });
    transcript.clear();
    controls(mine);
    tick(mine);
  };
  mine.socket.onmessage = ({ data }) => act(mine, conversation.receive(JSON.parse(data), mine.speaker.nowS));
  mine.socket.onclose = (event) => ended(mine, event);
}

const send = (mine, event) => {
  if (mine.socket?.readyState === WebSocket.OPEN) mine.socket.send(JSON.stringify(event));
};

function act(mine, todo) {
  for (const one of todo) {
    if (one.send) send(mine, one.send);
    if (one.play) mine.speaker.play(one.play, one.atS);
    if (one.stop) mine.speaker.stop();
    if (one.fail) complain(one.fail.code, one.fail.message);
  }
  transcript.show(mine.conversation.lines);
}

function hear(mine, pcm, level) {
  $("your-level").value = level;
  if (!mine.opened || ($("push").checked && !mine.pressed)) return;
  send(mine, { type: "input_audio_buffer.append", audio: toBase64(pcm) });
}

function tick(mine) {
  if (call !== mine || !mine.opened) return;
  const { conversation, speaker } = mine;
  conversation.queue.latencyS = speaker.latencyS;
  $("model-level").value = speaker.level;
  show(conversation.phase(speaker.nowS));
  requestAnimationFrame(() => tick(mine));
}

function press(down) {
  const mine = call;
  if (!mine?.opened || !mine.microphone || Boolean(mine.pressed) === down) return;
  mine.pressed = down;
  $("hold").setAttribute("aria-pressed", String(down));
  act(mine, down ? mine.conversation.press(mine.speaker.nowS) : mine.conversation.release());
}

function say(event) {
  event.preventDefault();
  const text = $("words").value.trim();
  if (!text || !call?.opened) return;
  $("words").value = "";
  act(call, call.conversation.say(text, call.speaker.nowS));
}

// --- after it

function release() {
  call?.speaker?.close();
  call?.microphone?.stop();
  call = null;
  $("your-level").value = 0;
  $("model-level").value = 0;
  lock(false);
}

async function ended(mine, { code, reason }) {
  if (call !== mine) return;
  release();
  show("ended");
  if (!mine.opened) {
    await refused(mine);
    return;
  }
  if (code !== 1000 && code !== 1005) complain(`close_${code}`, reason || "The connection was lost.");
  await follow(mine.id);
}

// A browser tells a page nothing of an answer that is no WebSocket: the call's row does.
async function refused(mine) {
  const found = await look(mine.id, REFUSED_WITHIN_MS, () => true);
  if (found) complain(found.code || "refused", found.message || "The gateway refused the call.");
  else complain("not_connected", `No WebSocket to ${gateway} could be opened, and the gateway knows nothing of it. Does a proxy before it pass upgrades on?`);
  show("ready");
}

async function follow(id) {
  const steps = { ended: $("step-ended"), listed: $("step-listed"), playable: $("step-playable") };
  for (const step of Object.values(steps)) step.removeAttribute("data-done");
  $("to-call").hidden = true;
  $("afterwards").hidden = false;
  steps.ended.dataset.done = "";
  $("waiting").textContent = "The recorder is reading the last of it…";
  const listed = await look(id, RECORDED_WITHIN_MS, (found) => found.status !== "live");
  if (!listed || listed.status === "live") {
    $("waiting").textContent = "It is not there after a minute: the System page says how far the recorder is.";
    return;
  }
  steps.listed.dataset.done = "";
  $("to-call").href = listed.url;
  $("to-call").hidden = false;
  if (!listed.silent) {
    $("waiting").textContent = "The recording is being made…";
    const found = await look(id, PLAYABLE_WITHIN_MS, ({ playable }) => playable);
    if (found?.playable) steps.playable.dataset.done = "";
  }
  $("waiting").textContent = "Here it is.";
  // Whoever talks again, or went on to read, is not taken away.
  if (!call) location.assign(listed.url);
}

// What the server knows of the call, once it is `good`, or what it knew last.
async function look(id, withinMs, good) {
  const until = Date.now() + withinMs;
  let last = null;
  while (Date.now() < until) {
    try {
      const answer = await fetch(`/talk/calls/${id}`, { cache: "no-store", redirect: "error" });
      if (answer.ok) last = (await answer.json()).call ?? last;
      if (last && good(last)) return last;
    } catch {
      // The server restarts, or the network is away: the next try will tell.
    }
    await wait(LOOK_EVERY_MS);
  }
  return last;
}

// --- the page

function lock(running) {
  for (const field of $("choices").querySelectorAll("input, select, textarea")) field.disabled = running;
  $("start").hidden = running;
  $("quiet-start").hidden = running;
  $("stop").hidden = !running;
  if (running) $("stop").focus();
  else { controls(null); if (document.activeElement === document.body) $("start").focus(); }
}

function controls(mine) {
  $("saying").hidden = !mine;
  $("hold").hidden = !(mine?.microphone && $("push").checked);
  if (mine && !mine.microphone) $("words").focus();
}

if (offers.length) {
  choose();
  $("provider").addEventListener("change", choose);
  $("start").addEventListener("click", () => begin({ speaking: true }));
  $("quiet-start").addEventListener("click", () => begin({ speaking: false }));
  $("stop").addEventListener("click", () => {
    if (!call) return;
    if (call.opened) call.socket.close(1000);
    else { call.socket?.close(); release(); show("ready"); }
  });
  $("saying").addEventListener("submit", say);
  const hold = $("hold");
  hold.addEventListener("pointerdown", (event) => { hold.setPointerCapture(event.pointerId); press(true); });
  for (const name of ["pointerup", "pointercancel", "blur"]) hold.addEventListener(name, () => press(false));
  hold.addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "Enter") { event.preventDefault(); press(true); }
  });
  hold.addEventListener("keyup", () => press(false));
  $("insecure").hidden = canHear();
  $("start").disabled = !canHear();
  $("quiet-start").disabled = false;
}
