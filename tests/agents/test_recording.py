"""Somebody who does not want to be recorded: what counts as that, what is answered, and what it is not."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.dialogue import NOT_RECORDED, RECORDING_OFF, LeadDialogue, start
from agents.domain.questions import introduction
from agents.domain.recording import beside_recording, objects_to_recording
from agents.domain.types import Brief, EndCall, Heard, OptOut, Reply, StopRecording

NOW = datetime(2026, 11, 9, 17, 0, tzinfo=UTC)


def brief(*, recorded: bool = True) -> Brief:
    return Brief(
        call_id="1",
        company="Summit Realty",
        agent_name="Ava",
        callback_number="+12125550199",
        lead_name="Maria Lopez",
        lead_zone="America/Denver",
        interest="sell",
        slots=(NOW + timedelta(days=1), NOW + timedelta(days=2)),
        recorded=recorded,
    )


async def answer(dialogue: LeadDialogue, said: str) -> Reply:
    return await dialogue.reply(Heard(said, NOW), now=NOW)


@pytest.mark.parametrize(
    "said",
    [
        "Don't record me.",
        "Please stop recording.",
        "Stop the recording, please.",
        "I don't want to be recorded.",
        "I do not consent to being recorded.",
        "Turn off the recording.",
        "Can you turn that recording off?",
        "No recording please.",
        "You can't record me.",
        "I'd rather not be recorded.",
        "Stop taping me!",
        "Well, that is fine, but I'm not okay with this being recorded.",
    ],
)
def test_objections(said: str) -> None:
    assert objects_to_recording(said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Are you recording this?",
        "I don't mind being recorded.",
        "No problem with the recording.",
        "It is not a record price.",
        "I have no record of that.",
        "Stop.",
        "Don't call me again.",
        "We set a record last year.",
    ],
)
def test_what_is_no_objection(said: str) -> None:
    assert not objects_to_recording(said)


def test_what_is_said_beside_it_counts_for_itself() -> None:
    assert beside_recording("Stop recording, and never call me again.") == ", and never call me again"


async def test_the_recording_is_off_and_the_question_comes_again() -> None:
    dialogue = start(brief())
    opening = dialogue.opening(now=NOW).text
    question = opening.split(". ")[-1]
    reply = await answer(dialogue, "Please stop recording.")
    assert reply.text == f"{RECORDING_OFF} {question}"
    assert (reply.acts, reply.ends, reply.interruptible) == ((StopRecording("Please stop recording."),), False, True)
    again = await answer(dialogue, "I said don't record me.")
    assert (again.text, again.acts) == (reply.text, ())
    # It is no refusal of the talk: the answer to the question counts as always.
    assert not (await answer(dialogue, "Yes, we are.")).ends
    assert start(brief(), snapshot=dialogue.snapshot()).snapshot() == dialogue.snapshot()


async def test_who_also_wants_no_calls_is_not_called_again() -> None:
    dialogue = start(brief())
    dialogue.opening(now=NOW)
    reply = await answer(dialogue, "Stop recording and never call me again.")
    assert [type(act) for act in reply.acts] == [OptOut, EndCall]


async def test_before_its_question_was_heard_it_is_answered_as_well() -> None:
    dialogue = start(brief())
    dialogue.opening(now=NOW)
    reply = await dialogue.reply(Heard("Don't record me.", NOW, before_question=True), now=NOW)
    assert reply.text.startswith(RECORDING_OFF)


async def test_in_a_hurry_it_is_followed_by_the_goodbye() -> None:
    dialogue = start(brief())
    dialogue.opening(now=NOW)
    dialogue.hurry()
    reply = await answer(dialogue, "Don't record me.")
    assert reply.text.startswith(f"{RECORDING_OFF} ")
    assert reply.ends
    assert reply.acts[0] == StopRecording("Don't record me.")


async def test_a_call_that_is_not_recorded_never_says_so() -> None:
    assert "on a recorded line. You can say stop" in introduction(brief())
    assert introduction(brief(recorded=False)) == (
        "Hi Maria, this is Ava, an AI assistant calling for Summit Realty. "
        "You can say stop or press nine at any time."
    )
    dialogue = start(brief(recorded=False))
    assert "recorded" not in dialogue.opening(now=NOW).text
    reply = await answer(dialogue, "Don't record me.")
    assert (reply.text.startswith(NOT_RECORDED), reply.acts) == (True, ())
