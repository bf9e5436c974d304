"""The call's state machine, as scripts: what happens, then what is to be done."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trunkline.journal.record import Leg
from trunkline.protocol.call import Closed, Dialect, EndReason, Note
from trunkline.relay.commands import (
    Abort,
    Close,
    Command,
    Finish,
    Hand,
    HangUp,
    Keep,
    PauseReading,
    Ping,
    Pong,
    ResumeReading,
    Say,
    Translate,
    Write,
)
from trunkline.relay.core import CLOSE_TIMEOUT_NS, Core, Limits
from trunkline.relay.events import (
    CloseReceived,
    Congested,
    Drained,
    Ended,
    Event,
    Fragment,
    Frame,
    Lost,
    Passed,
    PingReceived,
    PongReceived,
    Tick,
    Violation,
)
from trunkline.relay.pace import BURST_S, FRAMES_PER_S
from trunkline.relay.side import CONTROL_WINDOW_NS, MAX_CONTROL_FRAMES
from trunkline.relay.way import Way
from trunkline.settings import Settings

CALLER, PROVIDER = Leg.CALLER, Leg.PROVIDER
CALL_ID = "call_01JD00000000000000000000AA"
LIMITS = Limits(ping_interval_ns=100, ping_timeout_ns=50, slow_leg_timeout_ns=10 * CLOSE_TIMEOUT_NS)
OPENING = 0


def core(*, bridged: bool = False, watched: bool = False) -> Core:
    spoken: Dialect | None = "ga" if bridged or watched else None
    caller: Dialect | None = "beta" if bridged else spoken
    return Core(CALL_ID, LIMITS, OPENING, caller=caller, provider=spoken)


Line = tuple[Any, ...]


def play(relay: Core, *script: Line) -> None:
    for event, *expected in script:
        assert list(relay.handle(event)) == expected, event


def frame(leg: Leg, data: bytes, at_ns: int = 1, *, binary: bool = False) -> Frame:
    return Frame(leg, data, binary, at_ns)


def hand(leg: Leg, data: bytes, at_ns: int = 1, *, binary: bool = False) -> Hand:
    return Hand(leg, data, binary, at_ns)


def keep(leg: Leg, data: bytes, at_ns: int = 1) -> Keep:
    return Keep(leg, data, False, at_ns)


def said(why: EndReason, type_: str, message: str, at_ns: int) -> Say:
    error = {"type": type_, "code": why, "message": message, "param": None, "event_id": None}
    event = {
        "type": "error",
        "event_id": "event_trunkline_01JD00000000000000000000AA",
        "error": error,
    }
    return Say(CALLER, msgspec.json.encode(event), at_ns)


def closed_by(relay: Core, *events: Event) -> Closed:
    """Return the call's last record after `events`."""
    commands: list[Command] = [c for event in events for c in relay.handle(event)]
    return next(c.closed for c in commands if isinstance(c, Finish))


LOST = (Lost(CALLER, 90), Lost(PROVIDER, 91))


# --- frames --------------------------------------------------------------------------


def test_frames_go_to_the_other_leg_as_they_are() -> None:
    play(
        core(),
        (frame(CALLER, b"hello"), hand(CALLER, b"hello")),
        (frame(PROVIDER, b"hi"), hand(PROVIDER, b"hi")),
        (frame(PROVIDER, b"\0\xff", binary=True), hand(PROVIDER, b"\0\xff", binary=True)),
        (frame(CALLER, b""), hand(CALLER, b"")),
    )


def test_frames_are_counted() -> None:
    relay = core()
    relay.handle(frame(CALLER, b"one"))
    relay.handle(frame(PROVIDER, b"two"))
    assert relay.caller_frames == 1


