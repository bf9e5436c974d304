"""I/O. Pages of what an organisation stores with the gateway: each change, and how it went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Response
from fastapi.responses import RedirectResponse

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.web.pages.problems import PageMissing


async def changed(
    change: Awaitable[object],
    path: str,
    refused: Callable[[BadAccountDetail], Awaitable[Response]],
) -> Response:
    """Make a change, and send the browser back to the page at `path`.

    What was typed wrong is `refused`: the same page, which says so. A change of what is not
    there, or is another organisation's, gives nothing.

    Raises:
        PageMissing: there was nothing to change.
    """
    try:
        done = await change
    except BadAccountDetail as exc:
        return await refused(exc)
    if not done:
        raise PageMissing("It is not there, or was deleted already.")
    return RedirectResponse(path, 303)
