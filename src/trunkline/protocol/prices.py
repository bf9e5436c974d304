"""Pure. What models cost, by day: the dated table that ships with Trunkline, and overrides.

The figures are in `prices.json`, from protocol.md 4.3. A model without a row is
*unpriced*, which is never the same as free. Token prices are US dollars per million
tokens. The version of the table goes into the record beside every cost.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any, Final

import msgspec

from trunkline.errors import OperatorError

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)
"""A dated snapshot costs what its family costs, unless it has a row of its own."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one model costs from one day on. None: this model has no such price."""

    model: str
    """As in a session, without the date of a snapshot."""
    provider: str = ""
    """`openai`, `azure`, …; empty in an override means all of them."""
    valid_from: str = "1970-01-01"
    """First UTC day, `YYYY-MM-DD`."""
    text_in: Decimal | None = None
    text_cached: Decimal | None = None
    """None: cached input costs what other input costs."""
    text_out: Decimal | None = None
    audio_in: Decimal | None = None
    audio_cached: Decimal | None = None
    audio_out: Decimal | None = None
    image_in: Decimal | None = None
    image_cached: Decimal | None = None
    per_minute: Decimal | None = None
    """Billed by time, in place of tokens."""
    standby_per_minute: Decimal | None = None
    """While the model does not listen. None: that costs the same."""
    per_text_message: Decimal | None = None
    """Beside the time: for each message that the caller writes."""
    simulated: bool = False
    """Nobody is billed: the figures are there so that a demonstration shows a cost."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prices: tuple[Price, ...]
    version: str = ""
    source: str = ""


class InForce(msgspec.Struct, frozen=True):
    """A price that counts now, for one organisation."""

    price: Price
    own: bool
    """It is the organisation's own, in place of everybody's."""


class PriceTable(msgspec.Struct, frozen=True):
    """All prices, and the version by which the record remembers them."""

    version: str
    prices: tuple[Price, ...]
    own: Mapping[str, tuple[Price, ...]] = {}
    """Prices of organisations, by their ids. Before the first day of one, everybody's counts."""
    source: str = ""
    """Where everybody's are from."""

    def find(self, model: str, day: str, provider: str = "", org_id: str = "") -> Price | None:
        """Return the price of `model` on the UTC `day`, `YYYY-MM-DD`; None if unpriced.

        A provider without a row of its own for the model has OpenAI's price.
        """
        if (price := self.find_own(model, day, provider, org_id)) is not None:
            return price
        for name in _names(model):
            rows = [row for row in self.prices if row.model == name]
            for seller in (provider, "", "openai", "simulator"):
                if (price := _latest(rows, seller, day)) is not None:
                    return price
        return None

    def find_own(self, model: str, day: str, provider: str, org_id: str) -> Price | None:
        """Return the organisation's own price as `find` does; None: everybody's counts."""
        rows = self.own.get(org_id, ())
        for name in _names(model) if rows else ():
            of_model = [row for row in rows if row.model == name]
            for seller in dict.fromkeys((provider, "")):
                if (price := _latest(of_model, seller, day)) is not None:
                    return price
        return None

    def in_force(self, day: str, org_id: str) -> list[InForce]:
        """Return by model all prices that `find` has for the organisation on the UTC `day`."""
        rows = (*self.prices, *self.own.get(org_id, ()))
        found: dict[Price, InForce] = {}
        for model, provider in sorted({(row.model, row.provider) for row in rows}):
            price = self.find(model, day, provider, org_id)
            if price is not None:
                own = self.find_own(model, day, provider, org_id) is not None
                found[price] = InForce(price, own)
        return sorted(found.values(), key=lambda one: (one.price.model, one.price.provider))

    def with_own(self, own: Mapping[str, tuple[Price, ...]]) -> PriceTable:
        """Return this table with these prices of organisations, by their ids."""
        return msgspec.structs.replace(self, own=own)

    def overlaid(self, data: object) -> PriceTable:
        """Return this table with the rows of `data` in place of its own for the same models.

        `data` has the shape of `prices.json`; rows that give no provider count for all.

        Raises:
            OperatorError: `data` is not such a table; the message says where.
        """
        over = _table(data)
        replaced = {(row.provider, row.model) for row in over.prices}
        kept = tuple(
            row
            for row in self.prices
            if not replaced & {(row.provider, row.model), ("", row.model)}
        )
        version = f"{self.version}+{over.version or 'overrides'}"
        source = "; ".join(filter(None, (over.source, self.source)))
        return PriceTable(version, over.prices + kept, self.own, source)


