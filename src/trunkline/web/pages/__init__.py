"""I/O. The dashboard: server-rendered pages for people."""

from __future__ import annotations

from fastapi import FastAPI

from trunkline.web.pages import (
    accounts,
    analytics,
    call,
    calls,
    compare,
    keys,
    listen,
    live,
    marks,
    overview,
    prices,
    providers,
    reports,
    sessions,
    static,
    system,
    talk,
    views,
    webhooks,
)

_PAGES = (
    static,
    accounts,
    keys,
    providers,
    webhooks,
    talk,
    views,
    overview,
    calls,
    live,
    listen,
    call,
    compare,
    marks,
    sessions,
    reports,
    analytics,
    prices,
    system,
)


def install(app: FastAPI) -> None:
    """Add the pages and their files to an application that has `app.state.deps`."""
    for part in _PAGES:
        app.include_router(part.router, include_in_schema=False)
