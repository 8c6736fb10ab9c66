"""The figures of calls by voice, and calls that failed with what was said and what was heard."""

import io
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from evals.grading import Slots
from evals.line import Turn
from evals.noise import Noise
from evals.running import Run
from evals.voice.report import Report, show, write
from evals.voice.studio import Spoken, VoiceRun

TALK = (
    Spoken(0.2, "agent", "How soon would you like to move?"),
    Spoken(2.0, "lead", "In two months."),
    Spoken(2.0, "heard", "in 2 month"),
)
PASSED = VoiceRun(
    Run("seller", "talk", 3, Noise.CLEAN, "appointment", (), Slots(right=2), (Turn("agent", "Hello."),), booked=True),
    "pink",
    TALK,
    (400, 600),
)
FAILED = replace(
    PASSED,
    run=replace(PASSED.run, person="buyer", failures=("the call came to hung_up, not to appointment",), booked=False),
    room="",
    answer_ms=(800,),
)


def test_the_figures() -> None:
    report = Report((PASSED, FAILED), "at 10 dB", 60.0)
    assert (report.figures.pass_1, report.figures.booked) == (0.5, 1)
    assert report.answer_ms == (600, 960)
    assert report.word_error is not None
    assert round(report.word_error, 1) == 33.3
    assert report.missed == ["pass^1 is 50.0%, and 90% is aimed at"]


def test_a_good_run_misses_nothing_and_one_that_wrote_elsewhere_does() -> None:
    assert Report((PASSED,), "in quiet", 30.0).missed == []
    assert Report((PASSED,), "in quiet", 30.0, ("calls_campaign",)).missed == [
        "the calls also wrote to calls_campaign"
    ]
    wrong = replace(PASSED, run=replace(PASSED.run, wrong_time=True))
    assert Report((wrong,), "in quiet", 30.0).missed == ["1 appointments are at another time than was agreed"]


def test_calls_in_which_nobody_spoke() -> None:
    silent = replace(PASSED, talk=(), answer_ms=())
    report = Report((silent,), "in quiet", 30.0)
    assert (report.answer_ms, report.word_error) == (None, None)


def test_what_is_printed_and_written(tmp_path: Path) -> None:
    report, out = Report((PASSED, FAILED), "at 10 dB", 60.0), io.StringIO()
    show(report, Console(file=out, width=200))
    assert "PERSON=buyer SEED=3 (quiet): the call came to hung_up, not to appointment" in out.getvalue()
    assert "      2.0  lead: In two months.\n      2.0 heard: in 2 month" in out.getvalue()
    assert "PERSON=seller SEED=3" not in out.getvalue()
    path = tmp_path / "evals.json"
    write(report, path)
    written = json.loads(path.read_text())
    assert (written["around"], written["answer_ms"]) == ("at 10 dB", [600, 960])
    assert [call["run"]["person"] for call in written["calls"]] == ["seller", "buyer"]
