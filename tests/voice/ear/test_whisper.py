"""The engine with its real model, and the command that measures it."""

from pathlib import Path

import pytest

from bench import SPEECH
from bench.speech.__main__ import main
from bench.speech.words import word_error
from tests.voice.ear.noise import without_words
from tests.voice.speech import silence, spoken
from voice.speech.heard import bare, believed
from voice.speech.whisper import Ear

pytestmark = pytest.mark.slow

SAID = ("What time would be good?", "I am not interested.")


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear()


def test_words_and_their_likelihoods(ear: Ear) -> None:
    (heard,) = ear.hear([(spoken(SAID[0]) + silence(200), ())])
    assert bare(heard.text) == bare(SAID[0])
    assert [bare(word) for word, _ in heard.words] == bare(SAID[0]).split()
    assert all(0.3 < likelihood <= 1 for _, likelihood in heard.words)
    assert heard.no_speech < 0.3
    assert believed(heard, voiced_ms=900)


def test_a_batch_as_a_gpu_takes_it_hears_the_same(ear: Ear) -> None:
    padded = Ear(padded=True)
    utterances = [(spoken(text) + silence(200), ()) for text in SAID]
    one, other = padded.hear([*utterances, (silence(1000), ())])[:2]
    assert [bare(one.text), bare(other.text)] == [bare(text) for text in SAID]
    assert len(one.words) == 5
    assert [bare(each.text) for each in ear.hear(utterances)] == [bare(text) for text in SAID]


def test_a_long_monologue_is_heard_whole(ear: Ear) -> None:
    monologue = (spoken(SAID[0]) + silence(700)) * 15
    assert len(monologue) > 25 * 16000
    (heard,) = ear.hear([(monologue, ())])
    assert len(heard.words) > 50
    assert {bare(word) for word, _ in heard.words} >= set(bare(SAID[0]).split())


def test_an_expected_name_is_written_as_it_is_known(ear: Ear) -> None:
    pcm = spoken("This is Joaquin Villanueva.") + silence(200)
    (plain,) = ear.hear([(pcm, ())])
    (heard,) = ear.hear([(pcm, ("Joaquin Villanueva", "Wisteria Lane"))])
    assert bare(heard.text) == "this is joaquin villanueva"
    assert plain.text.split()[:2] == heard.text.split()[:2]


def test_no_words_are_believed_where_nobody_speaks(ear: Ear) -> None:
    for name, pcm in without_words():
        (heard,) = ear.hear([(pcm, ())])
        voiced_ms = len(pcm) // 16  # as if the voice activity had been deceived all along
        assert not believed(heard, voiced_ms=voiced_ms), (name, heard)


def test_how_the_person_sounds_tells_whether_they_have_finished(ear: Ear) -> None:
    ended, cut = ear.turn_ended([spoken(SAID[1]) + silence(200), spoken(SAID[1])[:9000]])
    assert ended > 0.5 > cut


def test_word_error_knows_numbers() -> None:
    assert word_error(["Press one, Mr. Smith."], ["press 1 mister smith"]) == 0.0
    assert word_error(["four hundred thousand dollars"], ["$400,000"]) == 50.0


@pytest.mark.skipif(not (SPEECH / "manifest.json").is_file(), reason="the recordings of people are not beside us")
def test_ours_is_no_worse_than_plain_greedy_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--limit", "2", "--markdown", str(tmp_path / "table.md")]) == 0
    table = (tmp_path / "table.md").read_text()
    assert table.strip() == capsys.readouterr().out.strip()
    assert table.count("| ours |") == 2


def test_without_recordings_our_own_set_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--limit", "4", "--speech", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Left out: recordings of people. No recordings of people in")
    assert "| mu-law, plain |" in said
    assert "dB" not in said
