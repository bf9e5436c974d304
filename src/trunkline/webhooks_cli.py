"""The command `trunkline webhooks`: by which providers tell of calls by telephone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.errors import OperatorError
from trunkline.providers_cli import from_input
from trunkline.settings import Settings, load

if TYPE_CHECKING:
    from trunkline.store.control.webhooks import NewWebhook, Webhook

webhooks = typer.Typer(
    help="Webhooks of calls by telephone: verified here, recorded, and forwarded.",
    no_args_is_help=True,
)

Data = Annotated[Path | None, typer.Option(help="Directory of stores and journal.", readable=False)]
WebhookId = Annotated[str, typer.Argument(help="From `trunkline webhooks list`.")]
Url = Annotated[str, typer.Option(help="Your application, which takes what is forwarded.")]
HideNumbers = Annotated[
    bool, typer.Option("--hide-numbers", help="Record of each number only its last letters.")
]


@webhooks.command("add")
def add(
    name: Annotated[str, typer.Option(help="To tell it from others.")],
    url: Url,
    hide_numbers: HideNumbers = False,
    data: Data = None,
) -> None:
    """Store a webhook; its secret is read from standard input. Prints the path to post to."""
    from trunkline import wiring
    from trunkline.store.control.webhooks import NewWebhook

    new = NewWebhook(name=name, url=url, secret=from_input("Secret"), show_numbers=not hide_numbers)
    made = wiring.run(_add(load({"data": data}), new))
    sys.stdout.write(f"/v1/realtime/incoming/{made}\n")


@webhooks.command("list")
def list_(data: Data = None) -> None:
    """List the webhooks: id, name, the secret's last letters, where each is forwarded to."""
    from trunkline import wiring

    for one in wiring.run(_all(load({"data": data}))):
        numbers = "" if one.show_numbers else "numbers hidden"
        about = (one.id, one.name, one.hint, one.url, numbers)
        sys.stdout.write("  ".join(filter(None, about)) + "\n")


@webhooks.command("replace")
def replace(webhook_id: WebhookId, data: Data = None) -> None:
    """Give a webhook another secret, read from standard input."""
    from trunkline import wiring

    wiring.run(_replace(load({"data": data}), webhook_id, from_input("Secret")))


@webhooks.command("redirect")
def redirect(
    webhook_id: WebhookId, url: Url, hide_numbers: HideNumbers = False, data: Data = None
) -> None:
    """Say where a webhook is forwarded to, and whether numbers are recorded."""
    from trunkline import wiring

    wiring.run(_redirect(load({"data": data}), webhook_id, url, show_numbers=not hide_numbers))


@webhooks.command("delete")
def delete(webhook_id: WebhookId, data: Data = None) -> None:
    """Forget a webhook and its secret. Live calls go on."""
    from trunkline import wiring

    wiring.run(_delete(load({"data": data}), webhook_id))


async def _add(settings: Settings, new: NewWebhook) -> str:
    from trunkline.wiring import operators_accounts

    async with operators_accounts(settings) as (control, org_id):
        return (await control.webhooks.add(org_id, new)).id


async def _all(settings: Settings) -> list[Webhook]:
    from trunkline.wiring import operators_accounts

    async with operators_accounts(settings) as (control, org_id):
        return await control.webhooks.of(org_id)


async def _replace(settings: Settings, webhook_id: str, secret: str) -> None:
    from trunkline.wiring import operators_accounts

    async with operators_accounts(settings) as (control, org_id):
        if not await control.webhooks.replace(org_id, webhook_id, secret):
            raise _unknown(webhook_id)


async def _redirect(settings: Settings, webhook_id: str, url: str, *, show_numbers: bool) -> None:
    from trunkline.wiring import operators_accounts

    async with operators_accounts(settings) as (control, org_id):
        changed = await control.webhooks.redirect(
            org_id, webhook_id, url, show_numbers=show_numbers
        )
        if not changed:
            raise _unknown(webhook_id)


async def _delete(settings: Settings, webhook_id: str) -> None:
    from trunkline.wiring import operators_accounts

    async with operators_accounts(settings) as (control, org_id):
        if not await control.webhooks.delete(org_id, webhook_id):
            raise _unknown(webhook_id)


def _unknown(webhook_id: str) -> OperatorError:
    return OperatorError(f"no webhook {webhook_id}; see `trunkline webhooks list`")
