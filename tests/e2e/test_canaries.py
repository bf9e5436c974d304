"""Secrets are planted wherever there is one; afterwards nothing that we wrote has them.

In headers, queries, subprotocols, cookies, forms, broken heads; and quoted back by a hostile
provider in a refusal, an error event and a close reason. Everything is logged at debug.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.patience import PATIENCE_S
from tests.support.running import COMMAND, Running, environment, running
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

PROVIDER_KEY = "sk-proj-canaryPROVIDER0123456789"
AZURE_KEY = "ca9a41ca9a41ca9a41ca9a41ca9a41ca"
EPHEMERAL = "ek_canaryEPHEMERAL0123456789"
WRONG_KEY = "sk-trunkline-canaryWRONG0123456789"
IN_QUERY = "canaryQUERY0123456789"
COOKIE = "canaryCOOKIE0123456789"
PASSWORD = "canaryPASSWORD0123456789"
LINK = "canaryLINK0123456789"
STORED = "sk-proj-canarySTORED0123456789"
STORED_AZURE = "5704ed5704ed5704ed5704ed5704ed57"
WEBHOOK = "canaryWEBHOOK0123456789"
METRICS = "canaryMETRICS0123456789"
PLANTED = {
    "provider key": PROVIDER_KEY,
    "Azure key": AZURE_KEY,
    "ephemeral token": EPHEMERAL,
    "wrong key": WRONG_KEY,
    "credential in a query": IN_QUERY,
    "cookie": COOKIE,
    "password": PASSWORD,
    "sign-in link": LINK,
    "metrics token": METRICS,
    "stored credential": STORED,
    "stored Azure key": STORED_AZURE,
    "webhook secret": WEBHOOK,
}
REALTIME = "/v1/gateway/oai/realtime"


def credential_of(request: Request | None) -> str:
    """What we were given as a provider: in whichever header."""
    headers = request.headers if request else Headers()
    offered = headers.get("Sec-WebSocket-Protocol", "").rpartition("openai-insecure-api-key.")[2]
    return headers.get("api-key") or headers.get("Authorization", "").rpartition(" ")[2] or offered


def refuse(connection: ServerConnection, request: Request) -> Response | None:
    """Refuse as providers do: quoting the key that they were given."""
    if "refuse" not in request.path:
        return None
    quoted = f"Incorrect API key provided: {credential_of(request)}."
    body = json.dumps({"error": {"code": "invalid_api_key", "message": quoted}}).encode()
    headers = Headers({"Content-Length": str(len(body)), "Content-Type": "application/json"})
    return Response(401, "Unauthorized", headers, body)


def quote(connection: ServerConnection) -> None:
    """Tell the caller its key, in an event and in the close reason."""
    key = credential_of(connection.request)
    with contextlib.suppress(ConnectionClosed):
        connection.recv()
        error = {
            "type": "invalid_request_error",
            "code": "invalid_api_key",
            "message": f"Not {key}",
        }
        connection.send(json.dumps({"type": "error", "event_id": "event_1", "error": error}))
        connection.close(4001, f"bad key {key}")


@contextlib.contextmanager
def hostile_provider() -> Generator[str]:
    with serve(quote, "127.0.0.1", 0, process_request=refuse) as provider:
        thread = threading.Thread(target=provider.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{provider.socket.getsockname()[1]}"
        finally:
            provider.shutdown()
            thread.join()


@dataclass
class Planted:
    """An installation in which secrets were planted."""

    running: Running
    log: Path
    call_ids: list[str]
    heard: str
    """What callers were told: providers' quotes reach them as they are."""
    session: str
    """The cookie of somebody who is signed in."""

    @property
    def secrets(self) -> dict[str, str]:
        return {**PLANTED, "gateway key": self.running.key, "session cookie": self.session}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Generator[Planted]:
    directory = tmp_path_factory.mktemp("canaries")
    log = directory / "log"
    with hostile_provider() as url, log.open("wb") as file:
        env = {
            "TRUNKLINE_OPENAI_URL": f"{url}/v1/realtime",
            "TRUNKLINE_AZURE_URL": url,
            "TRUNKLINE_LOG_LEVEL": "debug",
            "TRUNKLINE_LOG_FORMAT": "json",
            "TRUNKLINE_METRICS_TOKEN": METRICS,
        }
        with running(directory / "data", env=env, log=file) as started:
            store(started)
            call_ids, heard = plant(started)
            session = sign_in(started)
            for call_id in call_ids:
                started.sealed(call_id, audio=False)
            yield Planted(started, log, call_ids, heard, session)


