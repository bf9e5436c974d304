"""What the lint finds in a script, each with its frame."""

import json

from msgspec.structs import replace
from tests.recorder import script
from tests.recorder.folding import run
from tests.recorder.script import Told

from trunkline.store.facts.rows import FindingRow

Finding = tuple[str, str, str]
"""Code, type of the frame, detail."""


def found(*told: Told | list[Told], provider_name: str = "openai") -> list[Finding]:
    """Fold what was told; return the findings, each with the frame that its number leads to."""
    first, *frames = script.records(told)
    about = {**json.loads(first.payload), "provider": provider_name}
    records = [replace(first, payload=json.dumps(about).encode()), *frames]
    types = {record.seq: json.loads(record.payload).get("type", "") for record in records}
    rows = [row for row in run(records).rows if isinstance(row, FindingRow)]
    assert all(row.org_id == "org_x" for row in rows)
    return [(row.code, types[row.seq], row.detail) for row in rows]
