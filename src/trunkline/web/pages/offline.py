"""I/O. The page of a call as one file, for a browser without a server: style, scripts, fonts and
sound are in it, and what its scripts would ask for.

A browser loads no module from a file, so scripts are in an import map, each as its own address.
"""

from __future__ import annotations

import posixpath
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

import msgspec
from markupsafe import Markup

from trunkline.store.facts.flame import flame
from trunkline.store.facts.queries_traffic import CallTraffic
from trunkline.store.facts.rows import MarkRow
from trunkline.web.pages.call_facts import Facts
from trunkline.web.pages.call_view import CallView, call_view
from trunkline.web.pages.flame_view import dearest, flame_views
from trunkline.web.pages.live_view import WORDS
from trunkline.web.pages.marks_view import marks_view
from trunkline.web.pages.moments import start_ms
from trunkline.web.pages.render import templates
from trunkline.web.pages.static import DIRECTORY

LONGEST_SOUND_BYTES: Final = 32 * 1024 * 1024
"""Of Opus, an hour and a half: what is longer stays beside the page."""
SOUND_TYPE: Final = "audio/ogg"

_ROOTS: Final = ("js/call/offline.js", "js/app.js", "js/call/page.js")
_STYLES: Final = ("css/app.css", "css/call.css")
_IMPORT: Final = re.compile(r'(?<=from )"(\.[^"]+)"')
_FILE: Final = re.compile(r'url\("\.\./([^"]+)"\)')
_TYPES: Final = {".woff2": "font/woff2", ".svg": "image/svg+xml"}


class Held(msgspec.Struct, frozen=True):
    """What the page asks for, as the server answers it; `static/js/call/offline.js` reads it."""

    events: Sequence[tuple[int, int, str, str, str, int, str]]
    """seq, at_ms, leg, record, type, size_bytes, text."""
    peaks: msgspec.Raw | None
    traffic: CallTraffic
    flame: str = ""


def offline_page(
    facts: Facts,
    marks: Sequence[MarkRow],
    held: Held,
    sound: bytes | None,
    *,
    now_us: int,
    scrubbed: bool,
) -> str:
    """Return the page. `sound` is the recording as Opus; None: there is none, or it is not to be
    in the page. `now_us` is wall time: the age of a live call."""
    return templates.get_template("call.html").render(
        layout="offline.html",
        call=_alone(call_view(facts, now_us=now_us), has_sound=sound is not None),
        marks=marks_view(marks, facts),
        may_mark=False,
        may_listen=False,
        keeps=False,
        words=WORDS,
        deeds=(),
        held={
            "scrubbed": scrubbed,
            "data": msgspec.structs.replace(held, flame=_flame(facts)),
            "sound": "" if sound is None else _address(SOUND_TYPE, sound),
            "styles": _styles(),
            "modules": {"imports": _modules()},
            "roots": _ROOTS,
            "icon": _address(_TYPES[".svg"], (DIRECTORY / "favicon.svg").read_bytes()),
        },
    )


def _alone(call: CallView, *, has_sound: bool) -> CallView:
    """Return the call as it stands, and never changes any more."""
    timeline: dict[str, Any] = {**call.timeline, "live": False}
    return replace(call, live=False, refresh=False, has_audio=has_sound, timeline=timeline)


def _flame(facts: Facts) -> str:
    costs = flame(facts.turns, facts.responses, facts.usage)
    rows = flame_views(costs, {turn.turn: start_ms(turn) for turn in facts.turns})
    return templates.get_template("parts/flame.html").render(flames=rows, dearest=dearest(costs))


def _address(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}"


@cache
def _styles() -> Markup:
    style = "".join((DIRECTORY / path).read_text("utf-8") for path in _STYLES)

    def inlined(found: re.Match[str]) -> str:
        path = DIRECTORY / found[1]
        return f'url("{_address(_TYPES[path.suffix], path.read_bytes())}")'

    return Markup(_FILE.sub(inlined, style))  # noqa: S704 (our own style sheets)


@cache
def _modules() -> dict[str, str]:
    """Return every script that the page needs, by its path."""
    found: dict[str, str] = {}
    left = list(_ROOTS)
    while left:
        path = left.pop()
        if path in found:
            continue
        script = (DIRECTORY / path).read_text("utf-8")

        def named(found: re.Match[str], of: str = path) -> str:
            return f'"{_resolved(of, found[1])}"'

        left += [_resolved(path, near) for near in _IMPORT.findall(script)]
        found[path] = _address("text/javascript", _IMPORT.sub(named, script).encode())
    return found


def _resolved(path: str, near: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), near))
