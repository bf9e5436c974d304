"""Figures that a check of a guarantee has measured, for docs/reference/guarantees.md."""

import sys


def measured(case: str, what: str) -> None:
    """Say a figure; `pytest -rP` and `make soak` show it."""
    sys.stdout.write(f"measured {case}: {what}\n")
