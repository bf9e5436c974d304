"""I/O. `/v1/attention`: the calls that should be looked at first, and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from trunkline.store.facts.attention import REASON_OF
from trunkline.store.facts.queries_attention import attention
from trunkline.web.api import models, shape
from trunkline.web.api.calls import FilterQuery, WhoReads, filters_of
from trunkline.web.api.metrics import last_week
from trunkline.web.auth import Deps

router = APIRouter(tags=["Metrics"])


class AttentionQuery(FilterQuery):
    """Which calls. Without times: the last seven days."""

    limit: int = Field(10, ge=1, le=100)


class CallToLookAt(models.Call):
    """A call, as in the list."""

    reasons: list[str] = Field(description="The gravest first.")


class ReasonGiven(BaseModel):
    """One reason."""

    id: str
    means: str
    calls: int = Field(description="Calls that give it, of all that fit.")


class AttentionAnswer(BaseModel):
    """What should be looked at."""

    reasons: list[ReasonGiven]
    data: list[CallToLookAt] = Field(description="The gravest first; of equal ones the latest.")


@router.get("/v1/attention")
async def list_attention(
    reader: WhoReads, deps: Deps, query: Annotated[AttentionQuery, Query()]
) -> AttentionAnswer:
    """Calls that should be looked at, by the reasons that they give."""
    filters = last_week(filters_of(query), deps.now_us())
    found = await attention(deps.facts, reader.org_id, filters, query.limit)
    own = await deps.control.thresholds(reader.org_id)
    return AttentionAnswer(
        reasons=[
            ReasonGiven(id=reason, means=REASON_OF[reason].told(own), calls=calls)
            for reason, calls in found.of_reason
        ],
        data=[
            CallToLookAt(**dict(shape.call(one.call)), reasons=list(one.reasons))
            for one in found.calls
        ],
    )
