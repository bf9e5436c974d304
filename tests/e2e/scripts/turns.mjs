// What the tests add to a caller's script that has `ws`: a text turn, then a spoken
// one at the pace of a microphone. Every event that arrives is written to LOG.
import { appendFileSync, readFileSync } from "node:fs";

const CHUNK_BYTES = 4800; // 100 ms of PCM16 at 24 kHz
let responses = 0;
let heardAt = 0; // when all audio that came so far has been played

function send(event) {
  ws.send(JSON.stringify(event));
}

function say(text) {
  send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
  });
  send({ type: "response.create" });
}

async function speak(file) {
  const speech = Buffer.concat([readFileSync(file), Buffer.alloc(48000)]);
  for (let at = 0; at < speech.length; at += CHUNK_BYTES) {
    send({
      type: "input_audio_buffer.append",
      audio: speech.subarray(at, at + CHUNK_BYTES).toString("base64"),
    });
    await new Promise((done) => setTimeout(done, 100));
  }
}

ws.on("upgrade", (response) => {
  appendFileSync(process.env.LOG, JSON.stringify({ type: "upgrade", headers: response.headers }) + "\n");
});

ws.on("message", (message) => {
  const event = JSON.parse(message.toString());
  appendFileSync(process.env.LOG, JSON.stringify(event) + "\n");
  if (event.type === "session.updated") say("What is the weather like in Paris?");
  if (event.type === "response.audio.delta") {
    const milliseconds = Buffer.from(event.delta, "base64").length / 48;
    heardAt = Math.max(heardAt, Date.now()) + milliseconds;
  }
  if (event.type === "response.done") {
    const next = ++responses === 1 ? () => speak(process.env.SPEECH) : () => ws.close();
    setTimeout(next, Math.max(0, heardAt - Date.now()) + 500);
  }
});

ws.on("close", (code) => {
  appendFileSync(process.env.LOG, JSON.stringify({ type: "closed", code }) + "\n");
});
