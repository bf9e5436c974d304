"""Pure. Event names that differ between the two dialects, and renaming without decoding."""

from __future__ import annotations

from collections.abc import Mapping

GA_OF_BETA = {
    "conversation.item.created": "conversation.item.added",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "transcription_session.update": "session.update",
    "transcription_session.created": "session.created",
    "transcription_session.updated": "session.updated",
}
"""protocol.md 2.1 and 2.2. Any name that is not here is the same in both."""

BETA_OF_GA = {
    ga: beta for beta, ga in GA_OF_BETA.items() if not beta.startswith("transcription_session.")
}
"""The way back, without the session events, whose beta name depends on the session's type."""

_START = b'{"type":"'
_LONGEST_NAME = 80


def renamed(frame: bytes, table: Mapping[bytes, bytes]) -> bytes | None:
    """Return `frame` with its type replaced by `table`; None when that needs a decoder.

    Works on frames that begin with their type, as those of OpenAI do: what follows the
    first brace is certain to be a key of the outermost object.
    """
    name = leading_type(frame)
    new = table.get(name)
    if new is None:
        return None
    return b"".join((_START, new, memoryview(frame)[len(_START) + len(name) :]))


def leading_type(frame: bytes) -> bytes:
    """Return the type that `frame` begins with; empty when it begins otherwise."""
    if not frame.startswith(_START):
        return b""
    end = frame.find(b'"', len(_START), _LONGEST_NAME)
    name = frame[len(_START) : max(end, 0)]
    # An escaped letter spells the same name in other bytes: leave that to a decoder.
    return b"" if b"\\" in name else name
