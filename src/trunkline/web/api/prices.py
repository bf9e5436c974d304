"""I/O. `/v1/prices`: what models cost this organisation, in place of the list prices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from trunkline.protocol.prices import InForce
from trunkline.store.control.prices import OwnPrice
from trunkline.web.api import shape
from trunkline.web.api.calls import WhoReads
from trunkline.web.api.keys import WhoManages
from trunkline.web.api.money import Usd
from trunkline.web.auth import Deps
from trunkline.web.deps import Dependencies
from trunkline.web.refusals import NotFound

router = APIRouter(tags=["Costs"])

Amount = Annotated[Usd | None, Field(description="US dollars.")]


class PriceBody(BaseModel):
    """What a model costs from a day on: dollars per million tokens, or per minute."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(description="As in a session; a dated snapshot is one of its family.")
    provider: str = Field("", description="`openai`, `azure`, …; empty: all of them.")
    valid_from: str = Field("1970-01-01", description="First UTC day, `YYYY-MM-DD`.")
    text_in: Amount = None
    text_cached: Amount = None
    text_out: Amount = None
    audio_in: Amount = None
    audio_cached: Amount = None
    audio_out: Amount = None
    image_in: Amount = None
    image_cached: Amount = None
    per_minute: Amount = None
    standby_per_minute: Amount = None


class Price(PriceBody):
    """One price of the organisation's own."""

    id: str
    set_at: datetime


class PriceList(BaseModel):
    """The organisation's own prices, by model and day."""

    data: list[Price]


class ListedPrice(PriceBody):
    """One price that counts."""

    per_text_message: Amount = None
    own: bool = Field(description="The organisation's own, in place of the list price.")
    simulated: bool = Field(description="Nobody is billed.")


class PricesInForce(BaseModel):
    """What models cost the organisation today: list prices, its own in their place."""

    day: str = Field(description="UTC, `YYYY-MM-DD`.")
    version: str = Field(description="Of the list prices; usage has it as `price_version`.")
    source: str
    data: list[ListedPrice]


AMOUNTS: Final = tuple(
    name for name in PriceBody.model_fields if name not in ("model", "provider", "valid_from")
)


@router.get("/v1/prices")
async def list_prices(reader: WhoReads, deps: Deps) -> PriceList:
    """The prices that go before the list prices, for this organisation's calls."""
    return PriceList(data=[_shown(own) for own in await deps.control.prices.of(reader.org_id)])


@router.get("/v1/prices/list")
async def list_prices_in_force(reader: WhoReads, deps: Deps) -> PricesInForce:
    """What each model with a price costs today, and since when."""
    day, found = await in_force(deps, reader.org_id)
    return PricesInForce(
        day=day,
        version=deps.prices.version,
        source=deps.prices.source,
        data=[_listed(one) for one in found],
    )


def _listed(one: InForce) -> ListedPrice:
    names = (name for name in ListedPrice.model_fields if name != "own")
    fields: dict[str, Any] = {name: getattr(one.price, name) for name in names}
    return ListedPrice(own=one.own, **fields)


async def in_force(deps: Dependencies, org_id: str) -> tuple[str, list[InForce]]:
    """Return the UTC day that it is, and the prices that count on it."""
    day = shape.moment(deps.now_us()).date().isoformat()
    own = tuple(one.price for one in await deps.control.prices.of(org_id))
    return day, deps.prices.with_own({org_id: own}).in_force(day, org_id)


@router.put("/v1/prices")
async def put_price(manager: WhoManages, deps: Deps, body: PriceBody) -> Price:
    """Set a price, in place of the one of that model, provider and day.

    It counts for what is used from a second later on, at the date of its use;
    `trunkline reindex` prices older calls anew.
    """
    fields = body.model_dump(exclude_none=True)
    return _shown(await deps.control.prices.put(manager.org_id, fields, by=manager.key_id))


@router.delete("/v1/prices/{price_id}", status_code=204)
async def delete_price(
    manager: WhoManages, deps: Deps, price_id: Annotated[str, Path(max_length=255)]
) -> None:
    """Delete a price: from then on the list price counts again."""
    if not await deps.control.prices.delete(manager.org_id, price_id, by=manager.key_id):
        raise NotFound("There is no such price.")


def _shown(own: OwnPrice) -> Price:
    fields: dict[str, Any] = {name: getattr(own.price, name) for name in PriceBody.model_fields}
    return Price(id=own.id, set_at=shape.moment(own.created_at_us), **fields)