def test_a_frame_in_flight_when_its_other_leg_has_closed_is_journalled_only() -> None:
    play(
        core(),
        (
            CloseReceived(CALLER, 1000, "", 5),
            Close(PROVIDER, 1000),
            Close(CALLER, 1000),
            HangUp(CALLER),
        ),
        (frame(PROVIDER, b"late"), keep(PROVIDER, b"late")),
        (CloseReceived(PROVIDER, 1000, "", 6), HangUp(PROVIDER)),
    )


def test_what_was_kept_only_is_not_counted_as_relayed() -> None:
    closed = closed_by(
        core(),
        frame(CALLER, b"one"),
        frame(PROVIDER, b"four"),
        CloseReceived(CALLER, 1000, "", 5),
        frame(PROVIDER, b"late"),
        *LOST,
    )
    assert (closed.caller_frames, closed.caller_bytes) == (1, 3)
    assert (closed.provider_frames, closed.provider_bytes) == (1, 4)


# --- closes --------------------------------------------------------------------------

CODES = {
    "normal": (1000, 1000),
    "going away": (1001, 1001),
    "policy": (1008, 1008),
    "server trouble": (1011, 1011),
    "try again later": (1013, 1013),
    "OpenAI's bad key": (3000, 3000),
    "OpenAI's beta refusal": (4000, 4000),
    "the last private one": (4999, 4999),
    "none at all stays none": (None, None),
    "no status, which may not be sent": (1005, 1011),
    "abnormal, which may not be sent": (1006, 1011),
    "TLS failure, which may not be sent": (1015, 1011),
    "reserved": (2000, 1011),
    "out of range": (5000, 1011),
    "zero": (0, 1011),
}


@pytest.mark.parametrize("leg", [CALLER, PROVIDER])
@pytest.mark.parametrize(("received", "sent"), CODES.values(), ids=CODES.keys())
def test_a_close_reaches_the_other_leg(leg: Leg, received: int | None, sent: int | None) -> None:
    reason = b"" if sent is None else b"because"
    play(
        core(),
        (
            CloseReceived(leg, received, "because", 5),
            Close(leg.other, sent, reason),
            Close(leg, sent if sent == received else 1002),
            HangUp(leg),
        ),
        (CloseReceived(leg.other, sent, "", 6), HangUp(leg.other)),
    )


ENDS_BY_CLOSE = {
    "the caller, whatever its code": (CALLER, 1001, "completed", "caller_closed", ""),
    "the provider, cleanly": (PROVIDER, 1000, "completed", "provider_closed", ""),
    "the provider, without a code": (PROVIDER, None, "completed", "provider_closed", ""),
    "the provider, at the session's age": (PROVIDER, 1001, "completed", "provider_closed", ""),
    "the provider, with an error": (PROVIDER, 4000, "failed", "provider_closed", "provider_closed"),
}


@pytest.mark.parametrize(
    ("leg", "code", "status", "reason", "error"), ENDS_BY_CLOSE.values(), ids=ENDS_BY_CLOSE.keys()
)
def test_who_closed_decides_how_the_call_ended(
    leg: Leg, code: int | None, status: str, reason: str, error: str
) -> None:
    closed = closed_by(core(), CloseReceived(leg, code, "", 5), *LOST)
    assert (closed.status, closed.end_reason, closed.error_code) == (status, reason, error)


def test_both_close_codes_are_recorded_and_no_code_as_1005() -> None:
    closed = closed_by(core(), CloseReceived(PROVIDER, None, "", 5), *LOST)
    assert (closed.caller_close_code, closed.provider_close_code) == (1005, 1005)
    closed = closed_by(core(), CloseReceived(PROVIDER, 4000, "no", 5), *LOST)
    assert (closed.caller_close_code, closed.caller_close_reason) == (4000, "no")
    assert (closed.provider_close_code, closed.provider_close_reason) == (4000, "no")


def test_both_peers_closing_at_once_is_no_quarrel() -> None:
    play(
        core(),
        (
            CloseReceived(CALLER, 1000, "a", 5),
            Close(PROVIDER, 1000, b"a"),
            Close(CALLER, 1000),
            HangUp(CALLER),
        ),
        (CloseReceived(PROVIDER, 1001, "b", 6), HangUp(PROVIDER)),
        (CloseReceived(PROVIDER, 1001, "b", 7),),
    )