def _names(model: str) -> tuple[str, str]:
    return model, _SNAPSHOT.sub("", model)


def price_of(fields: object) -> Price:
    """Return the price that `fields` are, as a row of `prices.json` has them.

    Raises:
        OperatorError: they are none; the message says why.
    """
    try:
        price = msgspec.convert(fields, Price)
        date.fromisoformat(price.valid_from)
    except (msgspec.ValidationError, ValueError) as exc:
        raise OperatorError(f"not a price: {exc}. Write amounts as strings") from exc
    _check(price)
    if not price.model.strip() or len(price.model) > MAX_NAME or len(price.provider) > MAX_NAME:
        raise OperatorError(f"prices: name a model, in {MAX_NAME} letters at most")
    if any(value > _DEAREST for value in _amounts(price)):
        raise OperatorError(f"prices: {price.model}: a price is at most {_DEAREST:,}")
    return price


MAX_NAME: Final = 64


def priced_by_call(price: Price | None, given: Mapping[str, str], model: str) -> Price | None:
    """Return `price` with what the call itself says of it: fields of `Price` in `given`.

    `given` is what `Opened` keeps; a field that is none, or no amount, changes nothing. A model
    without a price has then what is given, and None for the rest.
    """
    amounts: dict[str, Decimal] = {}
    for name, amount in given.items():
        if name in CALL_FIELDS and (found := amount_of(amount)) is not None:
            amounts[name] = found
    if not amounts:
        return price
    return msgspec.structs.replace(price or Price(model=model), **amounts)


CALL_FIELDS: Final = frozenset(
    ("text_in", "text_cached", "text_out", "audio_in", "audio_cached", "audio_out")
)
"""What a call may say of its own price."""


def amount_of(text: str) -> Decimal | None:
    """Return the amount that `text` is, 0 or more and sensible; None when it is none."""
    try:
        amount = Decimal(text)
    except ArithmeticError:
        return None
    return amount if amount.is_finite() and 0 <= amount <= _DEAREST else None


_DEAREST = Decimal(1_000_000)
"""Dollars per million tokens: a dollar a token."""


def _latest(rows: list[Price], provider: str, day: str) -> Price | None:
    valid = [row for row in rows if row.provider == provider and row.valid_from <= day]
    return max(valid, key=lambda row: row.valid_from, default=None)


def _table(data: object) -> _Table:
    try:
        table = msgspec.convert(data, _Table)
    except msgspec.ValidationError as exc:
        raise OperatorError(f"prices: {exc}. Write prices as strings, like prices.json") from exc
    for row in table.prices:
        _check(row)
    return table


def _check(row: Price) -> None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", row.valid_from, re.ASCII):
        raise OperatorError(f"prices: {row.model}: valid_from {row.valid_from!r} is not YYYY-MM-DD")
    amounts = _amounts(row)
    if not amounts:
        raise OperatorError(f"prices: {row.model} has no price; leave the row out if it has none")
    if not all(amount.is_finite() and amount >= 0 for amount in amounts):
        raise OperatorError(f"prices: {row.model}: a price is a number, 0 or more")


def _amounts(row: Price) -> list[Decimal]:
    return [value for value in msgspec.structs.astuple(row) if isinstance(value, Decimal)]


def parse(data: bytes) -> PriceTable:
    """Return the table that the JSON text `data` is. Raises `OperatorError`."""
    try:
        fields: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise OperatorError(f"prices: not JSON: {exc}") from exc
    table = _table(fields)
    return PriceTable(table.version, table.prices, source=table.source)


@functools.cache
def shipped() -> PriceTable:
    """Return the table that came with this release. Read once: it is part of the code."""
    return parse(resources.files("trunkline.protocol").joinpath("prices.json").read_bytes())
