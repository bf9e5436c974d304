"""I/O. `/v1/calls/{id}/lint`: what of a call's frames is likely not what their sender meant."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from trunkline.web.api.calls import CallId, WhoReads, find_call
from trunkline.web.auth import Deps
from trunkline.web.lint import lint_of

router = APIRouter(tags=["Calls"])


class LintFinding(BaseModel):
    """One finding."""

    code: str
    severity: str = Field(description="bad, warn or note.")
    seq: int = Field(description="Of the frame that it comes from: `/events?after=<seq - 1>`.")
    at_ms: float
    what: str
    detail: str
    advice: str


class CallLint(BaseModel):
    """All findings of a call."""

    data: list[LintFinding]


@router.get("/v1/calls/{call_id}/lint")
async def get_lint(reader: WhoReads, deps: Deps, call_id: CallId) -> CallLint:
    """Protocol lint: each finding with the frame that it comes from. Works while it is live."""
    call = await find_call(deps, reader, call_id)
    return CallLint(
        data=[
            LintFinding(
                code=finding.code,
                severity=finding.severity,
                seq=finding.seq,
                at_ms=finding.at_us / 1000,
                what=finding.what,
                detail=finding.detail,
                advice=finding.advice,
            )
            for finding in await lint_of(deps, call)
        ]
    )
