"""STUN and TURN servers, as the settings write them and as browsers and we want them."""

import pytest

from tests.voice.browser.page import invited, talking
from tests.voice.conftest import PlaneMaker
from voice.browser.ice import IceServer, parse


@pytest.mark.parametrize(
    ("text", "server", "for_page"),
    [
        (
            "stun:stun.example.com:3478",
            IceServer("stun:stun.example.com:3478"),
            {"urls": "stun:stun.example.com:3478"},
        ),
        (
            "turns:kim:p%40ss%3A@turn.example.com:443?transport=tcp",
            IceServer("turns:turn.example.com:443?transport=tcp", "kim", "p@ss:"),
            {"urls": "turns:turn.example.com:443?transport=tcp", "username": "kim", "credential": "p@ss:"},
        ),
        (
            "turn:1700:a:b@[::1]:3478",
            IceServer("turn:[::1]:3478", "1700", "a:b"),
            {"urls": "turn:[::1]:3478", "username": "1700", "credential": "a:b"},
        ),
    ],
)
def test_a_server_as_it_is_written(text: str, server: IceServer, for_page: dict[str, str]) -> None:
    assert parse(text) == server
    assert server.for_page() == for_page


@pytest.mark.parametrize("text", ["", "stun", "stun:", "stun://host", "http:host", "host:3478", "turn:u:p@"])
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be stun:host:port or turn:user:password@host:port"):
        parse(text)


@pytest.mark.parametrize("text", ["stun:u:p@host", "turn:host", "turn:u@host", "turn::p@host", "turn:u:@host"])
def test_an_account_is_there_for_a_turn_server_alone(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must have user:password@ before the host of a turn: server"):
        parse(text)


@pytest.mark.slow
async def test_a_server_that_does_not_answer_keeps_no_call_from_beginning(
    make_plane: PlaneMaker, redis_url: str
) -> None:
    plane = await make_plane(redis_url=redis_url, ice_servers=("stun:127.0.0.1:9",))
    async with talking(plane, invited(redis_url)) as page:
        await page.until("live")
