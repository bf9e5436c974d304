"""Pure. A question to the facts store: SQL, and the type of a row of the answer.

Every question is about one organisation. `Query` refuses SQL that does not begin
its predicates with it, so that forgetting it is an error at import and not a leak.
Values are always parameters, `{name:Type}`; text is only ever put into SQL from
constants of this package.
"""

from __future__ import annotations

import re
from typing import Generic, TypeVar

import msgspec

Answer = TypeVar("Answer")

_READ = re.compile(r"\bFROM\s+\w+\s+FINAL\b(?P<then>\s+WHERE\s+org_id = \{org_id:String\})?")
_ANY_FROM = re.compile(r"\b(?:FROM|(?<!ARRAY )JOIN)\s+(?!\()\w+")
"""`ARRAY JOIN` reads no table: it is of columns of what is read."""


class Query(Generic[Answer]):
    """One question. Rows of its answer are decoded as `answer`."""

    def __init__(self, sql: str, answer: type[Answer], *, texts: bool = False) -> None:
        """Take SQL. With `texts` each row of its answer is one text, which is JSON.

        Raises `ValueError` for SQL that reads a table beyond one organisation.
        """
        reads = list(_READ.finditer(sql))
        if len(reads) != len(_ANY_FROM.findall(sql)) or not all(read["then"] for read in reads):
            raise ValueError("every table is read FINAL, WHERE org_id = {org_id:String} first")
        if any(_or_follows(sql[read.end() :]) for read in reads):
            raise ValueError("an OR beside org_id = {org_id:String} needs parentheses")
        self.sql = sql
        self.form = "TSVRaw" if texts else "JSONEachRow"
        """As what the engine writes the answer. JSON as we write it has no line break."""
        self._decoder = msgspec.json.Decoder(answer)

    def decode(self, lines: bytes) -> list[Answer]:
        """Return the rows in the engine's JSON lines."""
        return self._decoder.decode_lines(lines)


def _or_follows(sql: str) -> bool:
    """Return whether a predicate that goes on with `sql` has an OR of its own level."""
    depth = 0
    for token in re.findall(r"[()]|\bOR\b|'[^']*'", sql):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0:
            return False
        if token == "OR" and depth == 0:  # noqa: S105 (SQL, no secret)
            return True
    return False
