"""I/O. Providers that organisations have stored, so that a gateway key alone is enough for a call.

A credential goes in, sealed, and never comes out here: only its hint does. Gateways
open it with the master key, from the snapshot, at the moment when they dial.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, ParamSpec, TypeVar

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline import snapshot
from trunkline.protocol.profiles import stored
from trunkline.protocol.profiles.profile import Profile
from trunkline.sealing import Unopened, Vault, context_of, webhook_context_of
from trunkline.store.control import keys, models, people
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.database import Database
from trunkline.store.control.world import World

P = ParamSpec("P")
T = TypeVar("T")

MAX_PROVIDERS: Final = 200
"""Of one organisation: gateways hold all of them in memory."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A stored provider as its organisation may see it: not its credential."""

    id: str
    name: str
    profile: str
    url: str
    """Empty: the profile's own."""
    resource: str
    models: tuple[str, ...]
    """Patterns. Empty: those of the profile."""
    hint: str
    """The credential's last letters; empty: it has none."""
    created_at_us: int
    replaced_at_us: int | None


class NewProvider(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to store. Holds a credential: never log it."""

    name: str
    profile: str
    credential: str = ""
    url: str = ""
    resource: str = ""
    models: tuple[str, ...] = ()


class Providers:
    """The stored providers of all organisations. Each change is audited, then published."""

    def __init__(
        self,
        database: Database,
        world: World,
        vault: Vault | None,
        publish: Callable[[], Awaitable[None]],
    ) -> None:
        """Without a `vault` providers can be listed and deleted, but not be given credentials."""
        self._database = database
        self._world = world
        self._vault = vault
        self._publish = publish

    async def of(self, org_id: str) -> list[Provider]:
        """Return the organisation's providers, by name."""
        async with self._database.reading() as session:
            return [_as_provider(row) for row in await _of(session, org_id)]

    async def add(self, org_id: str, new: NewProvider, *, by: str = "") -> Provider:
        """Store a provider.

        Raises:
            BadAccountDetail: a field cannot be that.
            OperatorError: the master key cannot be used.
        """
        id_ = self._world.new_id("prov")
        profile = _checked(stored.clean_profile, new.profile)
        credential = _checked(stored.clean_credential, new.credential, profile)
        sealed = await self._sealed(credential, org_id, id_)
        async with self._database.writing() as session:
            row = models.Provider(
                id=id_,
                org_id=org_id,
                sealed=sealed,
                hint=stored.hint_of(credential),
                created_at_us=self._world.now_us(),
                **await _described(session, org_id, new, profile),
            )
            session.add(row)
            self._audit(session, row, by, "provider.added")
            await keys.count_change(session)
        await self._publish()
        return _as_provider(row)

    async def replace(
        self, org_id: str, provider_id: str, credential: str, *, by: str = ""
    ) -> Provider | None:
        """Give it another credential, for calls from now on; None when there is no such provider.

        Raises:
            BadAccountDetail: that cannot be one.
            OperatorError: the master key cannot be used.
        """
        async with self._database.reading() as session:
            row = await _one(session, org_id, provider_id)
        if row is None:
            return None
        profile = _checked(stored.clean_profile, row.profile)
        credential = _checked(stored.clean_credential, credential, profile)
        sealed = await self._sealed(credential, org_id, provider_id)
        async with self._database.writing() as session:
            row = await _one(session, org_id, provider_id)
            if row is None:
                return None
            row.sealed, row.hint = sealed, stored.hint_of(credential)
            row.replaced_at_us = self._world.now_us()
            self._audit(session, row, by, "provider.replaced")
            await keys.count_change(session)
        await self._publish()
        return _as_provider(row)

    async def choose_models(
        self, org_id: str, provider_id: str, names: Sequence[str], *, by: str = ""
    ) -> Provider | None:
        """Say which models go there; None when the organisation has no such provider.

        Raises:
            BadAccountDetail: a name cannot be one.
        """
        cleaned = _checked(stored.clean_models, names)
        async with self._database.writing() as session:
            row = await _one(session, org_id, provider_id)
            if row is None:
                return None
            row.models = ",".join(cleaned)
            self._audit(session, row, by, "provider.changed")
            await keys.count_change(session)
        await self._publish()
        return _as_provider(row)

    async def delete(self, org_id: str, provider_id: str, *, by: str = "") -> bool:
        """Forget a provider and its credential; False when there is none. Live calls go on."""
        async with self._database.writing() as session:
            row = await _one(session, org_id, provider_id)
            if row is None:
                return False
            self._audit(session, row, by, "provider.deleted")
            await session.delete(row)
            await keys.count_change(session)
        await self._publish()
        return True

    async def rotate(self, *, by: str = "") -> tuple[int, list[str]]:
        """Seal every credential, and every webhook's secret, anew.

        Under a new master key where it is in a file. Returns how many were, and the
        names of those that no key here opens, which stay as they are. May be called
        again after a failure: it goes on where it was.

        Raises:
            OperatorError: the master key cannot be used.
        """
        vault = self._needed_vault()
        if not vault.is_setting:
            await asyncio.to_thread(vault.begin_rotation)
        resealed, lost = 0, list[str]()
        async with self._database.writing() as session:
            for row, context in await _sealed_rows(session):
                if vault.is_current(row.sealed):
                    continue
                try:
                    row.sealed = vault.seal(vault.open(row.sealed, context), context)
                except Unopened:
                    lost.append(row.name)
                    continue
                resealed += 1
                kind = "provider" if isinstance(row, models.Provider) else "webhook"
                people.add_audit(
                    session, self._world, row.org_id, by, f"{kind}.resealed", row.id, row.name
                )
            await keys.count_change(session)
        await self._publish()
        if not lost:
            # Whoever reads an older snapshot now has read its keys before.
            await asyncio.to_thread(vault.end_rotation)
        return resealed, lost

    async def _sealed(self, credential: str, org_id: str, provider_id: str) -> str:
        if not credential:
            return ""
        vault = self._needed_vault()
        return await asyncio.to_thread(vault.seal, credential, context_of(org_id, provider_id))

    def _needed_vault(self) -> Vault:
        if self._vault is None:
            raise RuntimeError("this store was opened without a vault")
        return self._vault

    def _audit(self, session: AsyncSession, row: models.Provider, by: str, action: str) -> None:
        detail = f"{row.name} ({row.profile}) {row.hint}".strip()
        people.add_audit(session, self._world, row.org_id, by, action, row.id, detail)


async def _sealed_rows(
    session: AsyncSession,
) -> list[tuple[models.Provider | models.Webhook, str]]:
    """Return all rows that hold something sealed, each with what it is bound to."""
    providers = await session.scalars(select(models.Provider).where(models.Provider.sealed != ""))
    webhooks = await session.scalars(select(models.Webhook))
    return [
        *((row, context_of(row.org_id, row.id)) for row in providers),
        *((row, webhook_context_of(row.org_id, row.id)) for row in webhooks),
    ]


async def for_gateways(session: AsyncSession) -> tuple[snapshot.Provider, ...]:
    """Return what gateways must know of every organisation's providers."""
    rows = await session.scalars(select(models.Provider).order_by(models.Provider.id))
    return tuple(
        snapshot.Provider(
            provider_id=row.id,
            org_id=row.org_id,
            name=row.name,
            profile=row.profile,
            url=row.url,
            resource=row.resource,
            models=_patterns(row.models),
            sealed=row.sealed,
        )
        for row in rows
    )


async def _described(
    session: AsyncSession, org_id: str, new: NewProvider, profile: Profile
) -> dict[str, str]:
    """Return the columns that say where it is and what for, checked."""
    operator = await people.operator(session)
    there = await _of(session, org_id)
    name = _checked(stored.clean_name, new.name, profile)
    if any(row.name == name for row in there):
        raise BadAccountDetail("name", f"There is a provider called {name} already.")
    if len(there) >= MAX_PROVIDERS:
        raise BadAccountDetail("name", f"An organisation may store {MAX_PROVIDERS} providers.")
    is_operators = operator is not None and operator.id == org_id
    url = _checked(stored.clean_url, new.url, profile, allowed=is_operators)
    return {
        "name": name,
        "profile": profile.name,
        "url": url,
        "resource": _checked(stored.clean_resource, new.resource, profile, url),
        "models": ",".join(_checked(stored.clean_models, new.models)),
    }


def _checked(rule: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    try:
        return rule(*args, **options)
    except stored.BadDetail as exc:
        raise BadAccountDetail(exc.field, str(exc)) from exc


async def _of(session: AsyncSession, org_id: str) -> Sequence[models.Provider]:
    return (
        await session.scalars(
            select(models.Provider)
            .where(models.Provider.org_id == org_id)
            .order_by(models.Provider.name)
        )
    ).all()


async def _one(session: AsyncSession, org_id: str, provider_id: str) -> models.Provider | None:
    return await session.scalar(
        select(models.Provider).where(
            models.Provider.org_id == org_id, models.Provider.id == provider_id
        )
    )


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _as_provider(row: models.Provider) -> Provider:
    return Provider(
        id=row.id,
        name=row.name,
        profile=row.profile,
        url=row.url,
        resource=row.resource,
        models=_patterns(row.models),
        hint=row.hint,
        created_at_us=row.created_at_us,
        replaced_at_us=row.replaced_at_us,
    )
