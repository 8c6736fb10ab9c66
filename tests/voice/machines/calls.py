"""Whole calls to simulated machines: our plane and its models, the real conversation, a carrier in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from agents.dialogue import start
from simulator.domain.people import parse
from simulator.exchange import Account, Exchange
from simulator.faults import Switches
from simulator.rest import create_app
from simulator.speech import ModelSpeech
from tests.agents.people import SELLER
from tests.simulator.world import OURS, SID, TOKEN, Application, application, web
from tests.voice.conftest import Watch
from tests.voice.money import ScriptedSpending
from voice.domain.types import Report, Signal, SignalKind, Speaker, TalkPlan, VoiceConfig
from voice.line import PhoneLine
from voice.plane import VoicePlane

MESSAGE = (
    "Hi {lead_name}, this is {agent_name}, an AI assistant of {company}. Please call us back at {callback_number}. "
    "Goodbye."
)


@dataclass(frozen=True)
class Met:
    """What the carrier saw of a call, and what our line told of it."""

    seen: dict[str, Any]
    watch: Watch
    report: Report

    @property
    def ours(self) -> list[str]:
        return [turn.text for turn in self.watch.turns if turn.speaker is Speaker.AGENT]

    @property
    def theirs(self) -> list[str]:
        return [turn.text for turn in self.watch.turns if turn.speaker is Speaker.LEAD]

    @property
    def said(self) -> list[str]:
        return [one["text"] for one in self.seen["said"]]

    @property
    def heard(self) -> list[str]:
        return [one["text"] for one in self.seen["heard"]]


class Town:
    """Calls of one plane to the people of one carrier."""

    def __init__(self, plane: VoicePlane, http: httpx.AsyncClient, exchange: Exchange) -> None:
        self._plane, self._http, self._exchange = plane, http, exchange

    async def call(self, ending: str, *, message: str = "", detect: bool = True, within_s: float = 90.0) -> Met:
        """Ring at the person whose number ends with ``ending``, and hold the call to its end."""
        brief = replace(SELLER, call_id=f"call-{ending}", callback_number="+18005550100")
        plan = TalkPlan(voicemail_message=message)
        line = self._plane.open_line(
            brief, ring_timeout_s=10, max_length_s=80, spending=ScriptedSpending(), plan=plan
        )
        watch = Watch(line)
        async with application() as app:
            form = {"To": f"+1303555{ending}", "From": OURS, "Twiml": _twiml(line.stream.url, line.stream.token)}
            if detect:
                form |= {"MachineDetection": "DetectMessageEnd", "AsyncAmd": "true"}
                form["AsyncAmdStatusCallback"] = f"{app.url}/amd"
            created = (await self._http.post(f"/2010-04-01/Accounts/{SID}/Calls.json", data=form)).json()
            telling = asyncio.create_task(_tell(app, line, brief.call_id))
            report = await watch.report(within_s)
            await asyncio.wait_for(self._exchange.settled(created["sid"]), 20)
            telling.cancel()
        calls = (await self._http.get("/simulator/calls")).json()["calls"]
        return Met(next(call for call in calls if call["sid"] == created["sid"]), watch, report)


async def _tell(app: Application, line: PhoneLine, call_id: str) -> None:
    """Hand the carrier's verdict to the line, as the webhook does."""
    while not app.at("/amd"):
        await asyncio.sleep(0.02)
    line.signal(Signal(call_id, SignalKind.MACHINE, app.at("/amd")[0].fields["AnsweredBy"]))


def _twiml(url: str, token: str) -> str:
    stream = f'<Stream url="{url}"><Parameter name="token" value="{token}"/></Stream>'
    return f"<Response><Connect>{stream}</Connect></Response>"


@asynccontextmanager
async def town(config: VoiceConfig, *people: dict[str, Any]) -> AsyncIterator[Town]:
    """A plane and a carrier with their models loaded, stopped at the end."""
    plane = VoicePlane(config, start)
    exchange = Exchange(Account(SID, TOKEN, 100), parse({"people": list(people)}), ModelSpeech(), switches=Switches())
    await asyncio.to_thread(plane.start)
    try:
        async with web(create_app(exchange)) as url:
            await exchange.start()
            async with httpx.AsyncClient(base_url=url, auth=(SID, TOKEN), trust_env=False) as http:
                yield Town(plane, http, exchange)
            await exchange.close()
    finally:
        await asyncio.to_thread(plane.stop)
