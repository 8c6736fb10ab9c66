"""Measuring on people's own sentences: what is counted, and a file that cannot be read."""

import json
from datetime import date
from pathlib import Path

import pytest

from evals.dialogue import NoDialogue, day_meant, measure, most_common

DIALOGUE = {
    "turns": [
        {"speaker": "user", "text": "I want to live in Fremont.", "slots": {"area": ["Fremont"]}, "acts": ["INFORM"]},
        {"speaker": "system", "text": "Would you like to schedule a visit?"},
        {
            "speaker": "user",
            "text": "Yes, on March 8th.",
            "slots": {"area": ["Fremont"], "visit_date": ["March 8th"]},
            "acts": ["AFFIRM_INTENT", "INFORM"],
        },
        {"speaker": "system", "text": "Is that right?"},
        {"speaker": "user", "text": "Blue.", "acts": ["NEGATE"]},
        {"speaker": "user", "text": "Thanks."},
        {
            "speaker": "user",
            "text": "March 9th.",
            "slots": {"visit_date": ["March 9th"]},
            "acts": ["NEGATE", "INFORM"],
        },
    ]
}


def test_slots_of_each_sentence(tmp_path: Path) -> None:
    path = tmp_path / "homes.jsonl"
    path.write_text(json.dumps(DIALOGUE))
    told = measure(path)
    assert (told.sentences, told.opt_outs) == (5, ())
    counted = {name: (one.right, one.wrong, one.missed) for name, one in told.slots.items()}
    assert counted == {"area": (1, 0, 0), "day": (2, 0, 0), "yes or no": (2, 0, 1)}
    assert told.slots["yes or no"].accuracy == pytest.approx(2 / 3)
    assert most_common(told, "yes or no", 3) == ["'Blue.': nothing, not no"]


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("today", date(2019, 3, 1)),
        ("tomorrow", date(2019, 3, 2)),
        ("day after tomorrow", date(2019, 3, 3)),
        ("the 14th", date(2019, 3, 14)),
        ("8th of March", date(2019, 3, 8)),
        ("next Friday", date(2019, 3, 8)),
        ("Wednesday next week", date(2019, 3, 6)),
        ("Friday", date(2019, 3, 8)),
        ("whenever", None),
    ],
)
def test_days_of_the_annotations(value: str, day: date | None) -> None:
    assert day_meant(value) == day


@pytest.mark.parametrize(
    ("content", "why"), [(None, "name a file with --dialogue"), ("{}", "line 1: not a dialogue")]
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str | None, why: str) -> None:
    path = tmp_path / "homes.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NoDialogue, match=why):
        measure(path)
