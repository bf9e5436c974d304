"""What is recorded is told as JSON, to those whose it is."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.facts import NOON_US, SECOND_US, a_call
from tests.support.web import Member, Site

from trunkline.ids import parse_call_id
from trunkline.journal.record import Flag, Kind, Leg, Record
from trunkline.protocol.call import Gap, Opened
from trunkline.store import blobs
from trunkline.store.archive import ArchiveReader
from trunkline.web.api import models
from trunkline.web.api.calls import CallsQuery
from trunkline.web.api.session_tree import steps, tree
from trunkline.web.api.sessions import SessionsQuery

OPENED_NS = 7_000_000_000


async def get(site: Site, member: Member, path: str, **params: Any) -> Any:
    answer = await site.client.get(path, params=params, headers=member.bearer)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_calls_are_listed_with_times_and_units(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    page = await get(site, member, "/v1/calls")
    assert page["next_cursor"] is None
    (shown,) = page["data"]
    assert shown["id"] == call.call_id
    assert shown["opened_at"] == "2026-11-18T12:00:00Z"
    assert shown["ended_at"] == "2026-11-18T12:01:01Z"
    assert shown["duration_ms"] == 61_000
    assert shown["cost_usd"] == "0.012345678"
    assert shown["unpriced"] == []
    assert shown["session"] == {"id": "session-1", "name": "Support", "path": "/support/greeting"}
    assert shown["key"] == {"id": "key_1", "name": "Test key"}
    assert shown["wait_p50_ms"] == 640
    assert shown["error"] is None
    assert shown["tokens"]["cached_text"] == 64


async def test_a_cost_is_digits_and_an_unknown_one_is_null(site: Site) -> None:
    member = await site.join()
    await site.add_call(a_call(member.org_id, NOON_US, cost_usd=Decimal("0.0000001")))
    unpriced = a_call(member.org_id, NOON_US - 1, cost_usd=None, unpriced=("new-model",))
    await site.add_call(unpriced)
    first, second = (await get(site, member, "/v1/calls"))["data"]
    assert first["cost_usd"] == "0.0000001"
    assert (second["cost_usd"], second["unpriced"]) == (None, ["new-model"])


async def test_pages_go_on_where_the_last_one_ended(site: Site) -> None:
    member = await site.join()
    calls = [a_call(member.org_id, NOON_US + n * SECOND_US) for n in range(5)]
    await site.facts.insert(calls)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await get(site, member, "/v1/calls", limit=2, cursor=cursor)
        seen += [call["id"] for call in page["data"]]
        cursor = page["next_cursor"]
    assert seen == [call.call_id for call in reversed(calls)]


async def test_the_list_is_sorted_by_what_is_asked(site: Site) -> None:
    member = await site.join()
    calls = [a_call(member.org_id, turns=turns) for turns in (2, 3, 1)]
    await site.facts.insert(calls)
    order: dict[str, Any] = {"sort": "turns", "direction": "asc", "limit": 2}
    first = await get(site, member, "/v1/calls", **order)
    then = await get(site, member, "/v1/calls", **order, cursor=first["next_cursor"])
    turns = [call["counts"]["turns"] for page in (first, then) for call in page["data"]]
    assert turns == [1, 2, 3]
    for wrong in (
        {"sort": "colour"},
        {"direction": "up"},
        {"sort": "cost_usd", "cursor": first["next_cursor"]},
    ):
        answer = await site.client.get("/v1/calls", params=wrong, headers=member.bearer)
        assert answer.status_code == 400, wrong


async def test_filters_narrow_the_list(site: Site) -> None:
    member = await site.join()
    wanted = a_call(
        member.org_id, status="failed", user_id="ada", kind="live", transport="webrtc",
        properties={"Tier": "a=b"},
    )  # fmt: skip
    await site.facts.insert([wanted, a_call(member.org_id, NOON_US - SECOND_US)])
    for params in (
        {"status": "failed"},
        {"user": "ada"},
        {"kind": "live"},
        {"kind": ["webrtc", "translation"]},
        {"property": "Tier=a=b"},
        {"from": "2026-11-18T12:00:00Z"},
        {"from": "2026-11-18T14:00:00+02:00", "to": "2026-11-18T12:00:01"},
    ):
        page = await get(site, member, "/v1/calls", **params)
        assert [call["id"] for call in page["data"]] == [wanted.call_id], params


async def test_one_call_has_all_its_parts(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    shown = await get(site, member, f"/v1/calls/{call.call_id}")
    assert [item["text"] for item in shown["transcript"]] == ["Hello?", "Hi."]
    assert shown["turns"][0]["wait_ms"] == 640
    assert shown["responses"][0]["created_ms"] == 0.1
    assert shown["tool_calls"][0]["name"] == "weather"
    assert shown["errors"][0]["message"] == "It's \\ odd"
    assert shown["usage"][0]["cost_usd"] == "0.0004"
    assert shown["counts"]["turns"] == 1


BAD_REQUESTS = {
    "a parameter that is none": {"colour": "blue"},
    "a kind that is none": {"kind": "fax"},
    "no date": {"from": "yesterday"},
    "limit too high": {"limit": "201"},
    "limit too low": {"limit": "0"},
    "a made-up cursor": {"cursor": "AAAA"},
    "a cursor that is not base 64": {"cursor": "?!"},
    "a property without a value": {"property": "Tier"},
}


@pytest.mark.parametrize("params", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_a_bad_parameter_is_named(site: Site, params: dict[str, str]) -> None:
    member = await site.join()
    answer = await site.client.get("/v1/calls", params=params, headers=member.bearer)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"type", "code", "message"}
    assert next(iter(params)) in error["message"]


async def test_a_cursor_of_another_list_is_refused(site: Site) -> None:
    member = await site.join()
    await site.facts.insert(
        a_call(member.org_id, NOON_US + n, session_id=f"s{n}") for n in range(3)
    )
    page = await get(site, member, "/v1/sessions", limit=1)
    answer = await site.client.get(
        "/v1/calls", params={"cursor": page["next_cursor"]}, headers=member.bearer
    )
    assert answer.status_code == 400


async def test_sessions_are_summed_and_paged(site: Site) -> None:
    member = await site.join()
    await site.facts.insert(
        a_call(member.org_id, NOON_US + n * SECOND_US, session_id=f"s/{n % 2}") for n in range(4)
    )
    first = await get(site, member, "/v1/sessions", limit=1)
    second = await get(site, member, "/v1/sessions", limit=1, cursor=first["next_cursor"])
    assert [page["data"][0]["id"] for page in (first, second)] == ["s/1", "s/0"]
    assert second["next_cursor"] is None
    assert first["data"][0]["calls"] == 2
    assert first["data"][0]["cost_usd"] == "0.024691356"


async def test_a_session_is_a_tree_of_its_calls(site: Site) -> None:
    member = await site.join()
    paths = ["/support", "/support/greeting", "support/greeting/", "", "/billing"]
    calls = [
        a_call(member.org_id, NOON_US + n * SECOND_US, session_id="s/1", session_path=path)
        for n, path in enumerate(paths)
    ]
    await site.facts.insert(calls)
    shown = await get(site, member, "/v1/sessions/s/1")
    root = shown["tree"]
    assert shown["calls"] == root["totals"]["calls"] == 5
    assert [call["id"] for call in root["calls"]] == [calls[3].call_id]
    assert [child["name"] for child in root["children"]] == ["support", "billing"]
    support = root["children"][0]
    assert (support["totals"]["calls"], len(support["calls"])) == (3, 1)
    assert support["totals"]["cost_usd"] == "0.037037034"
    (greeting,) = support["children"]
    assert greeting["path"] == "/support/greeting"
    assert [call["id"] for call in greeting["calls"]] == [calls[1].call_id, calls[2].call_id]


def test_a_path_of_any_depth_makes_a_tree() -> None:
    assert steps("a//b/ /c/") == ["a", "b", "c"]
    deep = a_call("org", session_path="/x" * 5000)
    node = tree([deep])
    while node.children:
        (node,) = node.children
    assert [call.id for call in node.calls] == [deep.call_id]


async def test_helicones_clients_get_helicones_envelope(site: Site) -> None:
    member = await site.join()
    await site.facts.insert([a_call(member.org_id)])
    body = {
        "search": "",
        "timeFilter": {
            "startTimeUnixMs": NOON_US // 1000 - 1,
            "endTimeUnixMs": NOON_US // 1000,
        },
        "nameEquals": "Support",
        "timezoneDifference": 0,
        "filter": "all",
    }
    answer = await site.client.post("/v1/session/query", json=body, headers=member.bearer)
    assert answer.json() == {
        "data": [
            {
                "created_at": "2026-11-18T12:00:00Z",
                "latest_request_created_at": "2026-11-18T12:01:01Z",
                "session_id": "session-1",
                "session_name": "Support",
                "total_cost": 0.012345678,
                "total_requests": 1,
                "prompt_tokens": 150,
                "completion_tokens": 40,
                "total_tokens": 190,
                "avg_latency": 640.0,
            }
        ],
        "error": None,
    }
    other = await site.client.post(
        "/v1/session/query",
        content=json.dumps({**body, "search": "\ud800"}),
        headers={**member.bearer, "Content-Type": "application/json"},
    )
    assert other.json() == {"data": [], "error": None}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"search": ""}', b"\xff", b"[" * 5000])
async def test_a_bad_helicone_query_is_an_error_in_its_envelope(site: Site, body: bytes) -> None:
    member = await site.join()
    answer = await site.client.post(
        "/v1/session/query",
        content=body,
        headers={**member.bearer, "Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert answer.json()["data"] is None
    assert answer.json()["error"]


GAP = Gap(first_seq=6, last_seq=8, frames=3, bytes=99, why="disk_full")


def records_of(call_id: str) -> list[Record]:
    """Return a call in which everything happens that a line can show."""
    call = parse_call_id(call_id)
    opened = Opened(call_id=call_id, wall_ns=1, opened_ns=OPENED_NS, org_id="o")

    def frame(seq: int, leg: Leg, payload: bytes, flags: int = 0) -> Record:
        received_ns = OPENED_NS + seq * 1_000_000
        handed_ns = received_ns + 20_000
        return Record(Kind.FRAME, call, seq, leg, Flag(flags), received_ns, handed_ns, payload)

    return [
        Record(Kind.OPENED, call, 0, payload=msgspec.json.encode(opened)),
        frame(1, Leg.CALLER, b'{"type":"session.update"}', Flag.ALTERED),
        Record(Kind.BRIDGED, call, 2, Leg.CALLER, payload=b'{"type":"session.update","x":1}'),
        frame(3, Leg.PROVIDER, b'{"type": "session.updated"}'),
        frame(4, Leg.PROVIDER, b"\x00\xff", Flag.BINARY),
        frame(5, Leg.CALLER, b"not json, \xff not text"),
        Record(Kind.GAP, call, 8, payload=msgspec.json.encode(GAP)),
        frame(9, Leg.PROVIDER, b'{"type":"error"}', Flag.OURS),
        Record(Kind.CLOSED, call, 10, payload=b"{}"),
    ]


async def events(site: Site, member: Member, call_id: str, **params: Any) -> list[dict[str, Any]]:
    answer = await site.client.get(
        f"/v1/calls/{call_id}/events", params=params, headers=member.bearer
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("live", [True, False], ids=["live", "sealed"])
async def test_frames_are_told_as_they_were_on_the_wire(site: Site, live: bool) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    records = records_of(call.call_id)
    if live:
        site.write_spool(call, records)
    else:
        await site.seal(call, records)
    lines = await events(site, member, call.call_id)
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5, 8, 9]
    assert lines[0] == {
        "seq": 1,
        "record": "frame",
        "leg": "caller",
        "received_ms": 1.0,
        "handed_ms": 1.02,
        "type": "session.update",
        "ours": False,
        "altered": True,
        "text": '{"type":"session.update"}',
        "base64": None,
    }
    assert lines[1]["record"] == "bridged"
    assert (lines[3]["text"], lines[3]["base64"]) == (None, "AP8=")
    assert (lines[4]["type"], lines[4]["text"]) == ("", None)
    assert lines[5]["record"] == "gap"
    assert lines[6]["ours"]


async def test_frames_are_paged_and_filtered(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    await site.seal(call, records_of(call.call_id))

    async def seqs(**params: Any) -> list[int]:
        return [line["seq"] for line in await events(site, member, call.call_id, **params)]

    assert await seqs(limit=2) == [1, 2]
    assert await seqs(after=2, limit=2) == [3, 4]
    assert await seqs(after=9) == []
    assert await seqs(leg="provider") == [3, 4, 9]
    assert await seqs(type=["session.updated", "error"]) == [3, 9]
    assert await seqs(type="error", limit=1) == [9]


async def test_a_call_without_frames_says_so(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    for part in ("events", "audio", "peaks"):
        answer = await site.client.get(f"/v1/calls/{call.call_id}/{part}", headers=member.bearer)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


def many(call_id: str) -> list[Record]:
    """Return more records than one part of an archive holds."""
    ulid, payload = parse_call_id(call_id), b'{"type":"x"}'
    return [Record(Kind.FRAME, ulid, n, Leg.CALLER, payload=payload) for n in range(20_000)]


def flip(site: Site, share: float) -> None:
    """Flip a bit of the one archive there is, at that share of it."""
    (path,) = (site.spool.parent / "blobs").rglob("archive")
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 1
    path.write_bytes(content)


@pytest.mark.guarantee("D3")
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
async def test_a_damaged_part_of_an_archive_is_told_in_its_place(site: Site, share: float) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    await site.seal(call, many(call.call_id))
    flip(site, share)
    lines = await events(site, member, call.call_id, limit=10_000)
    lines += await events(site, member, call.call_id, after=lines[-1]["seq"], limit=10_000)
    hole = next(line for line in lines if line["record"] == "damaged")
    missing = set(range(hole["first_seq"], hole["last_seq"] + 1))
    assert len(missing) > 1000
    seen = [line["seq"] for line in lines if line["record"] != "damaged"]
    assert seen == [seq for seq in range(20_000) if seq not in missing]


async def test_a_damaged_end_of_an_archive_does_not_look_like_the_end(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    await site.seal(call, many(call.call_id))
    (path,) = (site.spool.parent / "blobs").rglob("archive")
    blob = blobs.key(member.org_id, call.call_id, "archive")
    last = (await ArchiveReader.open(site.blobs, blob)).index.frames[-1]
    flip(site, (last.offset + last.size_bytes // 2) / path.stat().st_size)
    lines = await events(site, member, call.call_id, after=last.first_seq - 2)
    assert lines[1:] == [
        {
            "record": "damaged",
            "first_seq": last.first_seq,
            "last_seq": 19_999,
            "message": "These were recorded, and cannot be read any more.",
        }
    ]


async def test_an_archive_of_which_nothing_is_left_says_so(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    await site.put(call, "archive", b"nothing that was ever sealed")
    answer = await site.client.get(f"/v1/calls/{call.call_id}/events", headers=member.bearer)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "archive_damaged"


@pytest.mark.guarantee("D3")
async def test_damage_is_told_with_the_call(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id, damaged_records=3))
    answer = await site.client.get(f"/v1/calls/{call.call_id}", headers=member.bearer)
    assert answer.json()["damaged_records"] == 3
    shown = await site.client.get(f"/calls/{call.call_id}", headers=member.cookie)
    assert "3 records of this call were damaged on the disk." in shown.text
    assert '<span>damaged</span> <b dir="auto">3 records</b>' in shown.text


SOUND = b"OggS" + bytes(range(256)) * 40
RANGES = {
    "the beginning": ("bytes=0-3", 206, SOUND[:4]),
    "the middle": ("bytes=100-199", 206, SOUND[100:200]),
    "to the end": ("bytes=10000-", 206, SOUND[10_000:]),
    "the end": ("bytes=-10", 206, SOUND[-10:]),
    "more than there is": ("bytes=10000-99999", 206, SOUND[10_000:]),
    "a longer end than there is": ("bytes=-99999", 206, SOUND),
    "beyond the end": ("bytes=99999-", 416, None),
    "backwards": ("bytes=5-4", 416, None),
    "nothing of the end": ("bytes=-0", 416, None),
    "several": ("bytes=0-1,4-5", 416, None),
    "ten thousand": ("bytes=" + ",".join(["0-1"] * 10_000), 416, None),
    "negative": ("bytes=-1-5", 416, None),
    "of another unit": ("items=0-1", 416, None),
    "enormous": ("bytes=" + "9" * 400 + "-", 416, None),
}


@pytest.mark.parametrize(("header", "status", "content"), RANGES.values(), ids=RANGES)
async def test_a_recording_is_given_by_ranges(
    site: Site, header: str, status: int, content: bytes | None
) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    answer = await site.client.get(
        f"/v1/calls/{call.call_id}/audio", headers={**member.bearer, "Range": header}
    )
    assert answer.status_code == status
    if content is None:
        assert answer.headers["content-range"] == f"bytes */{len(SOUND)}"
    else:
        assert answer.content == content
        assert answer.headers["content-range"].endswith(f"/{len(SOUND)}")
        assert int(answer.headers["content-length"]) == len(content)


async def test_a_recording_is_named_and_not_sent_twice(site: Site) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    path = f"/v1/calls/{call.call_id}/audio"
    whole = await site.client.get(path, headers=member.bearer)
    assert whole.content == SOUND
    assert whole.headers["content-type"] == "audio/ogg"
    assert f"{call.call_id}-mix.opus" in whole.headers["content-disposition"]
    etag = {"If-None-Match": whole.headers["etag"]}
    again = await site.client.get(path, headers={**member.bearer, **etag})
    assert (again.status_code, again.content) == (304, b"")
    head = await site.client.head(path, headers=member.bearer)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(SOUND)))
    stale = {"Range": "bytes=0-3", "If-Range": '"other"'}
    changed = await site.client.get(path, headers={**member.bearer, **stale})
    assert (changed.status_code, changed.content) == (200, SOUND)
    odd = await site.client.get(path, params={"track": "both"}, headers=member.bearer)
    assert odd.status_code == 400


async def test_a_waveform_is_what_was_sealed(site: Site) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    peaks = await get(site, member, f"/v1/calls/{call.call_id}/peaks")
    assert models.Peaks.model_validate(peaks).assistant == [2, 3]


async def test_every_operation_is_in_the_reference(site: Site) -> None:
    description = (await site.client.get("/openapi.json")).json()
    page = await site.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in description["paths"]:
        assert path in page.text
    assert "http://" not in page.text.replace("http://trunkline.test", "")
    assert "https://" not in page.text
    assert (
        (await site.client.get("/docs/reference.css"))
        .headers["content-type"]
        .startswith("text/css")
    )


async def test_facts_that_fail_are_told_without_their_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    member = await site.join()

    def fail(*_: object, **__: object) -> bytes:
        raise DatabaseError("Code: 241. SELECT secret FROM calls")

    monkeypatch.setattr(site.facts, "_ask", fail)
    answer = await site.client.get("/v1/calls", headers=member.bearer)
    assert answer.status_code == 503
    assert "SELECT" not in answer.text


def filters_of_lists() -> list[str]:
    """Return the names of all parameters of both lists."""
    return sorted(
        field.alias or name
        for query in (CallsQuery, SessionsQuery)
        for name, field in query.model_fields.items()
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(filters_of_lists()),
        st.text(max_size=40)
        | st.sampled_from(["' OR 1=1 --", "{org_id:String}", "\\'", "a=\\", "\0", "2026-01-01"]),
        max_size=4,
    )
)
async def test_no_filter_breaks_out_of_its_organisation(site: Site, params: dict[str, str]) -> None:
    if not site.members:
        await site.join()
        await site.facts.insert([a_call((await site.join()).org_id)])
    member = site.members[0]
    for path in ("/v1/calls", "/v1/sessions"):
        answer = await site.client.get(path, params=params, headers=member.bearer)
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 200:
            assert answer.json()["data"] == []
        assert "SELECT" not in answer.text
