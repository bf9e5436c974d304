"""The command `trunkline webhooks`: by which providers tell of calls by telephone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trunkline.errors import OperatorError
from trunkline.providers_cli import from_input
from trunkline.settings import load

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
    made = wiring.asked(
        load({"data": data}), lambda control, org_id: control.webhooks.add(org_id, new)
    )
    sys.stdout.write(f"/v1/realtime/incoming/{made.id}\n")


@webhooks.command("list")
def list_(data: Data = None) -> None:
    """List the webhooks: id, name, the secret's last letters, where each is forwarded to."""
    from trunkline import wiring

    found = wiring.asked(load({"data": data}), lambda control, org_id: control.webhooks.of(org_id))
    for one in found:
        numbers = "" if one.show_numbers else "numbers hidden"
        about = (one.id, one.name, one.hint, one.url, numbers)
        sys.stdout.write("  ".join(filter(None, about)) + "\n")


@webhooks.command("replace")
def replace(webhook_id: WebhookId, data: Data = None) -> None:
    """Give a webhook another secret, read from standard input."""
    from trunkline import wiring

    secret = from_input("Secret")
    changed = wiring.asked(
        load({"data": data}),
        lambda control, org_id: control.webhooks.replace(org_id, webhook_id, secret),
    )
    _must_be(changed, webhook_id)


@webhooks.command("redirect")
def redirect(
    webhook_id: WebhookId, url: Url, hide_numbers: HideNumbers = False, data: Data = None
) -> None:
    """Say where a webhook is forwarded to, and whether numbers are recorded."""
    from trunkline import wiring

    changed = wiring.asked(
        load({"data": data}),
        lambda control, org_id: control.webhooks.redirect(
            org_id, webhook_id, url, show_numbers=not hide_numbers
        ),
    )
    _must_be(changed, webhook_id)


@webhooks.command("delete")
def delete(webhook_id: WebhookId, data: Data = None) -> None:
    """Forget a webhook and its secret. Live calls go on."""
    from trunkline import wiring

    deleted = wiring.asked(
        load({"data": data}), lambda control, org_id: control.webhooks.delete(org_id, webhook_id)
    )
    _must_be(deleted, webhook_id)


def _must_be(found: object, webhook_id: str) -> None:
    if not found:
        raise OperatorError(f"no webhook {webhook_id}; see `trunkline webhooks list`")
