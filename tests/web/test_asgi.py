"""What stands before the application: bodies that are too large, or do not come."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from trunkline.web import asgi


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers with the size of the body, and then waits for the caller."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)}")(scope, receive, send)
    await receive()


def answering(status: int) -> asgi.Answer:
    def answer(_request: Request) -> Response:
        return Response(status_code=status)

    return answer


async def answered(*messages: Message) -> int:
    """Return the status of the answer to a caller that sends `messages` and then nothing."""
    waiting = list(messages)
    statuses: list[int] = []

    async def receive() -> Message:
        if not waiting:
            await asyncio.sleep(0.1)
            return {"type": "http.disconnect"}
        return waiting.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    limit = asgi.BodyLimit(read_all, too_large=answering(413), too_slow=answering(408))
    await limit({"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send)
    assert len(statuses) == 1
    return statuses[0]


def part(size: int, *, more: bool) -> Message:
    return {"type": "http.request", "body": b"a" * size, "more_body": more}


async def test_a_body_that_is_whole_is_read() -> None:
    assert await answered(part(10, more=True), part(10, more=False)) == 200


async def test_a_body_that_is_too_large_is_413() -> None:
    assert await answered(part(10, more=True), part(asgi.MAX_BODY_BYTES, more=True)) == 413


async def test_a_body_that_does_not_come_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_TIMEOUT_S", 0.02)
    assert await answered(part(10, more=True)) == 408


async def test_a_caller_that_has_sent_its_body_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_TIMEOUT_S", 0.02)
    assert await answered(part(10, more=False)) == 200
