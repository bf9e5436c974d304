"""I/O. One file as an HTTP answer: whole, one range of it, or "you have it already"."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from trunkline.web.refusals import Unsatisfiable

CHUNK_BYTES: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(?:(?P<first>\d{1,15})-(?P<last>\d{0,15})|-(?P<tail>\d{1,15}))")


async def file_response(request: Request, path: Path, media_type: str, filename: str) -> Response:
    """Return `path` as asked for by `Range`, `If-Range` and `If-None-Match`.

    The file is opened here: whoever deletes it afterwards does not disturb the answer.

    Raises:
        FileNotFoundError: it is gone already.
        Unsatisfiable: the range is not in the file, is none, or there are several.
    """
    file = await asyncio.to_thread(path.open, "rb")
    try:
        status = os.fstat(file.fileno())
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-cache",
            "Content-Disposition": f'inline; filename="{filename}"',
            "ETag": f'"{status.st_mtime_ns:x}-{status.st_size:x}"',
        }
        if headers["ETag"] in _entity_tags(request):
            file.close()
            return Response(status_code=304, headers=headers)
        first, last = 0, status.st_size - 1
        wanted = _wanted_range(request, headers["ETag"])
        if wanted is not None:
            first, last = parse_range(wanted, status.st_size)
            headers["Content-Range"] = f"bytes {first}-{last}/{status.st_size}"
        headers["Content-Length"] = str(last - first + 1)
        return _answer(request, file, first, last, media_type, headers)
    except BaseException:
        file.close()
        raise


def parse_range(header: str, size: int) -> tuple[int, int]:
    """Return first and last byte of the one range in `header`, of a file of `size` bytes.

    Raises:
        Unsatisfiable: it is outside of the file, or not one range.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None:
        raise _outside(size)
    if found["tail"] is not None:
        first, last = max(0, size - int(found["tail"])), size - 1
    else:
        first = int(found["first"])
        last = min(int(found["last"] or size - 1), size - 1)
    if not 0 <= first <= last:
        raise _outside(size)
    return first, last


def _answer(
    request: Request,
    file: BinaryIO,
    first: int,
    last: int,
    media_type: str,
    headers: Mapping[str, str],
) -> Response:
    code = 206 if "Content-Range" in headers else 200
    if request.method == "HEAD":
        file.close()
        return Response(status_code=code, media_type=media_type, headers=headers)
    return StreamingResponse(
        _chunks(file, first, last), status_code=code, media_type=media_type, headers=headers
    )


async def _chunks(file: BinaryIO, first: int, last: int) -> AsyncGenerator[bytes]:
    left = last - first + 1
    try:
        file.seek(first)
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(left, CHUNK_BYTES))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
    finally:
        file.close()


def _wanted_range(request: Request, etag: str) -> str | None:
    header = request.headers.get("range")
    if header is None or request.headers.get("if-range", etag) != etag:
        return None
    return header


def _entity_tags(request: Request) -> list[str]:
    return [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]


def _outside(size: int) -> Unsatisfiable:
    return Unsatisfiable(
        f"The file has {size} bytes. Ask for one range of them, like bytes=0-1023.",
        headers={"Content-Range": f"bytes */{size}"},
    )
