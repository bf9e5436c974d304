"""I/O. `/v1/providers`: stored providers. A credential goes in and never comes out."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trunkline.store.control.providers import NewProvider, Provider
from trunkline.web.api import provider_models as models
from trunkline.web.api import shape
from trunkline.web.api.calls import WhoReads
from trunkline.web.api.keys import WhoManages
from trunkline.web.auth import Deps
from trunkline.web.refusals import NotFound

router = APIRouter(tags=["Providers"])

_UNKNOWN = "There is no such provider."


@router.get("/v1/providers")
async def list_providers(reader: WhoReads, deps: Deps) -> models.ProviderPage:
    """The organisation's stored providers, by name."""
    found = await deps.control.providers.of(reader.org_id)
    return models.ProviderPage(data=[_shown(one) for one in found], next_cursor=None)


@router.post("/v1/providers", status_code=201)
async def add_provider(
    manager: WhoManages, deps: Deps, new: models.NewStoredProvider
) -> models.StoredProvider:
    """Store a provider. Calls may use it at once."""
    wanted = NewProvider(
        name=new.name,
        profile=new.profile,
        credential=new.credential.get_secret_value(),
        url=new.url,
        resource=new.resource,
        models=tuple(new.models),
    )
    return _shown(await deps.control.providers.add(manager.org_id, wanted, by=manager.key_id))


@router.put("/v1/providers/{provider_id}/credential")
async def replace_credential(
    manager: WhoManages, deps: Deps, provider_id: str, new: models.NewCredential
) -> models.StoredProvider:
    """Give it another credential, for calls that begin from now on."""
    secret = new.credential.get_secret_value()
    changed = await deps.control.providers.replace(
        manager.org_id, provider_id, secret, by=manager.key_id
    )
    return _found(changed)


@router.put("/v1/providers/{provider_id}/models")
async def choose_models(
    manager: WhoManages, deps: Deps, provider_id: str, new: models.NewModels
) -> models.StoredProvider:
    """Say which models go there, in place of those that did."""
    changed = await deps.control.providers.choose_models(
        manager.org_id, provider_id, new.models, by=manager.key_id
    )
    return _found(changed)


@router.delete("/v1/providers/{provider_id}", status_code=204)
async def delete_provider(manager: WhoManages, deps: Deps, provider_id: str) -> Response:
    """Forget a provider and its credential. Live calls go on."""
    if not await deps.control.providers.delete(manager.org_id, provider_id, by=manager.key_id):
        raise NotFound(_UNKNOWN)
    return Response(status_code=204)


def _found(provider: Provider | None) -> models.StoredProvider:
    if provider is None:
        raise NotFound(_UNKNOWN)
    return _shown(provider)


def _shown(provider: Provider) -> models.StoredProvider:
    replaced_us = provider.replaced_at_us
    return models.StoredProvider(
        id=provider.id,
        name=provider.name,
        profile=provider.profile,
        url=provider.url,
        resource=provider.resource,
        models=list(provider.models),
        credential_hint=provider.hint,
        created_at=shape.moment(provider.created_at_us),
        replaced_at=None if replaced_us is None else shape.moment(replaced_us),
    )
