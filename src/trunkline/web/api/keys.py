"""I/O. `/v1/keys`: keys, their limits, and what they have spent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from trunkline.store.control.accounts import ApiKey, KeyLimits
from trunkline.store.facts.queries_calls import key_use
from trunkline.web.api import key_models as models
from trunkline.web.api import shape
from trunkline.web.api.calls import WhoReads
from trunkline.web.auth import Deps, Reader, require_manager
from trunkline.web.deps import Dependencies
from trunkline.web.refusals import NotFound
from trunkline.web.spend import Spent, months_spend

router = APIRouter(tags=["Keys"])

WhoManages = Annotated[Reader, Depends(require_manager)]


@router.get("/v1/keys")
async def list_keys(reader: WhoReads, deps: Deps) -> models.KeyPage:
    """The organisation's keys, the latest first, revoked ones included."""
    return models.KeyPage(data=await _shown(deps, reader.org_id), next_cursor=None)


@router.post("/v1/keys", status_code=201)
async def create_key(manager: WhoManages, deps: Deps, new: models.NewKey) -> models.CreatedKey:
    """A new key. Its text is in this answer and nowhere else."""
    made = await deps.control.create_key(
        manager.org_id,
        new.name,
        tuple(new.scopes),
        limits=_limits(new.limits),
        by=manager.key_id,
    )
    shown = await _one(deps, manager, made.key.id)
    return models.CreatedKey(**shown.model_dump(), key=made.text)


@router.get("/v1/keys/{key_id}")
async def get_key(reader: WhoReads, deps: Deps, key_id: str) -> models.ApiKey:
    """One key."""
    return await _one(deps, reader, key_id)


@router.put("/v1/keys/{key_id}/limits")
async def limit_key(
    manager: WhoManages, deps: Deps, key_id: str, limits: models.KeyLimits
) -> models.ApiKey:
    """Give a key these limits in place of those it has. They hold for live calls too."""
    key = await deps.control.limit_key(manager.org_id, key_id, _limits(limits), by=manager.key_id)
    if key is None:
        raise NotFound("There is no such key, or it was revoked.")
    return await _one(deps, manager, key_id)


@router.delete("/v1/keys/{key_id}")
async def revoke_key(manager: WhoManages, deps: Deps, key_id: str) -> models.ApiKey:
    """Revoke a key. Its live calls are closed within a second. It stays in the list."""
    if not await deps.control.revoke_key(manager.org_id, key_id, by=manager.key_id):
        raise NotFound("There is no such key, or it was revoked already.")
    return await _one(deps, manager, key_id)


def shown_spend(spent: Spent) -> models.Spend:
    """Return what was spent as the API shows it."""
    return models.Spend(
        from_at=spent.month.first,
        until_at=spent.month.after,
        spent_usd=spent.usd,
        unpriced=list(spent.unpriced),
        over_budget=spent.over_budget,
    )


async def _one(deps: Dependencies, reader: Reader, key_id: str) -> models.ApiKey:
    found = [key for key in await _shown(deps, reader.org_id) if key.id == key_id]
    if not found:
        raise NotFound("There is no such key.")
    return found[0]


async def _shown(deps: Dependencies, org_id: str) -> list[models.ApiKey]:
    keys = await deps.control.list_keys(org_id)
    use = await key_use(deps.facts, org_id)
    spend = await months_spend(deps, org_id)
    last_calls = {key_id: used.last_used_at_us for key_id, used in use.items()}
    return [_key(key, last_calls.get(key.id, 0), spend.of_key(key)) for key in keys]


def _key(key: ApiKey, last_call_us: int, spent: Spent) -> models.ApiKey:
    used_us = max(key.last_used_at_us or 0, last_call_us)
    return models.ApiKey(
        id=key.id,
        name=key.name,
        begins_with=key.prefix,
        scopes=list(key.scopes),
        created_at=shape.moment(key.created_at_us),
        last_used_at=shape.moment(used_us) if used_us else None,
        revoked_at=None if key.revoked_at_us is None else shape.moment(key.revoked_at_us),
        limits=shape.shaped(models.KeyLimits, key.limits),
        month=shown_spend(spent),
    )


def _limits(limits: models.KeyLimits) -> KeyLimits:
    return KeyLimits(**dict(limits))
