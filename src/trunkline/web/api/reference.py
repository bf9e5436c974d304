"""I/O. `/openapi.json` and `/docs`: what the API offers, from the API itself.

FastAPI's own page loads its scripts from another site, which our policy forbids and an
installation without internet cannot do. This one is plain HTML.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from trunkline.web.pages.static import static_url

router = APIRouter(include_in_schema=False)

_HERE: Final = Path(__file__).parent
_PAGES: Final = Environment(
    loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined
)


def spoken(text: str) -> Markup:
    """Return `text` as HTML, with what stands between backticks as code."""
    parts = re.split(r"`([^`]+)`", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )


_PAGES.filters["spoken"] = spoken


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """Return the description of the API, for programs."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Return the description of the API, for people."""
    api: dict[str, Any] = request.app.openapi()
    host = str(request.base_url).rstrip("/")
    page = _PAGES.get_template("reference.html").render(
        api=api,
        host=host,
        icon=static_url("favicon.svg"),
        groups=_groups(api),
        type_of=type_of,
        models=_shown_models(api),
    )
    return HTMLResponse(page)


@router.get("/docs/reference.css")
async def css() -> Response:
    """Return the page's style."""
    return Response((_HERE / "reference.css").read_text("utf-8"), media_type="text/css")


def _groups(api: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the operations by tag, in the order in which they were added."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            entry = {**operation, "path": path, "method": method.upper()}
            groups.setdefault(operation.get("tags", ["Other"])[0], []).append(entry)
    return groups


def _shown_models(api: dict[str, Any]) -> dict[str, dict[str, Any]]:
    schemas = api.get("components", {}).get("schemas", {})
    return {
        name: schema
        for name, schema in sorted(schemas.items())
        if "properties" in schema and name not in ("HTTPValidationError", "ValidationError")
    }


def type_of(schema: dict[str, Any]) -> str:
    """Return a schema's type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(type_of(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")
