"""I/O. Where results are kept, while they are measured and afterwards."""

from pathlib import Path

from bench import results, tables
from bench.picture import picture
from bench.quoting import quoted
from bench.results import Results

DIRECTORY = Path(__file__).parent / "results"
LATEST = DIRECTORY / "latest.json"
PAGES = (Path(__file__).parent.parent / "README.md", Path(__file__).parent / "README.md")
"""Where figures are quoted."""
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
    for path, text in derived(found).items():
        path.write_text(text, "utf-8")


def derived(found: Results) -> dict[Path, str]:
    """Return all that is written from the results, by where it is."""
    return {
        LATEST.with_suffix(".md"): tables.report(found),
        LATEST.with_suffix(".svg"): picture(found),
        **{page: quoted(page.read_text("utf-8"), found) for page in PAGES},
    }


if __name__ == "__main__":
    # After the words around the figures were changed, or their form.
    publish(latest())
