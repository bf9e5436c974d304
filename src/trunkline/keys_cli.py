"""The command `trunkline keys`: API keys, their limits, and the budget of them all."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.errors import OperatorError
from trunkline.settings import load

if TYPE_CHECKING:
    from trunkline.store.control.accounts import ApiKey, KeyLimits
    from trunkline.store.control.store import ControlStore

keys = typer.Typer(help="API keys.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="Directory of stores and journal.", readable=False)]
KeyId = Annotated[str, typer.Argument(help="From `trunkline keys list`.")]
MaxCalls = Annotated[int | None, typer.Option(min=0, help="Calls at once.")]
MaxRate = Annotated[int | None, typer.Option(min=0, help="Calls begun in any minute.")]
MaxSeconds = Annotated[int | None, typer.Option(min=0, help="Longest call, in seconds.")]
MaxUsd = Annotated[
    Decimal | None,
    typer.Option(metavar="USD", help="Budget of a calendar month (UTC)."),
]
Changes = Mapping[str, int | Decimal | None]
"""Fields of `KeyLimits` by name: None as it is, 0 none."""


@keys.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    data: Data = None,
    read_only: Annotated[bool, typer.Option(help="May read the API, not open calls.")] = False,
    manage: Annotated[
        bool, typer.Option(help="May make, limit and revoke keys by the API.")
    ] = False,
    erase: Annotated[bool, typer.Option(help="May erase calls by the API, for good.")] = False,
    max_calls: MaxCalls = None,
    max_calls_per_minute: MaxRate = None,
    max_call_seconds: MaxSeconds = None,
    max_usd_per_month: MaxUsd = None,
) -> None:
    """Print a new API key, alone, on standard output. Works while the server runs."""
    from trunkline import wiring
    from trunkline.store.control.accounts import UNLIMITED

    changes = _changes(max_calls, max_calls_per_minute, max_call_seconds, max_usd_per_month)
    may = ("read",) if read_only else ("call", "read")
    may += ("manage",) * manage + ("erase",) * erase
    made = wiring.asked(
        load({"data": data}),
        lambda control, org_id: control.create_key(
            org_id, name, may, limits=_limited(UNLIMITED, changes)
        ),
    )
    sys.stdout.write(f"{made.text}\n")


@keys.command("list")
def list_(data: Data = None) -> None:
    """List the API keys: id, first letters, state, name, limits."""
    from trunkline import wiring
    from trunkline.store.control.limits import told

    found = wiring.asked(load({"data": data}), lambda control, org_id: control.list_keys(org_id))
    for key in found:
        state = "revoked" if key.revoked_at_us else "active "
        limits = f"  ({limits})" if (limits := told(key.limits)) else ""
        sys.stdout.write(f"{key.id}  {key.prefix}…  {state}  {key.name}{limits}\n")


@keys.command("limit")
def limit(
    key_id: KeyId,
    data: Data = None,
    max_calls: MaxCalls = None,
    max_calls_per_minute: MaxRate = None,
    max_call_seconds: MaxSeconds = None,
    max_usd_per_month: MaxUsd = None,
) -> None:
    """Change limits of an API key; 0 lifts one. Prints those that it has now."""
    from trunkline import wiring
    from trunkline.store.control.limits import told

    changes = _changes(max_calls, max_calls_per_minute, max_call_seconds, max_usd_per_month)
    changed = wiring.asked(
        load({"data": data}), lambda control, org_id: _limit(control, org_id, key_id, changes)
    )
    if changed is None:
        raise _unknown(key_id)
    sys.stdout.write(f"{told(changed.limits) or 'no limits'}\n")


@keys.command("budget")
def budget(
    usd: Annotated[
        Decimal | None,
        typer.Argument(metavar="[USD]", help="0 takes it away; left out: as it is."),
    ] = None,
    data: Data = None,
) -> None:
    """Set the budget of all keys together for a calendar month (UTC), and print it."""
    from trunkline import wiring
    from trunkline.store.control.limits import plain

    now = wiring.asked(load({"data": data}), lambda control, org_id: _budget(control, org_id, usd))
    sys.stdout.write("no budget\n" if now is None else f"${plain(now)} a month\n")


@keys.command("revoke")
def revoke(key_id: KeyId, data: Data = None) -> None:
    """Revoke an API key. Its live calls are closed within a second."""
    from trunkline import wiring

    if not wiring.asked(
        load({"data": data}), lambda control, org_id: control.revoke_key(org_id, key_id)
    ):
        raise _unknown(key_id)


async def _limit(
    control: ControlStore, org_id: str, key_id: str, changes: Changes
) -> ApiKey | None:
    """Change the limits of a key that works; None when there is none."""
    found = {key.id: key for key in await control.list_keys(org_id)}
    if key_id not in found:
        return None
    return await control.limit_key(org_id, key_id, _limited(found[key_id].limits, changes))


async def _budget(control: ControlStore, org_id: str, usd: Decimal | None) -> Decimal | None:
    """Set the organisation's budget, 0 for none, unless `usd` is None; return what it is."""
    if usd is not None:
        await control.limit_organisation(org_id, usd or None)
    return (await control.organisation(org_id)).max_usd_per_month


def _changes(
    calls: int | None, per_minute: int | None, seconds: int | None, usd: Decimal | None
) -> Changes:
    return {
        "max_calls": calls,
        "max_calls_per_minute": per_minute,
        "max_call_seconds": seconds,
        "max_usd_per_month": usd,
    }


def _limited(limits: KeyLimits, changes: Changes) -> KeyLimits:
    import msgspec

    given = {name: value or None for name, value in changes.items() if value is not None}
    return msgspec.structs.replace(limits, **given)


def _unknown(key_id: str) -> OperatorError:
    return OperatorError(f"no active key {key_id}; see `trunkline keys list`")
