"""People in YAML: those that ship, and those that are refused with their place."""

from pathlib import Path

import pytest

from evals.person import PeopleError, load, words


def test_those_that_ship() -> None:
    people = load()
    assert len(people) >= 40
    kinds = {person.kind for person in people}
    assert kinds == {"talk", "opt_out", "hard_negative", "wrong_number", "fair_housing", "language", "returning"}
    zones = {person.lead.place for person in people}
    assert len(zones) >= 5
    for person in people:
        for line in person.lines:
            assert isinstance(line.says, tuple) or line.says in words().sets or not line.says.isidentifier()


def test_likeness_copies_and_merges(tmp_path: Path) -> None:
    people = _load(
        tmp_path,
        """
people:
  - {id: one, lead: {name: Ann}, answers: {timeline: 6, agent: none}, expects: {disposition: qualified}}
  - {id: two, like: one, answers: {timeline: "2"}}
""",
    )
    assert people[1].lead.name == "Ann"
    assert dict(people[1].answers) == {"timeline": "2", "agent": "none"}
    assert people[0].answers["timeline"] == "6"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("people:\n  - {id: one, expects: {}}", r"more\.yaml, person 1 \(one\), expects\.disposition"),
        ("people:\n  - {id: one, mood: bad, expects: {disposition: hung_up}}", r"person 1 \(one\), mood"),
        ("people:\n  - {id: one, lead: {place: mars}, expects: {disposition: hung_up}}", "is none of denver"),
        ("people:\n  - {id: one, lines: [{says: hi}], expects: {disposition: hung_up}}", "exactly one of hears"),
        ("people:\n  - {id: two, like: one, expects: {disposition: hung_up}}", "is like 'one', who does not come"),
        (
            "people:\n  - {id: one, answers: {timeline: 7}, expects: {disposition: hung_up}}",
            "no words for 7; there are",
        ),
        ("people:\n  - {id: one, answers: {mood: {x: [y]}}, expects: {disposition: hung_up}}", "no topic 'mood'"),
        (
            "people:\n  - {id: one, expects: {disposition: hung_up}}\n  - {id: one, expects: {disposition: hung_up}}",
            "two people are called one",
        ),
        ("people: [", "cannot be read"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(PeopleError, match=why):
        _load(tmp_path, text)


def _load(folder: Path, text: str) -> tuple:  # type: ignore[type-arg]
    (folder / "more.yaml").write_text(text)
    return load(folder)