def store(started: Running) -> None:
    """Store credentials, as the command line does."""
    openai = ("providers", "--name", "main", "--profile", "openai", "--model", "stored*")
    azure = (
        "providers", "--name", "west", "--profile", "azure", "--resource", "west",
        "--model", "west*",
    )  # fmt: skip
    webhook = ("webhooks", "--name", "desk", "--url", "http://127.0.0.1:1/")
    stored = ((openai, STORED), (azure, STORED_AZURE), (webhook, WEBHOOK))
    for (what, *options), secret in stored:
        command = [*COMMAND, what, "add", *options, "--data", str(started.data)]
        subprocess.run(
            command, input=secret, text=True, check=True, capture_output=True, timeout=PATIENCE_S,
            env=environment({}),
        )  # fmt: skip


def plant(started: Running) -> tuple[list[str], str]:
    """Plant every secret everywhere; return the ids of the calls, and what callers were told."""
    bearer = {"Authorization": f"Bearer {PROVIDER_KEY}", "Cookie": f"trunkline={COOKIE}"}
    ours = started.headers
    two = {"Authorization": f"Bearer {PROVIDER_KEY}, Bearer {WRONG_KEY}"}
    azure = "resource=voice&deployment=d"
    attempts: list[tuple[str, dict[str, str], list[str]]] = [
        ("model=gpt-realtime-2.1", {**bearer, **ours}, []),
        ("model=refuse", {**bearer, **ours}, []),
        (f"model=gpt-realtime-2.1&token={IN_QUERY}", {**bearer, **ours}, []),
        (f"model=refuse&api-key={IN_QUERY}", {**bearer, **ours}, []),
        ("model=gpt-realtime-2.1", {**ours, "Authorization": f"Bearer {EPHEMERAL}"}, []),
        ("model=gpt-realtime-2.1", ours, [f"openai-insecure-api-key.{EPHEMERAL}"]),
        ("model=gpt-realtime-2.1", {**bearer, "Helicone-Auth": f"Bearer {WRONG_KEY}"}, []),
        ("model=gpt-realtime-2.1", {**bearer, "Helicone-Auth": f"Basic {WRONG_KEY}"}, []),
        ("model=gpt-realtime-2.1", two, []),
        (azure, {**ours, "api-key": AZURE_KEY}, []),
        (azure.replace("=d", "=refuse"), {**ours, "api-key": AZURE_KEY}, []),
        (f"resource=voice&deployment=refuse&api-key={AZURE_KEY}", ours, []),
        (f"{azure}&model=%00&api-key={AZURE_KEY}", ours, []),
    ]
    made = [attempt(started, *one) for one in attempts]
    made += [
        attempt(started, query, headers, protocols, path)
        for path, query, headers, protocols in without_our_header(started.key)
    ]
    for head in (
        f"GET /v1/realtime?model=m HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {PROVIDER_KEY}\n\n",
        f"GET /{LINK} HTTP/1.1\r\nHost: h\r\nAuthorization: {PROVIDER_KEY}\r\n {WRONG_KEY}\r\n\r\n",
        f"{WRONG_KEY} HTTP\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: h\r\nCookie: {COOKIE}{'x' * 40_000}\r\n\r\n",
    ):
        send(started, head.encode())
    browse(started)
    return [call_id for call_id, _ in made], "".join(heard for _, heard in made)


