"""Pure. A form's fields as they were filled in, each with what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from trunkline.store.control.accounts import BadAccountDetail

SEALED: Final = "Sealed, and never shown again."
"""What is said of a secret's field."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field, as `parts/form.html` shows it."""

    name: str
    label: str
    hint: str
    placeholder: str = ""
    type: str = "text"
    mode: str = ""
    """Which keyboard a phone shows; empty: that of letters."""
    required: bool = False
    max_chars: int = 1000
    value: str = ""
    problem: str = ""
    changed: bool = False
    """Its value is not what holds where nobody says otherwise."""


def filled(
    fields: Sequence[Field], typed: Mapping[str, str], problem: BadAccountDetail | None
) -> tuple[Field, ...]:
    """Return the fields with what was typed, and what is wrong with one of them.

    Of a field of type `password` nothing is kept.
    """
    wrong = {problem.field: str(problem)} if problem is not None else {}
    return tuple(
        replace(
            field,
            value="" if field.type == "password" else typed.get(field.name, ""),
            problem=wrong.get(field.name, ""),
        )
        for field in fields
    )
