"""I/O. Erasing a call for somebody who may: what API and page have in common."""

from __future__ import annotations

import structlog

from trunkline.store.facts.rows import CallRow
from trunkline.web.deps import Dependencies
from trunkline.web.refusals import StillLive

log = structlog.get_logger("trunkline.web.erasing")


async def erase(deps: Dependencies, call: CallRow, *, by: str) -> None:
    """Erase `call`, for good; `by` is the user or the key that asked. Told in log and audit log.

    Raises:
        StillLive: it is going on.
        FactsUnavailable: it is erased, but not out of the answers yet.
        OSError: nothing has happened.
    """
    if call.status == "live":
        raise StillLive("This call is going on. End it, then erase it.")
    await deps.control.note(call.org_id, "call.erased", call.call_id, by=by)
    log.warning("call erased", call=call.call_id, org=call.org_id, by=by)
    await deps.erasure.erase(call.org_id, call.call_id)
