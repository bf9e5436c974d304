"""docs/reference/guarantees.md and the tests agree on what is promised."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reference" / "guarantees.md"


def promised() -> dict[str, str]:
    """Every case of the page, with its row."""
    rows = re.findall(r"^\| ([RBDLS]\d+) \|.*$", PAGE.read_text("utf-8"), re.MULTILINE)
    lines = PAGE.read_text("utf-8").splitlines()
    return {case: next(line for line in lines if line.startswith(f"| {case} |")) for case in rows}


def checked() -> dict[str, set[str]]:
    """Every case that a test names, with the files that do."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for case in re.findall(r'guarantee\("(\w+)"\)', path.read_text("utf-8")):
            found.setdefault(case, set()).add(str(path.relative_to(TESTS.parent)))
    return found


def test_every_promise_has_a_test_that_the_page_names() -> None:
    tests = checked()
    for case, row in promised().items():
        assert any(path in row for path in tests.get(case, ())), f"{case}: no test of it in its row"


def test_every_case_that_is_tested_is_promised() -> None:
    assert checked().keys() <= promised().keys()
