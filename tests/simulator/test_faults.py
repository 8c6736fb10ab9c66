"""Faults strike when they are switched on, as often as they are told to, the same way for the same seed."""

import asyncio
import base64
import re
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from simulator.faults import Chance, Dice, FaultsError, MediaFaults, MediaSwitches, Switches, load
from tests.simulator.world import OURS, SID, application, carrier, everybody, human, sockets

HANGUP = "<Response><Hangup/></Response>"
ALL_EVENTS = ["initiated", "ringing", "answered", "completed"]
CALLS = f"/2010-04-01/Accounts/{SID}/Calls.json"


def test_the_same_seed_strikes_the_same_way() -> None:
    chance = Chance(rate=0.5)
    first, second, other = (Dice(seed) for seed in (7, 7, 8))
    strikes = [first.strikes(chance) for _ in range(40)]
    assert strikes == [second.strikes(chance) for _ in range(40)]
    assert strikes != [other.strikes(chance) for _ in range(40)]
    assert 8 < sum(strikes) < 32


def test_a_chance_strikes_no_more_often_than_told() -> None:
    dice, thrice, never = Dice(1), Chance(rate=1, at_most=3), Chance()
    assert [dice.strikes(thrice) for _ in range(5)] == [True, True, True, False, False]
    assert not any(dice.strikes(never) for _ in range(100))


def test_a_frame_is_lost_or_late_or_neither() -> None:
    def fate(**switches: object) -> int | None:
        return MediaFaults(MediaSwitches.model_validate(switches), Dice(0)).fate()

    assert (fate(), fate(lost=1), fate(late=1, late_ms=60)) == (0, None, 60)


def test_the_file_of_faults(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("seed: 3\nrest: {lost_answer: {rate: 1, at_most: 1}, latency_ms: [5, 10]}\nmedia: {lost: 0.5}\n")
    switches = load(file)
    assert (switches.seed, switches.rest.lost_answer, switches.rest.latency_ms) == (
        3,
        Chance(rate=1, at_most=1),
        (5, 10),
    )
    assert switches.media.lost == Chance(rate=0.5)
    file.write_text("")
    assert load(file) == Switches()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rest: {lost_answer: 2}", "rest.lost_answer.rate"),
        ("media: {loss: 1}", "media.loss: Extra"),
        ("a: [", "faults.yaml"),
    ],
)
def test_a_wrong_file_of_faults_says_where(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(FaultsError, match=re.escape(problem)):
        load(file)


def test_no_file_of_faults(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")


async def told(expected: int, **callbacks: object) -> list[str]:
    """The sequence numbers of one call's status callbacks, as they came."""
    async with application() as app, carrier(everybody(human()), callbacks=callbacks) as one:
        await one.over(await one.ring(twiml=HANGUP, status_callback=f"{app.url}/s", status_callback_event=ALL_EVENTS))
        return [request.fields["SequenceNumber"] for request in await app.expect("/s", expected)]


@pytest.mark.parametrize(
    ("callbacks", "sequence"),
    [
        ({"lost": {"rate": 1, "at_most": 1}}, ["1", "2", "3"]),
        ({"doubled": {"rate": 1, "at_most": 1}}, ["0", "0", "1", "2", "3"]),
        ({"reordered": {"rate": 1, "at_most": 1}}, ["1", "0", "2", "3"]),
        ({"delayed": {"rate": 1, "at_most": 1}, "delay_ms": [600, 600]}, ["1", "2", "3", "0"]),
    ],
)
async def test_callbacks_go_wrong_on_purpose(callbacks: Mapping[str, object], sequence: list[str]) -> None:
    assert await told(len(sequence), **callbacks) == sequence


@pytest.mark.slow
async def test_a_callback_that_nothing_overtakes_comes_late_but_comes() -> None:
    async with application() as app, carrier(everybody(human()), callbacks={"reordered": 1}) as one:
        await one.ring(twiml=HANGUP, status_callback=f"{app.url}/s")
        assert len(await app.expect("/s", 1)) == 1


async def test_the_phone_rings_though_the_answer_is_lost() -> None:
    async with carrier(
        everybody(human()), rest={"lost_answer": {"rate": 1, "at_most": 1}, "lost_answer_s": 5}
    ) as one:
        form = {"To": "+13035550101", "From": OURS, "Twiml": HANGUP}
        with pytest.raises(httpx.ReadTimeout):
            await one.http.post(CALLS, data=form, timeout=0.3)
        found = (await one.http.get(CALLS, params={"To": "+13035550101"})).json()["calls"]
        assert len(found) == 1
        seen = await one.over(found[0]["sid"])
        assert (len(seen["rings"]), seen["status"]) == (1, "completed")


async def test_a_lost_answer_is_a_504_in_the_end() -> None:
    async with carrier(everybody(human()), rest={"lost_answer": 1, "lost_answer_s": 0.05}) as one:
        response = await one.http.post(CALLS, data={"To": "+13035550101", "From": OURS, "Twiml": HANGUP})
        assert response.status_code == 504


async def test_429_and_latency_on_purpose() -> None:
    rest = {"too_many_requests": {"rate": 1, "at_most": 1}, "latency_ms": [120, 120]}
    async with carrier(everybody(human()), rest=rest) as one:
        loop = asyncio.get_running_loop()
        began = loop.time()
        response = await one.http.post(CALLS, data={"To": "+13035550101", "From": OURS, "Twiml": HANGUP})
        assert loop.time() - began >= 0.12
        assert (response.status_code, response.json()["code"]) == (429, 20429)
        assert (await one.http.get("/simulator/health")).json()["calls"] == 0


async def test_lost_frames_leave_a_hole_in_the_timestamps() -> None:
    media_faults = {"lost": {"rate": 1, "at_most": 5}}
    async with carrier(everybody(human()), media=media_faults) as one, sockets() as media:
        sid = await one.ring(twiml=media.twiml())
        first = (await (await media.first()).until("media"))[0]
        assert (first["media"]["chunk"], first["media"]["timestamp"]) == ("1", "100")
        assert (await one.seen(sid))["media"]["lost_out"] == 5


async def test_late_frames_come_in_order_with_their_own_timestamps() -> None:
    media_faults = {"late": {"rate": 1, "at_most": 1}, "late_ms": 200}
    async with carrier(everybody(human()), media=media_faults) as one, sockets() as media:
        await one.ring(twiml=media.twiml())
        messages = await (await media.first()).until("media", 15)
        assert [message["media"]["timestamp"] for message in messages[:15]] == [str(20 * n) for n in range(15)]
        assert {len(base64.b64decode(message["media"]["payload"])) for message in messages} == {160}
