"""Which paths are calls, and what is asked for there."""

from __future__ import annotations

import pytest

from trunkline.protocol.profiles.ask import AZURE_GA, AZURE_PREVIEW, LIVE, REALTIME, TRANSLATIONS
from trunkline.relay.paths import Route, is_realtime, route

MEANT = {
    "/v1/gateway/oai/realtime": REALTIME,
    "/v1/gateway/oai/realtime/": REALTIME,
    "/v1/gateway/oai/realtime/v1/realtime": REALTIME,
    "/v1/gateway/oai/realtime/whatever": REALTIME,
    "/v1/gateway/oai/realtime/openai/realtime": AZURE_PREVIEW,
    "/v1/gateway/oai/realtime/translations": TRANSLATIONS,
    "/v1/gateway/oai/v1/realtime": REALTIME,
    "/v1/gateway/oai/v1/realtime/translations": TRANSLATIONS,
    "/v1/gateway/oai/v1/live/sessions": LIVE,
    "/v1/gateway/oai/live/sessions/live_1/attach": f"{LIVE}/live_1/attach",
    "/v1/gateway/oai/openai/realtime": AZURE_PREVIEW,
    "/v1/gateway/oai/openai/v1/realtime": AZURE_GA,
    "/v1/realtime": REALTIME,
    "/realtime": REALTIME,
    "/openai/realtime": AZURE_PREVIEW,
    "/openai/v1/realtime": AZURE_GA,
    "/v1/realtime/translations": TRANSLATIONS,
    "/v1/live/sessions": LIVE,
    "/v1/live/sessions/live_1/attach": f"{LIVE}/live_1/attach",
    "/v1/live/sessions/live_1/fork": f"{LIVE}/live_1/fork",
}


@pytest.mark.parametrize(("path", "asked"), MEANT.items())
def test_what_a_path_asks_for(path: str, asked: str) -> None:
    assert route(path) == Route(path=asked, shown=path)


NOT_CALLS = (
    "/",
    "/v1/calls",
    "/v1/realtime/",
    "/v1/realtime/calls",
    "/v1/realtime/translations/x/attach",
    "/v1/gateway/oai/realtimes",
    "/v1/gateway/oai/realtim%65",
    "/v1/gateway/oai",
    "/v1/live/sessions/",
    "/v1/live/sessions/live_1",
    "/v1/live/sessions/live_1/content",
    "/v1/live/sessions/a/b/attach",
    "/v1/live/sessions/../attach",
    "/live",
    "/openai/v1/models",
    "/k/abc",
    "/k/abc/",
    "/k//v1/realtime",
    "/k/a/k/b/v1/realtime",
    "/k/abc/v1/calls",
    "/p/x/calls",
)


@pytest.mark.parametrize("path", NOT_CALLS)
def test_anything_else_is_the_servers(path: str) -> None:
    assert not is_realtime(path)


def test_a_key_in_the_path_is_found_and_not_shown() -> None:
    assert route("/k/sk-trunkline-abc/v1/realtime") == Route(
        path=REALTIME, shown="/k/…/v1/realtime", key="sk-trunkline-abc"
    )


def test_a_provider_in_the_path_is_found_on_either_side_of_the_key() -> None:
    first = route("/p/my-azure/k/abc/openai/realtime")
    assert first == Route(
        path=AZURE_PREVIEW,
        shown="/p/my-azure/k/…/openai/realtime",
        key="abc",
        provider="my-azure",
    )
    second = route("/k/abc/p/my-azure/v1/gateway/oai/realtime")
    assert second is not None
    assert (second.key, second.provider) == ("abc", "my-azure")
