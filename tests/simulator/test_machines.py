"""Machines that answer: what they say, how long they wait, and which keys they hear."""

import asyncio
import warnings
from typing import Any

import numpy as np
import pytest

from simulator import audio
from simulator.domain.call import Call
from simulator.domain.people import PeopleError, Person, parse
from simulator.dtmf import Keypad
from simulator.machines import Machine, Setup, machine_of
from simulator.webhooks import now
from tests.simulator.world import FakeSpeech, everybody, human

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

LOUD = audio.beep(0.02, 300)
NOISE = audio.comfort_noise()


class Room:
    """One machine, ticked by hand. What it says are sounds of 1 s."""

    def __init__(self, **person: Any) -> None:
        self.person: Person = everybody(human(**person)).people[0]
        self.call = Call("CA1", "AC1", "+13035550101", "+13035550000", now())
        self.picked_up: list[int] = []
        sounds = {text: audio.beep(1.0, 700) for text in self.person.of_machine()}
        machine = machine_of(self.person, Setup(FakeSpeech(["I am Ava."]), self.call, sounds, NOISE, self._person))
        assert machine is not None
        self.machine: Machine = machine

    def _person(self, began: int) -> Any:
        self.picked_up.append(began)
        return Quiet()

    async def run(self, seconds: float, heard: bytes | None = None) -> list[bytes]:
        """What is heard of it meanwhile."""
        frames = []
        for _ in range(round(seconds / audio.FRAME_S)):
            frames.append(self.machine.tick(heard))
            await asyncio.sleep(0)
        return frames

    @property
    def said(self) -> list[str]:
        return [one.text for one in self.call.said]


class Quiet:
    """A person who says nothing."""

    gone = False

    def __init__(self) -> None:
        self.press = lambda digit: None
        self.closed = False

    def tick(self, heard: bytes | None) -> bytes:
        return audio.SILENCE

    def close(self) -> None:
        self.closed = True


def loud_s(frames: list[bytes]) -> float:
    return sum(audio.audible(frame) for frame in frames) * audio.FRAME_S


def key(digit: str, seconds: float = 0.12) -> list[bytes]:
    """A key as mu-law frames."""
    row, column = divmod("123A456B789C*0#D".index(digit), 4)
    at = np.arange(round(seconds * audio.RATE)) / audio.RATE
    low, high = (697, 770, 852, 941)[row], (1209, 1336, 1477, 1633)[column]
    mulaw = audio.to_mulaw((0.3 * (np.sin(2 * np.pi * low * at) + np.sin(2 * np.pi * high * at))).astype("f4"), 8000)
    return [mulaw[at : at + audio.FRAME] for at in range(0, len(mulaw), audio.FRAME)]


def voicemail(**more: Any) -> dict[str, Any]:
    return {"answers": {"how": "voicemail"}, "voicemail": {"greeting": "Leave a message.", "listens_s": 3, **more}}


async def test_a_mailbox_greets_beeps_and_records() -> None:
    room = Room(**voicemail(beep_hz=1400, beep_s=0.6, pause_s=1.0))
    await room.run(1.02)
    assert (room.said, room.machine.beeped.is_set()) == (["Leave a message."], False)
    assert loud_s(await room.run(0.9)) == 0
    assert loud_s(await room.run(0.8)) == pytest.approx(0.6, abs=0.05)
    await room.run(0.1)
    assert room.machine.beeped.is_set()
    await room.run(1.5)
    assert not room.machine.gone
    await room.run(1.6)
    assert (room.machine.gone, room.picked_up) == (True, [])


async def test_somebody_picks_up_a_mailbox() -> None:
    room = Room(**voicemail(picks_up_s=1.0, beep=False))
    await room.run(2.5)

    assert room.picked_up == [pytest.approx(101, abs=4)]
    assert not room.machine.gone
    room.machine.close()


async def screened(**screening: Any) -> Room:
    """Asked, and told who calls."""
    room = Room(answers={"how": "screening"}, screening={"decides_s": 1.0, **screening})
    await room.run(1.1 * len(room.person.of_machine()[:-2]))
    await room.run(1.0, LOUD)
    await room.run(2.0)
    return room


