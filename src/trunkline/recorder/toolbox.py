"""Pure. The tools that a model may call, and the schemas of their arguments.

They are a part of the call's state, and that is written every second: so they are kept packed.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

import msgspec

from trunkline.protocol.objects import read_scrubbed, write
from trunkline.recorder.bounds import id_of

MAX_FRAME_BYTES: Final = 1_000_000
"""No session has so much to say; what is longer is not looked into."""
MAX_TOOLS: Final = 128
MAX_BYTES: Final = 64 * 1024
"""Of all schemas of a call together: those of tools behind are not known."""

NONE: Final = b""
"""No tools."""

_schemas: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(payload: bytes, within: str) -> bytes | None:
    """Return the functions that the object `within` of a frame names, packed.

    None: it says nothing of tools, or cannot be read.
    """
    if b'"tools"' not in payload or len(payload) > MAX_FRAME_BYTES:
        return None
    frame = read_scrubbed(payload) or {}
    about: Any = frame.get(within)
    tools: Any = about.get("tools") if isinstance(about, dict) else None
    return _packed(tools) if isinstance(tools, list) else None


def _packed(tools: list[Any]) -> bytes:
    schemas: dict[str, msgspec.Raw] = {}
    left_bytes = MAX_BYTES
    for tool in tools[:MAX_TOOLS]:
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            continue
        schema = write(tool["parameters"]) if isinstance(tool.get("parameters"), dict) else None
        if schema is None or len(schema) > left_bytes:
            continue
        left_bytes -= len(schema)
        schemas[id_of(tool["name"])] = msgspec.Raw(schema)
    return zlib.compress(msgspec.json.encode(schemas), 1) if schemas else NONE


def schema_of(packed: bytes, name: str) -> bytes | None:
    """Return the `parameters` of the tool `name` as JSON; None where none are known."""
    if not packed:
        return None
    schema = _schemas.decode(zlib.decompress(packed)).get(name)
    return None if schema is None else bytes(schema)
