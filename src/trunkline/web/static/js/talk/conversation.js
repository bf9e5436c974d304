// Pure. One conversation: provider's events and the user's doings in, what to do out.
//
// What it returns is to be done in order: {send: event}, {play: samples, atS}, {stop: true},
// {fail: {code, message}}.
import { Decoder, RATE_HZ } from "./audio.js";
import { PlayQueue } from "./queue.js";

const FORMAT = { type: "audio/pcm", rate: RATE_HZ };
const HARMLESS = new Set(["response_cancel_not_active", "input_audio_buffer_commit_empty"]);
// Two who speak at once cannot know what the other is about to say.

export function sessionOf({ instructions, voice, handsFree }) {
  return {
    type: "realtime",
    output_modalities: ["audio"],
    ...(instructions ? { instructions } : {}),
    audio: {
      input: {
        format: FORMAT,
        transcription: { model: "gpt-4o-mini-transcribe" },
        turn_detection: handsFree ? { type: "server_vad", create_response: true, interrupt_response: true } : null,
      },
      output: { format: FORMAT, ...(voice ? { voice } : {}) },
    },
  };
}

export class Conversation {
  lines = [];
  // {id, who: "you" | "assistant", text, done, cutMs}, in the order of the conversation.
  queue = new PlayQueue();
  #decoders = new Map();
  #dead = new Set();
  // Responses of which nothing more is played, whatever still comes.
  #answering = "";
  // Id of the response that is being made.
  #last = null;
  // The item, and its part, that sounded last in it.
  #wanted = false;
  // An answer is to be asked for once the one that was cut off is over.
  #speaking = false;
  #held = false;

  phase(nowS) {
    if (this.#speaking || this.#held) return "hearing";
    if (this.queue.plays(nowS)) return "speaking";
    return this.#answering || this.#wanted ? "thinking" : "listening";
  }

  receive(event, nowS) {
    switch (event.type) {
      case "conversation.item.added":
      case "conversation.item.created":
        this.#place(event.item, event.previous_item_id);
        return [];
      case "conversation.item.input_audio_transcription.delta":
        this.#line(event.item_id, "you").text += event.delta ?? "";
        return [];
      case "conversation.item.input_audio_transcription.completed":
        return this.#finish(event.item_id, "you", event.transcript);
      case "conversation.item.input_audio_transcription.failed":
        return this.#finish(event.item_id, "you", "(not understood)");
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        this.#line(event.item_id, "assistant").text += event.delta;
        return [];
      case "response.output_audio_transcript.done":
        return this.#finish(event.item_id, "assistant", event.transcript);
      case "response.output_text.done":
        return this.#finish(event.item_id, "assistant", event.text);
      case "response.output_audio.delta":
        return this.#sound(event, nowS);
      case "input_audio_buffer.speech_started":
        this.#speaking = true;
        return this.interrupt(nowS, { cancel: false });
      case "input_audio_buffer.speech_stopped":
        this.#speaking = false;
        return [];
      case "input_audio_buffer.committed":
        this.#place({ id: event.item_id, type: "message", role: "user" }, event.previous_item_id);
        return [];
      case "response.created":
        this.#answering = event.response?.id ?? "?";
        this.#last = null;
        return [];
      case "response.done":
        return this.#answered(event.response ?? {});
      case "error":
        return this.#failed(event.error ?? {});
      default:
        return [];
    }
  }

  // Typed words: they interrupt as spoken ones do.
  say(text, nowS) {
    const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
    return [...this.interrupt(nowS), { send: { type: "conversation.item.create", item } }, ...this.#ask()];
  }

  // Push to talk: what is said between the two is one turn.
  press(nowS) {
    this.#held = true;
    return [...this.interrupt(nowS), { send: { type: "input_audio_buffer.clear" } }];
  }

  release() {
    this.#held = false;
    return [{ send: { type: "input_audio_buffer.commit" } }, ...this.#ask()];
  }

  // Stop what plays, and tell the model how much of it was heard. The provider ends its answer by
  // itself when it hears somebody speak; else it must be told to.
  interrupt(nowS, { cancel = true } = {}) {
    const last = this.#last && { ...this.#last, heardMs: this.queue.heardMs(this.#last.item, nowS) };
    const cut = this.queue.cut(nowS);
    if (this.#answering) {
      this.#dead.add(this.#answering);
      // All that came of it was heard, but more is on its way.
      if (last && !cut.some(({ item }) => item === last.item)) cut.push(last);
    }
    const todo = cancel && this.#answering ? [{ send: { type: "response.cancel" } }] : [];
    if (!cut.length) return todo;
    for (const { item, heardMs } of cut) this.#line(item, "assistant").cutMs = heardMs;
    return [{ stop: true }, ...todo, ...cut.map(({ item, content, heardMs }) => ({
      send: { type: "conversation.item.truncate", item_id: item, content_index: content, audio_end_ms: heardMs },
    }))];
  }

  #ask() {
    if (this.#answering) {
      this.#wanted = true;
      return [];
    }
    return [{ send: { type: "response.create" } }];
  }

  #sound({ item_id: item, content_index: content = 0, response_id: response, delta }, nowS) {
    if (this.#dead.has(response)) return [];
    if (!this.#decoders.has(item)) this.#decoders.set(item, new Decoder());
    const samples = this.#decoders.get(item).samples(delta);
    if (!samples.length) return [];
    this.#last = { item, content };
    return [{ play: samples, atS: this.queue.add(item, content, samples.length, nowS) }];
  }

  #answered({ status, status_details: details }) {
    this.#answering = "";
    this.#last = null;
    this.#decoders.clear();
    for (const line of this.lines) line.done ||= line.who === "assistant";
    const todo = [];
    if (status === "failed") {
      const error = details?.error ?? {};
      todo.push({ fail: { code: error.code ?? error.type ?? "failed", message: error.message ?? "The provider failed to answer." } });
    }
    if (this.#wanted) {
      this.#wanted = false;
      todo.push({ send: { type: "response.create" } });
    }
    return todo;
  }

  #failed({ code, type, message }) {
    if (HARMLESS.has(code)) return [];
    return [{ fail: { code: code ?? type ?? "error", message: message ?? "The provider says that something is wrong." } }];
  }

  #place(item, previous) {
    if (!item?.id || item.type !== "message" || item.role === "system") return;
    const who = item.role === "assistant" ? "assistant" : "you";
    const line = this.#line(item.id, who);
    const typed = (item.content ?? []).filter((part) => part.type === "input_text").map((part) => part.text).join(" ");
    if (typed) { line.text = typed; line.done = true; }
    const after = this.lines.findIndex(({ id }) => id === previous);
    if (after < 0) return;
    this.lines.splice(this.lines.indexOf(line), 1);
    this.lines.splice(this.lines.findIndex(({ id }) => id === previous) + 1, 0, line);
  }

  #line(id, who) {
    const known = this.lines.find((line) => line.id === id);
    if (known) return known;
    const line = { id, who, text: "", done: false, cutMs: null };
    this.lines.push(line);
    return line;
  }

  #finish(id, who, text) {
    const line = this.#line(id, who);
    if (text) line.text = text;
    line.done = true;
    return [];
  }
}
