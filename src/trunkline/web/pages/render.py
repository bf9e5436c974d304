"""I/O. Templates to answers. Everything that is not a template's own text is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from trunkline.web.auth import Viewer
from trunkline.web.deps import deps_of
from trunkline.web.pages.glossary import define
from trunkline.web.pages.static import static_url


def json_block(value: object) -> Markup:
    """Return `value` as JSON for a `<script type="application/json">`, which it cannot leave."""
    text = msgspec.json.encode(value).decode()
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704 (nothing is left in it that HTML would read)


def quote_all(text: str) -> str:
    """Return `text` as one step of a path."""
    return quote(text, safe="")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared: dict[str, Any] = {"static": static_url, "define": define}
    environment.globals |= shared
    environment.filters |= {"json": json_block, "urlencode_all": quote_all}
    return environment


templates = _environment()


def page(
    request: Request,
    template: str,
    viewer: Viewer | None,
    *,
    status_code: int = 200,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """Return a page for `viewer`; None: nobody is signed in."""
    html = templates.get_template(template).render(
        viewer=viewer, simulator=deps_of(request).settings.simulator, **context
    )
    return HTMLResponse(html, status_code, headers)
