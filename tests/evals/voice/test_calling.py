"""Who is called by voice, with which noise, and what is refused."""

import pytest

from evals.person import load
from evals.voice.__main__ import cast, main


def test_a_sample_is_spread_over_all_files_and_goes_on_with_another_seed() -> None:
    people = [person for person in load() if person.by_voice and not person.inbound]
    roles = cast(people, 12, 1, rooms=("babble", "pink"))
    assert len({role.person.id for role in roles}) == 12
    assert [role.number for role in roles] == list(range(100, 112))
    assert [role.room for role in roles[:3]] == ["babble", "pink", "babble"]
    everybody = cast(people, len(people) + 3, 7, rooms=("",))
    assert [role.person.id for role in everybody[: len(people)]] == [person.id for person in people]
    assert {role.seed for role in everybody[: len(people)]} == {7}
    assert [role.seed for role in everybody[len(people) :]] == [8, 8, 8]


def test_words_that_no_voice_can_say_are_only_typed() -> None:
    typed = {person.id for person in load() if not person.by_voice}
    assert typed == {"speaks_another_language", "opts_out_as_recognisers_write_it", "opts_out_in_spanish"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--person", "nobody"], "Nobody called nobody is called by voice; evals/people has them."),
        (["--person", "opts_out_in_spanish"], "Nobody called opts_out_in_spanish is called by voice"),
        (["--snr", "loud"], "--snr loud is no number of dB: give one, or quiet."),
        (["--noise", "no-such-file.wav"], "no-such-file.wav cannot be read as sound"),
        (["--calls", "0"], "--calls and --at-once are at least 1."),
        (["--at-once", "0"], "--calls and --at-once are at least 1."),
    ],
)
def test_what_is_refused(capsys: pytest.CaptureFixture[str], arguments: list[str], why: str) -> None:
    assert main(arguments) == 2
    assert why in capsys.readouterr().err
