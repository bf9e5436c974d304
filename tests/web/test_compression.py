"""What is sent compressed, and what must not be."""

import gzip

import pytest
from tests.support.facts import a_call
from tests.support.web import Site

from trunkline.web.app import SMALLEST_BYTES, THREAD_BYTES
from trunkline.web.pages.static import static_url

GZIP = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}


async def raw(site: Site, path: str, headers: dict[str, str]) -> bytes:
    async with site.client.stream("GET", path, headers={**headers, **GZIP}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        return b"".join([part async for part in answer.aiter_raw()])


async def test_pages_and_answers_are_sent_compressed_and_say_the_same(site: Site) -> None:
    member = await site.join()
    for number in range(20):
        await site.add_call(a_call(member.org_id, 1_764_150_000_000_000 + number))
    for path, headers in (
        ("/docs", {}),
        ("/openapi.json", {}),
        ("/v1/calls?limit=20", member.bearer),
        (static_url("css/app.css"), {}),
        (static_url("js/app.js"), {}),
    ):
        plain = await site.client.get(path, headers={**headers, **PLAIN})
        assert "content-encoding" not in plain.headers
        assert "Accept-Encoding" in plain.headers["vary"]
        packed = await raw(site, path, headers)
        assert len(packed) < 0.5 * len(plain.content)
        assert gzip.decompress(packed) == plain.content
    page = await site.client.get("/calls", headers={**member.cookie, **GZIP})
    assert page.headers["content-encoding"] == "gzip"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.text.rstrip().endswith("</html>")


async def test_what_is_large_is_compressed_beside_the_loop_to_the_same(site: Site) -> None:
    plain = (await site.client.get("/openapi.json", headers=PLAIN)).content
    assert len(plain) > THREAD_BYTES
    assert gzip.decompress(await raw(site, "/openapi.json", {})) == plain


async def test_a_stream_is_whole(site: Site) -> None:
    member = await site.join()
    for number in range(40):
        await site.add_call(a_call(member.org_id, 1_764_150_000_000_000 + number))
    path = "/calls/export?format=ndjson"
    plain = await site.client.get(path, headers={**member.cookie, **PLAIN})
    assert gzip.decompress(await raw(site, path, member.cookie)) == plain.content


@pytest.mark.parametrize("part", ["audio", "bundle"])
async def test_what_is_compressed_already_is_sent_as_it_is(site: Site, part: str) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    path = f"/v1/calls/{call.call_id}/{part}"
    answer = await site.client.get(path, headers={**member.bearer, **GZIP})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


async def test_a_part_of_a_recording_is_that_part(site: Site) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    path = f"/v1/calls/{call.call_id}/audio"
    headers = {**member.bearer, **GZIP, "Range": "bytes=4-8003"}
    answer = await site.client.get(path, headers=headers)
    assert (answer.status_code, answer.headers["content-length"]) == (206, "8000")
    assert answer.headers["content-range"].startswith("bytes 4-8003/")
    assert "content-encoding" not in answer.headers
    assert answer.content == (bytes(range(256)) * 40)[:8000]


async def test_a_font_and_what_is_small_are_sent_as_they_are(site: Site) -> None:
    for path in (static_url("fonts/inter.woff2"), static_url("favicon.svg"), "/v1/calls"):
        answer = await site.client.get(path, headers=GZIP)
        assert "content-encoding" not in answer.headers, path
    assert len((await site.client.get("/v1/calls", headers=GZIP)).content) < SMALLEST_BYTES


async def test_a_file_is_not_sent_again_in_either_form(site: Site) -> None:
    path = static_url("css/app.css")
    for accepts in (GZIP, PLAIN):
        tag = (await site.client.get(path, headers=accepts)).headers["etag"]
        assert tag.startswith('W/"')
        again = await site.client.get(path, headers={**accepts, "If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
