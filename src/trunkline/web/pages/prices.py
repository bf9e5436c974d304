"""I/O. What models cost this organisation: listed, set, deleted."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from trunkline.protocol.prices import InForce, Price
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.prices import OwnPrice
from trunkline.web.api.prices import in_force
from trunkline.web.auth import Deps, RequiredUser, Viewer, verify_csrf
from trunkline.web.pages.keys import KEEPERS, KeyKeeper
from trunkline.web.pages.render import page
from trunkline.web.pages.stored import changed

PATH: Final = "/prices"
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
LISTED: Final = {
    **AMOUNTS,
    "standby_per_minute": "A minute, not listening",
    "per_text_message": "A message, beside its time",
    "image_in": "Image in",
    "image_cached": "Image in, cached",
}
"""What the table of all prices has."""
_NAMES: Final = ("model", "provider", "valid_from", *AMOUNTS)

router = APIRouter()
checked = [Depends(verify_csrf)]


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
    request: Request,
    deps: Deps,
    viewer: KeyKeeper,
    fields: Annotated[dict[str, str], Depends(typed)],
) -> Response:
    """Set one."""
    putting = deps.control.prices.put(viewer.org.id, fields, by=viewer.user.id)
    return await changed(putting, PATH, partial(_page, request, deps, viewer, fields))


@router.post("/prices/{price_id}/delete", dependencies=checked)
async def delete(request: Request, deps: Deps, viewer: KeyKeeper, price_id: str) -> Response:
    """Delete one: the list price counts again."""
    deleting = deps.control.prices.delete(viewer.org.id, price_id, by=viewer.user.id)
    return await changed(deleting, PATH, partial(_page, request, deps, viewer, {}))


async def _page(
    request: Request,
    deps: Deps,
    viewer: Viewer,
    fields: dict[str, str],
    problem: BadAccountDetail | None = None,
) -> Response:
    found = await deps.control.prices.of(viewer.org.id)
    day, counting = await in_force(deps, viewer.org.id)
    return page(
        request,
        "prices.html",
        viewer,
        status_code=422 if problem else 200,
        nav="costs",
        prices=[_row(own) for own in found],
        amounts=AMOUNTS,
        day=day,
        table=deps.prices,
        listed=[_counting(one) for one in counting],
        listed_amounts=LISTED,
        typed=fields,
        problem=str(problem or ""),
        keeps=viewer.role in KEEPERS,
    )


def _row(own: OwnPrice) -> dict[str, Any]:
    return {
        "id": own.id,
        "price": own.price,
        "amounts": [_amount(own.price, name) for name in AMOUNTS],
    }


def _counting(one: InForce) -> dict[str, Any]:
    amounts = [_amount(one.price, name) for name in LISTED]
    of_whom = "your own" if one.own else "simulated" if one.price.simulated else "list"
    return {"price": one.price, "own": one.own, "of_whom": of_whom, "amounts": amounts}


def _amount(price: Price, name: str) -> str:
    value = getattr(price, name)
    return "" if value is None else f"{value:f}"
