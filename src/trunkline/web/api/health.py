"""I/O. `/live`, `/ready` and `/metrics` on the private socket.

On the public port the gateways answer them, from the same desk: `vitals.desk`.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from trunkline.vitals import desk
from trunkline.vitals.ready import Status
from trunkline.web.auth import Deps

router = APIRouter(tags=["Health"])


class Live(BaseModel):
    """This process answers."""

    status: Literal["ok"]


class Reason(BaseModel):
    """One thing that is wrong: a code, where, and what to do."""

    code: str
    process: str
    message: str


class Ready(BaseModel):
    """Whether new calls are taken."""

    status: Status
    reasons: list[Reason]


@router.head("/live", include_in_schema=False)
@router.get("/live", response_model=Live)
async def live(request: Request, deps: Deps) -> Response:
    """Whether the process answers at all."""
    return await _told(request, deps.desk)


@router.head("/ready", include_in_schema=False)
@router.get("/ready", response_model=Ready, responses={503: {"model": Ready}})
async def ready(request: Request, deps: Deps) -> Response:
    """Whether new calls are taken, and what is wrong beside that. 503: they are refused."""
    return await _told(request, deps.desk)


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request, deps: Deps) -> Response:
    """The numbers of all processes for Prometheus. On this machine, or with the token."""
    return await _told(request, deps.desk)


async def _told(request: Request, at: desk.Desk) -> Response:
    asked = desk.Question(
        method=request.method,
        path=request.url.path,
        local=_is_local(request),
        authorization=request.headers.get("authorization", ""),
    )
    told = await at.answer(asked)
    return Response(told.body, told.status, dict(told.headers))


def _is_local(request: Request) -> bool:
    # On the private socket there is no address; who can open it is on this machine.
    peer = request.client.host if request.client and request.client.host else "127.0.0.1"
    return desk.is_local(peer, request.headers.get("host", ""), request.headers.keys())
