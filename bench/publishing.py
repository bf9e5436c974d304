"""I/O. Where results are kept, while they are measured and afterwards."""

from pathlib import Path

from bench import results, tables
from bench.results import Results

DIRECTORY = Path(__file__).parent / "results"
LATEST = DIRECTORY / "latest.json"
_PARTS = DIRECTORY / "tmp"
"""What a run that goes on, or was ended, has measured: not for git."""


def begin() -> None:
    """Forget what a run before has left."""
    for path in _PARTS.glob("*.json"):
        path.unlink()


def keep(group: str, found: Results) -> None:
    """Keep what a group gave until all are measured."""
    _PARTS.mkdir(parents=True, exist_ok=True)
    (_PARTS / f"{group}.json").write_bytes(results.encode(found))


def resumed() -> Results:
    """Return what the run before has measured."""
    found = Results()
    for path in sorted(_PARTS.glob("*.json")):
        found = found.replaced(results.decode(path.read_bytes()))
    return found


def latest() -> Results:
    """Return the results that are published."""
    return results.decode(LATEST.read_bytes()) if LATEST.exists() else Results()


def publish(found: Results) -> None:
    """Write the results as data, as tables and as a picture, and quote them where they are told."""
    DIRECTORY.mkdir(exist_ok=True)
    LATEST.write_bytes(results.encode(found))
    LATEST.with_suffix(".md").write_text(tables.report(found), "utf-8")
    begin()
