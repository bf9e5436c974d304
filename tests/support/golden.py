"""Golden conversations: whole calls as the journal has them, and the facts they must give.

`tests/golden/<name>.jsonl` is one call, a line per journal record:

    {"kind": "opened", "at_us": 0, "payload": {…}}            opened, closed, note, gap
    {"from": "caller", "at_us": 812000, "handed_us": 812090,
     "event": {"type": …}}                                     a frame; handed_us null: never
    … "text": "not json"                                       a frame that is no event
    … "kind": "bridged", "flags": 4                            what was sent instead, or by us
    … "audio_ms": 20, "hz": 220, "codec": "pcm", "times": 50   sound, written out here: a tone
                                                               (0 = silence), `times` in a row

Composed calls (`compose.py`) are written so. Recorded ones (`record.py`) have lists, one
entry for each frame of a run, which lies between the frames of other lines by its times:

    {"from": "caller", "at_us": [612, 712, …], "handed_us": [613, 713, …],
     "event": {"type": …}, "samples": 2400, "rms": [0, 1810, …]}   sound: a tone as loud as
                                                               it was, silence where it is 0
    … "delta": ["Hello", "!", …]                               the words of each frame

Times are µs on the call's clock. `<name>.expected.json` has the latest row of every key.
"""

import functools
import json
import math
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from trunkline import ids
from trunkline.journal.record import Flag, Kind, Leg, Record
from trunkline.protocol.audio import encode_pcm16
from trunkline.protocol.formats import PCM_24K, PCMA, PCMU, Format
from trunkline.store.facts.rows import EventRow, Row

GOLDEN = Path(__file__).parent.parent / "golden"
OPENED_NS = 5_000_000_000_000
"""Gateway monotonic clock at the start of every golden call."""
WALL_NS = 1_795_168_800_000_000_000
"""2026-11-20 10:00:00 UTC."""
ORG_ID = "org_golden"
HZ = 220
"""Of recorded sound, which has only its loudness."""
SOFT = 6000.0
"""Peak of composed sound."""
FORMATS = {"pcm": PCM_24K, "pcmu": PCMU, "pcma": PCMA}
KEYS = {
    "CallRow": (),
    "TurnRow": ("turn",),
    "ResponseRow": ("response_id",),
    "ItemRow": ("item_id",),
    "ToolCallRow": ("tool_call_id",),
    "ErrorRow": ("seq",),
    "UsageRow": ("seq",),
    "FindingRow": ("seq", "code"),
}


def names() -> list[str]:
    """Return the names of all golden conversations."""
    return sorted(path.stem for path in GOLDEN.glob("*.jsonl"))


def ulid_of(name: str) -> bytes:
    """Return the ULID of the golden call `name`: always the same."""
    return ids.ulid_bytes(WALL_NS, sha256(name.encode()).digest()[: ids.RANDOM_BYTES])


@functools.cache
def records(name: str) -> tuple[Record, ...]:
    """Return the journal records of the golden call `name`, in order."""
    return parsed(name, (GOLDEN / f"{name}.jsonl").read_text("utf-8"))


def parsed(name: str, text: str) -> tuple[Record, ...]:
    """Return the journal records that `text` tells of, as those of the golden call `name`."""
    moments = [moment for line in text.splitlines() for moment in _expanded(json.loads(line))]
    moments.sort(key=lambda moment: moment["at_us"])
    return tuple(_record(name, seq, moment) for seq, moment in enumerate(moments))


def expected(name: str) -> dict[str, Any]:
    """Return the facts of the golden call `name`, as `facts` has them."""
    return json.loads((GOLDEN / f"{name}.expected.json").read_text("utf-8"))


def expect(name: str, facts: dict[str, Any]) -> None:
    """Write the facts that the golden call `name` must give from now on."""
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    (GOLDEN / f"{name}.expected.json").write_text(text + "\n", "utf-8")


