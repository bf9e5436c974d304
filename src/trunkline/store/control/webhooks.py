"""I/O. Webhooks that organisations have stored: a provider's secret, and where to forward."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline import snapshot
from trunkline.protocol import forwarding
from trunkline.protocol.webhooks import is_secret
from trunkline.sealing import webhook_context_of
from trunkline.store.control import models
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.sealed import Access, Kind, SealedRows, naming_fields

MAX_WEBHOOKS: Final = 50


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as its organisation may see it: not its secret."""

    id: str
    name: str
    url: str
    """Where it is forwarded to."""
    show_numbers: bool
    hint: str
    """The secret's last letters."""
    created_at_us: int
    replaced_at_us: int | None


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to store. Holds a secret: never log it."""

    name: str
    url: str
    secret: str
    show_numbers: bool = True


class Webhooks(SealedRows[models.Webhook, Webhook]):
    """The webhooks of all organisations."""

    def __init__(self, access: Access) -> None:
        super().__init__(KIND, access)

    async def add(self, org_id: str, new: NewWebhook, *, by: str = "") -> Webhook:
        """Store a webhook.

        Raises:
            BadAccountDetail: a field cannot be that.
            OperatorError: the master key cannot be used.
        """
        secret = _clean_secret(new.secret)
        with naming_fields():
            name = forwarding.clean_name(new.name)
        columns = {"url": await self._clean_url(org_id, new.url), "show_numbers": new.show_numbers}
        return await self._add(org_id, name, secret, columns, by=by)

    async def replace(
        self, org_id: str, webhook_id: str, secret: str, *, by: str = ""
    ) -> Webhook | None:
        """Give it another secret, for what comes from now on; None when there is no such webhook.

        Raises:
            BadAccountDetail: that cannot be one.
            OperatorError: the master key cannot be used.
        """
        return await self._replace(org_id, webhook_id, _clean_secret(secret), by=by)

    async def redirect(
        self, org_id: str, webhook_id: str, url: str, *, show_numbers: bool, by: str = ""
    ) -> Webhook | None:
        """Say where it goes from now on, and whether numbers are recorded; None: there is none.

        Raises:
            BadAccountDetail: it may not go there.
        """
        cleaned = await self._clean_url(org_id, url)

        def change(row: models.Webhook) -> None:
            row.url, row.show_numbers = cleaned, show_numbers

        return await self._change(org_id, webhook_id, change, by, "changed")

    async def _clean_url(self, org_id: str, url: str) -> str:
        anywhere = await self._is_operators(org_id)
        with naming_fields():
            return forwarding.clean_url(url, anywhere=anywhere)


async def for_gateways(session: AsyncSession) -> tuple[snapshot.Webhook, ...]:
    """Return what gateways must know of every organisation's webhooks."""
    rows = await session.scalars(select(models.Webhook).order_by(models.Webhook.id))
    return tuple(
        snapshot.Webhook(
            webhook_id=row.id,
            org_id=row.org_id,
            name=row.name,
            sealed=row.sealed,
            url=row.url,
            show_numbers=row.show_numbers,
        )
        for row in rows
    )


def _clean_secret(secret: str) -> str:
    """Return the secret without what a paste adds. Raises `BadAccountDetail`, never quoting it."""
    secret = secret.strip()
    if not is_secret(secret):
        raise BadAccountDetail("secret", "Give the webhook's secret as the provider shows it.")
    return secret


def _as_webhook(row: models.Webhook) -> Webhook:
    return Webhook(
        id=row.id,
        name=row.name,
        url=row.url,
        show_numbers=row.show_numbers,
        hint=row.hint,
        created_at_us=row.created_at_us,
        replaced_at_us=row.replaced_at_us,
    )


def _told(row: models.Webhook) -> str:
    return f"{row.name} {row.hint}"


KIND: Final = Kind(
    word="webhook",
    prefix="hook",
    table=models.Webhook,
    most=MAX_WEBHOOKS,
    shown=_as_webhook,
    told=_told,
    context=webhook_context_of,
)
