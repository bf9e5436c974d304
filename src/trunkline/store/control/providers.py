"""I/O. Providers that organisations have stored: a gateway key alone is then enough for a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline import snapshot
from trunkline.protocol.profiles import stored
from trunkline.sealing import context_of
from trunkline.store.control import models
from trunkline.store.control.sealed import Access, Kind, SealedRows, naming_fields

MAX_PROVIDERS: Final = 200


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


class Providers(SealedRows[models.Provider, Provider]):
    """The stored providers of all organisations; the secret of one is its credential."""

    def __init__(self, access: Access) -> None:
        super().__init__(KIND, access)

    async def add(self, org_id: str, new: NewProvider, *, by: str = "") -> Provider:
        """Store a provider.

        Raises:
            BadAccountDetail: a field cannot be that.
            OperatorError: the master key cannot be used.
        """
        anywhere = await self._is_operators(org_id)
        with naming_fields():
            profile = stored.clean_profile(new.profile)
            credential = stored.clean_credential(new.credential, profile)
            name = stored.clean_name(new.name, profile)
            url = stored.clean_url(new.url, profile, allowed=anywhere)
            columns = {
                "profile": profile.name,
                "url": url,
                "resource": stored.clean_resource(new.resource, profile, url),
                "models": ",".join(stored.clean_models(new.models)),
            }
        return await self._add(org_id, name, credential, columns, by=by)

    async def replace(
        self, org_id: str, provider_id: str, credential: str, *, by: str = ""
    ) -> Provider | None:
        """Give it another credential, for calls from now on; None when there is no such provider.

        Raises:
            BadAccountDetail: that cannot be one.
            OperatorError: the master key cannot be used.
        """
        async with self._access.database.reading() as session:
            row = await self._one(session, org_id, provider_id)
        if row is None:
            return None
        with naming_fields():
            profile = stored.clean_profile(row.profile)
            credential = stored.clean_credential(credential, profile)
        return await self._replace(org_id, provider_id, credential, by=by)

    async def choose_models(
        self, org_id: str, provider_id: str, names: Sequence[str], *, by: str = ""
    ) -> Provider | None:
        """Say which models go there; None when the organisation has no such provider.

        Raises:
            BadAccountDetail: a name cannot be one.
        """
        with naming_fields():
            cleaned = ",".join(stored.clean_models(names))

        def change(row: models.Provider) -> None:
            row.models = cleaned

        return await self._change(org_id, provider_id, change, by, "changed")


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


def _told(row: models.Provider) -> str:
    return f"{row.name} ({row.profile}) {row.hint}".strip()


KIND: Final = Kind(
    word="provider",
    prefix="prov",
    table=models.Provider,
    most=MAX_PROVIDERS,
    shown=_as_provider,
    told=_told,
    context=context_of,
)