def test_a_leg_that_has_closed_is_not_spoken_to() -> None:
    relay = core()
    relay.handle(CloseReceived(CALLER, 1000, "", 5))
    assert relay.handle(PingReceived(PROVIDER, b"", 6)) == ()
    assert relay.handle(Congested(PROVIDER, 7)) == ()


def test_a_close_reason_is_cut_between_characters() -> None:
    commands = core().handle(CloseReceived(PROVIDER, 4000, "é" * 100, 5))
    close = commands[0]
    assert isinstance(close, Close)
    assert close.reason == ("é" * 61).encode()


# --- losses --------------------------------------------------------------------------


def test_a_lost_provider_is_told_to_the_caller_by_an_error_event_and_1011() -> None:
    message = "the provider's connection was lost: connect again"
    play(
        core(),
        (
            Lost(PROVIDER, 5),
            said("provider_lost", "server_error", message, 5),
            Close(CALLER, 1011, message.encode()),
        ),
        (CloseReceived(CALLER, 1011, "", 6), HangUp(CALLER)),
    )


def test_a_lost_caller_ends_the_provider_leg() -> None:
    play(
        core(),
        (Lost(CALLER, 5), Close(PROVIDER, 1011, b"the caller's connection was lost")),
    )


def test_a_leg_that_was_lost_has_no_close_code() -> None:
    closed = closed_by(core(), *LOST)
    assert (closed.status, closed.end_reason) == ("failed", "caller_lost")
    assert (closed.caller_close_code, closed.provider_close_code) == (None, 1011)


def test_the_call_finishes_once_when_both_legs_are_gone() -> None:
    relay = core()
    relay.handle(Lost(CALLER, 5))
    assert [type(c) for c in relay.handle(Lost(PROVIDER, 6))] == [Finish]
    assert relay.handle(Lost(PROVIDER, 7)) == ()
    assert relay.handle(Tick(8 + CLOSE_TIMEOUT_NS)) == ()


# --- ends of ours --------------------------------------------------------------------

OURS = {
    "the key was revoked": ("key_revoked", 1008, 1001, "authentication_error"),
    "the call was as long as it may be": ("key_duration", 1008, 1001, "rate_limit_error"),
    "the key's budget is spent": ("key_budget", 1008, 1001, "rate_limit_error"),
    "its organisation's budget is spent": ("org_budget", 1008, 1001, "rate_limit_error"),
    "somebody hung up": ("hung_up", 1008, 1001, "connection_error"),
    "the gateway drains": ("drained", 1012, 1001, "server_error"),
    "the gateway failed": ("internal_error", 1011, 1001, "server_error"),
}


@pytest.mark.parametrize(("why", "caller", "provider", "type_"), OURS.values(), ids=OURS.keys())
def test_an_end_of_ours_says_why_before_it_closes(
    why: EndReason, caller: int, provider: int, type_: str
) -> None:
    commands = [c for c in core().handle(Ended(why, 5)) if not isinstance(c, Write)]
    say, close_caller, close_provider = commands
    assert isinstance(say, Say)
    event = msgspec.json.decode(say.data)
    assert (event["type"], event["error"]["type"], event["error"]["code"]) == ("error", type_, why)
    assert event["event_id"].startswith("event_trunkline_")
    assert isinstance(close_caller, Close)
    assert isinstance(close_provider, Close)
    assert (close_caller.leg, close_caller.code) == (CALLER, caller)
    assert (close_provider.leg, close_provider.code) == (PROVIDER, provider)


def test_a_revocation_is_noted() -> None:
    assert Write(Note(kind="revoked"), 5) in core().handle(Ended("key_revoked", 5))


