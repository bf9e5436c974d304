"""I/O. Sign up, sign in, sign out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from trunkline.store.control.accounts import (
    MIN_PASSWORD_CHARS,
    AccountError,
    NewSession,
    TooManyAttempts,
    WrongPassword,
)
from trunkline.web import auth
from trunkline.web.auth import CurrentUser, Deps
from trunkline.web.pages import art
from trunkline.web.pages.problems import problem_page
from trunkline.web.pages.render import page

router = APIRouter()
Next = Annotated[str, Query(alias="next")]
checked = [Depends(auth.verify_csrf)]


@router.get("/sign-in")
async def sign_in_form(
    request: Request, deps: Deps, viewer: CurrentUser, next_path: Next = "/"
) -> Response:
    """Show the form. Whoever is signed in goes where they wanted to go."""
    if viewer is not None:
        return RedirectResponse(auth.safe_next(next_path), 303)
    return _sign_in_page(request, deps, next_path=next_path)


@router.post("/sign-in", dependencies=checked)
async def sign_in(
    request: Request,
    deps: Deps,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next_path: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Begin a session, or say why not."""
    try:
        new = await deps.control.sign_in(email, password, address=auth.address_of(request))
    except AccountError as exc:
        return _sign_in_page(request, deps, next_path=next_path, email=email, problem=exc)
    return _enter(request, new, next_path)


@router.get("/sign-in/{token}")
async def one_time_form(request: Request, viewer: CurrentUser, token: str) -> Response:
    """Show a button. Looking at a link (as mail programs and browsers do) must not use it up."""
    return page(
        request,
        "one_time.html",
        viewer,
        heading="Welcome to Trunkline",
        lead="This link signs you in on this browser.",
        problem="",
        token=token,
        csrf_token=viewer.csrf_token if viewer else "",
        art=art.strokes(),
    )


@router.post("/sign-in/{token}", dependencies=checked)
async def one_time(request: Request, deps: Deps, token: str) -> Response:
    """Begin a session with a link that has not been used."""
    new = await deps.control.consume_sign_in_link(token)
    if new is None:
        return _sign_in_page(
            request, deps, problem="This link was used already, or has expired. Ask for another."
        )
    return _enter(request, new, "/")


@router.get("/sign-up")
async def sign_up_form(request: Request, deps: Deps, viewer: CurrentUser) -> Response:
    """Show the form, where strangers may sign up."""
    if viewer is not None:
        return RedirectResponse("/", 303)
    return _sign_up_page(request) if deps.settings.sign_up else _closed(request)


@router.post("/sign-up", dependencies=checked)
async def sign_up(
    request: Request,
    deps: Deps,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    organisation: Annotated[str, Form()] = "",
) -> Response:
    """Make an account with an organisation of its own, and sign in."""
    if not deps.settings.sign_up:
        return _closed(request)
    try:
        new = await deps.control.sign_up(
            email, password, organisation, address=auth.address_of(request)
        )
    except AccountError as exc:
        return _sign_up_page(request, email=email, organisation=organisation, problem=exc)
    return _enter(request, new, "/")


@router.post("/sign-out", dependencies=checked)
async def sign_out(request: Request) -> Response:
    """End the session, here and in the browser."""
    response = RedirectResponse("/sign-in", 303)
    await auth.end_session(request, response)
    return response


def _enter(request: Request, new: NewSession, next_path: str) -> Response:
    response = RedirectResponse(auth.safe_next(next_path), 303)
    auth.begin_session(request, response, new)
    return response


def _closed(request: Request) -> Response:
    return problem_page(request, 403, "Accounts are made by whoever runs this server. Ask them.")


def _sign_in_page(
    request: Request,
    deps: Deps,
    *,
    next_path: str = "/",
    email: str = "",
    problem: AccountError | str = "",
) -> Response:
    return page(
        request,
        "sign_in.html",
        None,
        status_code=_status(problem),
        headers=_headers(problem),
        heading="Sign in",
        lead="Hear every call that your voice agents take.",
        problem=str(problem),
        csrf_token="",
        next=auth.safe_next(next_path),
        email=email,
        sign_up_open=deps.settings.sign_up,
        art=art.strokes(),
    )


def _sign_up_page(
    request: Request,
    *,
    email: str = "",
    organisation: str = "",
    problem: AccountError | str = "",
) -> Response:
    return page(
        request,
        "sign_up.html",
        None,
        status_code=_status(problem),
        headers=_headers(problem),
        heading="Create your account",
        lead="An account comes with an organisation of its own: its calls, its keys.",
        problem=str(problem),
        csrf_token="",
        email=email,
        organisation=organisation,
        min_password=MIN_PASSWORD_CHARS,
        art=art.strokes(),
    )


def _status(problem: AccountError | str) -> int:
    match problem:
        case "":
            return 200
        case TooManyAttempts():
            return 429
        case WrongPassword():
            return 401
        case _:
            return 422


def _headers(problem: AccountError | str) -> dict[str, str]:
    if isinstance(problem, TooManyAttempts):
        return {"Retry-After": str(problem.retry_after_s)}
    return {}