def latest(rows: list[Row]) -> list[Row]:
    """Return `rows` without those that a later one of the same key replaces."""
    kept: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(getattr(row, field) for field in KEYS.get(type(row).__name__, ("seq",)))
        kept[(type(row).__name__, *key)] = row
    return list(kept.values())


def facts(rows: list[Row]) -> dict[str, Any]:
    """Return the latest of `rows` by table, defaults left out, and how many events of a type."""
    found: dict[str, Any] = {name: [] for name in KEYS}
    events = Counter[str]()
    for row in latest(rows):
        if isinstance(row, EventRow):
            events[f"{row.leg} {row.record} {row.type}"] += 1
        else:
            found[type(row).__name__].append(_without_defaults(row))
    return {**found, "EventRow": dict(sorted(events.items()))}


def _without_defaults(row: Row) -> dict[str, Any]:
    said = json.loads(msgspec.json.encode(row))
    defaults = {
        field.name: json.loads(msgspec.json.encode(field.default))
        for field in msgspec.structs.fields(row)
        if field.default is not msgspec.NODEFAULT
    }
    return {key: value for key, value in said.items() if value != defaults.get(key, KEYS)}


def _expanded(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Return `line` as one moment for each record that it stands for."""
    if isinstance(line["at_us"], list):
        lists = {key: value for key, value in line.items() if isinstance(value, list)}
        entries = zip(*lists.values(), strict=True)
        return [
            {**line, **dict(zip(lists, entry, strict=True)), "turn": turn}
            for turn, entry in enumerate(entries)
        ]
    step_us = line.get("audio_ms", 0) * 1000
    handed_us = line.get("handed_us", line["at_us"])
    return [
        {
            **line,
            "at_us": line["at_us"] + turn * step_us,
            "handed_us": None if handed_us is None else handed_us + turn * step_us,
            "turn": turn,
        }
        for turn in range(line.get("times", 1))
    ]


def _record(name: str, seq: int, moment: dict[str, Any]) -> Record:
    handed_us = moment["handed_us"]
    return Record(
        Kind[moment.get("kind", "frame").upper()],
        ulid_of(name),
        seq,
        Leg[moment["from"].upper()] if "from" in moment else Leg.NONE,
        Flag(moment.get("flags", 0)),
        OPENED_NS + moment["at_us"] * 1000,
        0 if handed_us is None else OPENED_NS + handed_us * 1000,
        _payload(name, seq, moment),
    )


def _payload(name: str, seq: int, moment: dict[str, Any]) -> bytes:
    if "text" in moment:
        return moment["text"].encode()
    if "payload" in moment:
        opened = {"call_id": ids.call_id(ulid_of(name)), "wall_ns": WALL_NS, "org_id": ORG_ID}
        opened["opened_ns"] = OPENED_NS
        first = opened if moment["kind"] == "opened" else {}
        return json.dumps({**first, **moment["payload"]}).encode()
    event = dict(moment["event"])
    if moment["from"] == "provider":
        event = {"type": event["type"], "event_id": f"event_{seq:06}", **event}
    if "delta" in moment:
        event["delta"] = moment["delta"]
    if "audio_ms" in moment or "samples" in moment:
        field = "audio" if moment["from"] == "caller" else "delta"
        event[field] = tone(FORMATS[moment.get("codec", "pcm")], moment)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def tone(format_: Format, moment: dict[str, Any]) -> str:
    """Return base64 of a soft tone of `hz`, in phase with the one before it."""
    count = moment.get("samples", format_.rate_hz * moment.get("audio_ms", 0) // 1000)
    if "rms" in moment:
        return _tone(format_, count, HZ, moment["turn"], moment["rms"] * math.sqrt(2))
    return _tone(format_, count, moment.get("hz", 0), moment.get("turn", 0), SOFT)


@functools.cache
def _tone(format_: Format, count: int, hz: int, turn: int, peak: float) -> str:
    step = 2 * math.pi * hz / format_.rate_hz
    wave = peak * np.sin(step * (turn * count + np.arange(count)))
    return b64encode(encode_pcm16(format_, wave.round().astype(np.int16))).decode()
