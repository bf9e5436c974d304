"""I/O. `/v1/calls/{id}/trace`: a call as a trace, for a collector of OpenTelemetry."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.facts import queries_call as one
from trunkline.web.api import models
from trunkline.web.api.calls import CallId, WhoReads, find_call
from trunkline.web.auth import Deps
from trunkline.web.otlp import Parts, exported
from trunkline.web.refusals import StillLive

router = APIRouter(tags=["Calls"])


class TraceRequest(BaseModel):
    """`ExportTraceServiceRequest` of OTLP, in JSON."""

    model_config = ConfigDict(populate_by_name=True)

    resource_spans: list[dict[str, Any]] = Field(alias="resourceSpans")


@router.get(
    "/v1/calls/{call_id}/trace",
    responses={409: {"model": models.ErrorAnswer, "description": "The call is going on."}},
)
async def get_trace(
    reader: WhoReads, deps: Deps, call_id: CallId, response: Response
) -> TraceRequest:
    """A call that is over as OTLP/HTTP JSON: post it to a collector's `/v1/traces` as it is.

    Its turns, responses and tool calls as spans, in the caller's own trace where the call was
    opened with a `traceparent`. No content: nothing of what was said.
    """
    call = await find_call(deps, reader, call_id)
    if call.status == "live":
        raise StillLive("The call is going on: its spans are known when it has ended.")
    where = deps.facts, reader.org_id, call_id
    parts = Parts(
        await one.turns_of_call(*where),
        await one.responses_of_call(*where),
        await one.tool_calls_of_call(*where),
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{call_id}.otlp.json"'
    return TraceRequest.model_validate(exported(call, parts))