def test_only_the_first_end_counts() -> None:
    relay = core()
    relay.handle(Ended("drained", 5))
    assert relay.handle(Ended("key_revoked", 6)) == ()
    assert relay.handle(Violation(CALLER, 1002, "x", 7)) == ()
    assert closed_by(relay, *LOST).end_reason == "drained"


VIOLATIONS = {
    "a caller's message is too big": (CALLER, 1009, "frame_too_big", 1009, 1001),
    "a caller breaks a rule": (CALLER, 1002, "protocol_error", 1002, 1001),
    "a caller's text is not UTF-8": (CALLER, 1007, "protocol_error", 1007, 1001),
    "a provider's message is too big": (PROVIDER, 1009, "frame_too_big", 1011, 1009),
    "a provider breaks a rule": (PROVIDER, 1002, "protocol_error", 1011, 1002),
}


@pytest.mark.parametrize(
    ("leg", "code", "why", "caller", "provider"), VIOLATIONS.values(), ids=VIOLATIONS.keys()
)
def test_who_breaks_a_rule_gets_the_code_for_it(
    leg: Leg, code: int, why: str, caller: int, provider: int
) -> None:
    relay = core()
    commands = relay.handle(Violation(leg, code, "bad bit", 5))
    closes = {c.leg: c.code for c in commands if isinstance(c, Close)}
    assert closes == {CALLER: caller, PROVIDER: provider}
    assert isinstance(commands[0], Say)
    closed = closed_by(relay, *LOST)
    assert (closed.status, closed.end_reason, closed.error_message) == ("failed", why, "bad bit")


# --- pace ----------------------------------------------------------------------------


def test_a_full_leg_makes_the_other_one_wait() -> None:
    play(
        core(),
        (Congested(CALLER, 5), PauseReading(PROVIDER)),
        (Congested(CALLER, 6),),
        (frame(CALLER, b"up"), hand(CALLER, b"up")),
        (Drained(CALLER, 7), ResumeReading(PROVIDER)),
        (Drained(CALLER, 8),),
    )


SECOND_NS = 1_000_000_000
LEISURELY = Limits(
    ping_interval_ns=60 * SECOND_NS,
    ping_timeout_ns=SECOND_NS,
    slow_leg_timeout_ns=60 * SECOND_NS,
)


def hasty() -> Core:
    """A call whose caller has sent twice what may come at once."""
    relay = Core(CALL_ID, LEISURELY, OPENING, caller=None, provider=None)
    for _ in range(2 * FRAMES_PER_S * BURST_S):
        relay.handle(frame(CALLER, b"x"))
    return relay


