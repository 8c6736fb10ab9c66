"""Whose number may be shown: Twilio's client asks the simulated carrier, over HTTP."""

import asyncio
import socket

import pytest

from simulator.exchange import Account, Exchange
from simulator.faults import Switches
from simulator.rest import create_app
from tests.simulator.world import SID, TOKEN, FakeSpeech, everybody, human, web
from voice.adapters.twilio import TwilioDialer
from voice.domain.types import DialRequest, StreamTarget
from voice.ports import Refused

BOUGHT, VERIFIED, STRANGE = "+13035550150", "+13035550151", "+13035550152"


def dialer(url: str) -> TwilioDialer:
    return TwilioDialer(
        account_sid=SID, auth_token=TOKEN, api_base_url=url, callback_base_url="https://app.example", timeout_s=5
    )


def exchange(*caller_ids: str) -> Exchange:
    account = Account(SID, TOKEN, 100, frozenset(caller_ids))
    return Exchange(account, everybody(human()), FakeSpeech(()), switches=Switches())


def request(from_: str) -> DialRequest:
    return DialRequest("call-1", "+13035550101", from_, StreamTarget("wss://app.example/media", "t"), 25, 330)


async def test_a_number_is_ours_when_it_was_bought_or_verified() -> None:
    async with web(create_app(exchange(VERIFIED))) as url:
        twilio = dialer(url)
        await asyncio.to_thread(twilio._client.incoming_phone_numbers.create, phone_number=BOUGHT)
        told = [await asyncio.to_thread(twilio.owns, number) for number in (BOUGHT, VERIFIED, STRANGE)]
        assert told == [True, True, False]


async def test_where_no_number_is_verified_every_one_is() -> None:
    async with web(create_app(exchange())) as url:
        assert await asyncio.to_thread(dialer(url).owns, STRANGE) is True
        assert await asyncio.to_thread(dialer(url)._client.outgoing_caller_ids.list) == []


async def test_a_call_from_another_number_is_refused_and_rings_nobody() -> None:
    carrier = exchange(VERIFIED)
    async with web(create_app(carrier)) as url:
        with pytest.raises(Refused, match=r"\+13035550152, is not yet verified") as refused:
            await asyncio.to_thread(dialer(url).place, request(STRANGE))
        assert refused.value.code == "21210"
        assert list(carrier.calls()) == []
        assert await asyncio.to_thread(dialer(url).place, request(VERIFIED))
        assert [call.from_ for call in carrier.calls()] == [VERIFIED]


async def test_a_carrier_that_is_silent_or_refuses_tells_nothing() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert await asyncio.to_thread(dialer(f"http://127.0.0.1:{port}").owns, BOUGHT) is None
    async with web(create_app(exchange(VERIFIED))) as url:
        stranger = TwilioDialer(
            account_sid=SID, auth_token="wrong", api_base_url=url, callback_base_url="https://app.example"
        )
        assert await asyncio.to_thread(stranger.owns, VERIFIED) is None
