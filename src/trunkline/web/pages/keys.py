"""I/O. API keys: create, list, limit, revoke; and the budget of all together."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from trunkline.store.control.accounts import ApiKey, BadAccountDetail, KeyLimits
from trunkline.store.facts.queries_calls import key_use
from trunkline.store.thresholds import DEFAULT
from trunkline.web.auth import Deps, RequiredUser, Viewer, require_role, verify_csrf
from trunkline.web.pages import keys_view, thresholds_view
from trunkline.web.pages.keys_view import fields, read_dollars, read_limits
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page
from trunkline.web.refusals import NotAllowed
from trunkline.web.spend import months_spend

KEEPERS = ("owner", "admin")

router = APIRouter()
checked = [Depends(verify_csrf)]
KeyMaker = Annotated[Viewer, Depends(require_role(*KEEPERS, "member"))]
KeyKeeper = Annotated[Viewer, Depends(require_role(*KEEPERS))]
Typed = Annotated[str, Form()]


def limits_typed(
    max_calls: Typed = "",
    max_calls_per_minute: Typed = "",
    max_call_seconds: Typed = "",
    max_usd_per_month: Typed = "",
) -> dict[str, str]:
    """Return what a form says about limits, as it was typed."""
    return {
        "max_calls": max_calls,
        "max_calls_per_minute": max_calls_per_minute,
        "max_call_seconds": max_call_seconds,
        "max_usd_per_month": max_usd_per_month,
    }


async def thresholds_typed(request: Request) -> dict[str, str]:
    """Return what a form says about thresholds, as it was typed."""
    form = await request.form()
    return {name: str(form.get(name, "")) for name in thresholds_view.FORM_NAMES}


_BLANK: Final[dict[str, Any]] = {
    "created": None,
    "name": "",
    "may": "both",
    "limits": fields(),
    "problem": "",
    "budget_problem": "",
    "thresholds_problem": None,
}
"""The page's forms before anything was typed."""
_PROBLEMS: Final = ("problem", "budget_problem", "thresholds_problem")

ThresholdsTyped = Annotated[dict[str, str], Depends(thresholds_typed)]
LimitsTyped = Annotated[dict[str, str], Depends(limits_typed)]


@router.get("/keys")
async def show(request: Request, deps: Deps, viewer: RequiredUser) -> Response:
    """Show the organisation's keys."""
    return await _page(request, deps, viewer)


@router.post("/keys", dependencies=checked)
async def create(
    request: Request,
    deps: Deps,
    viewer: KeyMaker,
    typed: LimitsTyped,
    name: Typed = "",
    may: Typed = "both",
) -> Response:
    """Make a key. Its text is in this answer and nowhere else, so there is no redirect."""
    scopes = keys_view.MAY.get(may, ())
    if "manage" in scopes and viewer.role not in KEEPERS:
        raise NotAllowed("Your role does not allow this. Ask an owner of the organisation.")
    try:
        made = await deps.control.create_key(
            viewer.org.id, name, scopes, limits=read_limits(typed), by=viewer.user.id
        )
    except BadAccountDetail as exc:
        return await _page(
            request, deps, viewer, name=name, may=may, limits=fields(typed, exc), problem=str(exc)
        )
    return await _page(request, deps, viewer, created=made)


@router.post("/keys/budget", dependencies=checked)
async def set_budget(
    request: Request, deps: Deps, viewer: KeyKeeper, budget: Typed = ""
) -> Response:
    """Set what all keys together may spend in a month."""
    try:
        usd = read_dollars("budget", budget)
        await deps.control.limit_organisation(viewer.org.id, usd, by=viewer.user.id)
    except BadAccountDetail as exc:
        return await _page(request, deps, viewer, budget=budget, budget_problem=str(exc))
    return RedirectResponse("/keys", 303)


