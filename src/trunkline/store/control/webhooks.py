"""I/O. Webhooks that organisations have stored: a provider's secret, and where to forward.

As with `providers`, a secret goes in, sealed, and never comes out here: only its hint does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline import snapshot
from trunkline.protocol import forwarding
from trunkline.protocol.profiles.stored import BadDetail, hint_of
from trunkline.protocol.webhooks import is_secret
from trunkline.sealing import Vault, webhook_context_of
from trunkline.store.control import keys, models, people
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.database import Database
from trunkline.store.control.world import World

MAX_WEBHOOKS: Final = 50
"""Of one organisation: gateways hold all of them in memory."""


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


class Webhooks:
    """The webhooks of all organisations. Each change is audited, then published."""

    def __init__(
        self,
        database: Database,
        world: World,
        vault: Vault | None,
        publish: Callable[[], Awaitable[None]],
    ) -> None:
        """Without a `vault` webhooks can be listed and deleted, but not be given secrets."""
        self._database = database
        self._world = world
        self._vault = vault
        self._publish = publish

    async def of(self, org_id: str) -> list[Webhook]:
        """Return the organisation's webhooks, by name."""
        async with self._database.reading() as session:
            return [_as_webhook(row) for row in await _of(session, org_id)]

    async def add(self, org_id: str, new: NewWebhook, *, by: str = "") -> Webhook:
        """Store a webhook.

        Raises:
            BadAccountDetail: a field cannot be that.
            OperatorError: the master key cannot be used.
        """
        id_ = self._world.new_id("hook")
        secret = _clean_secret(new.secret)
        sealed = await self._sealed(secret, org_id, id_)
        async with self._database.writing() as session:
            row = models.Webhook(
                id=id_,
                org_id=org_id,
                name=await _free_name(session, org_id, new.name),
                url=await _clean_url(session, org_id, new.url),
                sealed=sealed,
                hint=hint_of(secret),
                show_numbers=new.show_numbers,
                created_at_us=self._world.now_us(),
            )
            session.add(row)
            self._audit(session, row, by, "webhook.added")
            await keys.count_change(session)
        await self._publish()
        return _as_webhook(row)

    async def replace(
        self, org_id: str, webhook_id: str, secret: str, *, by: str = ""
    ) -> Webhook | None:
        """Give it another secret, for what comes from now on; None when there is no such webhook.

        Raises:
            BadAccountDetail: that cannot be one.
            OperatorError: the master key cannot be used.
        """
        secret = _clean_secret(secret)
        sealed = await self._sealed(secret, org_id, webhook_id)

        def change(row: models.Webhook) -> None:
            row.sealed, row.hint = sealed, hint_of(secret)
            row.replaced_at_us = self._world.now_us()

        return await self._changed(org_id, webhook_id, change, by, "webhook.replaced")

    async def redirect(
        self, org_id: str, webhook_id: str, url: str, *, show_numbers: bool, by: str = ""
    ) -> Webhook | None:
        """Say where it goes from now on, and whether numbers are recorded; None: there is none.

        Raises:
            BadAccountDetail: it may not go there.
        """
        async with self._database.reading() as session:
            cleaned = await _clean_url(session, org_id, url)

        def change(row: models.Webhook) -> None:
            row.url, row.show_numbers = cleaned, show_numbers

        return await self._changed(org_id, webhook_id, change, by, "webhook.changed")

    async def delete(self, org_id: str, webhook_id: str, *, by: str = "") -> bool:
        """Forget a webhook and its secret; False when there is none. Live calls go on."""
        async with self._database.writing() as session:
            row = await _one(session, org_id, webhook_id)
            if row is None:
                return False
            self._audit(session, row, by, "webhook.deleted")
            await session.delete(row)
            await keys.count_change(session)
        await self._publish()
        return True

    async def _changed(
        self,
        org_id: str,
        webhook_id: str,
        change: Callable[[models.Webhook], None],
        by: str,
        action: str,
    ) -> Webhook | None:
        async with self._database.writing() as session:
            row = await _one(session, org_id, webhook_id)
            if row is None:
                return None
            change(row)
            self._audit(session, row, by, action)
            await keys.count_change(session)
        await self._publish()
        return _as_webhook(row)

    async def _sealed(self, secret: str, org_id: str, webhook_id: str) -> str:
        if self._vault is None:
            raise RuntimeError("this store was opened without a vault")
        context = webhook_context_of(org_id, webhook_id)
        return await asyncio.to_thread(self._vault.seal, secret, context)

    def _audit(self, session: AsyncSession, row: models.Webhook, by: str, action: str) -> None:
        people.add_audit(
            session, self._world, row.org_id, by, action, row.id, f"{row.name} {row.hint}"
        )


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


async def _free_name(session: AsyncSession, org_id: str, name: str) -> str:
    there = await _of(session, org_id)
    try:
        name = forwarding.clean_name(name)
    except BadDetail as exc:
        raise BadAccountDetail(exc.field, str(exc)) from exc
    if any(row.name == name for row in there):
        raise BadAccountDetail("name", f"There is a webhook called {name} already.")
    if len(there) >= MAX_WEBHOOKS:
        raise BadAccountDetail("name", f"An organisation may store {MAX_WEBHOOKS} webhooks.")
    return name


async def _clean_url(session: AsyncSession, org_id: str, url: str) -> str:
    operator = await people.operator(session)
    try:
        return forwarding.clean_url(url, anywhere=operator is not None and operator.id == org_id)
    except BadDetail as exc:
        raise BadAccountDetail(exc.field, str(exc)) from exc


def _clean_secret(secret: str) -> str:
    """Return the secret without what a paste adds. Raises `BadAccountDetail`, never quoting it."""
    secret = secret.strip()
    if not is_secret(secret):
        raise BadAccountDetail("secret", "Give the webhook's secret as the provider shows it.")
    return secret


async def _of(session: AsyncSession, org_id: str) -> Sequence[models.Webhook]:
    return (
        await session.scalars(
            select(models.Webhook)
            .where(models.Webhook.org_id == org_id)
            .order_by(models.Webhook.name)
        )
    ).all()


async def _one(session: AsyncSession, org_id: str, webhook_id: str) -> models.Webhook | None:
    return await session.scalar(
        select(models.Webhook).where(
            models.Webhook.org_id == org_id, models.Webhook.id == webhook_id
        )
    )


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
