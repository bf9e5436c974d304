"""I/O. The web application: API and pages, behind what guards both."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from trunkline import __version__
from trunkline.web import pages
from trunkline.web.api import (
    attention,
    budget,
    call_cost,
    call_lint,
    call_trace,
    calls,
    compare,
    events,
    health,
    helicone,
    helicone_marks,
    helicone_people,
    helicone_requests,
    helicone_sessions,
    keys,
    live,
    marks,
    media,
    metrics,
    models,
    parts,
    prices,
    providers,
    reference,
    reports,
    sessions,
    system,
    thresholds,
    views,
    webhooks,
)
from trunkline.web.asgi import BodyLimit, Bugs, Headers
from trunkline.web.auth import is_secure
from trunkline.web.deps import Dependencies
from trunkline.web.errors import add_error_handlers, bug, too_large, too_slow
from trunkline.web.pages.problems import problem_page
from trunkline.web.traffic import Counted

DESCRIPTION: Final = (
    "Everything that Trunkline has recorded, as JSON. Send a key that may read:"
    " `Authorization: Bearer sk-trunkline-…`. Another organisation's ids are 404. Times are"
    " ISO 8601, UTC; numbers have their unit in the name; lists go on with `next_cursor`."
)
SMALLEST_BYTES: Final = 1400
"""What fits into one packet is not compressed, nor what is compressed already, such as sound
and archives, nor a part of something, nor a feed, whose events must not wait for one another."""
LEVEL: Final = 4
"""Of 9: a half-hour call's page becomes a tenth, for a fifth more than level 1 costs."""
THREAD_BYTES: Final = 64 * 1024
"""More than this is compressed beside the event loop, which it would hold up for a millisecond."""

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": models.ErrorAnswer, "description": "A parameter is not what it must be."},
    401: {"model": models.ErrorAnswer, "description": "No key, or one that does not work."},
    403: {"model": models.ErrorAnswer, "description": "The key may not do that."},
    404: {"model": models.ErrorAnswer, "description": "Not there, or not yours."},
    # Also keeps FastAPI from promising a 422 of its own, which nothing here answers.
    "default": {"model": models.ErrorAnswer, "description": "Any other failure."},
}


def create_app(deps: Dependencies) -> FastAPI:
    """Return the application: the API, its reference, and the dashboard's pages."""
    app = FastAPI(
        title="Trunkline",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.deps = deps
    app.state.error_page = problem_page
    for module in (
        calls,
        call_cost,
        call_lint,
        call_trace,
        views,
        marks,
        parts,
        events,
        media,
        live,
        sessions,
        metrics,
        attention,
        compare,
        reports,
        keys,
        budget,
        thresholds,
        prices,
        providers,
        webhooks,
        system,
        helicone,
        helicone_requests,
        helicone_people,
        helicone_marks,
        helicone_sessions,
    ):
        app.include_router(module.router, responses=_ERRORS)
    app.include_router(health.router)
    app.include_router(reference.router)
    add_error_handlers(app)
    pages.install(app)
    # The last one added is the outermost: what the limit refuses has the headers too.
    app.add_middleware(
        GZipMiddleware,
        minimum_size=SMALLEST_BYTES,
        compresslevel=LEVEL,
        thread_minimum_size=THREAD_BYTES,
    )
    app.add_middleware(BodyLimit, too_large=too_large, too_slow=too_slow)
    app.add_middleware(Bugs, answer=bug)
    app.add_middleware(Headers, secure=is_secure(deps.settings))
    app.add_middleware(Counted)
    return app