@router.post("/keys/thresholds", dependencies=checked)
async def judge_by(
    request: Request, deps: Deps, viewer: KeyKeeper, typed: ThresholdsTyped, reset: Typed = ""
) -> Response:
    """Set from where on calls are slow, silent, unheard; with `reset` as Trunkline has it."""
    try:
        own = DEFAULT if reset else thresholds_view.read(typed)
        await deps.control.judge_by(viewer.org.id, own, by=viewer.user.id)
    except BadAccountDetail as exc:
        return await _page(request, deps, viewer, thresholds_typed=typed, thresholds_problem=exc)
    return RedirectResponse("/keys#thresholds", 303)


@router.get("/keys/{key_id}")
async def show_key(request: Request, deps: Deps, viewer: RequiredUser, key_id: str) -> Response:
    """Show one key, and its limits."""
    key = await _key(deps, viewer, key_id)
    return await _key_page(request, deps, viewer, key, key.limits)


@router.post("/keys/{key_id}/limits", dependencies=checked)
async def limit(
    request: Request, deps: Deps, viewer: KeyKeeper, key_id: str, typed: LimitsTyped
) -> Response:
    """Give a key limits. Gateways hear of them before this returns."""
    try:
        limits = read_limits(typed)
        limited = await deps.control.limit_key(viewer.org.id, key_id, limits, by=viewer.user.id)
    except BadAccountDetail as exc:
        key = await _key(deps, viewer, key_id)
        return await _key_page(request, deps, viewer, key, typed, exc)
    if limited is None:
        raise PageMissing("There is no such key, or it was revoked already.")
    return RedirectResponse(f"/keys/{limited.id}", 303)


@router.post("/keys/{key_id}/revoke", dependencies=checked)
async def revoke(deps: Deps, viewer: KeyKeeper, key_id: str) -> Response:
    """Revoke a key. Gateways hear of it before this returns, and close its calls."""
    if not await deps.control.revoke_key(viewer.org.id, key_id, by=viewer.user.id):
        raise PageMissing("There is no such key, or it was revoked already.")
    return RedirectResponse("/keys", 303)


async def _key(deps: Deps, viewer: Viewer, key_id: str) -> ApiKey:
    for key in await deps.control.list_keys(viewer.org.id):
        if key.id == key_id:
            return key
    raise PageMissing("There is no such key.")


async def _page(request: Request, deps: Deps, viewer: Viewer, **form: Any) -> Response:
    """Return the page of all keys, with what `form` says of its forms in place of `_BLANK`."""
    keys = await deps.control.list_keys(viewer.org.id)
    spend = await months_spend(deps, viewer.org.id)
    allowed = spend.organisation.max_usd_per_month
    context: dict[str, Any] = {**_BLANK, "budget": f"{allowed:f}" if allowed else "", **form}
    return page(
        request,
        "keys.html",
        viewer,
        status_code=422 if any(context[name] for name in _PROBLEMS) else 200,
        nav="keys",
        keys=keys_view.rows(keys, await key_use(deps.facts, viewer.org.id), spend),
        month=keys_view.money(spend.of_all(), allowed),
        keeps=viewer.role in KEEPERS,
        kept_days=deps.settings.retention_days,
        thresholds=thresholds_view.fields(
            viewer.org.thresholds,
            context.pop("thresholds_typed", None),
            context["thresholds_problem"],
        ),
        **context,
    )


async def _key_page(
    request: Request,
    deps: Deps,
    viewer: Viewer,
    key: ApiKey,
    limits: KeyLimits | dict[str, str],
    problem: BadAccountDetail | None = None,
) -> Response:
    use = await key_use(deps.facts, viewer.org.id)
    spend = await months_spend(deps, viewer.org.id)
    return page(
        request,
        "key.html",
        viewer,
        status_code=422 if problem else 200,
        nav="keys",
        key=keys_view.rows([key], use, spend)[0],
        limits=fields(limits, problem),
        keeps=viewer.role in KEEPERS,
        kept_days=deps.settings.retention_days,
    )
