"""What a conversation promises by now, and which script it is held by."""

import time
from pathlib import Path

import pytest

from agents.dialogue import start
from agents.domain import script
from agents.domain.types import EndedBy, Heard, HeardKind, Progress, Prospect
from tests.agents.people import BUYER, NOW, SELLER, Line, heard

QUALIFIED = ["Yes.", "New job.", "two months", "450", "no"]
OFFERED = [*QUALIFIED, "paid off"]
SCREENED = "Hi, if you record your name and reason for calling, I'll see if this person is available."


@pytest.mark.parametrize(
    ("lines", "progress", "score"),
    [
        ([], Progress.OPENING, 5),
        (["hello?"], Progress.OPENING, 5),
        (["are you a robot"], Progress.OPENING, 5),
        (["purple"], Progress.OPENING, 5),
        ([None], Progress.OPENING, 5),
        (["yes"], Progress.QUALIFYING, 5),
        (["yes", "new job"], Progress.QUALIFYING, 25),
        (["yes", "new job", None], Progress.QUALIFYING, 25),
        (["yes", "how did you get my number"], Progress.QUALIFYING, 5),
        (["yes", "rates are too high", "yes"], Progress.QUALIFYING, 5),
        (["yes", "send me an email"], Progress.QUALIFYING, 5),
        (QUALIFIED, Progress.QUALIFYING, 70),
        (["yes", "rates are too high"], Progress.OBJECTION, 5),
        (["not interested"], Progress.OBJECTION, 5),
        (["no"], Progress.OBJECTION, 5),
        (OFFERED, Progress.BOOKING, 90),
        ([*OFFERED, None], Progress.BOOKING, 90),
        ([*OFFERED, "neither works"], Progress.BOOKING, 90),
        ([*OFFERED, "who is this"], Progress.BOOKING, 90),
        (["yes", "just stop by the house"], Progress.BOOKING, 5),
        (["I'm busy"], Progress.BOOKING, 5),
        (["she's not here"], Progress.BOOKING, 5),
        (["purple", "green", "fox"], Progress.BOOKING, 5),
        ([*OFFERED, "the first one"], Progress.BOOKING, 90),
        ([*OFFERED, "the first one", "yes"], Progress.CLOSING, 100),
        (["not interested", "no"], Progress.CLOSING, 5),
        (["stop calling me"], Progress.CLOSING, 5),
        (["yes", "bye"], Progress.CLOSING, 5),
        ([Heard("machine_end_beep", NOW, HeardKind.MACHINE)], Progress.CLOSING, 5),
        (["not interested", "send me an email"], Progress.CLOSING, 5),
    ],
)
async def test_prospect(lines: list[Line], progress: Progress, score: int) -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    for line in lines:
        await dialogue.reply(heard(line), now=NOW)
    before = dialogue.snapshot()

    assert dialogue.prospect() == Prospect(progress, score)
    assert dialogue.snapshot() == before
    assert dialogue.wrap_up(ended_by=EndedBy.LEAD, now=NOW).score == score
    assert dialogue.prospect() == Prospect(Progress.CLOSING, score)


async def test_nothing_was_said_to_a_person_yet() -> None:
    dialogue = start(BUYER)

    assert dialogue.prospect() == Prospect(Progress.OPENING, 0)
    await dialogue.reply(heard(SCREENED), now=NOW)
    assert dialogue.prospect() == Prospect(Progress.OPENING, 0)


async def test_prospect_is_quick() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    for line in [*OFFERED, None]:
        await dialogue.reply(heard(line), now=NOW)

    def took_s() -> float:
        began = time.perf_counter()
        dialogue.prospect()
        return time.perf_counter() - began

    assert min(took_s() for _ in range(100)) < 0.001


def test_the_script_is_of_one_version_until_anything_in_it_changes(tmp_path: Path) -> None:
    (tmp_path / "domain").mkdir()
    (tmp_path / "a.py").write_text("HELLO = 'Hi'\n")
    (tmp_path / "domain" / "phrases.toml").write_text("[words]\n")
    versions = [script.version_of(tmp_path)]
    (tmp_path / "notes.txt").write_text("not a part of it")
    assert script.version_of(tmp_path) == versions[0]

    (tmp_path / "domain" / "phrases.toml").write_text("[intents]\n")
    versions.append(script.version_of(tmp_path))
    (tmp_path / "a.py").write_text("HELLO = 'Hey'\n")
    versions.append(script.version_of(tmp_path))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    versions.append(script.version_of(tmp_path))

    assert len(set(versions)) == 4
    assert versions[0] == "ff07ecc6"


def test_the_version_of_this_script() -> None:
    assert script.version_of(Path(script.__file__).parents[1]) == script.VERSION
    assert len(script.VERSION) == 8
    assert int(script.VERSION, 16) >= 0
