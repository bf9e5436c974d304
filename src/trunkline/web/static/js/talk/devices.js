// The microphone and the loudspeaker.
import { level, RATE_HZ } from "./audio.js";

const WORDS = {
  insecure: ["insecure_origin", "Browsers give the microphone only to pages from https:// or from localhost. This one came another way: put TLS before Trunkline, or type instead."],
  NotAllowedError: ["microphone_refused", "The microphone was refused. Allow it for this page in the browser’s address bar, or type instead."],
  NotFoundError: ["no_microphone", "There is no microphone. Connect one and start again, or type instead."],
  NotReadableError: ["microphone_busy", "The microphone cannot be read: another program may have it. Close that, or type instead."],
};

export class NoMicrophone extends Error {
  constructor(name) {
    const [code, message] = WORDS[name] ?? ["no_microphone", `The microphone cannot be used (${name}). Type instead.`];
    super(message);
    this.code = code;
  }
}

export const canHear = () => isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

// Asks for the microphone: call it from a click. Raises `NoMicrophone`.
export async function openMicrophone(onPiece) {
  if (!canHear()) throw new NoMicrophone("insecure");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (error) {
    throw new NoMicrophone(error.name === "OverconstrainedError" ? "NotFoundError" : error.name);
  }
  const context = new AudioContext();
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    context.close();
  };
  try {
    await context.audioWorklet.addModule(new URL("./capture.js", import.meta.url));
  } catch (error) {
    stop();
    throw error;
  }
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  capture.port.onmessage = ({ data }) => onPiece(data.pcm, data.level);
  context.createMediaStreamSource(stream).connect(capture);
  await context.resume();
  return { stop, gone: (then) => stream.getAudioTracks()[0].addEventListener("ended", then) };
}

const FADE_S = 0.012;

// Plays pieces at the API's own rate: the browser resamples the whole, so there are no seams.
export class Speaker {
  #context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
  #analyser = this.#context.createAnalyser();
  #samples = new Float32Array(1024);
  #gain = null;
  #playing = new Set();

  constructor() {
    this.#analyser.fftSize = this.#samples.length;
    this.#analyser.connect(this.#context.destination);
    this.#fresh();
    this.#context.resume();
  }

  get nowS() { return this.#context.currentTime; }
  get latencyS() { return (this.#context.outputLatency || this.#context.baseLatency || 0); }
  get level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return level(this.#samples);
  }

  play(samples, atS) {
    const buffer = this.#context.createBuffer(1, samples.length, RATE_HZ);
    buffer.copyToChannel(samples, 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#gain);
    source.onended = () => this.#playing.delete(source);
    source.start(atS);
    this.#playing.add(source);
  }

  // At once, but without a click.
  stop() {
    const endS = this.nowS + FADE_S;
    this.#gain.gain.setValueAtTime(1, this.nowS);
    this.#gain.gain.linearRampToValueAtTime(0, endS);
    for (const source of this.#playing) source.stop(endS);
    this.#playing.clear();
    this.#fresh();
  }

  close() { this.#context.close(); }

  // What is stopped fades with its own gain, and does not silence what comes next.
  #fresh() {
    this.#gain = this.#context.createGain();
    this.#gain.connect(this.#analyser);
  }
}
