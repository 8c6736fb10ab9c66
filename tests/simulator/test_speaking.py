"""With real speech: people are heard, hear, and answer; the process starts, tells its address, and ends."""

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from simulator import audio, speech
from simulator.domain.people import load
from simulator.exchange import Account, Exchange
from simulator.faults import Switches
from simulator.rest import create_app
from simulator.speech import ModelSpeech, Voice
from tests.simulator.world import OURS, SID, TOKEN, Socket, sockets, web

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo" / "people.yaml"
CALLS = f"/2010-04-01/Accounts/{SID}/Calls.json"
AVA = Voice(pitch=0.95)


@pytest.fixture
async def voices() -> AsyncIterator[ModelSpeech]:
    one = ModelSpeech()
    try:
        yield one
    finally:
        one.close()


def words(text: str) -> list[str]:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ").split()


@pytest.mark.slow
async def test_every_pitch_is_understood(voices: ModelSpeech) -> None:
    text = "Yes, we want to sell the house this spring."
    for pitch in (0.8, 0.9, 1.0, 1.1):
        said = await voices.render(text, Voice(pitch=pitch))
        assert 1.8 < len(said) / audio.RATE < 3.5
        assert audio.audible(said[:160])
        assert audio.audible(said[-160:])
        assert words(await voices.understand(said)) == words(text)


@pytest.mark.slow
async def test_a_long_speech_takes_the_plain_way(voices: ModelSpeech) -> None:
    sentences = [
        "My house is on the west side of the city, close to the river and the old railway station.",
        "We bought it fifteen years ago, when our first daughter had just started going to school.",
        "The kitchen is new, the roof was repaired last summer, and there is a large garden behind it.",
        "Now the children have left, and we would rather live in a smaller apartment near the sea.",
        "We have talked with our bank already, and they told us that there is no hurry at all.",
        "If the price is right, then we could imagine moving out before the end of next year.",
    ]
    said = [await voices.render(sentence, Voice()) for sentence in sentences]
    heard = words(await voices.understand((audio.SILENCE * 20).join(said)))
    assert sum(map(len, said)) / audio.RATE > 24
    assert {"river", "daughter", "kitchen", "apartment", "bank", "year"} <= set(heard)


async def test_a_process_that_cannot_understand_says_nothing_of_it() -> None:
    deaf = ModelSpeech(understands=False)
    await deaf.warm([])
    assert await deaf.understand(audio.beep()) == ""
    deaf.close()


def test_a_voice_that_is_not_installed_is_named() -> None:
    assert speech.missing_voice("heart") is None
    assert speech.missing_voice("bogus") is not None
    assert "use one of: heart" in str(speech.missing_voice("bogus"))


@pytest.mark.slow
@pytest.mark.whole_call
async def test_the_seller_of_the_demo_talks_with_an_agent(voices: ModelSpeech) -> None:
    """A scripted agent speaks first; the person hears each sentence and answers what fits."""
    lines = [
        "Hi Maria, this is Ava calling for Summit Realty. Are you still thinking about selling?",
        "How soon would you like to move?",
        "Thank you, that is all. Have a great day. Goodbye.",
    ]
    rendered = [await voices.render(line, AVA) for line in lines]

    async def agent(socket: Socket) -> None:
        for turn, mulaw in enumerate(rendered):
            payload = base64.b64encode(mulaw).decode()
            await socket.send("media", media={"payload": payload})
            await socket.send("mark", mark={"name": str(turn)})
            await socket.until("mark", turn + 1)
            if turn < len(rendered) - 1:
                await answered(socket)

    exchange = Exchange(Account(SID, TOKEN, 1), load(DEMO), voices, switches=Switches())
    async with (
        sockets(agent) as media,
        web(create_app(exchange)) as url,
        httpx.AsyncClient(base_url=url, auth=(SID, TOKEN), trust_env=False) as http,
    ):
        await asyncio.wait_for(exchange.warm.wait(), 60)
        form = {"To": "+13035550101", "From": OURS, "Twiml": media.twiml()}
        sid = (await http.post(CALLS, data=form)).json()["sid"]
        await asyncio.wait_for(exchange.settled(sid), 60)
        (seen,) = (await http.get("/simulator/calls")).json()["calls"]
    assert [line["text"] for line in seen["said"]] == [
        "Yes, I am still thinking about selling.",
        "In the next two months.",
        "Okay, bye.",
    ]
    assert (seen["status"], seen["ended_by"], seen["errors"]) == ("completed", "person", [])
    assert len(seen["answer_ms"]) == 2


async def answered(socket: Socket) -> None:
    """Wait until the person has spoken and been silent for half a second."""
    begin, silent, spoke = len(socket.of("media")), 0, False
    async with asyncio.timeout(20):
        while not (spoke and silent > 25):
            await socket.until("media", begin + 1)
            frame = base64.b64decode(socket.of("media")[begin]["media"]["payload"])
            begin += 1
            loud = audio.audible(frame)
            spoke, silent = spoke or loud, 0 if loud else silent + 1


async def command(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator", "--account-sid", SID, "--auth-token", TOKEN, *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.slow
async def test_the_command_serves_logs_and_ends_with_its_children(tmp_path: Path) -> None:
    log = tmp_path / "var" / "carrier.jsonl"
    process = await command("--people", str(DEMO), "--log", str(log), "--load-mode")
    assert process.stdout is not None
    word, address, *_ = (await process.stdout.readline()).decode().split()
    assert word == "simulator:"
    async with httpx.AsyncClient(base_url=address, auth=(SID, TOKEN), trust_env=False) as http:
        async with asyncio.timeout(60):
            while not (await http.get("/simulator/health")).json()["ready"]:
                await asyncio.sleep(0.1)
        form = {"To": "+13035550111", "From": OURS, "Twiml": "<Response/>"}
        sid = (await http.post(CALLS, data=form)).json()["sid"]
        async with asyncio.timeout(10):
            while (await http.get("/simulator/health")).json()["live"]:
                await asyncio.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    process.send_signal(signal.SIGKILL)
    await process.wait()
    async with asyncio.timeout(10):
        while any(_runs(child) for child in children):
            await asyncio.sleep(0.05)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    statuses = [event["status"] for event in events if event["event"] == "call.status" and event["call_sid"] == sid]
    assert statuses == ["initiated", "ringing", "busy"]
    assert [event["pii"] for event in events if event["event"] == "call.created"] == [
        {"to": "+13035550111", "from": OURS}
    ]


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("people: []", "people.yaml: people: "),
        (
            "people: [{id: maria, number: '*0101', voice: bogus}]",
            "people → maria → voice: voice 'bogus' is not installed",
        ),
    ],
)
async def test_the_command_refuses_people_it_cannot_play(tmp_path: Path, yaml: str, problem: str) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(yaml)
    process = await command("--people", str(file))
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out) == (2, b"")
    assert problem in err.decode()
    assert os.linesep in err.decode()
