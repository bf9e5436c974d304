"""Text that is no event that we know, or hardly one, and text that is made to cost too much."""

from __future__ import annotations

from functools import cache

NESTED = 100_000
MANY = 1_000_000
SOME = 49_000
"""Fewer than those that are not read at all."""

ODD: dict[str, bytes] = {
    "no JSON": b"hello there",
    "half an event": b'{"type":"response.output_audio.delta","delta":"AAAA',
    "two events": b'{"type":"response.create"}{"type":"response.create"}',
    "an event in an array": b'[{"type":"response.create"}]',
    "a type that is no text": b'{"type":7,"event_id":[]}',
    "no type": b'{"event_id":"e1"}',
    "a type of next year": b'{"type":"conversation.dreamt","dream":{"of":["electric","sheep"]}}',
    "fields of next year": b'{"type":"response.create","mood":"good","response":{"sing":true}}',
    "lone surrogates": rb'{"type":"conversation.item.create","item":{"id":"\ud800\udc00\udfff"}}',
    "NULs and BOM": b'\xef\xbb\xbf{"type":"a\\u0000b"}\x00',
    "NaN": b'{"type":"response.create","response":{"temperature":NaN,"top":-Infinity}}',
    "a number beyond all": b'{"type":"response.create","response":{"temperature":1e999999}}',
    "a key many times": b'{"type":"a","type":"response.create","type":"b"}',
    "nothing": b"",
    "other letters": '{"type":"señal","text":"信号 🛰"}'.encode(),
}
"""Small."""


def _list(element: bytes, times: int) -> bytes:
    return b"[" + b",".join([element] * times) + b"]"


@cache
def _object(members: int) -> bytes:
    return b"{" + b",".join(map(b'"k%d":0'.__mod__, range(members))) + b"}"


def _session(more: bytes) -> bytes:
    # Of a GA caller: a gateway would translate another one's.
    return b'{"type":"session.update","session":{"type":"realtime",' + more + b"}}"


BOMBS: dict[str, bytes] = {
    "deep arrays": b'{"type":"response.create","x":' + b"[" * NESTED + b"]" * NESTED + b"}",
    "deep objects": b'{"type":"x","x":' + b'{"a":' * NESTED + b"1" + b"}" * NESTED + b"}",
    "a deep session": _session(b'"x":' + b'{"a":' * NESTED + b"1" + b"}" * NESTED),
    "only brackets": b"[" * NESTED,
    "keys of something unknown": b'{"type":"x","x":' + _object(MANY) + b"}",
    "keys of a session": _session(_object(MANY)[1:-1]),
    "some keys of a session": _session(_object(SOME)[1:-1]),
    "keys beside a wrong type": b'{"type":7,"x":' + _object(MANY) + b"}",
    "the same key": b'{"type":"x"' + b',"type":"response.create"' * 100_000 + b"}",
    "elements": b'{"type":"response.create","x":' + _list(b"0", MANY) + b"}",
    "items that are none": b'{"type":"response.done","response":{"id":"r","output":'
    + _list(b"7", SOME)
    + b"}}",
    "items of a wrong kind": b'{"type":"response.done","response":{"id":"r","output":'
    + _list(b'{"id":7}', SOME)
    + b"}}",
    "parts of wrong kinds in items of wrong kinds": b'{"type":"response.done","response":{"output":'
    + _list(b'{"id":7,"type":8,"content":[7]}', SOME // 3)
    + b"}}",
    "parts of a wrong kind": b'{"type":"conversation.item.create","item":{"content":'
    + _list(b'{"type":7}', SOME)
    + b"}}",
    "a huge integer": b'{"type":"response.create","n":' + b"9" * MANY + b"}",
    "long integers": _session(b'"x":' + _list(b"9" * 4300, 2400)),
    "long integers beside a lone surrogate": rb'{"type":"response.done","x":"\ud800","response":'
    + _list(b"9" * 4300, 2400)
    + b"}",
    "numbers of many digits": _session(b'"x":' + _list(b"0." + b"1234567890" * 20, SOME)),
    "many lone surrogates": _session(b'"instructions":"' + rb"\ud800" * 100_000 + b'"'),
}
"""Of 0.1 to 12 MB."""
