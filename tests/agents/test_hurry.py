"""The shortest way to a kind end, from every point of a conversation."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog.testing

from agents import dialogue as dialogue_module
from agents.dialogue import OPT_OUT_TEXT, start
from agents.domain.standing import CUT_OFF
from agents.domain.types import (
    BookAppointment,
    Brief,
    Disposition,
    EndCall,
    EndedBy,
    Heard,
    HeardKind,
    MarkWrongNumber,
    OptOut,
    Reply,
    ScheduleCallback,
)
from agents.graph import conversation_graph
from agents.state import VERSION
from tests.agents.people import (
    BUYER,
    BYE,
    FACTORY,
    FRIDAY_9,
    NOW,
    SELLER,
    TUESDAY_10,
    WEDNESDAY_14,
    Line,
    Talk,
    heard,
)

GOODBYE = f"I have to let you go now, but Summit Realty will follow up with you. Take care. {BYE}"
SHORT_OF_TIME = "I am a little short of time, so let us set up a meeting."
OFFER = "I have Tuesday at ten A M or Wednesday at two P M. Which works better?"
OFFER_AGAIN = "Would Tuesday at ten A M suit you better, or Wednesday at two P M?"
WHEN = "When is a good time to call you back?"
CALL_BACK = "I can call back today at two P M, or Monday at ten A M. Which is better?"
QUALIFIED = ["Yes.", "New job.", "two months", "450", "no"]
OFFERED = [*QUALIFIED, "paid off"]
SCREENED = "Hi, if you record your name and reason for calling, I'll see if this person is available."
INTRODUCTION = (
    "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a recorded line. "
    "You can say stop or press nine at any time. I am calling about your home on Maple Street."
)
WRAPPED_UP = (EndCall("wrapped_up"),)
MONDAY_10 = TUESDAY_10 - timedelta(days=1)


async def hurried(brief: Brief, before: Sequence[Line], after: Sequence[Line], *, opened: bool = True) -> Talk:
    """The replies after the hurry that came between ``before`` and ``after``, each turn in a fresh dialogue."""
    dialogue = FACTORY(brief)
    if opened:
        dialogue.opening(now=NOW)
    for line in before:
        assert not (await dialogue.reply(heard(line), now=NOW)).ends
    dialogue.hurry()
    replies: list[Reply] = []
    for line in after:
        assert not replies or not replies[-1].ends, f"ended before {line!r}: {replies[-1]}"
        dialogue = FACTORY(brief, snapshot=json.loads(json.dumps(dialogue.snapshot())))
        replies.append(await dialogue.reply(heard(line), now=NOW))
    assert replies[-1].ends
    return Talk(tuple(replies), dialogue.wrap_up(ended_by=EndedBy.AGENT, now=NOW))


@pytest.mark.parametrize(
    ("before", "said", "answer"),
    [
        ([], "yes", "Great."),
        ([], "purple monkey", "Sorry, I did not get that."),
        ([], "hello?", "Hello. This is Ava, an AI assistant from Summit Realty."),
        ([], "what did you say", ""),
        ([], "hold on", ""),
        ([], Heard("1", NOW, HeardKind.KEY), "Sorry, I did not get that."),
        (["yes"], "new job", "Got it."),
        (["yes", "new job"], "two months", "Thank you."),
        (["yes"], None, ""),
        (["yes"], "I don't know", "Got it."),
        (["yes"], "are you a robot?", "Yes, I am an AI assistant. A person can call you instead."),
        (["yes"], "who is this", "This is Ava, an AI assistant from Summit Realty. I am calling about your home on "
         "Maple Street."),
        (["yes"], "how did you get my number", "Your number came from the web form on March third, twenty twenty "
         "six. If you say stop, we will not call again."),
        (["yes", "how did you get my number"], "no", "Thank you."),
        (["yes"], "what kind of people live there", "Fair housing law does not let me help with that. I can look by "
         "price, size and place."),
        (["yes"], "I'm driving", "Sorry to catch you at a bad time."),
        (["yes"], "no hablo ingles", "Lo siento, solo hablo inglés. Un colega puede llamarle."),
        (["yes"], "she's not here", "Thank you. I would like to reach Maria."),
        (["yes"], "rates are too high", "I cannot give advice on rates, but a lender can."),
        (["yes"], "what's it worth", "I cannot give a figure. An agent can look at the home and value it."),
        (["yes"], "your commission is too high", "That is a fair question, and an agent can explain every cost."),
        (["yes"], "send me an email", "I will note that for the team."),
        (["yes"], "we're not ready", "That makes sense."),
        (["yes", "rates are too high"], "yes it does", "Very well."),
        (["yes", "not interested"], "it's the timing", "That makes sense."),
        (["yes", "not interested"], "yes", "That makes sense."),
        (["yes", "I have an agent"], "no", "Thank you."),
    ],
)  # fmt: skip
async def test_what_was_said_is_answered_without_a_question_and_a_follow_up_promised(
    before: list[Line], said: Line, answer: str
) -> None:
    held = await hurried(SELLER, before, [said])

    assert held.texts == [f"{answer} {GOODBYE}".strip()]
    assert held.acts == WRAPPED_UP
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED, "not closed, and called again by the cadence"
    assert held.outcome.acts == WRAPPED_UP
    assert held.outcome.summary.startswith("We promised to follow up.")


@pytest.mark.parametrize(
    ("before", "said", "text", "acts", "disposition"),
    [
        (["yes"], "Stop calling me.", OPT_OUT_TEXT, (OptOut("Stop calling me."), EndCall("opt_out")),
         Disposition.DO_NOT_CALL),
        ([], Heard("9", NOW, HeardKind.KEY), OPT_OUT_TEXT, (OptOut("9"), EndCall("opt_out")),
         Disposition.DO_NOT_CALL),
        (["how did you get my number"], "yes", OPT_OUT_TEXT, (OptOut("yes"), EndCall("opt_out")),
         Disposition.DO_NOT_CALL),
        (["yes"], "wrong number", f"I am sorry for the trouble. I will note that this is the wrong number. {BYE}",
         (MarkWrongNumber("wrong number"), EndCall("wrong_number")), Disposition.WRONG_NUMBER),
        ([], Heard("machine_start", NOW, HeardKind.MACHINE), "", (EndCall("voicemail"),), Disposition.VOICEMAIL),
        (["yes"], "we're signed with Keller Williams",
         f"Thank you for telling me. You are in good hands, so I will let you go. {BYE}",
         (EndCall("has_agent"),), Disposition.HAS_AGENT),
        (["yes"], "bye", f"Thank you for your time. {BYE}", (EndCall("goodbye"),), Disposition.HUNG_UP),
        (QUALIFIED, "bye", f"Thank you for your time. {BYE}", (EndCall("goodbye"),), Disposition.QUALIFIED),
        (["yes"], "call me tomorrow at ten", f"Very well. We will call you tomorrow at ten A M. Thank you. {BYE}",
         (ScheduleCallback(MONDAY_10 - timedelta(days=1), "call me tomorrow at ten"), EndCall("callback")),
         Disposition.CALLBACK_REQUESTED),
    ],
)  # fmt: skip
async def test_what_ends_a_call_anyway_ends_it_as_always(
    before: list[Line], said: Line, text: str, acts: tuple[object, ...], disposition: Disposition
) -> None:
    held = await hurried(SELLER, before, [said])

    assert held.texts == [text]
    assert held.acts == acts
    assert held.outcome.disposition is disposition


@pytest.mark.parametrize(
    ("before", "said", "text"),
    [
        ([], "not interested", f"I understand. Thank you for your time. {BYE}"),
        ([], "no", f"I understand. Thank you for your time. {BYE}"),
        (["yes", "not interested"], "no", f"I understand. Thank you for your time. {BYE}"),
        (["yes", "not interested"], "are you a robot", "Yes, I am an AI assistant. A person can call you instead. "
         f"Thank you for your time. {BYE}"),
        ([*QUALIFIED, "not interested"], "are you a robot", "Yes, I am an AI assistant. A person can call you "
         f"instead. Thank you for your time. {BYE}"),
        (["yes", "not interested"], None, f"Thank you for your time. {BYE}"),
        (["yes"], "we already sold it", "Congratulations, and thank you for telling me. I wish you all the best. "
         f"{BYE}"),
    ],
)  # fmt: skip
async def test_a_refusal_is_not_questioned_and_nothing_is_promised(before: list[Line], said: Line, text: str) -> None:
    held = await hurried(SELLER, before, [said])

    assert held.texts == [text]
    assert held.acts == (EndCall("not_interested"),)
    assert held.outcome.disposition is Disposition.NOT_INTERESTED


BOOKED_TUESDAY = f"Great. You are booked for Tuesday at ten A M. Thank you, Maria. {BYE}"


@pytest.mark.parametrize(
    ("before", "after", "texts", "slot"),
    [
        (OFFERED, ["the first one"], [BOOKED_TUESDAY], TUESDAY_10),
        (OFFERED, ["yes", "Tuesday"], [OFFER_AGAIN, BOOKED_TUESDAY], TUESDAY_10),
        (OFFERED, ["hold on, let me check", "Tuesday"], ["Of course, take your time.", BOOKED_TUESDAY], TUESDAY_10),
        (OFFERED, ["are you a robot", "Tuesday"],
         [f"Yes, I am an AI assistant. A person can call you instead. {OFFER}", BOOKED_TUESDAY], TUESDAY_10),
        (OFFERED, ["can you repeat that", "Tuesday"], [f"Of course. {OFFER}", BOOKED_TUESDAY], TUESDAY_10),
        (OFFERED, ["neither works", "yes"],
         ["No problem. I have Friday at nine A M. Does that work for you?",
          f"Great. You are booked for Friday at nine A M. Thank you, Maria. {BYE}"], FRIDAY_9),
        (["yes"], ["just stop by the house", "Tuesday"], [f"Gladly. {OFFER}", BOOKED_TUESDAY], TUESDAY_10),
        (["yes", "what's it worth"], ["yes", "Tuesday"], [f"Very well. {OFFER}", BOOKED_TUESDAY], TUESDAY_10),
        (QUALIFIED, ["paid off", "yes", "the second one"],
         [f"Thank you. {SHORT_OF_TIME} {OFFER}", OFFER_AGAIN,
          f"Great. You are booked for Wednesday at two P M. Thank you, Maria. {BYE}"], WEDNESDAY_14),
        (QUALIFIED[:-1], ["no", "Tuesday"], [f"Got it. {SHORT_OF_TIME} {OFFER}", BOOKED_TUESDAY], TUESDAY_10),
        (QUALIFIED, ["are you a robot", "Tuesday"],
         [f"Yes, I am an AI assistant. A person can call you instead. {SHORT_OF_TIME} {OFFER}", BOOKED_TUESDAY],
         TUESDAY_10),
        (QUALIFIED, ["can you repeat that", "Tuesday"], [f"{SHORT_OF_TIME} {OFFER}", BOOKED_TUESDAY], TUESDAY_10),
    ],
)  # fmt: skip
async def test_an_appointment_is_brought_home(
    before: list[Line], after: list[Line], texts: list[str], slot: object
) -> None:
    held = await hurried(SELLER, before, after)

    assert held.texts == texts
    assert held.acts == held.outcome.acts
    assert [act.start_at for act in held.acts if isinstance(act, BookAppointment)] == [slot]
    assert held.outcome.disposition is Disposition.APPOINTMENT


@pytest.mark.parametrize(
    ("before", "after", "texts"),
    [
        (OFFERED, [None], [GOODBYE]),
        (OFFERED, ["yes", "yes"], [OFFER_AGAIN, GOODBYE]),
        (OFFERED, ["hold on", None], ["Of course, take your time.", GOODBYE]),
        (OFFERED, ["hold on", "hold on"], ["Of course, take your time.", GOODBYE]),
        ([*QUALIFIED, "waiting for the market"], ["no"], [f"I understand. {GOODBYE}"]),
        (OFFERED, ["just send me an email"], [f"I will note that for the team. {GOODBYE}"]),
        (OFFERED, ["I have to ask my wife"], [f"Of course, that is a joint decision. {GOODBYE}"]),
        (OFFERED, ["are you a robot"] * 2,
         [f"Yes, I am an AI assistant. A person can call you instead. {OFFER}",
          f"Yes, I am an AI assistant. A person can call you instead. {GOODBYE}"]),
        (QUALIFIED, ["what's it worth"], [f"I cannot give a figure. An agent can look at the home and value it. "
                                          f"{GOODBYE}"]),
        (QUALIFIED, ["how did you get my number"], [f"Your number came from the web form on March third, twenty "
                                                    f"twenty six. If you say stop, we will not call again. "
                                                    f"{GOODBYE}"]),
        (QUALIFIED, [None], [GOODBYE]),
        (QUALIFIED, ["hold on"], [GOODBYE]),
        (QUALIFIED, ["paid off", "purple", "green"],
         [f"Thank you. {SHORT_OF_TIME} {OFFER}", f"Sorry, I did not get that. {OFFER_AGAIN}",
          f"Sorry, I did not get that. {GOODBYE}"]),
    ],
)  # fmt: skip
async def test_a_qualified_lead_without_a_booking_is_left_to_the_team(
    before: list[Line], after: list[Line], texts: list[str]
) -> None:
    held = await hurried(SELLER, before, after)

    assert held.texts == texts
    assert held.acts == WRAPPED_UP
    assert held.outcome.disposition is Disposition.QUALIFIED


async def test_a_refused_slot_is_not_offered_anew() -> None:
    declined = await hurried(SELLER, OFFERED, ["no thanks"])
    told = await hurried(SELLER, [*OFFERED, "neither works", "who is this"], ["hm", "hm"])
    silent = await hurried(SELLER, [*OFFERED, "neither works", None], ["yes", "no"])

    assert declined.texts == [f"That is all right. Thank you for your time. {BYE}"]
    assert declined.acts == (EndCall("declined"),)
    assert declined.outcome.disposition is Disposition.QUALIFIED
    assert told.texts == [
        "Sorry, I did not get that. I have Friday at nine A M. Does that work for you?",
        f"Sorry, I did not get that. {GOODBYE}",
    ]
    assert silent.texts == [
        f"Good. {SHORT_OF_TIME} I have Friday at nine A M. Does that work for you?",
        f"That is all right. Thank you for your time. {BYE}",
    ]


async def test_all_questions_about_times_together_are_three() -> None:
    held = await hurried(SELLER, ["yes"], ["just stop by the house", "Saturday at six", "Sunday at noon", "purple"])

    assert held.texts == [
        f"Gladly. {OFFER}",
        "That time is not free. I have Friday at nine A M. Does that work for you?",
        f"That time is not free. {WHEN}",
        f"Sorry, I did not get that. {GOODBYE}",
    ]
    assert held.acts == WRAPPED_UP


async def test_without_free_slots_a_qualified_lead_is_promised_a_follow_up() -> None:
    held = await hurried(replace(SELLER, slots=()), QUALIFIED, ["paid off"])

    assert held.texts == [f"Thank you. {GOODBYE}"]
    assert held.outcome.disposition is Disposition.QUALIFIED


@pytest.mark.parametrize(
    ("before", "after", "texts", "at"),
    [
        (["I'm busy"], ["tomorrow at ten"], [f"Very well. We will call you tomorrow at ten A M. Thank you. {BYE}"],
         MONDAY_10 - timedelta(days=1)),
        (["I'm busy"], ["neither", "Monday at ten"],
         ["Which day and time would suit you for a call?",
          f"Very well. We will call you Monday at ten A M. Thank you. {BYE}"], MONDAY_10),
        (["yes"], ["call me later", "the second one"],
         [f"Of course. {CALL_BACK}",
          f"Very well. We will call you Monday at ten A M. Thank you. {BYE}"], MONDAY_10),
        (["yes"], ["let me talk to a person", "are you a robot", "yes"],
         [f"Of course, a person can call you. {CALL_BACK}",
          f"Yes, I am an AI assistant. A person can call you instead. {CALL_BACK}",
          f"Very well. We will call you today at two P M. Thank you. {BYE}"], NOW + timedelta(hours=3)),
        (["yes", "I have to ask my wife"], ["yes", "Monday at ten"],
         [f"Very well. {WHEN}", f"Very well. We will call you Monday at ten A M. Thank you. {BYE}"], MONDAY_10),
        (OFFERED, ["Saturday at six", "Sunday at noon", "Monday at ten"],
         ["That time is not free. I have Friday at nine A M. Does that work for you?",
          f"That time is not free. {WHEN}",
          f"Very well. We will call you Monday at ten A M. Thank you. {BYE}"], MONDAY_10),
    ],
)  # fmt: skip
async def test_a_time_to_call_is_brought_home(
    before: list[Line], after: list[Line], texts: list[str], at: datetime
) -> None:
    held = await hurried(SELLER, before, after)

    assert held.texts == texts
    assert held.acts == (ScheduleCallback(at, str(after[-1])), EndCall("callback"))
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED
    assert held.outcome.summary.startswith("Asked for a call back for ")


async def test_a_time_to_call_that_stays_open_becomes_our_promise() -> None:
    held = await hurried(SELLER, ["I'm busy"], ["purple", "green"])

    assert held.texts == [
        "Sorry, I did not get that. Would today at two P M suit you better, or Monday at ten A M?",
        f"Sorry, I did not get that. {GOODBYE}",
    ]
    assert held.acts == WRAPPED_UP
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED


@pytest.mark.parametrize("before", [[], [SCREENED]])
async def test_nobody_there_is_promised_nothing(before: list[Line]) -> None:
    held = await hurried(SELLER, before, [None])

    assert held.texts == [f"I cannot hear you, so I will let you go. {BYE}"]
    assert held.acts == (EndCall("silence"),)
    assert held.outcome.disposition is Disposition.NO_ANSWER


async def test_a_screening_service_hears_who_called() -> None:
    first = await hurried(SELLER, [], [SCREENED], opened=False)
    later = await hurried(SELLER, [], ["please hold"], opened=False)

    said = "Hi, this is Ava, an AI assistant with Summit Realty, calling Maria about the house on Maple Street."
    assert first.texts == [f"{said} {GOODBYE}"]
    assert later.texts == [f"{INTRODUCTION} {GOODBYE}"]
    assert first.acts == later.acts == WRAPPED_UP


async def test_the_opening_of_a_hurried_call_discloses_and_ends() -> None:
    dialogue = start(SELLER)
    dialogue.hurry()

    assert dialogue.opening(now=NOW) == Reply(
        f"{INTRODUCTION} {GOODBYE}", acts=WRAPPED_UP, agent="conversation", interruptible=False
    )
    assert dialogue.wrap_up(ended_by=EndedBy.AGENT, now=NOW).disposition is Disposition.CALLBACK_REQUESTED


async def test_after_a_break_a_time_is_asked_for_again_and_nothing_else() -> None:
    async def resumed(lines: list[str]) -> Reply:
        dialogue = start(SELLER)
        dialogue.opening(now=NOW)
        for line in lines:
            await dialogue.reply(heard(line), now=NOW)
        dialogue.hurry()
        return start(SELLER, snapshot=dialogue.snapshot()).opening(now=NOW)

    offered, asked = await resumed(OFFERED), await resumed(["yes"])

    assert (offered.text, offered.acts) == (f"{CUT_OFF} {OFFER}", ())
    assert (asked.text, asked.acts) == (f"{CUT_OFF} {GOODBYE}", WRAPPED_UP)


async def test_who_hangs_up_before_the_goodbye_has_hung_up() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    await dialogue.reply(heard("yes"), now=NOW)
    dialogue.hurry()

    outcome = dialogue.wrap_up(ended_by=EndedBy.LEAD, now=NOW)

    assert (outcome.disposition, outcome.acts) == (Disposition.HUNG_UP, ())


async def test_hurry_may_come_twice_and_is_logged_once() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    with structlog.testing.capture_logs() as logs:
        dialogue.hurry()
        once = dialogue.snapshot()
        dialogue.hurry()

    assert dialogue.snapshot() == once
    assert [(entry["event"], entry["call_id"], entry["turn"]) for entry in logs] == [
        ("dialogue.hurried", "call-1", 0)
    ]


class _SlowGraph:
    """The real graph, with a hurry that comes while it runs."""

    def __init__(self, during: Any) -> None:
        self._during = during

    async def ainvoke(self, turn: Any) -> Any:
        result = await conversation_graph().ainvoke(turn)
        self._during()
        await asyncio.sleep(0)
        return result


async def test_a_hurry_while_a_reply_is_made_counts_from_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    for line in QUALIFIED:
        await dialogue.reply(heard(line), now=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(dialogue_module, "conversation_graph", lambda: _SlowGraph(dialogue.hurry))
        reply = await dialogue.reply(heard("paid off"), now=NOW)
    state = dialogue.snapshot()["state"]

    assert reply.text == f"Thank you. {OFFER}"
    assert (state["hurried"], state["hurry_asked"]) == (True, ["slot"])
    assert (await dialogue.reply(heard("yes"), now=NOW)).text == OFFER_AGAIN
    assert (await dialogue.reply(heard("yes"), now=NOW)).text == GOODBYE


def test_a_buyer_hears_the_same() -> None:
    held = asyncio.run(hurried(BUYER, ["yes"], ["a bigger kitchen"]))

    assert held.texts == [f"Got it. {GOODBYE}"]
    assert held.replies[0].fixed


OLD_SNAPSHOT = json.loads("""
{"version": 1, "state": {"stage": "talking", "language": "en", "turn": 5, "silences": 0, "unclear": 0, "facts": {
"interested": {"value": "yes", "confidence": 0.9, "turn": 1}, "motivation": {"value": "job", "confidence": 0.9,
"turn": 2}, "timeline": {"value": "2", "confidence": 0.9, "turn": 3}, "price": {"value": "450000", "confidence": 0.9,
"turn": 4}, "agent": {"value": "none", "confidence": 0.9, "turn": 5}}, "asked": {"interest": 1, "motivation": 1,
"timeline": 1, "price": 1, "agent": 1, "financing": 1}, "question": "financing", "heard_whole": true,
"last_text": "Got it. Is there a mortgage on the home, or is it paid off?", "objections": {}, "objection": null,
"offered": [], "refused": [], "refusals": 0, "chosen_at": null, "callback_at": null, "callback_said": "", "acts": [],
"settled": null, "closed_by": null}}
""")
"""Written before a conversation could be hurried."""


async def test_a_snapshot_from_before_loads_and_can_be_hurried() -> None:
    dialogue = start(SELLER, snapshot=OLD_SNAPSHOT)
    unhurried = start(SELLER, snapshot=OLD_SNAPSHOT)
    dialogue.hurry()

    snapshot = unhurried.snapshot()
    assert snapshot["version"] == OLD_SNAPSHOT["version"] == VERSION
    assert snapshot["state"] == {
        **OLD_SNAPSHOT["state"],
        **{"hurried": False, "hurry_asked": []},
        **{"purposes": 0, "keys": [], "messages": 0, "message_left": False, "handing_on": "", "holding": 0},
        **{"own": "", "own_asked": {}, "own_expects": None},
        **{"heard_at": None, "carried": {}, "confirming": "", "stood_in": False, "number_told": False},
        "facts": {name: {**fact, "at": None} for name, fact in OLD_SNAPSHOT["state"]["facts"].items()},
    }
    assert (await unhurried.reply(heard("paid off"), now=NOW)).text == f"Thank you. {OFFER}"
    assert (await dialogue.reply(heard("paid off"), now=NOW)).text == f"Thank you. {SHORT_OF_TIME} {OFFER}"


def test_what_a_newer_process_adds_does_not_stop_an_older_one() -> None:
    newer = {**OLD_SNAPSHOT, "state": {**OLD_SNAPSHOT["state"], "from_the_future": True}}

    assert start(SELLER, snapshot=newer).snapshot() == start(SELLER, snapshot=OLD_SNAPSHOT).snapshot()
