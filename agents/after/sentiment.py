"""The person's mood, by a small list of words. It says what was said, not what was felt.

General lexicons were weighed: VADER's (vaderSentiment) was last released in 2020, is made for social media, and takes
"no", "stop" and "interest" for moods, which on these calls are answers.
"""

import re
from collections.abc import Sequence

from agents.after.phrases import pattern
from agents.after.types import Mood, Said, Sentiment
from agents.domain.opt_out import opts_out
from agents.domain.text import clauses

_POSITIVE, _NEGATIVE = pattern("moods", "positive"), pattern("moods", "negative")
_NEGATED = re.compile(r"\b(?:(?:not|never|isnt|wasnt|arent|dont|didnt|doesnt|wouldnt|cant|hardly)(?: \w+){0,2}|no) $")


def mood_of(text: str) -> Mood:
    """The mood of one turn: "not happy" is negative, "no bother" nothing, and "great, a scam" negative."""
    good = [negated for words in clauses(text) for negated in _found(_POSITIVE, words)]
    bad = [negated for words in clauses(text) for negated in _found(_NEGATIVE, words)]
    if opts_out(text) or any(good) or not all(bad):
        return Mood.NEGATIVE
    return Mood.POSITIVE if good else Mood.NEUTRAL


def sentiment(transcript: Sequence[Said]) -> Sentiment:
    """Over all that the person said: a mood that most of the telling turns show, negative where as many show each."""
    moods = {said.seq: mood_of(said.text) for said in transcript if not said.of_us and said.is_speech}
    good = tuple(seq for seq, mood in moods.items() if mood is Mood.POSITIVE)
    bad = tuple(seq for seq, mood in moods.items() if mood is Mood.NEGATIVE)
    if not good and not bad:
        return Sentiment(Mood.NEUTRAL)
    return Sentiment(Mood.POSITIVE if len(good) > len(bad) else Mood.NEGATIVE, good, bad)


def _found(pattern: re.Pattern[str], words: str) -> list[bool]:
    """For each place where ``pattern`` is: whether it is negated."""
    return [_NEGATED.search(words[: found.start()]) is not None for found in pattern.finditer(words)]
