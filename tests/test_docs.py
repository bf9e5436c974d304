"""What can be set, asked or seen is documented."""

import re
from pathlib import Path

import pytest

from trunkline.simulator.config import SimulatorConfig

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("switch", SimulatorConfig.__struct_fields__)
def test_every_switch_of_the_simulator_is_documented(switch: str) -> None:
    assert f"| `{switch}` |" in (DOCS / "reference" / "simulator.md").read_text("utf-8")


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
