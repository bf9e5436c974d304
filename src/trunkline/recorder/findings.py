"""Pure. A finding of the protocol lint, as a row."""

from __future__ import annotations

from trunkline.recorder.redact import redacted
from trunkline.recorder.state import State, Step
from trunkline.store.facts.rows import FindingRow


def found(
    state: State, step: Step, code: str, severity: str, detail: str, seq: int, at_us: int
) -> None:
    """Emit what was found about the frame `seq`, which came at `at_us`."""
    row = FindingRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        version=step.seq,
        seq=seq,
        code=code,
        at_us=at_us,
        severity=severity,
        detail=redacted(detail),
    )
    step.rows.append(row)
