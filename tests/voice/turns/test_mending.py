"""What is held of a reply, when it stands, and when it is taken back."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from agents.domain.types import (
    Act,
    BookAppointment,
    EndCall,
    Expect,
    Heard,
    HeardKind,
    OptOut,
    Reply,
    ScheduleCallback,
    StopRecording,
)
from tests.voice.dialogues import ScriptedDialogue
from voice.hearing import Turn
from voice.mending import Mending

AT = datetime(2026, 11, 23, 18, tzinfo=UTC)
BOOKED = BookAppointment(AT)
BOOKING = Reply("You are booked for Thursday at two.", acts=(BOOKED,))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    """One call's mending, and what came of it."""

    dialogue: ScriptedDialogue = field(default_factory=ScriptedDialogue)
    clock: Clock = field(default_factory=Clock)
    acts: list[Act] = field(default_factory=list)
    speaking: bool = False

    def __post_init__(self) -> None:
        self.mending = Mending(
            "call-1", self.dialogue, emit=self.acts.append, undecided=lambda: self.speaking, clock=self.clock
        )

    async def reply(self, text: str, reply: Reply, *, decided: float = 100.0) -> None:
        await self.dialogue.reply(Heard(text, AT), now=AT)
        self.mending.hold(reply, Heard(text, AT), turn(text, started=decided - 2.0, decided=decided))


def turn(text: str, *, started: float, decided: float | None = None) -> Turn:
    over = started + 1.0
    return Turn(text, 0.9, started, over, over, over, decided if decided is not None else over + 0.3)


def second(text: str, started: float) -> tuple[Heard, Turn]:
    return Heard(text, AT), turn(text, started=started)


@pytest.mark.parametrize(
    ("started", "begun", "mended"),
    [
        (100.4, None, True),  # before a sound of ours
        (101.1, None, True),
        (101.3, None, False),  # too late to be the same sentence
        (100.55, 100.05, True),
        (100.6, 100.05, False),  # they have heard a word by then
        (101.1, 100.9, True),
    ],
)
async def test_who_goes_on_is_answered_once(started: float, begun: float | None, mended: bool) -> None:
    desk = Desk()
    await desk.reply("Thursday at two", BOOKING)
    if begun is not None:
        desk.mending.begun(begun)
    whole = desk.mending.mended(*second("is not good.", started))
    if mended:
        assert whole == Heard("Thursday at two is not good.", AT)
        assert desk.dialogue.taken_back == ["Thursday at two"]
        assert desk.acts == []
    else:
        assert whole is None
        assert desk.dialogue.taken_back == []
        assert desk.acts == [BOOKED]
    desk.mending.settle()
    assert desk.acts == ([] if mended else [BOOKED])  # never later, and once


async def test_a_third_part_is_joined_to_both() -> None:
    desk = Desk()
    await desk.reply("Thursday", BOOKING)
    whole = desk.mending.mended(*second("at two", 100.4))
    assert whole is not None
    desk.mending.hold(BOOKING, whole, turn("at two", started=100.4, decided=101.7))
    assert desk.mending.mended(*second("is not good.", 102.0)) == Heard("Thursday at two is not good.", AT)
    assert desk.acts == []


@pytest.mark.parametrize(
    ("reply", "stands"),
    [
        (Reply("Removed. Goodbye.", acts=(OptOut("x"), EndCall("opt_out")), interruptible=False), True),
        (Reply("Sure, it is off.", acts=(StopRecording("x"),)), True),
        (Reply("", acts=(EndCall("over"),)), True),
        (Reply("This is Acme. This call is recorded.", interruptible=False), True),
        (Reply("Goodbye.", acts=(EndCall("done"),), interruptible=False), False),
        (Reply("I will call on Friday.", acts=(ScheduleCallback(AT, "x"),)), False),
    ],
)
async def test_what_stands_at_once(reply: Reply, stands: bool) -> None:
    desk = Desk()
    await desk.reply("Stop", reply)
    assert desk.acts == (list(reply.acts) if stands else [])
    assert (desk.mending.mended(*second("that.", 100.3)) is None) is stands
    assert desk.acts == (list(reply.acts) if stands else [])
    assert desk.dialogue.taken_back == ([] if stands else ["Stop"])


async def test_a_reply_to_no_speech_stands_at_once() -> None:
    desk = Desk()
    desk.mending.hold(BOOKING, Heard("1", AT, HeardKind.KEY), None)
    assert desk.acts == [BOOKED]
    assert desk.mending.mended(*second("No.", 100.3)) is None


async def test_what_cannot_wait_is_hidden_behind_nothing() -> None:
    class Strict(ScriptedDialogue):
        def cannot_wait(self, heard: Heard) -> bool:
            return heard.text == "Stop calling."

    desk = Desk(dialogue=Strict())
    await desk.reply("My wife says", BOOKING)
    assert desk.mending.mended(*second("Stop calling.", 100.3)) is None
    assert (desk.dialogue.taken_back, desk.acts) == ([], [BOOKED])


async def test_what_the_conversation_will_not_take_back_stands() -> None:
    class Final(ScriptedDialogue):
        def take_back(self) -> bool:
            return False

    desk = Desk(dialogue=Final())
    await desk.reply("Thursday", BOOKING)
    assert desk.mending.mended(*second("or Friday.", 100.3)) is None
    assert desk.acts == [BOOKED]


@pytest.mark.parametrize("heard", [Heard("9", AT, HeardKind.KEY), Heard("", AT, HeardKind.SILENCE)])
async def test_anything_else_that_is_heard_settles_it(heard: Heard) -> None:
    desk = Desk()
    await desk.reply("Thursday", BOOKING)
    assert desk.mending.mended(heard, None) is None
    assert (desk.dialogue.taken_back, desk.acts) == ([], [BOOKED])


async def test_a_reply_stands_before_the_next_one() -> None:
    desk = Desk()
    await desk.reply("Thursday", BOOKING)
    callback = ScheduleCallback(AT, "Friday")
    desk.mending.hold(Reply("I will call.", acts=(callback,)), Heard("Friday", AT), turn("Friday", started=105.0))
    assert desk.acts == [BOOKED]


async def test_it_stands_once_it_was_heard_for_long_enough() -> None:
    desk = Desk()
    await desk.reply("Thursday", BOOKING)
    desk.mending.begun(desk.clock.now - 0.8)  # 50 ms are left
    desk.mending.begun(desk.clock.now + 5)  # a second sound begins nothing
    assert desk.acts == []
    await asyncio.sleep(0.1)
    assert desk.acts == [BOOKED]


async def test_while_somebody_speaks_it_is_not_known() -> None:
    desk = Desk()
    await desk.reply("Thursday", BOOKING)
    desk.speaking = True
    desk.mending.begun(desk.clock.now - 0.85)
    await asyncio.sleep(0.05)
    assert desk.acts == []
    desk.mending.said()
    assert desk.acts == []
    desk.speaking = False
    desk.mending.said()
    assert desk.acts == [BOOKED]


async def test_nothing_held_is_nothing_to_mend() -> None:
    desk = Desk()
    desk.mending.begun(100.0)
    desk.mending.said()
    desk.mending.settle()
    assert not desk.mending.continues(100.1)
    assert desk.mending.mended(*second("Hello.", 100.1)) is None
    assert (desk.dialogue.taken_back, desk.acts) == ([], [])


async def test_no_voice_continues_nothing() -> None:
    desk = Desk()
    await desk.reply("What about", Reply("Sorry?", expects=Expect.DATE))
    assert not desk.mending.continues(None)
    assert desk.mending.continues(100.2)
