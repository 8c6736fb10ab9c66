"""A call back that is asked for: a time that leaves doubt is read back, and whoever falls silent is called anyway."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.dialogue import start
from agents.domain.types import Disposition, EndCall, ScheduleCallback
from tests.agents.people import NOW, SELLER, Line, heard, talk

MONDAY_9 = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
MONDAY_18 = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
MONDAY_AT_NIGHT = "Call me Monday at night."
READ_BACK = "We would call you Monday at six P M. Is that right?"
WHEN = "today at two P M, or Monday at ten A M"
GONE: list[Line] = [None, None, None]
ANOTHER_TIME = "I cannot hear you, so we will call you another time."


async def promised(*lines: Line) -> tuple[datetime, str]:
    """The time that was promised in the end, and the words that are kept for it."""
    held = await talk(SELLER, lines)
    promise, end = held.acts
    assert isinstance(promise, ScheduleCallback)
    assert end == EndCall("callback")
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED
    return promise.at, promise.said


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (MONDAY_AT_NIGHT, "Monday at six P M"),
        ("Can you call me tonight?", "today at six P M"),
        ("try me tomorrow afternoon", "tomorrow at two P M"),
        ("call back Tuesday morning", "Tuesday at ten A M"),
        ("Call me tomorrow at eight.", "tomorrow at eight A M"),
        ("call me Monday at nine PM", "Monday at eight P M"),
        ("call me at nine", "tomorrow at nine A M"),
        ("Can you call me in 2020?", "today at eleven twenty A M"),
        ("Call me back in 20, 20.", "today at eleven twenty A M"),
        ("ring me in 45", "today at eleven forty five A M"),
        ("Tuesday. No story, call me Friday at 10.", "Friday at ten A M"),
        ("call me on Wednesday. Thursday at ten", "Thursday at ten A M"),
        ("Tuesday. Friday, call me then", "Tuesday at ten A M"),
        ("I'm busy, call me back in about thirty", "today at eleven thirty A M"),
    ],
)
async def test_a_time_that_is_partly_our_guess_is_read_back_before_it_is_promised(said: str, read: str) -> None:
    held = await talk(SELLER, [said])
    assert held.texts[1] == f"We would call you {read}. Is that right?"
    assert held.acts == ()


async def test_a_no_to_a_time_is_none_to_agree_on_by_the_same_words() -> None:
    held = await talk(SELLER, [MONDAY_AT_NIGHT, "Oh no. Monday at night."])
    assert held.texts[2] == READ_BACK
    assert held.acts == ()


async def test_a_day_that_was_lost_on_the_way_is_read_back() -> None:
    held = await talk(SELLER, ["I can't talk right now", "Neither of those", "One day at three."])
    assert held.texts[3].startswith("We would call you ")
    assert held.acts == ()


@pytest.mark.parametrize(
    "said",
    [
        "Call me Monday at nine.",
        "call me back in twenty minutes",
        "Call me Tuesday after lunch.",
        "call me tomorrow at eight PM",
        "call me tomorrow at eight in the morning",
        "call me Monday at half past nine",
    ],
)
async def test_a_time_that_leaves_no_doubt_is_promised_at_once(said: str) -> None:
    assert (await promised(said))[1] == said


@pytest.mark.parametrize(
    ("answers", "at"),
    [
        (["Yes."], MONDAY_18),
        (["that's right"], MONDAY_18),
        (["yeah, at night"], MONDAY_18),
        (["Yes, Monday evening at six"], MONDAY_18),
        (["hm", "yes please"], MONDAY_18),
        (["No, nine in the morning."], MONDAY_9),
        (["no no, at nine"], MONDAY_9),
        (["No.", "Monday at nine AM"], MONDAY_9),
        (["I said at nine A M"], MONDAY_9),
        (["No, on Tuesday"], MONDAY_18 + timedelta(days=1)),
        ([None, "yes I am here", "Monday at nine"], MONDAY_9),
        ([None, "Monday at nine"], MONDAY_9),
    ],
)
async def test_what_was_read_back_is_promised_or_put_right(answers: list[Line], at: datetime) -> None:
    assert (await talk(SELLER, [MONDAY_AT_NIGHT])).texts[1] == READ_BACK
    assert (await promised(MONDAY_AT_NIGHT, *answers))[0] == at


async def test_the_words_that_asked_are_kept_and_not_the_yes() -> None:
    assert await promised(MONDAY_AT_NIGHT, "yes") == (MONDAY_18, MONDAY_AT_NIGHT)


async def test_who_falls_silent_over_a_time_that_was_read_back_is_called_then() -> None:
    assert await promised(MONDAY_AT_NIGHT, *GONE) == (MONDAY_18, MONDAY_AT_NIGHT)


@pytest.mark.parametrize("said", ["no thanks", "No, forget it, I'm not interested."])
async def test_who_wants_no_call_after_all_is_left_in_peace(said: str) -> None:
    held = await talk(SELLER, [MONDAY_AT_NIGHT, said])
    assert held.acts == (EndCall("declined"),)
    assert held.outcome.disposition is Disposition.NOT_INTERESTED


@pytest.mark.parametrize("said", ["we bought it in 2020", "in 2020", "I paid that in 20"])
async def test_a_number_alone_is_no_time_where_nobody_asks_for_a_call(said: str) -> None:
    assert not any(isinstance(act, ScheduleCallback) for act in (await talk(SELLER, [said])).acts)


@pytest.mark.parametrize(
    "before",
    [
        ["I'm busy right now"],
        ["I can't talk, can you call me back?"],
        ["I'm driving", "Sorry?", "Um, pardon me"],
        ["She is not home, sorry."],
        ["No thank you.", "It's just the timing."],
    ],
)
async def test_who_was_asked_when_to_call_and_fell_silent_is_called_another_time(before: list[Line]) -> None:
    held = await talk(SELLER, [*before, *GONE])
    assert held.texts[-1].startswith(ANOTHER_TIME)
    assert held.acts == (EndCall("callback_requested"),)
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED
    assert held.outcome.summary.startswith("We promised to follow up")


async def test_who_falls_silent_over_any_other_question_has_hung_up() -> None:
    held = await talk(SELLER, ["Yes.", *GONE])
    assert held.acts == (EndCall("silence"),)
    assert held.outcome.disposition is Disposition.HUNG_UP


async def test_who_talks_on_after_a_silence_is_asked_when_to_call_and_nothing_else() -> None:
    held = await talk(SELLER, ["I'm busy right now", None, "yes, I'm here"])
    assert held.texts[-1] == "Good. Which day and time would suit you for a call?"


async def test_who_tells_of_their_plans_after_all_is_asked_on() -> None:
    told = "Okay, now I can talk. We would like 450 thousand for it."
    held = await talk(SELLER, ["I'm busy right now", None, told, *GONE])
    assert held.texts[3] == "Thank you. Is selling your home something you are considering?"
    assert held.outcome.disposition is Disposition.HUNG_UP


async def test_a_call_back_that_is_not_heard_is_offered_in_the_same_words_once() -> None:
    held = await talk(SELLER, ["I'm busy right now", "Sorry?", "Um, pardon me"])
    assert held.texts[2:] == [
        f"Of course. I can call back {WHEN}. Which is better?",
        "Let me put it another way. Would today at two P M suit you better, or Monday at ten A M?",
    ]


async def test_a_read_back_is_not_waited_for_in_a_hurry() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    dialogue.hurry()
    reply = await dialogue.reply(heard(MONDAY_AT_NIGHT), now=NOW)
    assert reply.acts == (ScheduleCallback(MONDAY_18, MONDAY_AT_NIGHT), EndCall("callback"))
