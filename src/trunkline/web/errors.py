"""I/O. Every failure as an answer: JSON for programs, a page for people.

Nothing of what went wrong inside is told outside; it is in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.database import ControlUnavailable
from trunkline.store.facts.conditions import BadCondition
from trunkline.store.facts.line import FactsUnavailable
from trunkline.store.facts.measure import BadQuestion
from trunkline.web.auth import sign_in_url
from trunkline.web.refusals import Refusal, SignInNeeded

ErrorPage = Callable[[Request, int, str], Response]
"""Makes the page for a status and a message."""

API: Final = ("/v1/", "/openapi.json", "/live", "/ready", "/metrics")
HELICONE: Final = ("/v1/session/", "/v1/request/", "/v1/user/", "/v1/property/")
"""Answered in Helicone's envelope, errors too."""

log = structlog.get_logger("trunkline.web")


def add_error_handlers(app: FastAPI) -> None:
    """Let `app` answer every failure. Pages are made by `app.state.error_page`, if there is one."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(BadAccountDetail, _on_bad_detail)
    app.add_exception_handler(BadQuestion, _on_bad_question)
    app.add_exception_handler(BadCondition, _on_bad_question)
    app.add_exception_handler(FactsUnavailable, _on_unavailable)
    app.add_exception_handler(ControlUnavailable, _on_unavailable)


def answer(
    request: Request,
    status: int,
    code: str,
    message: str,
    *,
    kind: str = "invalid_request_error",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a failure in the form that fits who asked."""
    path = request.url.path
    if path.startswith(HELICONE):
        return JSONResponse({"data": None, "error": message}, status, headers)
    if path.startswith(API):
        error = {"type": kind, "code": code, "message": message}
        return JSONResponse({"error": error}, status, headers)
    error_page = cast("ErrorPage | None", getattr(request.app.state, "error_page", None))
    if error_page is None:
        return PlainTextResponse(message, status, headers)
    page = error_page(request, status, message)
    page.headers.update(headers or {})
    return page


async def _on_refusal(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, Refusal):
        raise exc
    if isinstance(exc, SignInNeeded) and not request.url.path.startswith(API):
        return _to_sign_in(request)
    return answer(request, exc.status, exc.code, str(exc), kind=exc.type, headers=exc.headers)


def _to_sign_in(request: Request) -> Response:
    if "hx-request" in request.headers:
        # A fragment of a page cannot show the form: the whole page goes there.
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    return RedirectResponse(sign_in_url(request), status_code=303)


async def _on_invalid(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, RequestValidationError):
        raise exc
    first = exc.errors()[0]
    if first["loc"] == ("path", "call_id"):
        # An id that cannot be is told like one that is not.
        return answer(request, 404, "not_found", "There is no such call.", kind="not_found_error")
    name = ".".join(str(part) for part in first["loc"][1:]) or "request"
    reason = "no such parameter" if first["type"] == "extra_forbidden" else first["msg"]
    return answer(request, 400, "invalid_parameter", f"{name}: {reason}")


async def _on_bad_detail(request: Request, exc: Exception) -> Response:
    """A form shows it beside its field before it comes here."""
    if not isinstance(exc, BadAccountDetail):
        raise exc
    return answer(request, 400, "bad_request", f"{exc.field}: {exc}")


async def _on_bad_question(request: Request, exc: Exception) -> Response:
    return answer(request, 400, "bad_question", f"{exc}.")


async def _on_http(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    phrase = HTTPStatus(exc.status_code).phrase
    code = phrase.lower().replace(" ", "_")
    message = _SAID.get(exc.status_code, phrase)
    kind = "not_found_error" if exc.status_code == 404 else "invalid_request_error"
    return answer(request, exc.status_code, code, message, kind=kind, headers=exc.headers)


async def _on_unavailable(request: Request, exc: Exception) -> Response:
    log.error("a store is unavailable", error=str(exc), path=request.url.path)
    message = (
        "Accounts and keys cannot be read at the moment: try again. Calls go on."
        if isinstance(exc, ControlUnavailable)
        else "The data cannot be read at the moment. Narrow the time range, or try again."
    )
    return answer(
        request, 503, "unavailable", message, kind="server_error", headers={"Retry-After": "5"}
    )


def too_large(request: Request) -> Response:
    """Return the answer to a body beyond the limit."""
    return answer(request, 413, "too_large", "The request is larger than anything we take.")


def too_slow(request: Request) -> Response:
    """Return the answer to a body that does not come."""
    return answer(request, 408, "body_timeout", "Send the body of the request faster.")


def bug(request: Request, exc: Exception) -> Response:
    """Return the answer to a bug of ours, which is logged."""
    log.error("request failed", path=request.url.path, exc_info=exc)
    return answer(
        request,
        500,
        "internal_error",
        "Something is wrong here, not with your request. It is in the log.",
        kind="server_error",
    )


_SAID: Final = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}