def without_our_header(key: str) -> list[tuple[str, str, dict[str, str], list[str]]]:
    """The gateway's key, a good one and a wrong one, by every way that needs no header of ours."""
    bearer = {"Authorization": f"Bearer {PROVIDER_KEY}"}
    theirs = f"openai-insecure-api-key.{EPHEMERAL}"
    return [
        way
        for ours in (key, WRONG_KEY)
        for way in (
            (f"/k/{ours}/v1/realtime", "model=gpt-realtime-2.1", bearer, []),
            (f"/k/{ours}/v1/realtime", "model=refuse", bearer, []),
            (REALTIME, f"model=gpt-realtime-2.1&helicone-auth={ours}", bearer, []),
            (REALTIME, f"model=refuse&helicone-auth={ours}", bearer, []),
            (REALTIME, "model=gpt-realtime-2.1", {}, [f"helicone-auth.{ours}", theirs]),
            (REALTIME, "model=stored-1", {}, [f"openai-insecure-api-key.{ours}"]),
            ("/p/main/v1/realtime", "model=refuse", {"Authorization": f"Bearer {ours}"}, []),
            ("/p/west/v1/realtime", "model=west-1", {"Authorization": f"Bearer {ours}"}, []),
            ("/p/west/v1/realtime", "model=refuse", {"api-key": ours}, []),
            (REALTIME, "model=m", {"Authorization": f"Bearer {ours}"}, []),
            ("/openai/v1/realtime", "model=m&resource=voice", {"api-key": ours}, []),
            ("/openai/realtime", f"deployment=m&resource=voice&api-key={ours}", {}, []),
        )
    ]


def attempt(
    started: Running,
    query: str,
    headers: dict[str, str],
    protocols: list[str],
    path: str = REALTIME,
) -> tuple[str, str]:
    url = f"{started.websocket_url}{path}?{query}"
    options: dict[str, Any] = {"additional_headers": headers, "proxy": None, "compression": None}
    if protocols:
        options["subprotocols"] = ["realtime", *protocols]
    try:
        with connect(url, **options) as caller:
            assert caller.response is not None
            call_id = caller.response.headers["Helicone-Id"]
            caller.send("{}")
            return call_id, str(caller.recv(10)) + close_reason(caller)
    except InvalidStatus as exc:
        return exc.response.headers["Helicone-Id"], bytes(exc.response.body).decode()


def close_reason(caller: ClientConnection) -> str:
    """Wait for the close; return its reason."""
    with pytest.raises(ConnectionClosed) as closed:
        caller.recv(10)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.reason


def send(started: Running, head: bytes) -> None:
    _, _, port = started.url.rpartition(":")
    with socket.create_connection(("127.0.0.1", int(port)), 10) as connection:
        connection.sendall(head)
        with contextlib.suppress(ConnectionError):
            while connection.recv(65536):
                pass


def browse(started: Running) -> None:
    """Ask API and pages with secrets that are wrong."""
    with httpx2.Client(base_url=started.url) as http:
        wrong = {"Authorization": f"Bearer {WRONG_KEY}"}
        for path in ("/v1/calls", "/metrics", f"/v1/calls?key={IN_QUERY}", f"/no/{LINK}"):
            http.get(path, headers={**wrong, "X-Forwarded-For": "1.2.3.4"})
        http.get("/calls", headers={"Cookie": f"trunkline={COOKIE}"})
        http.get(f"/sign-in/{LINK}")
        http.post(f"/sign-in/{LINK}")
        for path in ("/sign-in", "/sign-up"):
            http.post(path, data={"email": "a@example.com", "password": PASSWORD, "next": "/"})
        for path in (f"/k/{WRONG_KEY}/v1/calls", f"/k/{started.key}/v1/calls"):
            http.get(path, params={"helicone-auth": started.key})
        http.get("/metrics", headers={"Authorization": f"Bearer {METRICS}", "Host": "elsewhere"})


def sign_in(started: Running) -> str:
    """Sign in by the printed link; return the session's cookie."""
    with httpx2.Client(base_url=started.url) as http:
        answer = http.post(started.sign_in.removeprefix(started.url))
        assert answer.status_code == 303, answer.text
        return answer.cookies["trunkline"]


