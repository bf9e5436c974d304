"""What the pages' scripts compute, without a browser: tests/web/js, one file for each module."""

import gzip
import subprocess
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_S

from trunkline.web import talk

STATIC = Path(talk.__file__).parent / "static" / "js"
MAX_PAGE_BYTES = 60_000
"""Of all that any page loads, compressed."""
SCRIPTS = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_scripts(script: Path) -> None:
    done = subprocess.run(
        ["node", "--no-warnings", "--test", str(script)],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout


def test_all_scripts_together_are_smaller_than_a_page_may_load() -> None:
    everything = b"".join(path.read_bytes() for path in sorted(STATIC.rglob("*.js")))
    assert len(gzip.compress(everything)) < MAX_PAGE_BYTES
