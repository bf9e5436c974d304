"""How a call ends on the wire, whoever ends it, however, and whenever."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
from tests.relay.peer import CLOSE, TEXT, frame, peers
from tests.relay.world import world

MIB = 1024 * 1024

# --- a close, and more ---------------------------------------------------------------

AFTER = {
    "another close": frame(CLOSE, b"\x03\xe9", masked=True),
    "a broken frame": b"\xff\xff",
    "a message": frame(TEXT, b"late", masked=True),
}


@pytest.mark.guarantee("R6")
@pytest.mark.parametrize("code", [1000, 4000, None])
@pytest.mark.parametrize("more", AFTER.values(), ids=AFTER.keys())
async def test_what_follows_a_close_at_once_means_nothing(
    tmp_path: Path, code: int | None, more: bytes
) -> None:
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        payload = b"" if code is None else code.to_bytes(2, "big")
        caller.write(frame(CLOSE, payload, masked=True) + more)
        assert (await caller.recv()).code == code
        assert (await provider.recv()).code == code
        provider.close(code)
        await asyncio.gather(caller.ended(), provider.ended())
        closed = await w.journal.closed()
    assert (closed.status, closed.end_reason) == ("completed", "caller_closed")
    assert closed.caller_close_code == (code or 1005)


INVALID = {"0": 0, "no status": 1005, "abnormal": 1006, "reserved": 2999, "beyond all": 5000}


@pytest.mark.guarantee("R6")
@pytest.mark.parametrize("code", INVALID.values(), ids=INVALID.keys())
async def test_a_code_that_may_not_be_sent_is_answered_with_1002(tmp_path: Path, code: int) -> None:
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        provider.close(code)
        assert (await provider.recv()).code == 1002
        assert (await caller.until_close()).code == 1011
        caller.close(1011)
        await w.journal.closed()


# --- lost ----------------------------------------------------------------------------


@pytest.mark.guarantee("R6")
async def test_a_caller_that_ends_its_side_and_reads_nothing_is_lost_at_once(
    tmp_path: Path,
) -> None:
    options = {"max_buffer_bytes": 64 * MIB}
    async with peers() as ends, world(tmp_path, openai_url=ends.url, **options) as w:
        caller, provider = await ends.call(w.port)
        caller.writer.transport.pause_reading()
        (live,) = w.gateway._calls
        while not live.caller.backlog:
            provider.send(TEXT, b"x" * MIB)
            await w.journal.grown.wait()
            w.journal.grown.clear()
        caller.finish()
        assert (await provider.recv()).code == 1011
        provider.close(1011)
        closed = await w.journal.closed()
    assert closed.end_reason == "caller_lost"


# --- what is told to nobody ----------------------------------------------------------


@pytest.mark.guarantee("R6")
async def test_a_provider_that_breaks_a_rule_leaves_no_page_of_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        provider.write(b"\xff\xff")
        assert (await caller.until_close()).code == 1011
        assert (await provider.recv()).code == 1002
        caller.close(1011)
        assert (await w.journal.closed()).end_reason == "protocol_error"
    gc.collect()  # Who forgets a future with an exception is told of it, some time.
    assert caplog.records == []
