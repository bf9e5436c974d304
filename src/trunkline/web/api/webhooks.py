"""I/O. `/v1/webhooks`: by which providers tell of calls. A secret goes in and never comes out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trunkline.store.control.webhooks import NewWebhook, Webhook
from trunkline.web.api import shape
from trunkline.web.api import webhook_models as models
from trunkline.web.api.calls import WhoReads
from trunkline.web.api.keys import WhoManages
from trunkline.web.auth import Deps
from trunkline.web.deps import public_url
from trunkline.web.refusals import NotFound

router = APIRouter(tags=["Webhooks"])

_UNKNOWN = "There is no such webhook."


@router.get("/v1/webhooks")
async def list_webhooks(reader: WhoReads, deps: Deps, request: Request) -> models.WebhookPage:
    """The organisation's webhooks, by name."""
    found = await deps.control.webhooks.of(reader.org_id)
    shown = [_shown(one, request) for one in found]
    return models.WebhookPage(data=shown, next_cursor=None)


@router.post("/v1/webhooks", status_code=201)
async def add_webhook(
    manager: WhoManages, deps: Deps, request: Request, new: models.NewStoredWebhook
) -> models.StoredWebhook:
    """Store a webhook. What the provider posts to its address is taken at once."""
    wanted = NewWebhook(
        name=new.name,
        url=new.url,
        secret=new.secret.get_secret_value(),
        show_numbers=new.show_numbers,
    )
    made = await deps.control.webhooks.add(manager.org_id, wanted, by=manager.key_id)
    return _shown(made, request)


@router.put("/v1/webhooks/{webhook_id}/secret")
async def replace_secret(
    manager: WhoManages, deps: Deps, request: Request, webhook_id: str, new: models.NewSecret
) -> models.StoredWebhook:
    """Give it another secret, for what comes from now on."""
    changed = await deps.control.webhooks.replace(
        manager.org_id, webhook_id, new.secret.get_secret_value(), by=manager.key_id
    )
    return _found(changed, request)


@router.put("/v1/webhooks/{webhook_id}/target")
async def redirect_webhook(
    manager: WhoManages, deps: Deps, request: Request, webhook_id: str, new: models.NewTarget
) -> models.StoredWebhook:
    """Say where it is forwarded to, in place of where it was."""
    changed = await deps.control.webhooks.redirect(
        manager.org_id, webhook_id, new.url, show_numbers=new.show_numbers, by=manager.key_id
    )
    return _found(changed, request)


@router.delete("/v1/webhooks/{webhook_id}", status_code=204)
async def delete_webhook(manager: WhoManages, deps: Deps, webhook_id: str) -> Response:
    """Forget a webhook and its secret. Live calls go on."""
    if not await deps.control.webhooks.delete(manager.org_id, webhook_id, by=manager.key_id):
        raise NotFound(_UNKNOWN)
    return Response(status_code=204)


def _found(webhook: Webhook | None, request: Request) -> models.StoredWebhook:
    if webhook is None:
        raise NotFound(_UNKNOWN)
    return _shown(webhook, request)


def _shown(webhook: Webhook, request: Request) -> models.StoredWebhook:
    replaced_us = webhook.replaced_at_us
    return models.StoredWebhook(
        id=webhook.id,
        name=webhook.name,
        address=f"{public_url(request)}/v1/realtime/incoming/{webhook.id}",
        url=webhook.url,
        show_numbers=webhook.show_numbers,
        secret_hint=webhook.hint,
        created_at=shape.moment(webhook.created_at_us),
        replaced_at=None if replaced_us is None else shape.moment(replaced_us),
    )
