"""I/O. Style sheets, scripts, fonts: under an address that changes with their content.

So a browser may keep them for ever, and never mixes those of two releases.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles

router = APIRouter()

DIRECTORY = Path(__file__).parent.parent / "static"


def _digest() -> str:
    content = blake2b(digest_size=8)
    for path in sorted(path for path in DIRECTORY.rglob("*") if path.is_file()):
        content.update(path.relative_to(DIRECTORY).as_posix().encode() + b"\0")
        content.update(path.read_bytes())
    return content.hexdigest()


DIGEST = _digest()
_files = StaticFiles(directory=DIRECTORY)


def static_url(path: str) -> str:
    """Return the address of a file in `static/`."""
    return f"/static/{DIGEST}/{path}"


@router.api_route("/static/{digest}/{path:path}", methods=["GET", "HEAD"])
async def static(request: Request, digest: str, path: str) -> Response:
    """Answer with a file. An old address gives it too, but nobody may keep it under that."""
    response = await _files.get_response(path, request.scope)
    if "etag" in response.headers:
        # Weak, since compressed and not it is the same file in other bytes.
        response.headers["ETag"] = "W/" + response.headers["etag"]
    kept = digest == DIGEST and response.status_code in (200, 304)
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if kept else "no-cache"
    )
    return response
