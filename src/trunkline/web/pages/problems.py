"""I/O. Pages that say what went wrong, for people; programs get JSON (`web.refusals`)."""

from __future__ import annotations

from fastapi import Request, Response

from trunkline.web.pages import art
from trunkline.web.pages.render import page
from trunkline.web.refusals import NotFound

_HEADINGS = {
    400: "That did not work",
    403: "Not allowed",
    404: "Not found",
    405: "Not like this",
    413: "Too much",
    422: "That did not work",
    503: "Not just now",
}


class PageMissing(NotFound):
    """The subject of a page is not there, or is another organisation's: they look the same."""


def problem_page(request: Request, status: int, message: str) -> Response:
    """Return a whole page that says `message`, with a way back."""
    return page(
        request,
        "problem.html",
        None,
        status_code=status,
        heading=_HEADINGS.get(status, "Something broke"),
        lead=message,
        problem="",
        art=art.strokes(),
        back="/calls",
        back_words="To the calls",
    )
