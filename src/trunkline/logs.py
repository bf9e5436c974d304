"""Structured logs on standard error, ours and the libraries'. Call ids yes, secrets never.

A line about a call has its id as `call`, and every line the process that wrote it as
`process`. What is logged is chosen where it is logged, so that no secret is among it.
Behind that, whatever looks like a credential is hidden, because the texts of errors are
written by others.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor

from trunkline.settings import Settings

HIDDEN = "[hidden]"

_CREDENTIAL = re.compile(
    r"""\b(?:sk|ek|rk|pk|sess)[-_][\w*.-]{4,}             # keys and client secrets
      | (?<=earer\ )[^\s"',;]{4,}                         # Authorization: Bearer …
      | \beyJ[\w-]+(?:\.[\w-]+)*                          # JSON web tokens
      | (?<=://)[^/@\s"']+(?=@)                           # users and passwords in URLs
      | (?<=[?&])(sig|token|key|api-key|[\w-]*signature)=[^&\s"']+  # signed URLs
    """,
    re.VERBOSE | re.IGNORECASE,
)


def configure(settings: Settings, process: str) -> None:
    """Send the logs of this process to standard error."""
    level = getattr(logging, settings.log_level.upper())
    render: Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )

    def named(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("process", process)
        return event

    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        named,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide,
    ]
    structlog.configure(
        processors=[*processors, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(max(level, logging.WARNING), processors, render)


def _configure_libraries(level: int, processors: list[Processor], render: Processor) -> None:
    """Have the libraries' lines look like ours. Their chatter is never wanted: it quotes."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)


def hide(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a line without what looks like a credential. A processor of structlog's."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = hidden(value)
    return event


def hidden(text: str) -> str:
    """Return `text` with whatever looks like a credential hidden."""
    return _CREDENTIAL.sub(HIDDEN, text)
