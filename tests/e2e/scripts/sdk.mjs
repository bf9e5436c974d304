// One text and one audio turn with the official Node SDK.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const CHUNK_BYTES = 4800; // 100 ms of PCM16 at 24 kHz
const client = new OpenAI({ apiKey: "sk-of-the-provider", baseURL: process.env.BASE_URL });
const options = { headers: { "Helicone-Auth": `Bearer ${process.env.HELICONE_API_KEY}` } };
const realtime = new OpenAIRealtimeWS({ model: "gpt-realtime-2.1", options }, client);
const said = { text: "", audioBytes: 0, transcript: "", callId: "" };

realtime.socket.on("upgrade", (response) => {
  said.callId = response.headers["helicone-id"];
});

realtime.on("error", (error) => {
  console.error(error);
  process.exit(1);
});

function update(modality) {
  realtime.send({
    type: "session.update",
    session: { type: "realtime", output_modalities: [modality] },
  });
}

async function speak() {
  const speech = Buffer.concat([readFileSync(process.env.SPEECH), Buffer.alloc(48000)]);
  for (let at = 0; at < speech.length; at += CHUNK_BYTES) {
    const audio = speech.subarray(at, at + CHUNK_BYTES).toString("base64");
    realtime.send({ type: "input_audio_buffer.append", audio });
    await new Promise((done) => setTimeout(done, 100));
  }
}

realtime.socket.on("open", () => update("text"));
realtime.once("session.updated", () => {
  realtime.send({
    type: "conversation.item.create",
    item: {
      type: "message",
      role: "user",
      content: [{ type: "input_text", text: "What is the weather like in Paris?" }],
    },
  });
  realtime.send({ type: "response.create" });
});
realtime.on("response.output_text.done", (event) => (said.text = event.text));
realtime.on("response.output_audio.delta", (event) => {
  said.audioBytes += Buffer.from(event.delta, "base64").length;
});
realtime.on("response.output_audio_transcript.done", (event) => (said.transcript = event.transcript));
realtime.on("response.done", () => {
  if (said.transcript) {
    realtime.close();
    console.log(JSON.stringify(said));
  } else {
    realtime.once("session.updated", speak);
    update("audio");
  }
});
