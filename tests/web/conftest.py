"""What tests of API and pages share."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.support.web import Site, open_site

from trunkline.store.facts.store import FactsStore


@pytest.fixture
async def site(tmp_path: Path, facts: FactsStore) -> AsyncGenerator[Site]:
    """The application on real stores. Organisations are made with `site.join()`."""
    async with open_site(tmp_path, facts) as opened:
        yield opened
