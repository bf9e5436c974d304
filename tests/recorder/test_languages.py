"""What language the caller speaks: what the wire says of it, and nothing else."""

import json
from typing import Any

import msgspec
import pytest
from tests.recorder.script import Told, provider, rows_of, session, speech

from trunkline.protocol.session import WireSession, languages_of, normalised
from trunkline.store.facts.rows import CallRow

COMPLETED = "conversation.item.input_audio_transcription.completed"


def expecting(**transcription: Any) -> Told:
    about = {"audio": {"input": {"transcription": {"model": "m", **transcription}}}}
    return provider(0, "session.updated", session=about)


def heard(at_ms: int, languages: Any) -> Told:
    about = {"item_id": "u1", "content_index": 0, "transcript": "Hi"}
    return provider(at_ms, COMPLETED, **about, languages=languages)


SPOKEN: dict[str, tuple[list[Told], tuple[str, ...], str]] = {
    "nobody tells": ([session()], (), ""),
    "one is expected": ([expecting(language="de")], ("de",), "session"),
    "several are expected": ([expecting(languages=["fr", "de"])], ("de", "fr"), "session"),
    "the last that is expected": (
        [expecting(language="de"), expecting(language="fr"), session()], ("fr",), "session",
    ),
    "what was heard outdoes it": (
        [expecting(language="de"), heard(2900, ["en"])], ("en",), "transcript",
    ),
    "each that was heard": (
        [heard(2900, ["en"]), heard(3900, ["fr", "en"]), heard(4900, [])],
        ("en", "fr"), "transcript",
    ),
    "no names": (
        [expecting(language=7, languages="de"), heard(2900, [{"x": 1}, None, ""])], (), "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "spoken", "by"), SPOKEN.values(), ids=SPOKEN.keys())
def test_a_call_has_the_languages_that_the_wire_tells(
    told: list[Told], spoken: tuple[str, ...], by: str
) -> None:
    (call,) = rows_of(CallRow, told, speech(1000, 2000, "u1"))
    assert (call.spoken, call.spoken_by) == (spoken, by)


def test_as_many_as_there_may_be_are_kept() -> None:
    (call,) = rows_of(CallRow, heard(100, [f"{number:03}" * 100 for number in range(20)]))
    assert [len(name) for name in call.spoken] == [128] * 8


def test_a_beta_session_names_one_beside_its_model() -> None:
    about = {"input_audio_transcription": {"model": "whisper-1", "language": "en"}}
    assert normalised(decoded(about)).spoken == ("en",)


def decoded(about: dict[str, Any]) -> WireSession:
    return msgspec.json.decode(json.dumps(about), type=WireSession)


@pytest.mark.parametrize("said", [None, "de", 3, {"de": 1}, [None, 3]])
def test_what_is_no_list_of_names_names_nothing(said: Any) -> None:
    assert languages_of(said) == ()
