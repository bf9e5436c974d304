"""I/O. The two ends of many calls in one process: callers that send, a provider that answers.

    python -m bench.ends PLAIN_PORT TLS_PORT CERTIFICATE AUTHORITY

Takes one command a line on standard input, and answers each with a line of JSON: see
`bench.talk`. One thread turns round and round over all sockets and never sleeps while calls
talk, so that nobody has to wake it, and it sees at once what has come. It says how much of
its time it was busy and how late it sent: when it could not keep its pace, what it measured
is not the proxy's.
"""

import gc
import resource
import ssl
import sys
from collections.abc import Callable

import msgspec

from bench import mixes, wire
from bench.mixes import STAMP_BYTES
from bench.peers import Caller, Listening
from bench.talk import Connected, Open, Stop, Talk, Talked, percentiles
from bench.watch import Tally, Watch, clock

OPEN_NS = 30_000_000_000
"""For all calls of one command to be open."""
DRAIN_NS = 2_000_000_000
"""For the last answers to come, and for calls to close."""
SENT_AT_ONCE = 8
"""When we are late: then we look at what has come, or it would be late too."""


class Ends:
    """All calls."""

    def __init__(self, watch: Watch, trusting: ssl.SSLContext) -> None:
        self._watch = watch
        self._trusting = trusting
        self._callers: list[Caller] = []

    def open(self, command: Open) -> Connected:
        """Open calls, some at a time, until each has its first provider frame."""
        self._watch.greet_ns = command.greet_ms * 1_000_000
        self._watch.deflates = command.deflate
        context = self._trusting if command.secure else None
        offer = (("Sec-WebSocket-Extensions", wire.EXTENSION),) if command.deflate else ()
        request = wire.request(
            f"{command.host}:{command.port}", command.path, (*command.headers, *offer)
        )
        opened: list[Caller] = []
        waiting: set[Caller] = set()
        deadline_ns = clock() + OPEN_NS
        while (len(opened) < command.calls or waiting) and clock() < deadline_ns:
            while len(opened) < command.calls and len(waiting) < command.at_once:
                address = (command.host, command.port)
                opened.append(Caller(self._watch, address, request, context))
                waiting.add(opened[-1])
            self._watch.turn()
            self._watch.greet_due()
            waiting = {one for one in waiting if one.connected and not one.greeted_ns}
        self._callers += opened
        greeted = [caller for caller in opened if caller.greeted_ns]
        return Connected(
            asked=command.calls,
            greeted=len(greeted),
            refusal=next((caller.refusal for caller in opened if caller.refusal), ""),
            upgrade_us=percentiles([caller.upgraded_ns - caller.began_ns for caller in greeted]),
            greeting_us=percentiles([caller.greeted_ns - caller.began_ns for caller in greeted]),
        )

    def talk(self, command: Talk) -> Talked:
        """Have all calls talk for a while, evenly spread over the interval of the mix."""
        callers = [caller for caller in self._callers if caller.connected]
        for peer in self._watch.peers.values():
            peer.frames = 0
        tally = self._watch.tally = Tally(mixes.MIXES[command.mix])
        return _Round(self._watch, tally, callers, command.seconds).run()

    def stop(self, _command: Stop) -> None:
        """End all calls, and see the provider's side of them closed."""
        for caller in self._callers:
            if caller.connected:
                caller.hang_up()
        self._callers.clear()
        deadline_ns = clock() + DRAIN_NS
        while self._watch.peers and clock() < deadline_ns:
            self._watch.turn(0.05)
        for peer in list(self._watch.peers.values()):
            peer.lost()


class _Round:
    """One round of talking."""

    def __init__(self, watch: Watch, tally: Tally, callers: list[Caller], seconds: float) -> None:
        self._watch = watch
        self._tally = tally
        self._callers = callers
        mix, calls = tally.mix, len(callers)
        frames = round(seconds * 1e6 / mix.interval_us) if calls else 0
        self._total = frames * calls
        self._expected = frames // mix.answer_every * len(mix.answers) * calls
        self._step_ns = mix.interval_us * 1000 / max(calls, 1)
        self._frame = wire.Stamped(mixes.append(mix), masked=True)
        self._sent = 0
        self._late_ns: list[int] = []

    def run(self) -> Talked:
        """Talk, and wait for the last answers."""
        turn, tally = self._watch.turn, self._tally
        busy_ns, begin_ns = 0, clock()
        until_ns = begin_ns + int(self._total * self._step_ns) + DRAIN_NS
        # What was sent last is heard last, so that most turns look at the first only.
        while (
            self._sent < self._total
            or tally.heard < self._total
            or len(tally.round_trips_ns) < self._expected
        ):
            now_ns = clock()
            if now_ns > until_ns:
                break
            sent = self._send_due(begin_ns, now_ns)
            if turn() or sent:
                busy_ns += clock() - now_ns
        return self._result(clock() - begin_ns, busy_ns)

    def _send_due(self, begin_ns: int, now_ns: int) -> int:
        """Send what is due, but not too much at once; return how many frames."""
        sent = 0
        while self._sent < self._total and sent < SENT_AT_ONCE:
            late_ns = now_ns - begin_ns - int(self._sent * self._step_ns)
            if late_ns < 0:
                break
            caller = self._callers[self._sent % len(self._callers)]
            if caller.connected:
                caller.say(self._frame, b"%0*d" % (STAMP_BYTES, now_ns))
            self._late_ns.append(late_ns)
            self._sent += 1
            sent += 1
            now_ns = clock()
        return sent

    def _result(self, took_ns: int, busy_ns: int) -> Talked:
        return Talked(
            calls=len(self._callers),
            sent=self._sent,
            heard=self._tally.heard,
            expected=self._expected,
            answered=len(self._tally.round_trips_ns),
            broken=sum(not caller.connected for caller in self._callers),
            seconds=took_ns / 1e9,
            busy=busy_ns / max(took_ns, 1),
            late_us=percentiles(self._late_ns),
            round_trip_us=percentiles(self._tally.round_trips_ns),
        )


def main() -> None:
    """Do what standard input says, until it ends."""
    plain_port, tls_port, certificate, authority = sys.argv[1:]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    watch = Watch()
    for port, spoken in ((plain_port, None), (tls_port, context)):
        Listening(watch, int(port), spoken)
    ends = Ends(watch, ssl.create_default_context(cafile=authority))
    doing: dict[type, Callable[..., object]] = {Open: ends.open, Talk: ends.talk, Stop: ends.stop}
    decoder = msgspec.json.Decoder(Open | Talk | Stop)
    # A collection in the middle of a round would be seen as the proxy's latency.
    gc.disable()
    for line in sys.stdin.buffer:
        command = decoder.decode(line)
        result = doing[type(command)](command)
        sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
        sys.stdout.buffer.flush()
        gc.collect()


if __name__ == "__main__":
    main()
