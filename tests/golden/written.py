"""Writes journal records down as a golden conversation, in the shorthand of `support.golden`.

What is random or of this machine goes: addresses, keys, instances, event ids, the hour.
Sound becomes its length and loudness. Frames that differ in sound, words and time only are
one line, at the place of the first.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import numpy as np
from tests.support import golden

from trunkline.journal.record import Flag, Kind, Leg, Record
from trunkline.protocol.audio import decode_pcm16
from trunkline.protocol.formats import PCMU

SOUND = {"input_audio_buffer.append": "audio", "response.output_audio.delta": "delta"}
WORDS = (
    "response.output_audio_transcript.delta",
    "response.output_text.delta",
    "response.function_call_arguments.delta",
    "conversation.item.input_audio_transcription.delta",
)
EXPIRES_AT = 1_795_172_400
SCRUBBED = {"call_id", "wall_ns", "opened_ns", "org_id"}
"""Of `opened`: the loader has its own."""
KNOWN = {"key_id": "key_golden", "key_name": "golden", "gateway": "01JD0GATEWAY"}


def written(records: list[Record]) -> str:
    """Return the lines of a golden conversation."""
    opened_ns = records[0].received_ns
    codec = "pcm"
    runs: dict[str, dict[str, Any]] = {}
    lines: list[dict[str, Any]] = []
    last_us = -1
    for record in records:
        # Two within one µs are written one µs apart, so that their order is kept.
        at_us = last_us = max(last_us + 1, (record.received_ns - opened_ns) // 1000)
        line = {"at_us": at_us, **_line(record, opened_ns, codec)}
        codec = _codec(line, codec)
        shape = _shape(line)
        if shape in runs:
            _join(runs[shape], line)
            continue
        if shape:
            line = runs[shape] = _listed(line)
        lines.append(line)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return _counted_anew(text)


def _line(record: Record, opened_ns: int, codec: str) -> dict[str, Any]:
    if record.kind not in (Kind.FRAME, Kind.BRIDGED):
        payload = json.loads(record.payload)
        return {"kind": record.kind.name.lower(), "payload": _scrubbed(payload)}
    handed_us = (record.handed_ns - opened_ns) // 1000 if record.handed_ns else None
    line: dict[str, Any] = {"from": record.leg.name.lower(), "handed_us": handed_us}
    if record.kind is Kind.BRIDGED:
        line["kind"] = "bridged"
    if record.flags:
        line["flags"] = int(record.flags)
    event = json.loads(record.payload)
    if record.leg is Leg.PROVIDER and not record.flags & Flag.OURS:
        del event["event_id"]
    if "expires_at" in event.get("session", {}):
        event["session"]["expires_at"] = EXPIRES_AT
    if event["type"] in SOUND:
        line |= _sound(event.pop(SOUND[event["type"]]), codec)
    elif event["type"] in WORDS:
        line["delta"] = event.pop("delta")
    return {**line, "event": event}


def _scrubbed(payload: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in payload.items() if name not in SCRUBBED}
    kept |= {name: value for name, value in KNOWN.items() if name in kept}
    if "provider_url" in kept:
        path = "/" + kept["provider_url"].split("/", 3)[3].partition("&simulate=")[0]
        kept["provider_url"] = f"ws://127.0.0.1:8586{path}"
    return kept


def _sound(base64: str, codec: str) -> dict[str, Any]:
    format_ = golden.FORMATS[codec]
    samples = decode_pcm16(format_, b64decode(base64)).astype(np.float64)
    rms = round(float(np.sqrt(np.mean(samples * samples)))) if len(samples) else 0
    # The quietest that mu-law can say is 0; what else it says of silence is its own noise.
    loud = 0 if format_ is PCMU and rms < 8 else rms
    return {"samples": len(samples), "rms": loud, **({} if codec == "pcm" else {"codec": codec})}


def _codec(line: dict[str, Any], codec: str) -> str:
    """Return how sound is coded after `line`: the same both ways in all our calls."""
    event = line.get("event", {})
    if event.get("type") not in ("session.created", "session.updated"):
        return codec
    return {"audio/pcm": "pcm", "audio/pcmu": "pcmu"}[
        event["session"]["audio"]["input"]["format"]["type"]
    ]


VARYING = ("at_us", "handed_us", "rms", "delta")


def _shape(line: dict[str, Any]) -> str:
    """Return what lines of one run have in common; empty for a line that stands alone."""
    if "rms" not in line and "delta" not in line:
        return ""
    return json.dumps({name: value for name, value in line.items() if name not in VARYING})


def _listed(line: dict[str, Any]) -> dict[str, Any]:
    return {name: [value] if name in VARYING else value for name, value in line.items()}


def _join(run: dict[str, Any], line: dict[str, Any]) -> None:
    for name in VARYING:
        if name in line:
            run[name].append(line[name])


def _counted_anew(text: str) -> str:
    """Return `text` with the bytes of `closed` as the loader writes the frames."""
    records = golden.parsed("counted", text)
    lines = text.splitlines()
    closed = json.loads(lines[-1])
    for leg in (Leg.CALLER, Leg.PROVIDER):
        sent = [r for r in records if r.kind is Kind.FRAME and r.leg is leg]
        assert len(sent) == closed["payload"][f"{leg.name.lower()}_frames"]
        closed["payload"][f"{leg.name.lower()}_bytes"] = sum(len(r.payload) for r in sent)
    return "\n".join([*lines[:-1], json.dumps(closed, ensure_ascii=False)]) + "\n"
