"""How all processes are, asked of the server on its private socket."""

from __future__ import annotations

from pathlib import Path

from tests.support.web import ORIGIN, Site, a_server, open_site

from trunkline.settings import Settings
from trunkline.store.facts.store import FactsStore
from trunkline.vitals.figures import Stores

LOCAL = {"Host": "localhost"}


async def test_live_and_ready_say_how_it_is(site: Site) -> None:
    assert (await site.client.get("/live")).json() == {"status": "ok"}
    assert (await site.client.get("/ready")).json() == {"status": "ok", "reasons": []}
    site.server.figures = a_server(stores=Stores(facts=False))
    ready = await site.client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert [reason["code"] for reason in ready.json()["reasons"]] == ["facts_down"]
    head = await site.client.head("/ready")
    assert (head.status_code, head.content) == (200, b"")


async def test_metrics_are_for_this_machine_or_with_the_token(
    tmp_path: Path, facts: FactsStore
) -> None:
    settings = Settings(data=tmp_path, public_url=ORIGIN, metrics_token="let-me-see")
    async with open_site(tmp_path, facts, settings) as site:
        for headers, status in (
            (LOCAL, 200),
            ({}, 401),
            ({**LOCAL, "X-Forwarded-For": "127.0.0.1"}, 401),
            ({**LOCAL, "Forwarded": "for=127.0.0.1"}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": "Basic let-me-see"}, 401),
            ({"Authorization": "Bearer let-me-see"}, 200),
        ):
            answer = await site.client.get("/metrics", headers=headers)
            assert answer.status_code == status, headers
            assert ("trunkline_up" in answer.text) is (status == 200)


async def test_without_a_token_metrics_are_for_this_machine_alone(site: Site) -> None:
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
        answer = await site.client.get("/metrics", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "metrics_are_local")


async def test_what_the_web_was_asked_is_counted(site: Site) -> None:
    for path in ("/v1/calls", "/calls", "/no/such/page", "/static/x/nothing.js", "/live"):
        await site.client.get(path)
    told = site.app.state.deps.traffic.tell()
    assert told.requests == {
        "api 4xx": 1,
        "page 2xx": 1,
        "page 3xx": 1,
        "page 4xx": 1,
        "static 4xx": 1,
    }
    assert sum(told.times) == 5
    assert told.times_ns > 0
