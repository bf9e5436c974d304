"""I/O. Protocol lint of one call, in words: what the page and the API show.

Most findings are rows that the recorder wrote. Those that need samples are read off the sealed
waveform when they are asked for, and tied to the frame that was appended there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from trunkline.store.blobs import BlobMissing
from trunkline.store.facts import queries_call as queries
from trunkline.store.facts.loud import loud
from trunkline.store.facts.rows import CallRow
from trunkline.web.deps import Dependencies

WORDS: Final = {
    "dialect_mixed": (
        "Two dialects of the API are mixed",
        "Name fields as one of them does: what the other knows is ignored or refused.",
    ),
    "update_ignored": (
        "The provider did not take over all of a session.update",
        "Compare with session.updated; fields that stay away may have another name or model.",
    ),
    "update_refused": (
        "The provider refused a session.update",
        "Nothing of it is in force, not even the fields that were right. Give each update an"
        " event_id: its errors name it.",
    ),
    "tool_unanswered": (
        "A function call was never answered",
        "Send a function_call_output, then response.create.",
    ),
    "arguments_no_json": (
        "A tool was called with arguments that cannot be read",
        "Answer with an error that says so, and the model tries again. An answer that was cut by"
        " max_output_tokens ends within them.",
    ),
    "arguments_misfit": (
        "A tool was called with arguments that its schema rules out",
        "Check arguments before you act on them; describe the field better, or ask for less.",
    ),
    "audio_fast": (
        "The caller’s sound comes faster than real time",
        "Fine for a file. Of a microphone it means that times of speech are not what they seem.",
    ),
    "audio_slow": (
        "The caller’s sound comes slower than real time",
        "Look at the loop that sends it: turn detection hears pauses that nobody made.",
    ),
    "sample_rate": (
        "The caller’s sound seems to have another sample rate",
        "Resample it, or name its rate in the session: voices sound too high or too deep.",
    ),
    "late_audio": (
        "The provider sent sound after the caller had begun to speak",
        "Drop what comes after speech_started, and truncate the item.",
    ),
    "model_retired": ("A retired model is in use", "Ask for its successor by name."),
    "model_retires": ("A model in use will be retired soon", "Try its successor in time."),
    "bad_price": (
        "A price that the caller gave for this call was not understood",
        "Send US dollars per token as a plain number, like 0.000004. Until then the call costs"
        " what the table of prices says.",
    ),
    "bad_traceparent": (
        "A traceparent that the caller gave for this call was not understood",
        "Send it as W3C Trace Context has it: 00-<trace id>-<span id>-<flags>. Until then the call"
        " belongs to no trace of the caller’s.",
    ),
    "clipping": ("The caller’s sound clips", "Lower the gain of the microphone."),
    "silent_input": (
        "The caller’s sound is silent",
        "Look for a muted microphone, a wrong device, or bytes in the wrong order.",
    ),
}
"""By code: what it is, and what to do."""


@dataclass(frozen=True, slots=True)
class Lint:
    """One finding."""

    code: str
    severity: str
    """`bad`, `warn`, `note`."""
    seq: int
    """Of the frame that it comes from."""
    at_us: int
    what: str
    detail: str
    advice: str


class _Peaks(msgspec.Struct, frozen=True):
    caller: tuple[int, ...] = ()
    per_second: int = 1


async def lint_of(deps: Dependencies, call: CallRow) -> list[Lint]:
    """Return the findings of one call, in the order of their frames."""
    rows = await queries.findings_of_call(deps.facts, call.org_id, call.call_id)
    found = [_lint(row.code, row.severity, row.seq, row.at_us, row.detail) for row in rows]
    found += await _of_sound(deps, call)
    return sorted(found, key=lambda finding: (finding.seq, finding.code))


def _lint(code: str, severity: str, seq: int, at_us: int, detail: str) -> Lint:
    what, advice = WORDS.get(code, (code, ""))
    return Lint(code, severity, seq, at_us, what, detail, advice)


async def _of_sound(deps: Dependencies, call: CallRow) -> list[Lint]:
    if not call.has_audio:
        return []
    try:
        data = await deps.recordings.peaks(call.org_id, call.call_id)
    except BlobMissing:
        return []
    peaks = msgspec.json.decode(data, type=_Peaks)
    found: list[Lint] = []
    for one in loud(peaks.caller, peaks.per_second, call.caller_audio_us):
        frame = await queries.append_after(deps.facts, call.org_id, call.call_id, one.at_us)
        if frame is not None:
            found.append(_lint(one.code, one.severity, frame.seq, frame.at_us, one.detail))
    return found
