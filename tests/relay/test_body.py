"""Bodies of requests: whole, bounded, and the same in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.relay.body import MAX_CHUNKS, MAX_LINE_BYTES, MAX_TRAILERS, Incoming
from trunkline.relay.head import BadHead, parse_head

LIMIT = 4_096


def head_of(*fields: str) -> bytes:
    return "\r\n".join(("POST / HTTP/1.1", "Host: h", *fields)).encode()


def incoming(*fields: str, limit: int = LIMIT) -> Incoming:
    return Incoming(parse_head(head_of(*fields)), limit)


def chunked(*pieces: bytes, trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return body + b"0\r\n" + trailers + b"\r\n"


def code(body: Incoming, data: bytes) -> str:
    with pytest.raises(BadHead) as caught:
        body.take(data)
    return caught.value.code


def test_a_request_without_a_length_has_no_body() -> None:
    assert incoming().whole
    assert incoming("Content-Length: 0").whole


@given(st.binary(max_size=300), st.lists(st.integers(1, 7), min_size=1))
def test_a_body_by_length_comes_in_any_pieces(content: bytes, sizes: list[int]) -> None:
    body = incoming(f"Content-Length: {len(content)}")
    feed(body, content + b"POST / smuggled", sizes)
    assert (body.whole, body.content) == (True, content)


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=8),
    st.lists(st.integers(1, 7), min_size=1),
    st.sampled_from([b"", b"X: y\r\n"]),
)
def test_a_body_in_chunks_comes_in_any_pieces(
    pieces: list[bytes], sizes: list[int], trailers: bytes
) -> None:
    body = incoming("Transfer-Encoding: chunked")
    sent = chunked(*pieces, trailers=trailers)
    feed(body, sent[:-1], sizes)
    assert not body.whole
    body.take(sent[-1:] + b"more")
    assert (body.whole, body.content) == (True, b"".join(pieces))


def feed(body: Incoming, data: bytes, sizes: list[int]) -> None:
    at = n = 0
    while at < len(data):
        body.take(data[at : at + sizes[n % len(sizes)]])
        at, n = at + sizes[n % len(sizes)], n + 1


def test_what_is_too_big_is_refused_before_it_comes() -> None:
    with pytest.raises(BadHead) as caught:
        incoming(f"Content-Length: {LIMIT + 1}")
    assert (caught.value.status, caught.value.code) == (413, "body_too_big")
    body = incoming("Transfer-Encoding: chunked")
    assert code(body, b"%x\r\n" % (LIMIT + 1)) == "body_too_big"
    body = incoming("Transfer-Encoding: chunked")
    body.take(chunked(bytes(LIMIT))[:-5])
    assert code(body, b"1\r\n") == "body_too_big"


BAD_CHUNKS = {
    "no number": b"x\r\n",
    "a sign": b"+4\r\nabcd\r\n",
    "a prefix": b"0x4\r\nabcd\r\n",
    "an empty size": b"\r\n",
    "longer than it says": b"2\r\nabc\r\n",
    "shorter than it says": b"4\r\nabc\r\n0\r\n",
    "an endless size": b"0" * (MAX_LINE_BYTES + 2),
    "an endless extension": b"4;" + b"a" * MAX_LINE_BYTES + b"\r\n",
    "endless trailers": b"0\r\n" + b"a: b\r\n" * (MAX_TRAILERS + 1),
    "a bare line feed": b"4\nabcd\n0\n\n" + b"a" * MAX_LINE_BYTES,
    "a byte each": b"1\r\na\r\n" * (MAX_CHUNKS + 1),
}


@pytest.mark.parametrize("data", BAD_CHUNKS.values(), ids=BAD_CHUNKS.keys())
def test_what_is_not_in_chunks_is_refused(data: bytes) -> None:
    assert code(incoming("Transfer-Encoding: chunked", limit=1 << 20), data) == "bad_chunk"


def test_an_extension_of_a_chunk_says_nothing() -> None:
    body = incoming("Transfer-Encoding: chunked")
    body.take(b"3 ;name=value\r\nabc\r\n0\r\n\r\n")
    assert (body.whole, body.content) == (True, b"abc")
