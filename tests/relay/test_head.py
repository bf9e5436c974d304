"""Request heads: what is understood, and what is refused because it could be misunderstood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.relay.head import MAX_FIELDS, BadHead, Head, parse_head, query_pairs

GOOD = (
    b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: h:8585\r\n"
    b"Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade"
)


def head(*lines: bytes, first: bytes = b"GET / HTTP/1.1") -> Head:
    return parse_head(b"\r\n".join((first, b"Host: h", *lines)))


def test_a_head_is_taken_apart() -> None:
    parsed = parse_head(GOOD)
    assert (parsed.method, parsed.path, parsed.query) == ("GET", "/v1/realtime", "model=m")
    assert parsed.text("host") == "h:8585"
    assert parsed.upgrades


def test_repeated_list_headers_are_one_list() -> None:
    parsed = head(b"Sec-WebSocket-Protocol: realtime, a", b"sec-websocket-protocol: b")
    assert parsed.tokens("sec-websocket-protocol") == ("realtime", "a", "b")


def test_names_keep_their_case_and_are_found_without_it() -> None:
    parsed = head(b"Helicone-Property-Plan: Gold")
    assert parsed.fields[-1] == ("Helicone-Property-Plan", "Gold")
    assert parsed.text("helicone-property-plan") == "Gold"


def test_values_are_utf_8_where_they_are_that() -> None:
    assert head("X: señal".encode()).text("x") == "señal"
    assert head(b"X: se\xf1al").text("x") == "señal"


def test_an_absent_header_is_empty() -> None:
    assert head().text("x") == ""
    assert not head().upgrades


BAD = {
    "nothing": (b"", "bad_request_line"),
    "two words": (b"GET /\r\nHost: h", "bad_request_line"),
    "four words": (b"GET / x HTTP/1.1\r\nHost: h", "bad_request_line"),
    "lower-case method": (b"get / HTTP/1.1\r\nHost: h", "bad_request_line"),
    "absolute target": (b"GET http://h/ HTTP/1.1\r\nHost: h", "bad_request_line"),
    "fragment": (b"GET /#x HTTP/1.1\r\nHost: h", "bad_request_line"),
    "tab in target": (b"GET /\t HTTP/1.1\r\nHost: h", "bad_request_line"),
    "non-ASCII target": (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: h", "bad_request_line"),
    "HTTP/2": (b"GET / HTTP/2\r\nHost: h", "bad_version"),
    "TLS hello": (b"\x16\x03\x01", "bad_request_line"),
    "no host": (b"GET / HTTP/1.1", "missing_host"),
    "strange host": (b"GET / HTTP/1.1\r\nHost: a/b@c", "bad_host"),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nhost: a", "repeated_header"),
    "folded": (b"GET / HTTP/1.1\r\nHost: h\r\n x", "folded_header"),
    "no colon": (b"GET / HTTP/1.1\r\nHost: h\r\nX", "bad_header_name"),
    "space before colon": (b"GET / HTTP/1.1\r\nHost : h", "bad_header_name"),
    "empty name": (b"GET / HTTP/1.1\r\n: h", "bad_header_name"),
    "NUL": (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b", "bad_header_value"),
    "bare LF": (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\nY: b", "bad_header_value"),
    "bare CR": (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb", "bad_header_value"),
    "bare LF in the request line": (b"GET / HTTP/1.1\nHost: h", "bad_request_line"),
    "both lengths": (
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        "ambiguous_body",
    ),
    "two lengths": (
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2", "repeated_header",
    ),
    "signed length": (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1", "bad_content_length"),
    "list length": (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1", "bad_content_length"),
    "strange coding": (
        b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked", "bad_transfer_encoding",
    ),
    "Connection names a header": (
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close, Authorization", "bad_connection",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "code"), BAD.values(), ids=BAD.keys())
def test_what_could_be_misunderstood_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(BadHead) as caught:
        parse_head(raw)
    assert caught.value.code == code
    assert caught.value.status in (400, 505)


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Upgrade", "Helicone-Auth", "api-key", "Sec-WebSocket-Key", "Origin"],
)
def test_credentials_and_the_handshake_may_be_given_once(name: str) -> None:
    with pytest.raises(BadHead, match=name):
        head(f"{name}: a".encode(), f"{name}: b".encode())


def test_too_many_headers_are_too_many() -> None:
    head(*[b"X: y"] * (MAX_FIELDS - 1))
    with pytest.raises(BadHead) as caught:
        head(*[b"X: y"] * MAX_FIELDS)
    assert caught.value.status == 431


def test_query_parameters_are_decoded_and_kept_as_sent() -> None:
    assert query_pairs("a=1&b=%20x+y&&c") == (
        ("a", "1", "a=1"), ("b", " x y", "b=%20x+y"), ("c", "", "c"),
    )  # fmt: skip


@given(st.binary(max_size=40), st.integers(0, len(GOOD)))
def test_any_bytes_are_a_head_or_refused(noise: bytes, at: int) -> None:
    try:
        parsed = parse_head(GOOD[:at] + noise + GOOD[at + len(noise) :])
    except BadHead:
        return
    assert parsed.target.startswith("/")
    assert not any(c in value for _, value in parsed.fields for c in "\r\n\0")
