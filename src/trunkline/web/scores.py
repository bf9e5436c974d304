"""Pure. Which scores a call must have, as it is written in an address: `accuracy<0.5`."""

from __future__ import annotations

import math
import re
from typing import Final

from trunkline.store.facts.catalogue import SCORED
from trunkline.store.facts.conditions import BadCondition, Is

OPERATORS: Final = {
    "<=": "lte",
    ">=": "gte",
    "!=": "not-equals",
    "<": "lt",
    ">": "gt",
    "=": "equals",
}
_FORM: Final = re.compile(r"(?P<name>.+?)\s*(?P<sign><=|>=|!=|<|>|=)\s*(?P<number>[^<>=!]*)")


def read_score(text: str) -> Is | None:
    """Return the condition that is written; a name alone asks for any number. None for nothing.

    Raises:
        BadCondition: what is compared with is no number.
    """
    text = text.strip()
    if not text:
        return None
    parts = _FORM.fullmatch(text)
    if parts is None:
        return Is("scores", "equals", text)
    try:
        number = float(parts["number"])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadCondition("score: write name<0.5, with a number behind <, <=, >, >=, = or !=")
    return Is(SCORED + parts["name"], OPERATORS[parts["sign"]], number)
