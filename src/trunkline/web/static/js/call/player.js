// The clock of the page: the audio element when there is a recording, else a still position.
// Millisecond 0 is the opening of the call; the recording begins there too.
import { Voices } from "./voices.js";

export function clock(ms, tenths = false) {
  const whole = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const head = hours ? `${hours}:${String(minutes).padStart(2, "0")}` : String(minutes);
  const tail = `:${String(whole % 60).padStart(2, "0")}`;
  return head + tail + (tenths ? `.${Math.floor(Math.max(0, ms) / 100) % 10}` : "");
}

// To the millisecond, as events and measurements have it.
export const moment = (ms) => `${clock(ms)}.${String(Math.floor(Math.max(0, ms)) % 1000).padStart(3, "0")}`;

const AGAIN_MS = 3000;

export class Player {
  onMove = () => {};
  #read;
  #audio = null;
  #voices = null;
  #still = 0;
  #frame = 0;
  #failed = -Infinity;

  constructor(read) {
    this.#read = read;
    this.bind();
  }

  // Again after a live call ended: only then is there something to play.
  bind() {
    const audio = document.querySelector("#audio");
    if (!audio || audio === this.#audio) return;
    [this.#audio, this.#voices] = [audio, null];
    audio.preservesPitch = true;
    audio.addEventListener("play", () => this.#changed());
    audio.addEventListener("pause", () => this.#changed());
    audio.addEventListener("seeked", () => this.#tell());
    audio.addEventListener("loadedmetadata", () => {
      if (Math.abs(audio.currentTime * 1000 - this.#still) > 50) audio.currentTime = this.#still / 1000;
    });
    audio.addEventListener("error", () => this.#again());
    document.querySelector("#play").addEventListener("click", () => this.toggle());
    this.#choice("#tracks", (button) => this.#track(button.dataset.track));
    this.#choice("#speeds", (button) => { audio.playbackRate = Number(button.dataset.speed); });
  }

  get ms() { return this.#audio && this.#audio.readyState > 0 ? this.#audio.currentTime * 1000 : this.#still; }
  get playing() { return Boolean(this.#audio) && !this.#audio.paused; }

  toggle() {
    if (!this.#audio) return;
    if (this.playing) this.#audio.pause();
    else this.#audio.play().catch(() => this.#changed());
  }

  seek(ms, { quiet = false } = {}) {
    const end = this.#read().duration_ms;
    this.#still = Math.min(Math.max(0, ms), end);
    if (this.#audio && this.#audio.readyState > 0) this.#audio.currentTime = this.#still / 1000;
    if (!quiet) {
      const url = new URL(location.href);
      url.searchParams.set("t", (this.#still / 1000).toFixed(3));
      history.replaceState(null, "", url);
    }
    this.#tell(this.#still);
  }

  // A recording is compressed some time after its call, and another file from then on: whoever
  // listens meanwhile goes on with that, where they were.
  #again() {
    if (performance.now() - this.#failed < AGAIN_MS) return;
    this.#failed = performance.now();
    const playing = this.playing;
    this.#still = this.ms;
    this.#audio.load();
    if (playing) this.#audio.play().catch(() => this.#changed());
  }

  // Not before somebody asks for one voice: until then the browser plays the file as it is.
  #track(name) {
    this.#voices ??= new Voices(this.#audio);
    this.#voices.choose(name);
  }

  #choice(group, act) {
    document.querySelector(group).addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
      act(button);
    });
  }

  #changed() {
    const button = document.querySelector("#play");
    document.querySelector("#play-name").textContent = this.playing ? "Pause" : "Play";
    button.classList.toggle("playing", this.playing);
    cancelAnimationFrame(this.#frame);
    const step = () => {
      this.#tell();
      if (this.playing) this.#frame = requestAnimationFrame(step);
    };
    step();
  }

  #tell(ms = this.ms) {
    const label = document.querySelector("#clock");
    if (label) label.textContent = clock(ms, true);
    this.onMove(ms, this.playing);
  }
}
