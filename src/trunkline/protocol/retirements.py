"""Pure. When models stop: the last day on which a provider is known to serve them.

The dates are those of protocol.md 1.6, read in November 2026, and like prices they are data that
ages: a model that is not here may be retired all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

SOON: Final = timedelta(days=90)
"""So long before the end of a model it is worth pointing out."""

_OPENAI: Final[Mapping[str, date]] = {
    "gpt-realtime": date(2027, 1, 20),
    "gpt-realtime-2025-08-28": date(2027, 1, 20),
    "gpt-realtime-mini": date(2027, 1, 20),
    "gpt-realtime-mini-2025-12-15": date(2027, 1, 20),
    "gpt-realtime-mini-2025-10-06": date(2026, 7, 23),
    "gpt-audio-mini": date(2027, 1, 20),
    "gpt-4o-realtime-preview": date(2026, 5, 7),
    "whisper-1": date(2027, 2, 26),
    "gpt-4o-transcribe": date(2027, 2, 26),
    "gpt-4o-transcribe-diarize": date(2027, 2, 26),
    "gpt-4o-mini-transcribe": date(2027, 2, 26),
}
_AZURE: Final[Mapping[str, date]] = {
    "gpt-4o-transcribe": date(2026, 10, 15),
    "gpt-realtime-2": date(2027, 1, 20),
    "gpt-realtime": date(2027, 3, 2),
    "gpt-realtime-mini-2025-10-06": date(2027, 4, 6),
    "gpt-realtime-whisper": date(2027, 5, 6),
    "gpt-realtime-mini": date(2027, 6, 15),
    "gpt-realtime-2.1": date(2027, 6, 25),
    "gpt-realtime-2.1-mini": date(2027, 6, 25),
    "gpt-realtime-1.5": date(2027, 8, 24),
}
_BY_PROVIDER: Final = {"openai": _OPENAI, "azure": _AZURE}

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)


def retires_on(model: str, provider: str) -> date | None:
    """Return when `provider` stops serving `model`; None when no date is known.

    A dated snapshot without a date of its own stops with its family. At Azure a session names
    a deployment, which may be called anything: only names of models are known.
    """
    dates = _BY_PROVIDER.get(provider, {})
    return dates.get(model) or dates.get(_SNAPSHOT.sub("", model))
