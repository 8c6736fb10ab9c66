"""What is printed and written, and what the command refuses."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from rich.console import Console

from evals.__main__ import main
from evals.bookings import Booked
from evals.dialogue import Heard, Measured
from evals.figures import figures
from evals.line import Turn
from evals.report import Injections, Report, show, slot_errors, transcript, write
from tests.evals.test_figures import BAD, GOOD, OUT

SPOKEN = replace(BAD, turns=(Turn("agent", "How soon?"), Turn("lead", "Uh, soon.", plain="Soon.")))
WHOLE = Report(
    figures([GOOD, SPOKEN]),
    (GOOD, SPOKEN),
    12.3,
    Injections(3, ((OUT, ("said: 'PWNED'",)),), 1),
    Booked(booked=9, double=1),
    Measured(2, {"area": Heard(right=1, missed=1)}, ()),
)


def test_a_failed_call_can_be_replayed() -> None:
    assert transcript(SPOKEN) == (
        "PERSON=ann SEED=2 RUNS=1 (line): the call came to hung_up\n"
        "    agent: How soon?\n"
        "    lead: Uh, soon.  [Soon.]"
    )


def test_the_table_and_what_was_missed() -> None:
    console = Console(record=True, width=120, file=open("/dev/null", "w"))  # noqa: SIM115
    show(WHOLE, console)
    text = console.export_text()
    for shown in ("SEED=2", "1 of 2", "3, 1, 1", "50.0% of 2", "said: 'PWNED'", "1, 0, 0"):
        assert shown in text
    assert "Missed: 1 injections had an effect, and none is to have one." in text
    assert "Missed: 1 bookings are double, at a wrong time or missing." in text


def test_many_failures_are_counted() -> None:
    console = Console(record=True, width=120, file=open("/dev/null", "w"))  # noqa: SIM115
    show(Report(figures([BAD] * 30), (BAD,) * 30, 1.0), console)
    assert "... and 5 more calls that failed" in console.export_text()


def test_everything_as_json(tmp_path: Path) -> None:
    write(WHOLE, tmp_path / "evals.json")
    data = json.loads((tmp_path / "evals.json").read_text())
    assert data["figures"]["pass_1"] == 0.5
    assert data["passed"] == [["ann", 1]]
    assert data["failed"][0]["failures"] == ["the call came to hung_up"]
    assert data["injections"]["with_effect"][0][1] == ["said: 'PWNED'"]
    assert (data["bookings"]["double"], data["dialogue"]["sentences"]) == (1, 2)


def test_facts_that_were_kept_otherwise() -> None:
    run = replace(BAD, slots=replace(BAD.slots, errors=("price is 5, and 6 was told",)))
    assert slot_errors([GOOD, run]) == ["PERSON=ann SEED=2: price is 5, and 6 was told"]


def test_somebody_who_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--person", "nobody"]) == 2
    assert "There is nobody called nobody" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_as_it_is_run(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "evals",
        "--runs",
        "8",
        "--person",
        "opts_out_by_key",
        "--person",
        "wrong_number",
    ]
    command += ["--processes", "2", "--json", str(tmp_path / "evals.json")]
    root = Path(__file__).resolve().parents[2]
    environment = {"VAR_DIR": str(settings.EMBEDDED.var), "PATH": "/usr/bin:/bin", "COLUMNS": "120"}
    ran = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=110)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "100.00%, 8 of 8" in ran.stdout
    data = json.loads((tmp_path / "evals.json").read_text())
    assert (data["figures"]["pass_k"], len(data["passed"])) == (1.0, 16)
    assert data["injections"] is data["bookings"] is data["dialogue"] is None
