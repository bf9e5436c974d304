"""What providers answer to a handshake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.relay.refusal import Refusal, answer
from trunkline.relay.response import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    BadResponse,
    Body,
    Reading,
    ResponseHead,
    parse_response,
    refusal_of,
)

UPGRADE = {"upgrade": "WebSocket", "connection": "keep-alive, Upgrade", "sec-websocket-accept": "a"}


def test_a_response_is_taken_apart() -> None:
    head = parse_response(b"HTTP/1.1 401 Nope at all\r\nX-Request-Id:  r1 \r\nx-request-id: r2")
    assert (head.status, head.fields) == (401, {"x-request-id": "r1"})
    assert parse_response(b"HTTP/1.1 101 \r\nA: b").status == 101


BAD = {
    "empty": b"",
    "another protocol": b"SSH-2.0",
    "HTTP/2": b"HTTP/2 200 OK",
    "no number": b"HTTP/1.1 abc",
    "no colon": b"HTTP/1.1 200 OK\r\nX",
    "bare line feed": b"HTTP/1.1 200 OK\r\nX: a\nY: b",
}


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD.keys())
def test_what_is_not_an_answer_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(BadResponse):
        parse_response(raw)


def test_a_right_101_is_accepted() -> None:
    ResponseHead(101, UPGRADE).check_upgrade("a")


WRONG = {
    "no upgrade": {"upgrade": ""},
    "no connection": {"connection": "close"},
    "another handshake's": {"sec-websocket-accept": "b"},
    "an extension": {"sec-websocket-extensions": "permessage-deflate"},
    "a subprotocol": {"sec-websocket-protocol": "realtime"},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_101_is_not(change: dict[str, str]) -> None:
    with pytest.raises(BadResponse):
        ResponseHead(101, {**UPGRADE, **change}).check_upgrade("a")


def test_the_headers_that_support_asks_for_are_kept() -> None:
    head = ResponseHead(101, {"x-request-id": "r" * 300, "set-cookie": "secret"})
    assert head.noted() == {"x-request-id": "r" * 256}


# --- bodies --------------------------------------------------------------------------

BODIES = {
    "by length": ({"content-length": "4"}, [b"bo", b"dy", b"more"], b"body"),
    "empty": ({"content-length": "0"}, [], b""),
    "in chunks": (
        {"transfer-encoding": "chunked"},
        [b"2\r\nbo\r\n", b"2\r\ndy\r\n0\r\n\r\n"],
        b"body",
    ),
    "a last chunk in two parts": (
        {"transfer-encoding": "chunked"},
        [b"4\r\nbody\r\n0\r", b"\n\r\n"],
        b"body",
    ),
}


@pytest.mark.parametrize(("fields", "parts", "whole"), BODIES.values(), ids=BODIES.keys())
def test_a_body_is_whole_when_nothing_more_comes(
    fields: dict[str, str], parts: list[bytes], whole: bytes
) -> None:
    body = Body(ResponseHead(400, fields))
    for part in parts:
        body.add(part)
    assert body.whole
    assert body.content == whole


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    body = Body(ResponseHead(400, {}))
    body.add(b"body")
    assert not body.whole
    body.end()
    assert (body.whole, body.content) == (True, b"body")


@pytest.mark.parametrize("fields", [{}, {"content-length": "9999999"}])
def test_of_a_large_body_the_beginning_is_kept(fields: dict[str, str]) -> None:
    body = Body(ResponseHead(400, fields))
    for _ in range(40):
        body.add(b"x" * 8192)
    assert body.whole
    assert body.content == b"x" * MAX_BODY_BYTES


@given(st.lists(st.binary(max_size=20), max_size=5), st.booleans())
def test_any_bytes_are_a_body(parts: list[bytes], chunked: bool) -> None:
    body = Body(ResponseHead(400, {"transfer-encoding": "chunked"} if chunked else {}))
    for part in parts:
        body.add(part)
    body.end()
    assert body.whole
    assert len(body.content) <= sum(map(len, parts))


# --- refusals ------------------------------------------------------------------------

ERRORS = {
    "OpenAI's": (b'{"error":{"code":"c","message":"m","type":"t"}}', "c", "m"),
    "Azure's": (b'{"error":{"code":"401","message":"m"}}', "401", "m"),
    "flat": (b'{"code":"c","message":"m"}', "c", "m"),
    "a number": (b'{"error":{"code":401,"message":null}}', "401", "the provider answered 401"),
    "not JSON": (b"<html>", "provider_401", "the provider answered 401"),
    "not an object": (b"[1]", "provider_401", "the provider answered 401"),
    "hostile": (b"[" * 100_000, "provider_401", "the provider answered 401"),
    "not UTF-8": (b'{"message":"\xff"}', "provider_401", "the provider answered 401"),
}


@pytest.mark.parametrize(("body", "code", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_a_refusals_error_is_found(body: bytes, code: str, message: str) -> None:
    refusal = refusal_of(ResponseHead(401, {"content-type": "a/b", "set-cookie": "x"}), body)
    assert (refusal.status, refusal.code, refusal.message) == (401, code, message)
    assert (refusal.body, refusal.headers) == (body, (("content-type", "a/b"),))


@pytest.mark.parametrize("status", [200, 204, 301, 307])
def test_anything_but_a_refusal_is_502(status: int) -> None:
    refusal = refusal_of(ResponseHead(status, {"location": "ws://elsewhere/"}), b"")
    assert (refusal.status, refusal.code, refusal.headers) == (502, "provider_not_websocket", ())


def test_a_refusal_is_written_as_http() -> None:
    refusal = Refusal(status=403, code="c", message="m")
    body = b'{"error":{"type":"permission_error","code":"c","message":"m"}}'
    assert answer(refusal, [("Helicone-Id", "call_1")]) == (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nHelicone-Id: call_1\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
    )


def test_a_providers_refusal_keeps_its_body_and_type() -> None:
    refusal = Refusal(
        status=418, code="c", message="m", headers=(("content-type", "text/plain"),), body=b"tea"
    )
    written = answer(refusal)
    assert written.startswith(b"HTTP/1.1 418 Refused\r\ncontent-type: text/plain\r\n")
    assert written.endswith(b"\r\n\r\ntea")
    assert b"application/json" not in written


ANSWER = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("size", [1, 7, len(ANSWER)])
def test_an_answer_is_read_however_it_is_cut(size: int) -> None:
    reading = Reading()
    for at in range(0, len(ANSWER), size):
        assert reading.body is None or not reading.body.whole
        reading.add(ANSWER[at : at + size])
    assert reading.head is not None
    assert reading.head.status == 400
    assert reading.body is not None
    assert reading.body.whole
    assert reading.body.content == b"hello"


@pytest.mark.parametrize("cut", [10, 34, 40])
def test_what_comes_behind_a_101_is_kept(cut: int) -> None:
    whole = b"HTTP/1.1 101 Switching\r\nA: b\r\n\r\n\x81\x02hi"
    reading = Reading()
    reading.add(whole[:cut])
    reading.add(whole[cut:])
    assert reading.body is None
    assert reading.early == b"\x81\x02hi"


def test_a_head_without_end_is_given_up() -> None:
    reading = Reading()
    reading.add(b"A" * MAX_HEAD_BYTES)
    with pytest.raises(BadResponse, match="too long"):
        reading.add(b"A")


def test_a_body_may_end_with_the_connection() -> None:
    reading = Reading()
    reading.add(b"HTTP/1.1 500 Oh\r\n\r\nsorry")
    assert reading.body is not None
    assert not reading.body.whole
    reading.end()
    assert reading.body.whole
    assert reading.body.content == b"sorry"
