// The call in small, in the player: shows where one is while the timeline is out of sight.
import { Colours } from "./colours.js";

const LOUDEST = 127;

// The loudest of each of `count` equal parts of a call; its recording may end before it does.
export function columns(peaks, per_second, whole_ms, count) {
  const found = new Uint8Array(count);
  const each = (whole_ms / 1000) * per_second / count;
  for (let n = 0; n < peaks.length; n += 1) {
    const at = Math.min(count - 1, Math.floor(n / each));
    if (peaks[n] > found[at]) found[at] = peaks[n];
  }
  return found;
}

export class Mini {
  #player; #data; #seek; #colours;
  #peaks = null;
  #bars = { count: 0 };
  #ms = 0;
  #queued = false;

  constructor(player, timeline, data, seek) {
    [this.#player, this.#data, this.#seek] = [player, data, seek];
    this.#colours = new Colours(player, ["caller", "agent", "ink", "line"]);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.#colours.forget(); this.#draw(); });
    // Where the timeline is still to come, so is the player: below the window counts as within.
    new IntersectionObserver(([entry]) => {
      player.classList.toggle("away", !entry.isIntersecting);
      this.#draw();
    }, { rootMargin: "0px 0px 1000000px" }).observe(timeline);
    new ResizeObserver(() => { this.#stick(); this.#draw(); }).observe(player);
    player.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.target.matches(".mini")) return;
      const box = event.target.getBoundingClientRect();
      this.#seek(((event.clientX - box.left) / box.width) * this.#data.duration_ms);
    });
  }

  setData(data) { [this.#data, this.#bars] = [data, { count: 0 }]; this.#draw(); }
  setPeaks(peaks) { [this.#peaks, this.#bars] = [peaks, { count: 0 }]; this.#draw(); }
  moveTo(ms) { this.#ms = ms; this.#draw(); }

  // Where the player has several rows, only the one with the button stays in view.
  #stick() {
    const play = this.#player.querySelector("#play");
    const row = play ? play.offsetTop : 0;
    this.#player.style.setProperty("--stuck", `${-Math.max(0, row - 8)}px`);
  }

  #draw() {
    if (this.#queued || !this.#player.classList.contains("away")) return;
    this.#queued = true;
    requestAnimationFrame(() => { this.#queued = false; this.#paint(); });
  }

  // Of all of the recording, and so not with every picture while it plays.
  #loudness(count, whole_ms) {
    if (this.#bars.count !== count) {
      const { caller, assistant, per_second } = this.#peaks;
      const of = (peaks) => columns(peaks, per_second, whole_ms, count);
      this.#bars = { count, caller: of(caller), assistant: of(assistant) };
    }
    return this.#bars;
  }

  #paint() {
    const canvas = this.#player.querySelector(".mini");
    const [wide, tall, scale] = [canvas?.clientWidth, canvas?.clientHeight, devicePixelRatio || 1];
    if (!wide) return;
    [canvas.width, canvas.height] = [Math.round(wide * scale), Math.round(tall * scale)];
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const middle = tall / 2;
    pen.fillStyle = this.#colours.get("line");
    pen.fillRect(0, middle - 0.5, wide, 1);
    const whole = Math.max(1, this.#data.duration_ms);
    if (this.#peaks) {
      const bars = this.#loudness(Math.floor(wide / 2), whole);
      for (const [who, up] of [["caller", true], ["assistant", false]]) {
        pen.fillStyle = this.#colours.get(up ? "caller" : "agent");
        bars[who].forEach((loud, n) => {
          const high = Math.sqrt(loud / LOUDEST) * (middle - 1);
          if (loud) pen.fillRect(n * 2, up ? middle - high : middle, 1.4, high);
        });
      }
    }
    pen.fillStyle = this.#colours.get("ink");
    pen.fillRect(Math.min(wide - 2, (this.#ms / whole) * wide), 0, 2, tall);
  }
}
