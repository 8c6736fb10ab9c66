"""The steps of a turn: which there are, in what order, what they decided; and that none holds what was said."""

from datetime import timedelta

import pytest

from agents.dialogue import LeadDialogue, start
from agents.domain.types import Brief, Heard, HeardKind, Reply, Step
from tests.agents.people import BUYER, NOW, SELLER

LATER = NOW + timedelta(milliseconds=150)


def told(reply: Reply) -> list[tuple[str, str]]:
    return [(step.name, step.decision) for step in reply.steps]


def opened(brief: Brief = SELLER) -> LeadDialogue:
    dialogue = start(brief)
    dialogue.opening(now=NOW)
    return dialogue


def test_the_opening_is_one_step() -> None:
    (step,) = start(SELLER).opening(now=NOW).steps
    assert (step.name, step.started_at, step.decision, step.use) == ("opening", NOW, "ask interest", None)
    assert step.duration_us > 0


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        (
            "Yes, I am.",
            [
                ("understand", "yes"),
                ("supervise", "qualification"),
                ("qualification", ""),
                ("answer", "ask motivation"),
            ],
        ),
        (
            "This is the wrong number.",
            [
                ("understand", "wrong_number"),
                ("supervise", "conversation"),
                ("conversation", "wrong_number, end"),
                ("answer", "wrong_number, end"),
            ],
        ),
        ("Stop calling me.", [("rules", "opt_out, end")]),
    ],
)
async def test_a_turn_tells_who_was_asked_and_what_they_decided(line: str, steps: list[tuple[str, str]]) -> None:
    assert told(await opened().reply(Heard(line, NOW), now=NOW)) == steps


async def test_steps_follow_one_another_from_the_turns_own_instant() -> None:
    steps = (await opened().reply(Heard("Yes, I am.", NOW), now=LATER)).steps
    ends = [step.started_at + timedelta(microseconds=step.duration_us) for step in steps]
    assert steps[0].started_at >= LATER
    for end, following in zip(ends, steps[1:], strict=False):
        assert end <= following.started_at + timedelta(microseconds=2)  # each is rounded by itself
    assert ends[-1] < LATER + timedelta(seconds=5)


async def test_what_was_prepared_keeps_its_steps_and_their_instants() -> None:
    dialogue = opened()
    prepared = await dialogue.prepare(Heard("Yes, I am.", NOW), now=NOW)
    taken = await dialogue.reply(Heard("Yes, I am.", LATER), now=LATER)
    assert taken.steps is prepared.steps
    assert [step.name for step in taken.steps] == ["understand", "supervise", "qualification", "answer"]
    assert taken.steps[-1].started_at < LATER


async def test_silence_and_machines_have_steps_too() -> None:
    dialogue = opened()
    silent = await dialogue.reply(Heard("", NOW, HeardKind.SILENCE), now=NOW)
    assert told(silent)[:2] == [("understand", ""), ("supervise", "conversation")]
    machine = await dialogue.reply(Heard("machine_start", NOW, HeardKind.MACHINE), now=NOW)
    assert [step.name for step in machine.steps] == ["rules"]


async def test_two_replies_are_the_same_whatever_time_they_took() -> None:
    one = await opened().reply(Heard("Yes, I am.", NOW), now=NOW)
    other = await opened().reply(Heard("Yes, I am.", NOW), now=LATER)
    assert one == other
    assert one.steps != other.steps


SECRETS = ("zanzibar", "4155550123", "quixotic", "maria", "maple")
LINES = (
    "Yes, this is Maria, call me at 415 555 0123 in Zanzibar.",
    "I want to sell 12 Maple Street, it is quixotic.",
    "Three months, four hundred thousand, quixotic reasons.",
    "What about 4155550123?",
    "Is this a robot, Zanzibar?",
    "Put me through to Maria.",
    "Remove 4155550123 from your list.",
)


@pytest.mark.parametrize("brief", [SELLER, BUYER])
async def test_no_step_holds_what_was_said(brief: Brief) -> None:
    dialogue, steps = opened(brief), list[Step]()
    for line in LINES:
        steps += (await dialogue.reply(Heard(line, NOW), now=NOW)).steps
    assert len(steps) > 10
    words = " ".join(f"{step.name} {step.decision}" for step in steps).lower()
    assert [secret for secret in SECRETS if secret in words] == []
