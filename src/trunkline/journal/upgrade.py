"""Pure. Old journal records as if they had been written today.

Three things never change: a record begins with its length (u32) and version (u8),
and ends with the CRC-32 of all that precedes. What lies between belongs to the
version. A step turns the body of one version (the record without its CRC) into
that of the next; steps are never edited once released.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

Step: TypeAlias = Callable[[bytes], bytes]

UPGRADES: Mapping[int, Step] = {}
"""By the version they start from: one for every version before the current one."""


def upgrade(body: bytes, version: int, target: int, steps: Mapping[int, Step] = UPGRADES) -> bytes:
    """Return `body`, written as `version`, in the layout of `target`.

    Raises:
        KeyError: there is no such version. A record that claims one is damaged.
    """
    for step in range(version, target):
        body = steps[step](body)
    return body