@pytest.mark.guarantee("B11")
def test_who_sends_without_end_has_to_wait_until_it_had_its_share_of_time() -> None:
    wait_ns = BURST_S * SECOND_NS + SECOND_NS // 100
    play(
        hasty(),
        (Tick(1), PauseReading(CALLER)),
        (Tick(wait_ns // 2),),
        (Tick(wait_ns), ResumeReading(CALLER)),
    )


@pytest.mark.guarantee("B11")
def test_fragments_count_as_frames_do() -> None:
    relay = Core(CALL_ID, LEISURELY, OPENING, caller=None, provider=None)
    for _ in range(FRAMES_PER_S * BURST_S):
        relay.handle(Fragment(CALLER, 1))
    play(
        relay,
        (Tick(1),),
        (frame(CALLER, b"whole", at_ns=1), hand(CALLER, b"whole", 1)),
        (Tick(1), PauseReading(CALLER)),
    )


@pytest.mark.guarantee("B11")
def test_who_is_hasty_is_not_read_because_the_other_leg_has_drained_and_the_reverse() -> None:
    wait_ns = BURST_S * SECOND_NS + SECOND_NS // 100
    play(
        hasty(),
        (Tick(1), PauseReading(CALLER)),
        (Congested(PROVIDER, 2),),
        (Drained(PROVIDER, 3),),
        (Congested(PROVIDER, 4),),
        (Tick(wait_ns),),
        (Drained(PROVIDER, wait_ns + 1), ResumeReading(CALLER)),
    )


@pytest.mark.guarantee("B11")
def test_what_comes_after_the_end_counts_as_well() -> None:
    """It is recorded, and could fill the journal as anything else."""
    relay = Core(CALL_ID, LEISURELY, OPENING, caller=None, provider=None)
    relay.handle(Ended("drained", 1))
    for _ in range(FRAMES_PER_S * BURST_S + 1):
        relay.handle(frame(CALLER, b"x"))
    play(relay, (Tick(1), PauseReading(CALLER)))


@pytest.mark.guarantee("B11")
def test_an_end_does_not_read_on_from_who_is_hasty() -> None:
    relay = hasty()
    relay.handle(Tick(1))
    assert not any(isinstance(c, ResumeReading) for c in relay.handle(Ended("drained", 6)))


@pytest.mark.parametrize(
    ("leg", "why"), [(CALLER, "caller_too_slow"), (PROVIDER, "provider_too_slow")]
)
def test_a_leg_that_takes_nothing_is_closed_with_1013(leg: Leg, why: str) -> None:
    relay = core()
    limit = LIMITS.slow_leg_timeout_ns
    relay.handle(Congested(leg, 0))
    assert not any(isinstance(c, Close) for c in relay.handle(Tick(limit - 1, 100, 100)))
    closes = {c.leg: c.code for c in relay.handle(Tick(limit, 100, 100)) if isinstance(c, Close)}
    assert closes[leg] == 1013
    assert closed_by(relay, *LOST).end_reason == why


def test_a_leg_that_takes_a_little_is_slow_but_alive() -> None:
    relay = core()
    limit = LIMITS.slow_leg_timeout_ns
    relay.handle(Congested(CALLER, 0))
    relay.handle(Tick(1, 100, 0))
    relay.handle(Tick(limit - 1, 99, 0))
    assert not any(isinstance(c, Close) for c in relay.handle(Tick(limit + 1, 99, 0)))


def test_an_end_resumes_reading_so_that_the_answer_to_our_close_is_seen() -> None:
    relay = core()
    relay.handle(Congested(CALLER, 5))
    assert relay.handle(Ended("drained", 6))[-1] == ResumeReading(PROVIDER)
    relay = core()
    relay.handle(Congested(PROVIDER, 5))
    assert relay.handle(CloseReceived(PROVIDER, 1000, "", 6))[-1] == ResumeReading(CALLER)


# --- life ----------------------------------------------------------------------------


def test_a_ping_is_answered_on_its_own_leg() -> None:
    play(
        core(),
        (PingReceived(CALLER, b"x", 5), Pong(CALLER, b"x")),
        (PingReceived(PROVIDER, b"", 6), Pong(PROVIDER, b"")),
    )


def test_of_the_pings_of_a_full_leg_only_the_last_is_answered() -> None:
    play(
        core(),
        (Congested(CALLER, 5), PauseReading(PROVIDER)),
        (PingReceived(CALLER, b"1", 6),),
        (PingReceived(CALLER, b"2", 7),),
        (Drained(CALLER, 8), Pong(CALLER, b"2"), ResumeReading(PROVIDER)),
        (PingReceived(CALLER, b"3", 9), Pong(CALLER, b"3")),
    )


def test_a_silent_leg_is_pinged_and_lost_when_it_does_not_answer() -> None:
    message = "the provider's connection was lost: connect again"
    play(
        core(),
        (frame(CALLER, b"a", 60), hand(CALLER, b"a", 60)),
        (Tick(99),),
        (Tick(100), Ping(PROVIDER)),
        (Tick(120),),
        (frame(CALLER, b"b", 140), hand(CALLER, b"b", 140)),
        (
            Tick(150),
            Abort(PROVIDER),
            said("provider_lost", "server_error", message, 150),
            Close(CALLER, 1011, message.encode()),
        ),
    )


@pytest.mark.guarantee("B10")
@pytest.mark.parametrize("leg", [CALLER, PROVIDER])
@pytest.mark.parametrize("kind", [PingReceived, PongReceived])
def test_who_pings_without_end_is_closed_with_1008(leg: Leg, kind: type[Event]) -> None:
    relay, fields = core(), (b"",) if kind is PingReceived else ()
    for _ in range(MAX_CONTROL_FRAMES):
        assert not any(isinstance(c, Close) for c in relay.handle(kind(leg, *fields, 5)))
    commands = relay.handle(kind(leg, *fields, 6))
    closes = {c.leg: c.code for c in commands if isinstance(c, Close)}
    assert closes == {leg: 1008, leg.other: 1001 if leg is CALLER else 1011}
    assert commands[-1] == PauseReading(leg)
    assert relay.handle(kind(leg, *fields, 7)) == ()
    assert closed_by(relay, *LOST).end_reason == "too_many_pings"


@pytest.mark.guarantee("B10")
def test_pings_now_and_then_are_no_flood() -> None:
    relay, at_ns = core(), 0
    for _ in range(3 * MAX_CONTROL_FRAMES):
        at_ns += CONTROL_WINDOW_NS // MAX_CONTROL_FRAMES
        assert relay.handle(PingReceived(CALLER, b"x", at_ns)) == (Pong(CALLER, b"x"),)


ANSWERS = {
    "a pong": PongReceived(CALLER, 120),
    "a ping of its own": PingReceived(CALLER, b"", 120),
    "a frame": frame(CALLER, b"x", 120),
    "a part of one": Fragment(CALLER, 120),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_any_sign_of_life_answers_a_ping(answer: Event) -> None:
    relay = core()
    relay.handle(frame(PROVIDER, b"x", 140))
    assert relay.handle(Tick(100)) == (Ping(CALLER),)
    relay.handle(answer)
    assert relay.handle(Tick(160)) == ()
    assert relay.handle(Tick(220)) == (Ping(CALLER),)


def test_who_is_waited_for_is_known() -> None:
    relay = core()
    assert relay.awaited == ()
    relay.handle(Tick(100))
    assert relay.awaited == ((CALLER, 100), (PROVIDER, 100))
    relay.handle(PongReceived(CALLER, 110))
    assert relay.awaited == ((PROVIDER, 100),)


def test_a_leg_that_we_do_not_read_is_not_called_dead() -> None:
    relay = core()
    relay.handle(Congested(CALLER, 5))
    assert relay.handle(Tick(1000)) == ()
    relay.handle(Drained(CALLER, 1000))
    assert relay.handle(Tick(1050)) == (Ping(CALLER),)
    assert relay.handle(Tick(1099)) == ()


# --- the end of the end --------------------------------------------------------------


def test_a_leg_that_does_not_answer_a_close_is_dropped() -> None:
    relay = core()
    relay.handle(CloseReceived(CALLER, 1000, "", 5))
    relay.handle(Lost(CALLER, 6))
    assert relay.handle(Tick(5 + CLOSE_TIMEOUT_NS - 1)) == ()
    assert relay.handle(Tick(5 + CLOSE_TIMEOUT_NS)) == (Abort(PROVIDER),)


def test_a_leg_that_still_takes_what_waits_for_it_is_given_time() -> None:
    relay = core()
    relay.handle(Tick(1, 1000, 0))
    relay.handle(CloseReceived(PROVIDER, 1000, "", 5))
    relay.handle(Lost(PROVIDER, 6))
    relay.handle(Tick(CLOSE_TIMEOUT_NS, 900, 0))
    assert relay.handle(Tick(CLOSE_TIMEOUT_NS + 100, 900, 0)) == ()
    assert relay.handle(Tick(2 * CLOSE_TIMEOUT_NS, 900, 0)) == (Abort(CALLER),)


def test_but_not_for_ever() -> None:
    relay = core()
    relay.handle(Tick(1, 1000, 0))
    relay.handle(CloseReceived(PROVIDER, 1000, "", 5))
    limit = LIMITS.slow_leg_timeout_ns
    assert Abort(CALLER) in relay.handle(Tick(5 + limit, 1, 0))


# --- dialects ------------------------------------------------------------------------

BETA_UPDATE = b'{"type":"session.update","session":{"modalities":["text"],"voice":"alloy"}}'
GA_UPDATE = b'{"type":"session.update","session":{"type":"realtime","instructions":"x"}}'
GA_DELTA = b'{"type":"response.output_audio.delta","delta":"AAAA"}'
BETA_DELTA = b'{"type":"response.audio.delta","delta":"AAAA"}'


def test_a_beta_caller_is_bridged_both_ways() -> None:
    relay = core(bridged=True)
    (up,) = relay.handle(frame(CALLER, BETA_UPDATE))
    assert isinstance(up, Translate)
    assert (up.leg, up.data, up.back) == (CALLER, BETA_UPDATE, ())
    assert msgspec.json.decode(up.onward[0])["session"]["type"] == "realtime"
    play(
        relay,
        (frame(PROVIDER, GA_DELTA), Translate(PROVIDER, GA_DELTA, False, 1, (BETA_DELTA,), ())),
        (frame(PROVIDER, b"{}"), hand(PROVIDER, b"{}")),
        (frame(PROVIDER, GA_DELTA, binary=True), hand(PROVIDER, GA_DELTA, binary=True)),
    )


def test_what_the_bridge_answers_goes_back_to_who_spoke() -> None:
    update = b'{"type":"session.update","session":{"modalities":["text"],"temperature":0.7}}'
    (up,) = core(bridged=True).handle(frame(CALLER, update))
    assert isinstance(up, Translate)
    assert (len(up.onward), len(up.back)) == (1, 1)
    assert msgspec.json.decode(up.back[0])["type"] == "error"


def test_a_first_session_update_in_beta_starts_the_bridge() -> None:
    relay = core(watched=True)
    play(
        relay,
        (frame(PROVIDER, GA_DELTA), hand(PROVIDER, GA_DELTA)),
        (frame(CALLER, b'{"type":"response.create"}'), hand(CALLER, b'{"type":"response.create"}')),
    )
    note, up = relay.handle(frame(CALLER, BETA_UPDATE))
    assert note == Write(Note(kind="dialect", data={"caller_dialect": "beta"}), 1)
    assert isinstance(up, Translate)
    (down,) = relay.handle(frame(PROVIDER, GA_DELTA))
    assert isinstance(down, Translate)


def test_a_first_session_update_in_ga_ends_the_watch() -> None:
    play(
        core(watched=True),
        (frame(CALLER, GA_UPDATE), hand(CALLER, GA_UPDATE)),
        (frame(CALLER, BETA_UPDATE), hand(CALLER, BETA_UPDATE)),
        (frame(PROVIDER, GA_DELTA), hand(PROVIDER, GA_DELTA)),
    )


def test_a_ga_caller_of_a_beta_provider_is_bridged_once_it_shows() -> None:
    relay = Core(CALL_ID, LIMITS, OPENING, caller="beta", provider="beta")
    play(relay, (frame(PROVIDER, BETA_DELTA), hand(PROVIDER, BETA_DELTA)))
    note, up = relay.handle(frame(CALLER, GA_UPDATE))
    assert note == Write(Note(kind="dialect", data={"caller_dialect": "ga"}), 1)
    flat = b'{"type":"session.update","session":{"instructions":"x"}}'
    assert up == Translate(CALLER, GA_UPDATE, False, 1, (flat,), ())
    (down,) = relay.handle(frame(PROVIDER, BETA_DELTA))
    assert down == Translate(PROVIDER, BETA_DELTA, False, 1, (GA_DELTA,), ())


def test_a_beta_caller_of_a_beta_provider_is_never_touched() -> None:
    play(
        Core(CALL_ID, LIMITS, OPENING, caller="beta", provider="beta"),
        (frame(CALLER, BETA_UPDATE), hand(CALLER, BETA_UPDATE)),
        (frame(PROVIDER, BETA_DELTA), hand(PROVIDER, BETA_DELTA)),
    )


def test_a_ga_caller_that_is_known_for_one_is_bridged_from_the_start() -> None:
    relay = Core(CALL_ID, LIMITS, OPENING, caller="ga", provider="beta")
    (down,) = relay.handle(frame(PROVIDER, BETA_DELTA))
    assert down == Translate(PROVIDER, BETA_DELTA, False, 1, (GA_DELTA,), ())


def test_a_session_update_is_seen_wherever_its_type_is() -> None:
    session = '"session":{"modalities":["text"],"instructions":"' + "x" * 5000 + '"}'
    for text in (
        '{"type":"session.update",' + session + "}",
        "{" + session + ',"type":"session.update"}',
    ):
        commands = core(watched=True).handle(frame(CALLER, text.encode()))
        assert [type(command) for command in commands] == [Write, Translate]


def test_an_unwatched_call_is_never_touched() -> None:
    play(core(), (frame(CALLER, BETA_UPDATE), hand(CALLER, BETA_UPDATE)))


def test_words_about_a_session_update_do_not_end_the_watch() -> None:
    talk = b'{"type":"conversation.item.create","item":{"session.update":"\\"session.update\\""}}'
    relay = core(watched=True)
    relay.handle(frame(CALLER, talk))
    assert len(relay.handle(frame(CALLER, BETA_UPDATE))) == 2


def test_limits_are_the_settings_in_ns() -> None:
    limits = Limits.of(Settings(ping_interval_ms=1, ping_timeout_ms=2, slow_leg_timeout_ms=3))
    assert limits == Limits(1_000_000, 2_000_000, 3_000_000)


# --- the short way -------------------------------------------------------------------

WAYS = {
    "nothing is known against it": (core(), Way.OPEN),
    "the dialect may yet show": (core(watched=True), Way.WATCHED),
    "a bridge changes frames": (core(bridged=True), Way.SHUT),
}


@pytest.mark.parametrize(("relay", "way"), WAYS.values(), ids=WAYS.keys())
def test_the_way_of_frames_is_told(relay: Core, way: Way) -> None:
    assert relay.way is way


def test_frames_that_passed_are_counted_and_are_a_sign_of_life() -> None:
    relay = core()
    play(
        relay,
        (Passed(CALLER, 3, 30, 90),),
        (Passed(PROVIDER, 1, 5, 95),),
        (Tick(110),),
    )
    relay.handle(Ended("drained", 120))
    assert relay.way is Way.SHUT
    closed = closed_by(relay, *LOST)
    assert (closed.caller_frames, closed.caller_bytes) == (3, 30)
    assert (closed.provider_frames, closed.provider_bytes) == (1, 5)


# --- when time matters ---------------------------------------------------------------


def test_time_matters_when_a_peer_has_been_silent_for_long() -> None:
    relay = core()
    assert relay.due_ns == LIMITS.ping_interval_ns
    relay.handle(Passed(CALLER, 1, 1, 60))
    assert relay.due_ns == LIMITS.ping_interval_ns
    relay.handle(Passed(PROVIDER, 1, 1, 70))
    assert relay.due_ns == 60 + LIMITS.ping_interval_ns


PRESSING: dict[str, Event] = {
    "an answer to a ping is awaited": Tick(100),
    "a leg is full": Congested(CALLER, 5),
    "the call is ending": Ended("drained", 5),
}


@pytest.mark.parametrize("event", PRESSING.values(), ids=PRESSING.keys())
def test_time_matters_at_every_tick(event: Event) -> None:
    relay = core()
    relay.handle(event)
    assert relay.due_ns == 0
