"""I/O. Prices that organisations have of their own, each from a day on.

Not the gateways' business: the recorder asks for them, a second after a change at the latest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import func, select

from trunkline.errors import OperatorError
from trunkline.protocol.prices import Price, price_of
from trunkline.store.control import keys, models, people
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.database import Database
from trunkline.store.control.world import World

MAX_PRICES: Final = 500
"""Of one organisation."""


class OwnPrice(msgspec.Struct, frozen=True, kw_only=True):
    """One price of an organisation's own."""

    id: str
    org_id: str
    price: Price
    created_at_us: int


class OwnPrices:
    """The own prices of all organisations. Each change is audited."""

    def __init__(self, database: Database, world: World) -> None:
        self._database = database
        self._world = world
        self._changes = database.changes()

    async def of(self, org_id: str) -> list[OwnPrice]:
        """Return the organisation's prices, by model and day."""
        ours = select(models.OwnPrice).where(models.OwnPrice.org_id == org_id)
        order = models.OwnPrice.model, models.OwnPrice.provider, models.OwnPrice.valid_from
        async with self._database.reading() as session:
            return [_as_price(row) for row in await session.scalars(ours.order_by(*order))]

    def may_have_changed(self) -> bool:
        """Return whether anything may have, since this was last asked."""
        return self._changes.may_be()

    async def changes(self) -> int:
        """Return a number that is another one after each change of anything."""
        async with self._database.reading() as session:
            return await keys.change_number(session)

    async def by_organisation(self) -> dict[str, tuple[Price, ...]]:
        """Return all prices of everybody who has some."""
        found: dict[str, tuple[Price, ...]] = {}
        async with self._database.reading() as session:
            for row in await session.scalars(select(models.OwnPrice)):
                found[row.org_id] = (*found.get(row.org_id, ()), _as_price(row).price)
        return found

    async def put(self, org_id: str, fields: Mapping[str, Any], *, by: str) -> OwnPrice:
        """Store a price, in place of the one of that model, provider and day.

        Raises:
            BadAccountDetail: it is no price, or there are too many.
        """
        try:
            price = price_of(fields)
        except OperatorError as exc:
            raise BadAccountDetail("price", str(exc)) from exc
        same = select(models.OwnPrice).where(
            models.OwnPrice.org_id == org_id,
            models.OwnPrice.model == price.model,
            models.OwnPrice.provider == price.provider,
            models.OwnPrice.valid_from == price.valid_from,
        )
        async with self._database.writing() as session:
            row = await session.scalar(same)
            if row is None:
                held = select(func.count()).where(models.OwnPrice.org_id == org_id)
                if (await session.scalar(held) or 0) >= MAX_PRICES:
                    raise BadAccountDetail("price", f"At most {MAX_PRICES} prices: delete some.")
                row = models.OwnPrice(
                    id=self._world.new_id("price"),
                    org_id=org_id,
                    model=price.model,
                    provider=price.provider,
                    valid_from=price.valid_from,
                )
                session.add(row)
            row.price = msgspec.json.encode(price).decode()
            row.created_at_us = self._world.now_us()
            people.add_audit(session, self._world, org_id, by, "price.set", row.id, _told(price))
            await keys.count_change(session)
        return _as_price(row)

    async def delete(self, org_id: str, price_id: str, *, by: str) -> bool:
        """Delete a price; False when the organisation has no such."""
        async with self._database.writing() as session:
            row = await session.get(models.OwnPrice, price_id)
            if row is None or row.org_id != org_id:
                return False
            await session.delete(row)
            detail = _told(_as_price(row).price)
            people.add_audit(session, self._world, org_id, by, "price.deleted", price_id, detail)
            await keys.count_change(session)
        return True


def _as_price(row: models.OwnPrice) -> OwnPrice:
    return OwnPrice(
        id=row.id,
        org_id=row.org_id,
        price=msgspec.json.decode(row.price, type=Price),
        created_at_us=row.created_at_us,
    )


def _told(price: Price) -> str:
    given = {name: value for name, value in msgspec.structs.asdict(price).items() if value}
    return ", ".join(f"{name} = {value}" for name, value in given.items())
