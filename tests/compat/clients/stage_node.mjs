// Has the conversation of stage.mjs by the official SDK for Node.
import { readFileSync } from "node:fs";
import { Conversation, SESSION } from "./stage.mjs";

// `realtime` is an OpenAIRealtimeWS or an OpenAIRealtimeWebSocket.
export function converse(realtime) {
  const clips = ["go_forward", "young_man"].map((name) =>
    readFileSync(new URL(`${name}.pcm`, import.meta.url)),
  );
  const conversation = new Conversation(
    (event) => realtime.send(event),
    () => realtime.close(),
    clips,
  );
  realtime.on("event", (event) => conversation.take(event));
  realtime.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  realtime.socket.addEventListener("open", () => {
    realtime.send({ type: "session.update", session: SESSION });
  });
  realtime.socket.addEventListener("close", () => console.log(JSON.stringify(conversation.seen)));
}
