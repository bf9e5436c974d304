"""In real Chromium: pages that call by themselves, with a token, or with a gateway key alone.

No `--simulator` here: the provider is stored, and lets in nobody but its one key, which no
page ever has. So a call that is answered was dialled with what is stored.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from openai import OpenAI
from playwright.sync_api import Browser
from tests.support.patience import PATIENCE_S
from tests.support.running import COMMAND, Running, environment, running

STORED = "sk-proj-storedFORpages0123456789"
MODEL = "gpt-realtime-2.1"
CALL = """([url, protocols]) => new Promise((done) => {
  const seen = [];
  const socket = new WebSocket(url, protocols);
  socket.onmessage = (message) => {
    const event = JSON.parse(message.data);
    seen.push(event);
    if (event.type === "session.created") socket.send('{"type":"response.create"}');
    if (event.type === "response.done") socket.close(1000);
  };
  socket.onclose = (close) => done({ code: close.code, protocol: socket.protocol, seen });
})"""


class Blank(BaseHTTPRequestHandler):
    """An application's page, of an origin of its own."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "15")
        self.end_headers()
        self.wfile.write(b"<!doctype html>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 http.server's name
        pass


class There(NamedTuple):
    """A Trunkline with a stored provider, and two origins of pages."""

    started: Running
    origin: str
    other_origin: str

    def client(self) -> OpenAI:
        """The application's backend: it has a gateway key, and nothing else."""
        return OpenAI(base_url=f"{self.started.url}/v1", api_key=self.started.key, max_retries=0)

    def token(self, **headers: str) -> str:
        made = self.client().realtime.client_secrets.create(
            session={"type": "realtime", "model": MODEL, "instructions": "Be brief."},
            extra_headers=headers,
        )
        return made.value

    def calls(self, **filters: str) -> list[dict[str, Any]]:
        """Return the calls that fit, once all of them are over."""

        def ended() -> list[dict[str, Any]] | None:
            rows = self.started.get("/v1/calls", params=filters).json()["data"]
            return rows if rows and all(row["status"] != "live" for row in rows) else None

        return self.started.wait(ended)

    def refused(self) -> set[str]:
        """Return the codes with which calls were refused."""
        rows = self.started.get("/v1/calls", params={"status": "refused"}).json()["data"]
        return {row["error"]["code"] for row in rows if row["error"]}


@pytest.fixture(scope="module")
def origins() -> Generator[tuple[str, str]]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Blank) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    first, second = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    yield first, second
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def provider() -> Generator[str]:
    """A simulator that knows one key; its address."""
    command = [*COMMAND, "simulator", "--port", "0", "--switches", f"accepted_keys:{STORED}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment({})
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture(scope="module")
def there(
    tmp_path_factory: pytest.TempPathFactory, provider: str, origins: tuple[str, str]
) -> Generator[There]:
    directory: Path = tmp_path_factory.mktemp("pages")
    with running(directory / "data", "--no-simulator") as started:
        subprocess.run(
            [*COMMAND, "providers", "add", "--name", "openai", "--profile", "openai",
             "--url", provider, "--data", str(started.data)],
            input=STORED, text=True, check=True, capture_output=True, timeout=PATIENCE_S,
            env=environment({}),
        )  # fmt: skip
        yield There(started, *origins)


def call(there: There, browser: Browser, origin: str, credential: str, query: str = "") -> Any:
    """Have a page of `origin` call; return what it saw."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{origin}/")
    protocols = ["realtime", f"openai-insecure-api-key.{credential}"]
    told = page.evaluate(CALL, [f"{there.started.websocket_url}/v1/realtime{query}", protocols])
    context.close()
    return told


def test_a_page_calls_with_a_token_as_often_and_from_where_it_may(
    there: There, browser: Browser
) -> None:
    token = there.token(**{
        "Helicone-User-Id": "page-1", "Trunkline-Token-Origins": there.origin,
        "Trunkline-Token-Uses": "1",
    })  # fmt: skip
    elsewhere = call(there, browser, there.other_origin, token)
    assert (elsewhere["code"], elsewhere["seen"]) == (1006, [])
    told = call(there, browser, there.origin, token)
    kinds = [event["type"] for event in told["seen"]]
    assert (told["code"], told["protocol"], kinds[0], kinds[-1]) == (
        1000, "realtime", "session.created", "response.done",
    )  # fmt: skip
    assert told["seen"][0]["session"]["instructions"] == "Be brief."
    again = call(there, browser, there.origin, token)
    assert (again["code"], again["seen"]) == (1006, [])
    there.started.wait(lambda: {"origin_not_allowed", "token_used_up"} <= there.refused())
    (row,) = there.calls(user="page-1", status="completed")
    whole = there.started.get(f"/v1/calls/{row['id']}").text
    events = there.started.get(f"/v1/calls/{row['id']}/events").text
    for secret in (token, there.started.key, STORED):
        assert secret[6:-4] not in whole + events + str(told["seen"])


def test_a_page_calls_with_a_gateway_key_alone(there: There, browser: Browser) -> None:
    told = call(there, browser, there.origin, there.started.key, f"?model={MODEL}")
    kinds = [event["type"] for event in told["seen"]]
    assert (told["code"], told["protocol"], kinds[-1]) == (1000, "realtime", "response.done")
    rows = there.calls(status="completed", model=MODEL)
    assert rows[0]["provider"] == "openai"
    assert not any(STORED[3:-4] in str(event) for event in told["seen"])
    wrong = call(there, browser, there.origin, "sk-of-somebody-else", f"?model={MODEL}")
    assert (wrong["code"], wrong["seen"]) == (1006, [])
