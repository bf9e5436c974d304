"""Whole calls, folded to the facts that they must give."""

from typing import Any

import pytest

from tests.recorder.folding import run
from tests.support import golden


@pytest.mark.parametrize("name", golden.names())
def test_a_golden_call_gives_its_facts(name: str, update_golden: bool) -> None:
    facts = golden.facts(run(golden.records(name)).rows)
    if update_golden:
        golden.expect(name, facts)
    assert facts == golden.expected(name)


def facts(name: str) -> dict[str, Any]:
    return golden.facts(run(golden.records(name)).rows)


def turn(name: str, number: int) -> dict[str, Any]:
    return next(row for row in facts(name)["TurnRow"] if row["turn"] == number)


def row(name: str, table: str, **where: Any) -> dict[str, Any]:
    rows = facts(name)[table]
    return next(row for row in rows if where.items() <= row.items())
