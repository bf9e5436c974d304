// openai-agents for JavaScript, in Node: it calls tools, truncates and asks for answers by itself.
import { readFileSync } from "node:fs";
import { RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { z } from "zod";
import { connection } from "./documented.mjs";
import { Loudspeaker, SESSION } from "./stage.mjs";

const CHUNK_BYTES = 4800; // 100 ms of PCM16 at 24 kHz
const SILENCE_BYTES = 48000;
const seen = { answers: [], tools: [], truncated_ms: [] };
const speaker = new Loudspeaker();

const weather = tool({
  name: "get_weather",
  description: "The weather in a city.",
  parameters: z.object({ city: z.string() }),
  async execute({ city }) {
    seen.tools.push({ name: "get_weather", arguments: { city } });
    return "It is sunny, 21 degrees.";
  },
});
const agent = new RealtimeAgent({
  name: "Assistant",
  instructions: SESSION.instructions,
  tools: [weather],
});
const { transcription, turn_detection } = SESSION.audio.input;
const session = new RealtimeSession(agent, {
  transport: "websocket",
  tracingDisabled: true,
  config: {
    audio: {
      input: {
        transcription,
        turnDetection: {
          type: turn_detection.type,
          silenceDurationMs: turn_detection.silence_duration_ms,
        },
      },
    },
  },
});

let waiting = [];
session.transport.on("*", (event) => {
  if (event.type === "response.output_audio.delta") speaker.play(event.item_id, event.delta);
  if (event.type === "response.output_audio_transcript.done") seen.answers.push(event.transcript);
  if (event.type === "conversation.item.truncated") seen.truncated_ms.push(event.audio_end_ms);
  if (event.type === "input_audio_buffer.speech_started") speaker.stop();
  const [met, rest] = [[], []];
  for (const one of waiting) (one.fits(event) ? met : rest).push(one);
  waiting = rest;
  for (const one of met) one.done(event);
});
session.on("error", (error) => {
  console.error(error);
  process.exit(1);
});

function until(fits) {
  return new Promise((done) => waiting.push({ fits, done }));
}

function answered() {
  return until(
    ({ type, response }) =>
      type === "response.done" &&
      response.status === "completed" &&
      response.output[0].type === "message",
  );
}

async function speak(name) {
  const clip = readFileSync(new URL(`${name}.pcm`, import.meta.url));
  const speech = new Uint8Array(clip.length + SILENCE_BYTES);
  speech.set(clip);
  for (let at = 0; at < speech.length; at += CHUNK_BYTES) {
    session.sendAudio(speech.slice(at, at + CHUNK_BYTES).buffer);
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function said(text) {
  const answer = answered();
  session.sendMessage(text);
  await answer;
}

await session.connect(connection);
await said("Hello");
await said("What is the weather like in Paris?");
await speaker.heard();

const answer = answered();
await Promise.all([speak("go_forward"), answer]);
await speaker.heard();

const begun = until(({ type }) => type === "response.output_audio.delta");
session.sendMessage("Tell me a story.");
await begun;
await Promise.all([speak("young_man"), answered()]);
session.close();
console.log(JSON.stringify({ ...seen, audio_bytes: speaker.bytes }));
