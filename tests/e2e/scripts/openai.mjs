// An application that follows the integration guide, openai.
import { config } from "dotenv";
import WebSocket from "ws";

config({ quiet: true });

const ws = new WebSocket(`${process.env.GATEWAY}/v1/gateway/oai/realtime?model=gpt-4o-realtime-preview-2024-12-17`, {
  headers: {
    Authorization: `Bearer ${process.env.OPENAI_API_KEY}`,
    "Helicone-Auth": `Bearer ${process.env.HELICONE_API_KEY}`,
    "Helicone-Session-Id": "session_openai",
    "Helicone-Session-Name": "VoiceAssistant",
    "Helicone-Session-Path": "/voice-assistant/conversation",
    "Helicone-User-Id": "user_123",
    "Helicone-Property-Tenant": "north-clinic",
  },
});

ws.on("open", () => {
  ws.send(
    JSON.stringify({
      type: "session.update",
      session: {
        modalities: ["text", "audio"],
        instructions: "You are a helpful AI assistant...",
        voice: "alloy",
        input_audio_format: "pcm16",
        output_audio_format: "pcm16",
        input_audio_transcription: { model: "whisper-1" },
      },
    }),
  );
});

ws.on("error", (error) => {
  console.error("WebSocket error:", error);
  process.exitCode = 1;
});
