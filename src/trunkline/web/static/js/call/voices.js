// Which voices are heard. The recording has the caller on the left and the other side on the right:
// a voice alone is its side in both ears, and needs no file of its own.

// How much of the left and right side goes to the left and right ear.
export function shares(track) {
  return { mix: [[1, 0], [0, 1]], caller: [[1, 1], [0, 0]], assistant: [[0, 0], [1, 1]] }[track];
}

export class Voices {
  #context; #gains;

  constructor(audio) {
    const context = this.#context = new AudioContext();
    const [sides, ears] = [context.createChannelSplitter(2), context.createChannelMerger(2)];
    context.createMediaElementSource(audio).connect(sides);
    this.#gains = [0, 1].map((side) => [0, 1].map((ear) => {
      const gain = context.createGain();
      sides.connect(gain, side);
      gain.connect(ears, 0, ear);
      return gain;
    }));
    ears.connect(context.destination);
    // Browsers put it to sleep: whoever plays wants to hear.
    audio.addEventListener("play", () => context.resume());
  }

  choose(track) {
    shares(track).forEach((side, from) => side.forEach((share, ear) => { this.#gains[from][ear].gain.value = share; }));
    this.#context.resume();
  }
}
