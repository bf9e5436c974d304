"""Which bridge a call needs; and that each bridge takes back what the other made."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from tests.protocol.bridge.test_beta_caller import GUIDE_UPDATE
from tests.protocol.frames import GA_SESSION, any_frames, wire
from tests.support import golden

from trunkline.journal.record import Kind, Leg
from trunkline.protocol.bridge.beta_caller import BetaCaller
from trunkline.protocol.bridge.between import bridge_between, shown_dialect
from trunkline.protocol.bridge.frames import Bridged
from trunkline.protocol.bridge.ga_caller import GaCaller
from trunkline.protocol.call import Dialect

SHOWN = {
    "the guide": (wire("session.update", session=GUIDE_UPDATE), "beta"),
    "as Python writes it": (
        json.dumps({"event_id": "e", "type": "session.update", "session": GUIDE_UPDATE}).encode(),
        "beta",
    ),
    "a transcription session": (wire("transcription_session.update", session={}), "beta"),
    "only instructions, and no type": (
        wire("session.update", session={"instructions": "Hi"}),
        "beta",
    ),
    "a word of each dialect, and no type": (
        wire("session.update", session={"voice": "ash", "max_output_tokens": 7}),
        "beta",
    ),
    "GA": (wire("session.update", session=GA_SESSION), "ga"),
    "GA with only its type": (wire("session.update", session={"type": "realtime"}), "ga"),
    "GA that forgot its type": (wire("session.update", session={"audio": {}}), "ga"),
    "GA with a flat field by mistake": (
        wire("session.update", session={"type": "realtime", "voice": "ash"}),
        "ga",
    ),
    "an empty session": (wire("session.update", session={}), None),
    "no session": (wire("session.update"), None),
    "another event": (wire("response.create", response={"modalities": ["text"]}), None),
    "audio": (wire("input_audio_buffer.append", audio="AAAA"), None),
    "not JSON": (b"hello", None),
}


@pytest.mark.parametrize(("frame", "dialect"), SHOWN.values(), ids=SHOWN.keys())
def test_a_session_update_shows_the_dialect(frame: bytes, dialect: Dialect | None) -> None:
    assert shown_dialect(frame) == dialect


@given(any_frames)
def test_no_frame_makes_it_raise(frame: bytes) -> None:
    assert shown_dialect(frame) in ("ga", "beta", None)


def test_those_who_speak_the_same_need_no_bridge() -> None:
    assert bridge_between("ga", "ga") is bridge_between("beta", "beta") is None
    assert isinstance(bridge_between("beta", "ga"), BetaCaller)
    assert isinstance(bridge_between("ga", "beta"), GaCaller)


# --- laws: one bridge takes back what the other made ----------------------------------------


def frames_of(name: str, leg: Leg) -> list[bytes]:
    """What one side said in a golden call, where it was relayed."""
    return [
        record.payload
        for record in golden.records(name)
        if record.kind is Kind.FRAME and record.leg is leg
    ]


def decoded(frame: bytes) -> Any:
    try:
        return json.loads(frame)
    except ValueError:
        return frame


def passed(convert: Callable[[bytes], Bridged], frame: bytes, way: str) -> tuple[bytes, ...]:
    made = convert(frame)
    return getattr(made, way) if made.changed else (frame,)


GA_CALLS = [name for name in golden.names() if name != "beta_dialect"]


@pytest.mark.parametrize("name", GA_CALLS)
def test_what_a_ga_provider_says_survives_beta(name: str) -> None:
    """From a GA provider over both bridges to a GA caller: all of it, in its order."""
    there, back = BetaCaller(), GaCaller()
    said = frames_of(name, Leg.PROVIDER)
    betas = [beta for frame in said for beta in passed(there.to_caller, frame, "down")]
    arrived = [decoded(ga) for beta in betas for ga in passed(back.to_caller, beta, "down")]
    assert [essence(event) for event in arrived] == [essence(decoded(frame)) for frame in said]


def essence(event: Any) -> Any:
    """An event without what a bridge adds to it, or cannot know."""
    if not isinstance(event, dict):
        return event
    about = {name: value for name, value in event.items() if name != "event_id"}
    for name in ("session", "response"):
        if isinstance(inner := about.get(name), dict):
            about[name] = {key: value for key, value in inner.items() if key != "temperature"}
    return about


@pytest.mark.parametrize("name", GA_CALLS)
def test_what_a_ga_caller_asks_survives_beta(name: str) -> None:
    there, back = GaCaller(), BetaCaller()
    for frame in frames_of(name, Leg.CALLER):
        (beta,) = passed(there.to_provider, frame, "up")
        (ga,) = passed(back.to_provider, beta, "up")
        assert decoded(ga) == decoded(frame)


def test_what_a_beta_caller_asks_survives_ga() -> None:
    there, back = BetaCaller(), GaCaller()
    for frame in frames_of("beta_dialect", Leg.CALLER):
        (ga,) = passed(there.to_provider, frame, "up")
        (beta,) = passed(back.to_provider, ga, "up")
        assert decoded(beta) == decoded(frame)
