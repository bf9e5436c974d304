"""Pure. Errors of the provider and of ours, without the secrets that they quote."""

from __future__ import annotations

from trunkline.protocol.events import ErrorDetail
from trunkline.recorder.bounds import id_of
from trunkline.recorder.redact import redacted
from trunkline.recorder.state import State, Step
from trunkline.store.facts.rows import ErrorRow


def error(state: State, step: Step, source: str, detail: ErrorDetail) -> None:
    """Emit the row of one error. `source`: `provider` or `gateway`."""
    state.sums.errors += 1
    row = ErrorRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        version=step.seq,
        seq=step.seq,
        at_us=step.at_us,
        source=source,
        type=id_of(detail.type),
        code=id_of(detail.code),
        message=redacted(detail.message),
        param=id_of(redacted(detail.param)),
        event_id=id_of(detail.event_id or detail.client_event_id),
    )
    step.rows.append(row)
