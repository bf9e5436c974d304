"""What can be set, asked or seen is documented."""

import re
from pathlib import Path

import pytest
from tests.support.web import bare_application

from trunkline.protocol.bridge.shapes import GA_ONLY_WITHIN, RESPONSE, SESSION
from trunkline.protocol.profiles.catalogue import PROFILES
from trunkline.protocol.profiles.profile import Profile
from trunkline.settings import Settings
from trunkline.simulator.config import SimulatorConfig
from trunkline.store.facts.catalogue import METRICS
from trunkline.vitals.exposition import KINDS
from trunkline.vitals.ready import CODES

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("switch", SimulatorConfig.__struct_fields__)
def test_every_switch_of_the_simulator_is_documented(switch: str) -> None:
    assert f"| `{switch}` |" in (DOCS / "reference" / "simulator.md").read_text("utf-8")


def test_every_metric_is_documented_and_every_documented_metric_exported() -> None:
    text = (DOCS / "reference" / "observability.md").read_text("utf-8")
    rows = re.findall(r"^\| `(trunkline_\w+)` \| (\w+) \|", text, re.MULTILINE)
    assert dict(rows) == KINDS
    assert len(rows) == len(KINDS)


def test_every_metric_of_calls_is_documented_by_its_id() -> None:
    text = (DOCS / "reference" / "metrics.md").read_text("utf-8")
    text = text.partition("## Every metric")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        [f"`{one.id}`", one.unit, one.table, f"`{one.aggregates[0]}`", one.means] for one in METRICS
    ]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_every_provider_is_documented_as_it_is(profile: Profile) -> None:
    text = (DOCS / "reference" / "providers.md").read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.split("|")[2:-1]]
        for line in text.splitlines()
        if line.startswith(f"| `{profile.name}` |")
    ]
    (title, where, models, _), *more = rows
    assert title == profile.title
    assert where.startswith(f"`{profile.url}`" if profile.url else "as stored")
    assert tuple(re.findall("`([^`]+)`", models)) == profile.models
    told = [profile.refuses, *(str(n or "") for n in (profile.session_s, profile.idle_s))]
    assert (told in more) is (told != ["unknown", "", ""])


def test_every_reason_of_ready_is_documented() -> None:
    text = (DOCS / "reference" / "observability.md").read_text("utf-8")
    named = re.findall(r"^\| `(\w+)` \| [^|]*\. \|$", text, re.MULTILINE)
    assert sorted(named) == sorted(CODES)


def test_all_that_is_lost_between_dialects_is_documented() -> None:
    text = (DOCS / "reference" / "dialects.md").read_text("utf-8")
    lost = [f"session.{path}.{name}" for path, names in GA_ONLY_WITHIN.items() for name in names]
    for parent, shape in (("session", SESSION), ("response", RESPONSE)):
        lost += [f"{parent}.{name}" for name in shape.ga_only | shape.beta_only]
    assert [path for path in lost if f"`{path}`" not in text] == []


def test_every_reason_of_ready_has_its_remedy() -> None:
    text = (DOCS / "how-to" / "operate.md").read_text("utf-8")
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", text, re.MULTILINE)
    named = [code for row in rows for code in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(CODES)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_every_route_of_the_api_is_documented() -> None:
    app = bare_application(Settings())
    documented = (DOCS / "reference" / "api.md").read_text("utf-8")
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in documented


def test_every_decision_has_an_address_and_is_told_once() -> None:
    text = (DOCS / "explanation" / "decisions.md").read_text("utf-8")
    sections = re.split(r"\n## ", text)[1:]
    told = [re.findall(r"^\*\*(.+?)\*\*", section, re.MULTILINE) for section in sections]
    assert [len(questions) for questions in told] == [1] * len(sections)
    assert len({question for (question,) in told}) == len(sections)
