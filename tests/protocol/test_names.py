"""A type is read off the front of a frame, or not at all."""

import pytest

from trunkline.protocol.names import BETA_OF_GA, GA_OF_BETA, leading_type, renamed

FRONTS = {
    "as OpenAI writes it": (b'{"type":"error","a":1}', b"error"),
    "nothing else": (b'{"type":"error"}', b"error"),
    "a space before it": (b'{ "type":"error"}', b""),
    "a space inside": (b'{"type": "error"}', b""),
    "another key first": (b'{"a":1,"type":"error"}', b""),
    "cut off": (b'{"type":"err', b""),
    "an escape": (b'{"type":"err\\u006fr"}', b""),
    "longer than any name": (b'{"type":"' + b"x" * 100 + b'"}', b""),
    "empty": (b"", b""),
}


@pytest.mark.parametrize(("frame", "name"), FRONTS.values(), ids=FRONTS.keys())
def test_leading_type(frame: bytes, name: bytes) -> None:
    assert leading_type(frame) == name


def test_renaming_touches_only_the_first_type() -> None:
    frame = b'{"type":"a","item":{"type":"a"}}'
    assert renamed(frame, {b"a": b"bc"}) == b'{"type":"bc","item":{"type":"a"}}'
    assert renamed(frame, {b"x": b"y"}) is None


def test_names_lead_there_and_back() -> None:
    assert all(GA_OF_BETA[beta] == ga for ga, beta in BETA_OF_GA.items())
