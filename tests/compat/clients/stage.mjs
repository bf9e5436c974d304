// The conversation of stage.py for scripts in JavaScript: it reacts to events, whatever brings
// them. `send` takes an event; `take` is to be called with each that comes; `close` hangs up.

const CHUNK_BYTES = 4800; // 100 ms of PCM16 at 24 kHz
const SILENCE_BYTES = 48000;

const TOOL = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
};

export const SESSION = {
  type: "realtime",
  instructions: "You are a helpful assistant.",
  audio: {
    input: {
      transcription: { model: "gpt-4o-mini-transcribe" },
      turn_detection: { type: "server_vad", silence_duration_ms: 500 },
    },
    output: { voice: "marin" },
  },
  tools: [TOOL],
};

export function base64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

// Knows what was heard of what came.
export class Loudspeaker {
  bytes = 0;
  #item = "";
  #began = 0;
  #until = 0;

  play(item, audio) {
    const bytes = atob(audio).length;
    this.#until = Math.max(this.#until, performance.now());
    if (item !== this.#item) [this.#item, this.#began] = [item, this.#until];
    this.bytes += bytes;
    this.#until += bytes / 48;
  }

  heard() {
    return new Promise((done) => setTimeout(done, Math.max(0, this.#until - performance.now())));
  }

  stop() {
    const now = performance.now();
    if (this.#until <= now) return null;
    this.#until = now;
    const played = Math.max(0, Math.trunc(now - this.#began));
    return { item_id: this.#item, content_index: 0, audio_end_ms: played };
  }
}

// `clips`: what is said in the quiet, and over the story, as PCM16.
export class Conversation {
  #send;
  #close;
  #clips;
  #speaker = new Loudspeaker();
  #seen = { answers: [], tools: [], truncated_ms: [] };
  #acts = ["greet", "ask", "speak", "story", "hang up"];
  #act = "";
  #speaking = null;

  constructor(send, close, clips) {
    [this.#send, this.#close, this.#clips] = [send, close, clips];
  }

  get seen() {
    return { ...this.#seen, audio_bytes: this.#speaker.bytes };
  }

  async take(event) {
    switch (event.type) {
      case "session.updated":
        return this.#next();
      case "response.output_audio.delta":
        this.#speaker.play(event.item_id, event.delta);
        if (this.#act === "story" && !this.#speaking) this.#speaking = this.#speak(this.#clips[1]);
        return;
      case "response.output_audio_transcript.done":
        this.#seen.answers.push(event.transcript);
        return;
      case "response.function_call_arguments.done":
        return this.#answerTool(event);
      case "input_audio_buffer.speech_started":
        return this.#stop();
      case "response.done":
        return this.#done(event.response);
    }
  }

  #answerTool(event) {
    this.#seen.tools.push({ name: event.name, arguments: JSON.parse(event.arguments) });
    this.#send({
      type: "conversation.item.create",
      item: {
        type: "function_call_output",
        call_id: event.call_id,
        output: "It is sunny, 21 degrees.",
      },
    });
  }

  #stop() {
    const cut = this.#speaker.stop();
    if (!cut) return;
    this.#seen.truncated_ms.push(cut.audio_end_ms);
    this.#send({ type: "conversation.item.truncate", ...cut });
  }

  #done(response) {
    if (response.output[0].type === "function_call") this.#send({ type: "response.create" });
    else if (response.status === "completed") return this.#next();
  }

  async #next() {
    this.#act = this.#acts.shift();
    if (this.#act === "greet") this.#type("Hello");
    if (this.#act === "ask") this.#type("What is the weather like in Paris?");
    if (this.#act === "speak") {
      await this.#speaker.heard();
      this.#speaking = this.#speak(this.#clips[0]);
    }
    if (this.#act === "story") {
      await this.#speaking;
      this.#speaking = null;
      await this.#speaker.heard();
      this.#type("Tell me a story.");
    }
    if (this.#act === "hang up") {
      await this.#speaking;
      this.#close();
    }
  }

  #type(text) {
    this.#send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
    });
    this.#send({ type: "response.create" });
  }

  async #speak(clip) {
    const speech = new Uint8Array(clip.length + SILENCE_BYTES);
    speech.set(clip);
    for (let at = 0; at < speech.length; at += CHUNK_BYTES) {
      const audio = base64(speech.subarray(at, at + CHUNK_BYTES));
      this.#send({ type: "input_audio_buffer.append", audio });
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}
