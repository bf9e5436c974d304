"""Autobahn's cases, through the gateway, against each of its legs.

kosoku runs them twice: as a caller, whose provider is an echo, and as a provider, whose
caller is an echo. So each leg of the gateway is the peer under test once, with a peer
that we trust on the other.

`OK`, `NON-STRICT` (allowed, but a stricter peer would have failed earlier) and
`INFORMATIONAL` (RFC 6455 leaves it open) are kosoku's words for what conforms.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import kosoku
import pytest
from kosoku._kosoku import CaseResult
from tests.relay.peer import CLOSE, TEXT
from tests.relay.world import KEY, PROVIDER_KEY, tcp, world
from tests.support.measured import measured
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

MIB = 1024 * 1024
LARGE = "9.*"
JOURNAL_BYTES = {False: 64 * MIB, True: 512 * MIB}
"""What all messages of ordinary cases take, in both directions, and of large ones."""
DEFLATE = ["12.*", "13.*"]
"""permessage-deflate, which both legs refuse: docs/explanation/architecture.md, part 4."""

WAIVED: dict[str, str] = {}
"""Case, and why its failure is right. There is none."""

CREDENTIALS = f"Helicone-Auth: Bearer {KEY}\r\nAuthorization: Bearer {PROVIDER_KEY}\r\n".encode()
OURS = b'{"type":"error","event_id":"event_trunkline_'


async def echo(connection: ServerConnection | ClientConnection) -> None:
    """Say what is heard, until one of both closes."""
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)


def check(leg: str, results: list[CaseResult]) -> None:
    """Fail for every case that failed, and say how many there were."""
    failed = [r for r in results if not r.passed and r.case_id not in WAIVED]
    assert not failed, "\n".join(f"{r.case_id}: {r.result}; {r.result_close}" for r in failed)
    counts = Counter(result.behavior.value for result in results)
    measured("R1", f"{leg} leg, {len(results)} cases: {dict(counts)}")


# --- the caller's leg ----------------------------------------------------------------


class Unannounced:
    """What a gateway sends to a caller, without the `error` events that go ahead of its closes.

    They are by design (docs/explanation/architecture.md, part 4) and allowed by RFC 6455,
    but a case expects nothing before the close. So they are taken out here, and must be
    what they should: one, with nothing but the close after it.
    """

    def __init__(self) -> None:
        self._data = b""
        self._headed = False
        self._announced = False

    def through(self, data: bytes) -> bytes:
        """Return what of `data` the caller gets, as far as it is whole."""
        self._data += data
        passed = b""
        if not self._headed:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return b""
            self._headed, self._data, passed = True, rest, head + found
        while frame := self._next():
            passed += self._checked(frame)
        return passed

    def _next(self) -> bytes:
        """Return the next whole frame, or nothing."""
        data = self._data
        if len(data) < 2:
            return b""
        extra = {126: 2, 127: 8}.get(data[1], 0)
        size = int.from_bytes(data[2 : 2 + extra], "big") if extra else data[1]
        end = 2 + extra + size
        if len(data) < 2 + extra or len(data) < end:
            return b""
        self._data = data[end:]
        return data[:end]

    def _checked(self, frame: bytes) -> bytes:
        opcode = frame[0] & 0x0F
        assert not self._announced or opcode == CLOSE
        if opcode == TEXT and OURS in frame[:64]:
            self._announced = True
            return b""
        return frame


@contextlib.asynccontextmanager
async def caller_side(gateway_port: int) -> AsyncIterator[str]:
    """Yield where kosoku can call: it can send no key, and knows no `error` events."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n")
        onward, back = await asyncio.open_connection("127.0.0.1", gateway_port)
        back.write(head + CREDENTIALS)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(pumped(reader, back, None))
                both.create_task(pumped(onward, writer, Unannounced()))
        finally:
            back.close()

    async with tcp(talk) as port:
        yield f"ws://127.0.0.1:{port}/v1/realtime?model=m"


async def pumped(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, filtered: Unannounced | None
) -> None:
    """Carry one direction, and its end."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(filtered.through(data) if filtered else data)
            await writer.drain()
        writer.write_eof()


async def as_caller(
    directory: Path, cases: list[str], without: list[str] | None = None
) -> list[CaseResult]:
    """Run cases against the leg that callers talk to."""
    room_bytes = JOURNAL_BYTES[LARGE in cases]
    async with (
        world(directory, echo, journal_bytes=room_bytes) as w,
        caller_side(w.port) as url,
    ):
        try:
            return await kosoku.run_fuzzingclient(url, cases, without, concurrency=4)
        except kosoku.FailureError as failed:
            return failed.results


# --- the provider's leg --------------------------------------------------------------


async def as_provider(
    directory: Path, cases: list[str], without: list[str] | None = None
) -> list[CaseResult]:
    """Run cases against the leg that talks to providers."""
    async with (
        kosoku.run_fuzzingserver(cases, without, host="127.0.0.1", port=0) as fuzzing,
        world(
            directory,
            openai_url=f"ws://127.0.0.1:{fuzzing.port}/runCase",
            journal_bytes=JOURNAL_BYTES[LARGE in cases],
        ) as w,
    ):
        site = f"ws://127.0.0.1:{fuzzing.port}"
        async with connect(f"{site}/getCaseCount") as asking:
            count = int(await asking.recv())
        four = asyncio.Semaphore(4)

        async def run(number: int) -> None:
            # What a caller asks for beside the model is passed on.
            async with four, w.call(f"model=m&case={number}&agent=gateway") as caller:
                await echo(caller)

        await asyncio.gather(*(run(number) for number in range(1, count + 1)))
        async with connect(f"{site}/updateReports?agent=gateway"):
            pass
        try:
            return await fuzzing.get_result()
        except kosoku.FailureError as failed:
            return failed.results


# --- the cases -----------------------------------------------------------------------


@pytest.mark.guarantee("R1")
async def test_the_callers_leg_conforms(tmp_path: Path) -> None:
    check("caller", await as_caller(tmp_path, ["*"], [LARGE, *DEFLATE]))


@pytest.mark.guarantee("R1")
async def test_the_providers_leg_conforms(tmp_path: Path) -> None:
    check("provider", await as_provider(tmp_path, ["*"], [LARGE, *DEFLATE]))


@pytest.mark.soak
@pytest.mark.guarantee("R1")
async def test_the_callers_leg_conforms_with_large_messages(tmp_path: Path) -> None:
    check("caller", await as_caller(tmp_path, [LARGE]))


@pytest.mark.soak
@pytest.mark.guarantee("R1")
async def test_the_providers_leg_conforms_with_large_messages(tmp_path: Path) -> None:
    check("provider", await as_provider(tmp_path, [LARGE]))


# kosoku leaves its test data open.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.guarantee("B4")
async def test_neither_leg_agrees_to_deflate(tmp_path: Path) -> None:
    cases = ["12.1.1", "13.1.1", "13.7.18"]
    for results in (await as_caller(tmp_path, cases), await as_provider(tmp_path, cases)):
        assert [result.behavior.value for result in results] == ["UNIMPLEMENTED"] * len(cases)
