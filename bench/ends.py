"""The two ends of a call, as processes: a provider that echoes, a load of callers.

    python ends.py echo PORT
    python ends.py load URL CALLS SECONDS HEADER...     HEADER is NAME=VALUE

`load` opens its calls, prints `ready`, waits for a line, sends for SECONDS, and
prints one line of JSON: frames sent and received, round trips in µs. Each call sends
`FRAMES_PER_S` texts of `FRAME_BYTES`, as a browser with a microphone does.
"""

import asyncio
import json
import sys
import time

import picows
import uvloop

FRAMES_PER_S = 25
FRAME_BYTES = 3_500
MODEL = "gpt-realtime"
_HEAD = b'{"type":"input_audio_buffer.append","event_id":"'
_STAMP_BYTES = 19
_TAIL = b'","audio":"'
_AUDIO = b"A" * (FRAME_BYTES - len(_HEAD) - _STAMP_BYTES - len(_TAIL) - 2)


class Echo(picows.WSListener):
    """Sends every text back. The proxies relay it both ways: two frames."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            transport.send(picows.WSMsgType.TEXT, frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()


class Caller(picows.WSListener):
    """One call. Keeps its rhythm by the clock, not by the answers."""

    def __init__(self) -> None:
        self.sent = 0
        self.round_trips_ns: list[int] = []
        self._transport: picows.WSTransport | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            now_ns = time.perf_counter_ns()
            payload = frame.get_payload_as_memoryview()
            stamp = bytes(payload[len(_HEAD) : len(_HEAD) + _STAMP_BYTES])
            self.round_trips_ns.append(now_ns - int(stamp))

    async def talk(self, begin_s: float, end_s: float) -> None:
        """Send from `begin_s` to `end_s`, loop time."""
        loop = asyncio.get_running_loop()
        at_s = begin_s
        while at_s < end_s:
            await asyncio.sleep(at_s - loop.time())
            stamp = b"%0*d" % (_STAMP_BYTES, time.perf_counter_ns())
            assert self._transport is not None
            self._transport.send(
                picows.WSMsgType.TEXT, b"".join((_HEAD, stamp, _TAIL, _AUDIO, b'"}'))
            )
            self.sent += 1
            at_s += 1 / FRAMES_PER_S

    def hang_up(self) -> None:
        assert self._transport is not None
        self._transport.send_close(picows.WSCloseCode.OK)


async def echo(port: int) -> None:
    server = await picows.ws_create_server(lambda request: Echo(), "127.0.0.1", port)
    await server.serve_forever()


async def load(url: str, calls: int, seconds: float, headers: dict[str, str]) -> None:
    loop = asyncio.get_running_loop()
    callers = [
        (await picows.ws_connect(Caller, url, extra_headers=headers))[1] for _ in range(calls)
    ]
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    begin_s = loop.time()
    interval_s = 1 / FRAMES_PER_S
    talks = [
        caller.talk(begin_s + interval_s * number / calls, begin_s + seconds)
        for number, caller in enumerate(callers)
    ]
    await asyncio.gather(*talks)
    sent = sum(caller.sent for caller in callers)
    for _ in range(200):
        if sum(len(caller.round_trips_ns) for caller in callers) >= sent:
            break
        await asyncio.sleep(0.01)
    round_trips_us = sorted(ns // 1000 for caller in callers for ns in caller.round_trips_ns)
    print(json.dumps(_summary(sent, round_trips_us)), flush=True)
    for caller in callers:
        caller.hang_up()
    await asyncio.sleep(0.1)


def _summary(sent: int, round_trips_us: list[int]) -> dict[str, int]:
    received = len(round_trips_us)
    if not received:
        return {"sent": sent, "received": 0, "p50_us": 0, "p99_us": 0}
    return {
        "sent": sent,
        "received": received,
        "p50_us": round_trips_us[received // 2],
        "p99_us": round_trips_us[received * 99 // 100],
    }


def main() -> None:
    match sys.argv[1:]:
        case ["echo", port]:
            uvloop.run(echo(int(port)))
        case ["load", url, calls, seconds, *headers]:
            pairs = dict(header.split("=", 1) for header in headers)
            uvloop.run(load(url, int(calls), float(seconds), pairs))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
