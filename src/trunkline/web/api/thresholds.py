"""I/O. `/v1/thresholds`: from where on an organisation's calls are slow, silent, unheard."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from msgspec.structs import asdict
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.thresholds import DEFAULT, Thresholds, differing
from trunkline.web.api.calls import WhoReads
from trunkline.web.api.keys import WhoManages
from trunkline.web.auth import Deps

router = APIRouter(tags=["Metrics"])

_MS: Final = {name: value // 1000 for name, value in asdict(DEFAULT).items()}


class NewThresholds(BaseModel):
    """By what calls are judged. What is not named is as Trunkline has it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    fair_wait_ms: int = Field(_MS["fair_wait_us"], description="Up to here a wait is good.")
    long_wait_ms: int = Field(
        _MS["long_wait_us"], description="Above it a wait is bad, and its call `slow`."
    )
    dead_air_ms: int = Field(_MS["dead_air_us"], description="Above it a call's page warns.")
    long_dead_air_ms: int = Field(
        _MS["long_dead_air_us"], description="Above it a call gives the reason `dead_air`."
    )
    tool_dead_air_ms: int = Field(
        _MS["tool_dead_air_us"],
        description="Above it, while tools run, a call gives the reason `tool_dead_air`.",
    )
    slow_stop_ms: int = Field(
        _MS["slow_stop_us"], description="Above it a call's page warns of how late sound stopped."
    )
    much_unheard_percent: int = Field(
        DEFAULT.much_unheard_percent,
        description="Of the assistant's sound; above it a call gives the reason `unheard`.",
    )
    many_barge_ins: int = Field(
        DEFAULT.many_barge_ins,
        description="So many or more, in more than half of the turns: `talked_over`.",
    )


class ThresholdsInForce(NewThresholds):
    """By what the organisation's calls are judged."""

    changed: list[str] = Field(description="Names of those that are not Trunkline's.")


@router.get("/v1/thresholds")
async def get_thresholds(reader: WhoReads, deps: Deps) -> ThresholdsInForce:
    """From where on calls are slow, silent, unheard."""
    return _shown(await deps.control.thresholds(reader.org_id))


@router.put("/v1/thresholds")
async def set_thresholds(manager: WhoManages, deps: Deps, new: NewThresholds) -> ThresholdsInForce:
    """Judge calls by these, those of before too: `{}` is as Trunkline has it."""
    own = Thresholds(
        **{
            _renamed(name, "_ms", "_us"): value * 1000 if name.endswith("_ms") else value
            for name, value in new.model_dump().items()
        }
    )
    try:
        await deps.control.judge_by(manager.org_id, own, by=manager.key_id)
    except BadAccountDetail as exc:
        name = _renamed(exc.field, "_us", "_ms")
        raise BadAccountDetail(name, f"{name}: {exc}") from exc
    return _shown(own)


def _shown(own: Thresholds) -> ThresholdsInForce:
    values = {
        _renamed(name, "_us", "_ms"): value // 1000 if name.endswith("_us") else value
        for name, value in asdict(own).items()
    }
    changed = [_renamed(name, "_us", "_ms") for name in differing(own)]
    return ThresholdsInForce(**values, changed=changed)


def _renamed(name: str, unit: str, other: str) -> str:
    return name.removesuffix(unit) + other if name.endswith(unit) else name
