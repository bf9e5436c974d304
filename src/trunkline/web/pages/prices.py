"""I/O. What models cost this organisation: listed, set, deleted."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from trunkline.protocol.prices import Price
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.prices import OwnPrice
from trunkline.web.auth import Deps, RequiredUser, Viewer, require_role, verify_csrf
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page

KEEPERS: Final = ("owner", "admin")
AMOUNTS: Final = {
    "text_in": "Text in",
    "text_cached": "Text in, cached",
    "text_out": "Text out",
    "audio_in": "Audio in",
    "audio_cached": "Audio in, cached",
    "audio_out": "Audio out",
    "per_minute": "A minute, in place of tokens",
}
"""Fields of a price that the page has; the API has the others, too."""
_NAMES: Final = ("model", "provider", "valid_from", *AMOUNTS)

router = APIRouter()
checked = [Depends(verify_csrf)]
Keeper = Annotated[Viewer, Depends(require_role(*KEEPERS))]


async def typed(request: Request) -> dict[str, str]:
    """Return what the form says, as it was typed; what is empty is left out."""
    form = await request.form()
    found = {name: form.get(name) for name in _NAMES}
    return {name: text.strip() for name, text in found.items() if isinstance(text, str) and text}


@router.get("/prices")
async def show(request: Request, deps: Deps, viewer: RequiredUser) -> Response:
    """Show the organisation's own prices."""
    return await _page(request, deps, viewer, {})


@router.post("/prices", dependencies=checked)
async def put(
    request: Request, deps: Deps, viewer: Keeper, fields: Annotated[dict[str, str], Depends(typed)]
) -> Response:
    """Set one."""
    try:
        await deps.control.prices.put(viewer.org.id, fields, by=viewer.user.id)
    except BadAccountDetail as exc:
        return await _page(request, deps, viewer, fields, str(exc))
    return RedirectResponse("/prices", 303)


@router.post("/prices/{price_id}/delete", dependencies=checked)
async def delete(deps: Deps, viewer: Keeper, price_id: str) -> Response:
    """Delete one: the list price counts again."""
    if not await deps.control.prices.delete(viewer.org.id, price_id, by=viewer.user.id):
        raise PageMissing("There is no such price.")
    return RedirectResponse("/prices", 303)


async def _page(
    request: Request, deps: Deps, viewer: Viewer, fields: dict[str, str], problem: str = ""
) -> Response:
    found = await deps.control.prices.of(viewer.org.id)
    return page(
        request,
        "prices.html",
        viewer,
        status_code=422 if problem else 200,
        nav="costs",
        prices=[_row(own) for own in found],
        amounts=AMOUNTS,
        typed=fields,
        problem=problem,
        keeps=viewer.role in KEEPERS,
    )


def _row(own: OwnPrice) -> dict[str, Any]:
    return {
        "id": own.id,
        "price": own.price,
        "amounts": [_amount(own.price, name) for name in AMOUNTS],
    }


def _amount(price: Price, name: str) -> str:
    value = getattr(price, name)
    return "" if value is None else f"{value:f}"