def found(secrets: dict[str, str], text: str | bytes) -> list[str]:
    """Return the names of the secrets that are in `text`, whole or but for their ends."""
    data = text.encode() if isinstance(text, str) else text
    return [name for name, secret in secrets.items() if secret[4:-4].encode() in data]


def lines_of(planted: Planted) -> list[dict[str, Any]]:
    return [json.loads(line) for line in planted.log.read_text("utf-8").splitlines()]


def test_what_was_planted_was_quoted(planted: Planted) -> None:
    """Else the other tests would look for what never came."""
    keys = {name: PLANTED[name] for name in ("provider key", "Azure key", "ephemeral token")}
    assert found(keys, planted.heard) == list(keys)
    assert planted.heard.count(f"bad key {PROVIDER_KEY}") == 4
    assert planted.heard.count(f"Incorrect API key provided: {AZURE_KEY}") == 2
    for secret in (STORED, STORED_AZURE):
        assert planted.heard.count(f"bad key {secret}") == 1
        assert planted.heard.count(f"Incorrect API key provided: {secret}") == 1


def test_no_log_has_a_secret(planted: Planted) -> None:
    assert found(planted.secrets, planted.log.read_bytes()) == []


def test_every_line_is_structured_and_those_about_calls_have_their_ids(planted: Planted) -> None:
    about_calls = [line for line in lines_of(planted) if line["event"].startswith("call ")]
    assert all(re.fullmatch("call_[0-9A-Z]{26}", line["call"]) for line in about_calls)
    told = {line["call"]: line for line in about_calls}
    assert set(planted.call_ids) <= told.keys()
    begun = [line for line in about_calls if line["event"] == "call begun"]
    ended = [line for line in about_calls if line["event"] == "call ended"]
    refused = [line for line in about_calls if line["event"] == "call refused"]
    assert {line["call"] for line in begun} == {line["call"] for line in ended}
    assert len(begun) + len(refused) == len(planted.call_ids)
    assert all(line["code"] and line["status"] >= 400 for line in refused)
    assert {line["process"] for line in about_calls} == {"gateway-0"}


def test_no_metric_and_no_vitals_file_has_a_secret(planted: Planted) -> None:
    for path in ("/metrics", "/ready", "/live"):
        assert found(planted.secrets, httpx2.get(planted.running.url + path).text) == [], path
    files = list((planted.running.data / "run").glob("*.vitals"))
    assert {path.stem for path in files} == {"gateway-0", "server", "up"}
    for path in files:
        assert found(planted.secrets, path.read_bytes()) == [], path


def test_no_answer_of_the_api_has_a_secret(planted: Planted) -> None:
    quotes = 0
    for call_id in planted.call_ids:
        for path in (f"/v1/calls/{call_id}", f"/v1/calls/{call_id}/events"):
            answer = planted.running.get(path)
            assert answer.status_code == 200
            assert found(planted.secrets, answer.text) == [], path
            quotes += answer.text.count("Not ***")
    assert quotes >= 4
    for path in ("/v1/calls", "/v1/providers", "/v1/webhooks", "/v1/keys"):
        assert found(planted.secrets, planted.running.get(path).text) == [], path


def test_no_page_has_a_secret(planted: Planted) -> None:
    cookies = {"trunkline": planted.session}
    paths = [
        "/calls",
        "/keys",
        "/providers",
        "/webhooks",
        "/sessions",
        "/overview",
        "/errors",
        "/costs",
        *(f"/calls/{one}" for one in planted.call_ids),
    ]
    with httpx2.Client(base_url=planted.running.url, cookies=cookies) as http:
        for path in paths:
            answer = http.get(path)
            assert answer.status_code == 200, path
            assert found(planted.secrets, answer.text) == [], path


def test_nothing_on_the_disk_has_a_secret(planted: Planted) -> None:
    files = [path for path in planted.running.data.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert found(planted.secrets, path.read_bytes()) == [], path


def test_no_command_line_has_a_secret(planted: Planted) -> None:
    for pid in [planted.running.process.pid, *planted.running.children().values()]:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert found(planted.secrets, line) == [], line
