"""I/O. Ending a call for somebody who may: what API and page have in common."""

from __future__ import annotations

import structlog

from trunkline.store.facts.rows import CallRow
from trunkline.web.deps import Dependencies
from trunkline.web.refusals import Over

log = structlog.get_logger("trunkline.web.hanging_up")


async def hang_up(deps: Dependencies, call: CallRow, *, by: str) -> None:
    """End `call`; `by` is the user or the key that asked. Told in log and audit log.

    Gateways have been told when this returns; the one that holds the call ends it at once.

    Raises:
        Over: it has ended already.
    """
    if call.status != "live":
        raise Over("This call is over.")
    log.warning("call hung up", call=call.call_id, org=call.org_id, by=by)
    await deps.control.hang_up(call.org_id, call.call_id, by=by)
