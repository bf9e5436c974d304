"""`traceparent`, as W3C Trace Context has it."""

import pytest

from trunkline.protocol.trace import Parent, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = {
    "sampled": (f"00-{TRACE}-{SPAN}-01", True),
    "not sampled": (f"00-{TRACE}-{SPAN}-00", False),
    "other flags": (f"00-{TRACE}-{SPAN}-fe", False),
    "spaces around": (f"  00-{TRACE}-{SPAN}-01 ", True),
    "a later version": (f"cc-{TRACE}-{SPAN}-01", True),
    "a later version that goes on": (f"cc-{TRACE}-{SPAN}-01-what-will-be", True),
}
BAD = {
    "nothing": "",
    "half of it": f"00-{TRACE}",
    "no version there is": f"ff-{TRACE}-{SPAN}-01",
    "version 00 that goes on": f"00-{TRACE}-{SPAN}-01-more",
    "a later version that goes on otherwise": f"cc-{TRACE}-{SPAN}-01.more",
    "capitals": f"00-{TRACE.upper()}-{SPAN}-01",
    "a trace of zeros": f"00-{'0' * 32}-{SPAN}-01",
    "a span of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "short": f"00-{TRACE[1:]}-{SPAN}-01",
    "no hexadecimal": f"00-{TRACE[1:]}g-{SPAN}-01",
    "digits of another script": f"00-{TRACE[1:]}٣-{SPAN}-01",
    "long": f"cc-{TRACE}-{SPAN}-01-" + "x" * 300,
}


@pytest.mark.parametrize(("text", "sampled"), GOOD.values(), ids=GOOD)
def test_what_is_one(text: str, sampled: bool) -> None:
    assert parse(text) == Parent(TRACE, SPAN, sampled)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(("text", "sampled"), GOOD.values(), ids=GOOD)
def test_what_is_kept_reads_the_same(text: str, sampled: bool) -> None:
    found = parse(text)
    assert found is not None
    assert parse(found.text) == found == Parent(TRACE, SPAN, sampled)
