"""Noise leaves what was meant."""

import random

import pytest

from evals.noise import Noise, heard, level

SENTENCE = "No, I don't want to sell the house in two months, it is four hundred fifty thousand."


def test_clean_words_stay_as_they_are() -> None:
    assert heard(SENTENCE, Noise.CLEAN, random.Random(1)) == SENTENCE
    assert heard("", Noise.LINE, random.Random(1)) == ""


@pytest.mark.parametrize("noise", [Noise.TALK, Noise.LINE])
def test_what_carries_the_meaning_stays_and_a_seed_replays(noise: Noise) -> None:
    changed = 0
    for seed in range(200):
        text = heard(SENTENCE, noise, random.Random(seed))
        assert text == heard(SENTENCE, noise, random.Random(seed))
        words = [word.strip(",.").lower() for word in text.split()]
        for kept in ("no", "don't", "two", "months", "four", "hundred", "fifty", "thousand"):
            assert kept in words
        changed += text != SENTENCE
    assert changed > 100


def test_words_of_the_line_fall_out_or_become_others() -> None:
    texts = {heard("I am looking for a house", Noise.LINE, random.Random(seed)) for seed in range(100)}
    assert any("lookin " in text for text in texts)
    assert any(" a " not in text for text in texts)
    assert all(heard("The", Noise.LINE, random.Random(seed)).strip() for seed in range(50))


def test_want_to_is_heard_as_one_word() -> None:
    texts = {heard("I want to sell, want it", Noise.LINE, random.Random(seed)) for seed in range(100)}
    assert any("wanna sell" in text for text in texts)
    assert not any("wanna to" in text or "wanna it" in text for text in texts)


def test_every_level_comes_up() -> None:
    assert {level(random.Random(seed)) for seed in range(50)} == set(Noise)