@pytest.mark.parametrize("service", ["ios", "google"])
async def test_a_screening_service_asks_and_connects(service: str) -> None:
    room = await screened(service=service)
    prompts = list(room.person.of_machine()[:-2])
    assert room.said == [*prompts, "Thanks. Please stay on the line."]
    await room.run(1.0)

    assert len(room.picked_up) == 1
    assert [one.text for one in room.call.heard] == ["I am Ava."]


async def test_a_screening_service_declines_and_hangs_up() -> None:
    room = await screened(accepts=False)
    await room.run(2.5)

    assert room.said[-1] == "Sorry, this person is not available right now. Goodbye."
    assert (room.machine.gone, room.picked_up) == (True, [])


async def test_a_screening_service_asks_twice_and_gives_up() -> None:
    room = Room(answers={"how": "screening"}, screening={})
    await room.run(10.0)
    assert not room.machine.gone
    await room.run(9.0)

    assert room.said == [room.person.of_machine()[0]] * 2
    assert (room.machine.gone, room.picked_up) == (True, [])


def menu(**more: Any) -> dict[str, Any]:
    return {"answers": {"how": "ivr"}, "menu": {"text": "Press 2.", "connects": "2", "waits_s": 1, **more}}


async def test_a_menu_connects_by_its_key_heard_in_the_audio() -> None:
    room = Room(**menu())
    await room.run(0.5)
    for frame in key("2"):
        await room.run(audio.FRAME_S, frame)
    assert [digit for digit, _ in room.call.tones] == ["2"]
    assert room.picked_up == []
    await room.run(2.0)

    assert len(room.picked_up) == 1
    assert room.said == [], "it was cut short"


async def test_a_menu_refuses_other_keys_and_ends() -> None:
    room = Room(**menu(times=1))
    for frame in key("7"):
        await room.run(audio.FRAME_S, frame)
    await room.run(5.0)

    assert "Sorry, that is not a valid option." in room.said
    assert ([digit for digit, _ in room.call.tones], room.picked_up, room.machine.gone) == (["7"], [], True)


async def test_a_fax_sends_its_tone_and_waits() -> None:
    room = Room(answers={"how": "fax"}, fax={"tone_s": 2.0, "waits_s": 1.0})
    assert loud_s(await room.run(0.4)) == 0
    assert loud_s(await room.run(2.4)) == pytest.approx(2.0, abs=0.05)
    assert not room.machine.gone
    await room.run(1.0)

    assert (room.machine.gone, room.machine.greeted.is_set()) == (True, True)


@pytest.mark.parametrize("digit", "1234567890*#")
def test_every_key_is_heard_once(digit: str) -> None:
    keypad = Keypad()
    heard = [keypad.tick(frame) for frame in [*key(digit, 0.3), None, *key(digit)]]

    assert [found for found in heard if found] == [digit, digit]


def test_speech_noise_and_single_tones_are_no_keys() -> None:
    keypad = Keypad()
    rng = np.random.default_rng(3)
    noise = audioop.lin2ulaw(rng.normal(0, 4000, 8000).astype("<i2").tobytes(), 2)
    sounds = noise + audio.beep(0.5, 770) + audio.beep(0.5, 1336)

    frames = [sounds[at : at + audio.FRAME] for at in range(0, len(sounds), audio.FRAME)]
    assert [found for found in map(keypad.tick, frames) if found] == []


@pytest.mark.parametrize(
    ("person", "problem"),
    [
        ({"answers": {"how": "screening"}}, r"answers.how: screening and screening: \{service: …\} go together"),
        ({"menu": {"text": "Press 1."}}, r"answers.how: ivr and menu: \{text: …\} go together"),
        ({"answers": {"how": "fax"}}, r"answers.how: fax and fax: \{\} go together"),
        ({"answers": {"detected": "robot"}}, r"answers → detected"),
    ],
)
def test_a_person_and_their_machine_go_together(person: dict[str, Any], problem: str) -> None:
    with pytest.raises(PeopleError, match=problem):
        parse({"people": [human(**person)]})


def test_what_machines_and_those_behind_them_may_say() -> None:
    box = everybody(human(greeting="Hello?", fallback=[], **voicemail())).people[0]
    late = everybody(human(greeting="Hello?", fallback=[], **voicemail(picks_up_s=2))).people[0]

    assert box.lines() == ("Leave a message.",)
    assert late.lines() == ("Leave a message.", "Hello?")
