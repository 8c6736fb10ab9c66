"""What was heard and not answered yet: in which order it is taken, what is put together, and what is forgotten."""

import math
from datetime import UTC, datetime

from agents.domain.types import Heard, HeardKind, Reply
from voice.hearing import Turn
from voice.inbox import Inbox, Pending

AT = datetime(2026, 11, 10, tzinfo=UTC)
BEFORE = -math.inf


def said(text: str, ended: float = 1.0) -> Pending:
    turn = Turn(text, 1.0, started=ended - 0.5, ended=ended, stopped=ended, transcribed=ended, decided=ended)
    return Pending(Heard(text, AT), turn)


def key(digit: str) -> Pending:
    return Pending(Heard(digit, AT, HeardKind.KEY))


def inbox(*waiting: Pending) -> Inbox:
    made = Inbox(lambda heard: heard.text in ("9", "Stop."))
    for one in waiting:
        made.put(one)
    return made


def test_speech_that_follows_speech_is_one_answer_and_a_key_is_its_own() -> None:
    box = inbox(said("The roof"), said("is new."), key("1"), said("Bye."))
    assert [box.take(question_from=BEFORE).heard.text for _ in range(3)] == ["The roof is new.", "1", "Bye."]
    assert len(box) == 0


def test_speech_that_is_put_together_began_with_its_first_words() -> None:
    turn = inbox(said("No,", ended=1.0), said("on Friday.", ended=3.0)).take(question_from=BEFORE).turn
    assert turn is not None
    assert (turn.started, turn.ended) == (0.5, 3.0)


def test_what_was_said_before_our_question_is_no_answer_to_it() -> None:
    box = inbox(said("Hello?", ended=1.0), said("Yes.", ended=3.0))
    first, second = box.take(question_from=2.0), box.take(question_from=2.0)
    assert [(one.heard.text, one.heard.before_question) for one in (first, second)] == [
        ("Hello?", True),
        ("Yes.", False),
    ]


def test_an_operators_words_come_first() -> None:
    box = inbox(said("Yes."))
    box.put_first(Pending(Heard("", AT), reply=Reply("Is the roof new?")))
    taken = box.take(question_from=BEFORE)
    assert taken.reply is not None
    assert taken.reply.text == "Is the roof new?"


def test_what_cannot_wait_is_urgent_until_it_is_taken_and_is_never_forgotten() -> None:
    box = inbox(said("Yes."))
    assert not box.urgent.is_set()
    box.put(said("Stop."))
    box.put(said("The roof is new."))
    assert box.urgent.is_set()
    assert box.keep_urgent()
    assert [one.heard.text for one in box] == ["Stop."]
    assert box.take(question_from=BEFORE).heard.text == "Stop."
    assert not box.urgent.is_set()
    assert not box.keep_urgent()


async def test_news_is_what_came_since_it_was_cleared() -> None:
    box = inbox(said("Yes."))
    assert await box.told_within(0)
    box.news.clear()
    assert not await box.told_within(0.01)
    box.put(key("9"))
    assert await box.told_within(0)
