"""What the desk refuses, and that nothing is left of it."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.voice.browser.page import Page, invited, post, talking
from tests.voice.conftest import PlaneMaker, open_line
from tests.voice.redis_server import Server
from voice.browser import invitations
from voice.plane import VoicePlane

_USED = "This page's invitation was used or is too old: press the button again."
_BAD = "The browser's offer cannot be read: use a current Chrome, Edge, Firefox or Safari."
_SDP = """v=0\r
o=- 1 2 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
c=IN IP4 0.0.0.0\r
a=mid:0\r
a=sendrecv\r
a=rtcp-mux\r
a=setup:actpass\r
"""
_WAY = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
)
_OPUS = "a=rtpmap:111 opus/48000/2\r\n"


def _refused(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def _untouched(plane: VoicePlane) -> bool:
    return plane.live == 0 and plane.media_stats().calls == 0


async def test_a_token_that_was_never_given_out_opens_nothing(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url)
    response = await post(plane, {"token": "x" * 43, "sdp": "v=0"})
    assert _refused(response) == (403, _USED)
    assert _untouched(plane)


async def test_a_token_opens_one_call(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url)
    token = invited(redis_url)
    async with talking(plane, token) as page:
        await page.until("live")
        second = Page()
        try:
            assert _refused(await second.call(plane, token)) == (403, _USED)
        finally:
            await second.close()
        assert plane.live == 1


async def test_one_token_shown_twice_at_once_opens_one_call(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url)
    token, pages = invited(redis_url), [Page(), Page()]
    try:
        answers = await asyncio.gather(*(page.call(plane, token) for page in pages))
        assert sorted(answer.status_code for answer in answers) == [200, 403]
        assert plane.live == 1
    finally:
        for page in pages:
            await page.close()


async def test_an_invitation_runs_out(
    make_plane: PlaneMaker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Redis.from_url(redis_url) as redis:
        invited(redis_url)
        (key,) = redis.keys("reautomation:talk:*")
        assert 55 <= redis.ttl(key) <= 60
        monkeypatch.setattr(invitations, "LIFETIME_S", 1)
        token = invited(redis_url)
        while len(redis.keys("reautomation:talk:*")) > 1:
            await asyncio.sleep(0.05)
    plane = await make_plane(redis_url=redis_url)
    assert _refused(await post(plane, {"token": token, "sdp": "v=0"})) == (403, _USED)


async def test_an_invitation_of_another_release_is_none(make_plane: PlaneMaker, redis_url: str) -> None:
    token = invited(redis_url)
    with Redis.from_url(redis_url) as redis:
        (key,) = redis.keys("reautomation:talk:*")
        assert token.encode() not in key
        redis.set(key, json.dumps({"brief": {"company": "Acme"}}))
    plane = await make_plane(redis_url=redis_url)
    assert _refused(await post(plane, {"token": token, "sdp": "v=0"})) == (403, _USED)
    assert _untouched(plane)


async def test_without_redis_nobody_is_let_in(make_plane: PlaneMaker, redis_server: Server) -> None:
    plane = await make_plane(redis_url=redis_server.url)
    token = invited(redis_server.url)
    redis_server.kill()
    response = await post(plane, {"token": token, "sdp": "v=0"})
    assert _refused(response) == (
        503,
        "Redis does not answer, so the invitation cannot be checked: see that it runs.",
    )
    assert _untouched(plane)


async def test_a_plane_without_redis_takes_no_test_calls(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    assert _refused(await post(plane, {"token": "x", "sdp": "v=0"})) == (403, _USED)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 20_000,
        b'{"token": 1, "sdp": "v=0"}',
        {"sdp": "v=0"},
        {"token": "", "sdp": "v=0"},
        {"token": "x" * 201, "sdp": "v=0"},
        {"token": "x"},
        {"token": "x", "sdp": ""},
        {"token": "x", "sdp": ["v=0"]},
    ],
    ids=range(11),
)
async def test_garbage_is_no_offer(make_plane: PlaneMaker, redis_url: str, content: Any) -> None:
    plane = await make_plane(redis_url=redis_url)
    assert _refused(await post(plane, content)) == (400, _BAD)
    assert _untouched(plane)


async def test_a_body_that_is_too_large_is_not_read(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url)
    assert _refused(await post(plane, b"x" * (64 * 1024 + 1))) == (413, _BAD)
    assert _refused(await post(plane, b"x" * (64 * 1024 + 1), method="PATCH")) == (413, _BAD)


@pytest.mark.parametrize(
    "sdp",
    [
        "v=0",
        "not at all",
        "v=0\r\n" * 100,
        "m=audio",
        "m=audio 9 UDP/TLS/RTP/SAVPF x\r\n",
        _SDP + _OPUS,
        _SDP + _WAY,
        _SDP + _WAY + "a=rtpmap:111 speex/8000\r\n",
        _SDP + _WAY + "a=rtpmap:111 opus\r\n",
        _SDP + _WAY + _OPUS + "a=candidate:1 1 udp\r\n",
        _SDP + _WAY + _OPUS + "a=ssrc:x\r\n",
        _SDP.replace("audio", "video").replace("111", "97") + _WAY + "a=rtpmap:97 VP8/90000\r\n",
        "\0" * 1000,
    ],
    ids=range(13),
)
async def test_an_offer_that_cannot_be_answered_gives_its_line_back(
    make_plane: PlaneMaker, redis_url: str, sdp: str
) -> None:
    plane = await make_plane(redis_url=redis_url)
    assert _refused(await post(plane, {"token": invited(redis_url), "sdp": sdp})) == (400, _BAD)
    assert _untouched(plane)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("live")


async def test_a_browser_that_never_connects_gives_its_line_back(
    make_plane: PlaneMaker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice.browser.desk._CONNECT_S", 0.3)
    plane = await make_plane(redis_url=redis_url)
    response = await post(plane, {"token": invited(redis_url), "sdp": _SDP + _WAY + _OPUS})
    assert response.status_code == 200
    assert plane.live == 1
    gone = {"pc_id": response.json()["pc_id"], "candidates": []}
    async with asyncio.timeout(10):
        while (await post(plane, gone, method="PATCH")).status_code == 200:
            await asyncio.sleep(0.05)
    assert _untouched(plane)


async def test_no_line_no_test_call(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url, lines=1)
    async with talking(plane, invited(redis_url)):
        assert _refused(await post(plane, {"token": invited(redis_url), "sdp": "v=0"})) == (
            503,
            "All 1 lines are taken.",
        )
        assert plane.live == 1


async def test_phone_calls_and_test_calls_share_the_lines(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url, lines=1)
    watch = open_line(plane)
    response = await post(plane, {"token": invited(redis_url), "sdp": "v=0"})
    assert _refused(response) == (503, "All 1 lines are taken.")
    watch.line.close()
    await watch.report()


async def test_a_plane_that_drains_takes_no_test_calls(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url)
    plane.drain()
    response = await post(plane, {"token": invited(redis_url), "sdp": "v=0"})
    assert _refused(response) == (503, "This process takes no new calls: it is draining.")


async def test_strangers_take_no_line_from_a_call(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url, lines=1)
    strangers = [asyncio.create_task(post(plane, {"token": "x", "sdp": "v=0"})) for _ in range(10)]
    while not all(stranger.done() for stranger in strangers):
        assert plane.live == 0
        await asyncio.sleep(0)
    assert {stranger.result().status_code for stranger in strangers} == {403}


async def test_a_flood_of_offers_is_dropped_at_the_door(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("turn")
        limits = httpx.Limits(max_keepalive_connections=0)
        began = time.monotonic()
        async with httpx.AsyncClient(trust_env=False, limits=limits) as client:
            url, content = f"{plane.internal_url}/browser/offer", {"token": "x", "sdp": "v=0"}
            results = await asyncio.gather(
                *(client.post(url, json=content) for _ in range(150)), return_exceptions=True
            )
        answered = [one for one in results if not isinstance(one, BaseException)]
        assert {one.status_code for one in answered} == {403}
        seconds = int(time.monotonic() - began) + 2  # that it may have touched
        assert 0 < len(answered) <= seconds * (2 + 20)  # lines + 20 a second from one address
        page.tell(type="hang_up")
        (ended,) = await page.until("ended")
    assert ended["ended_by"] == "lead"


async def test_candidates_are_added_to_a_call_that_waits_for_them(make_plane: PlaneMaker, redis_url: str) -> None:
    """The offer names no address of the page, as while its STUN server is slow."""
    plane = await make_plane(redis_url=redis_url)
    page = Page()
    try:
        await page.peer.setLocalDescription(await page.peer.createOffer())
        lines = page.peer.localDescription.sdp.splitlines(keepends=True)
        later = [line.removeprefix("a=").strip() for line in lines if line.startswith("a=candidate")]
        kept = "".join(line for line in lines if not line.startswith(("a=candidate", "a=end-of-candidates")))
        response = await post(plane, {"token": invited(redis_url), "sdp": kept})
        told = {
            "pc_id": response.json()["pc_id"],
            "candidates": [{"candidate": one, "sdp_mid": "0", "sdp_mline_index": 0} for one in later],
        }
        assert (await post(plane, told, method="PATCH")).json() == {}
        await page.accept(response)
        await page.until("live")
    finally:
        await page.close()


@pytest.mark.parametrize(
    "candidate",
    [
        {"candidate": "candidate:garbage", "sdp_mid": "0", "sdp_mline_index": 0},
        {"candidate": "candidate:1 x udp y 127.0.0.1 z typ host", "sdp_mid": "0", "sdp_mline_index": 0},
        {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdp_mid": "0", "sdp_mline_index": -1},
        {"candidate": "x" * 1001, "sdp_mid": "0", "sdp_mline_index": 0},
        "candidate",
    ],
    ids=range(5),
)
async def test_bad_candidates_leave_the_call_alone(make_plane: PlaneMaker, redis_url: str, candidate: Any) -> None:
    plane = await make_plane(redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("live")
        told = {"pc_id": page.answer["pc_id"], "candidates": [candidate]}
        assert _refused(await post(plane, told, method="PATCH")) == (400, _BAD)
        await page.until("turn")
        assert plane.live == 1


async def test_candidates_of_no_call(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url)
    response = await post(plane, {"pc_id": "x", "candidates": []}, method="PATCH")
    assert _refused(response) == (404, "This test call is over.")
