"""Pure. The code that makes a first call, filled in with this server's address.

The Node scripts are those of the guide that our users follow, with only the address
changed, so that what works here works there.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

KEY_PLACEHOLDER = "<your-trunkline-key>"
GUIDE_MODEL = "gpt-4o-realtime-preview-2024-12-17"
SDK_MODEL = "gpt-realtime-2.1"


@dataclass(frozen=True, slots=True)
class Snippet:
    """One way to make a call."""

    name: str
    install: str
    environment: str
    code: str


def websocket_address(public_url: str) -> str:
    """Return the gateway's `ws://` or `wss://` address for the dashboard's `http(s)://` one."""
    parts = urlsplit(public_url)
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"


def snippets(public_url: str, *, simulator: bool) -> tuple[Snippet, ...]:
    """Return the guide's two scripts and one for the official Python SDK.

    With the simulator answering every call, any provider key will do.
    """
    gateway = websocket_address(public_url)
    openai = "any-text-will-do" if simulator else "<your-openai-api-key>"
    azure = "any-text-will-do" if simulator else "<your-azure-api-key>"
    helicone = f"export HELICONE_API_KEY={KEY_PLACEHOLDER}"
    return (
        Snippet(
            "OpenAI, Node",
            "npm install ws dotenv",
            f"export OPENAI_API_KEY={openai}\n{helicone}",
            _node(
                f'"{gateway}/v1/gateway/oai/realtime?model={GUIDE_MODEL}"',
                "OPENAI_API_KEY",
            ),
        ),
        Snippet(
            "Azure, Node",
            "npm install ws dotenv",
            f"export AZURE_API_KEY={azure}\n"
            "export AZURE_RESOURCE=<your-azure-resource>\n"
            f"export AZURE_DEPLOYMENT=<your-azure-deployment>\n{helicone}",
            _node(
                f"`{gateway}/v1/gateway/oai/realtime"
                "?resource=${process.env.AZURE_RESOURCE}"
                "&deployment=${process.env.AZURE_DEPLOYMENT}`",
                "AZURE_API_KEY",
            ),
        ),
        Snippet(
            "OpenAI SDK, Python",
            'pip install "openai[realtime]"',
            f"export OPENAI_API_KEY={openai}\n{helicone}",
            _python(gateway),
        ),
    )


def _node(url: str, key: str) -> str:
    return f"""import WebSocket from "ws";
import {{ config }} from "dotenv";

config();

const url = {url};

const ws = new WebSocket(url, {{
  headers: {{
    "Authorization": `Bearer ${{process.env.{key}}}`,
    "Helicone-Auth": `Bearer ${{process.env.HELICONE_API_KEY}}`,
    // Optional: what you want to find the call by
    "Helicone-Session-Id": `session_${{Date.now()}}`,
    "Helicone-User-Id": "user_123",
  }},
}});

ws.on("open", function open() {{
  console.log("Connected to server");
  ws.send(JSON.stringify({{
    type: "session.update",
    session: {{
      modalities: ["text", "audio"],
      instructions: "You are a helpful AI assistant...",
      voice: "alloy",
      input_audio_format: "pcm16",
      output_audio_format: "pcm16",
    }}
  }}));
}});

ws.on("message", (message) => console.log("Received:", JSON.parse(message.toString()).type));
"""


def _python(gateway: str) -> str:
    return f"""import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(
    websocket_base_url="{gateway}/v1",
    default_headers={{
        "Helicone-Auth": f"Bearer {{os.environ['HELICONE_API_KEY']}}",
        "Helicone-User-Id": "user_123",
    }},
)


async def main() -> None:
    async with client.realtime.connect(model="{SDK_MODEL}") as call:
        await call.session.update(session={{"type": "realtime", "output_modalities": ["text"]}})
        await call.conversation.item.create(
            item={{
                "type": "message",
                "role": "user",
                "content": [{{"type": "input_text", "text": "Good morning!"}}],
            }}
        )
        await call.response.create()
        async for event in call:
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
            elif event.type == "response.done":
                break


asyncio.run(main())
"""
