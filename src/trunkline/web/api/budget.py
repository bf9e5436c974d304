"""I/O. `/v1/budget`: what all keys together may spend in a month, and have spent."""

from __future__ import annotations

from fastapi import APIRouter

from trunkline.web.api import key_models as models
from trunkline.web.api.calls import WhoReads
from trunkline.web.api.keys import WhoManages, shown_spend
from trunkline.web.auth import Deps
from trunkline.web.deps import Dependencies
from trunkline.web.spend import months_spend

router = APIRouter(tags=["Keys"])


@router.get("/v1/budget")
async def get_budget(reader: WhoReads, deps: Deps) -> models.Budget:
    """The organisation's budget, and what its keys have spent this month."""
    return await _budget(deps, reader.org_id)


@router.put("/v1/budget")
async def set_budget(manager: WhoManages, deps: Deps, new: models.NewBudget) -> models.Budget:
    """Give the organisation this budget. Within some seconds it holds, for live calls too."""
    await deps.control.limit_organisation(manager.org_id, new.max_usd_per_month, by=manager.key_id)
    return await _budget(deps, manager.org_id)


async def _budget(deps: Dependencies, org_id: str) -> models.Budget:
    spend = await months_spend(deps, org_id)
    return models.Budget(
        max_usd_per_month=spend.organisation.max_usd_per_month,
        month=shown_spend(spend.of_all()),
        forecast_usd=spend.forecast_usd(),
    )
