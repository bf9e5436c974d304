"""I/O. `/live` and `/ready`, for whoever restarts us or sends us requests."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from trunkline.errors import TrunklineError
from trunkline.web.auth import Deps

router = APIRouter(tags=["Health"])


class Live(BaseModel):
    """This process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether each store answers."""

    status: Literal["ok", "unavailable"]
    facts: bool
    control: bool


@router.get("/live")
async def live() -> Live:
    """Whether the process answers at all."""
    return Live()


@router.get("/ready", responses={503: {"model": Ready}})
async def ready(deps: Deps, response: Response) -> Ready:
    """Whether the stores answer. 503: not now."""
    try:
        facts = await deps.facts.ping()
    except TrunklineError:
        facts = False
    control = await deps.control.ping()
    if not (facts and control):
        response.status_code = 503
    return Ready(status="ok" if facts and control else "unavailable", facts=facts, control=control)
