"""Whether somebody asks not to be called again: by a key, by words, or by what they say to the question about it."""

from agents.domain import intents
from agents.domain.intents import Answer
from agents.domain.opt_out import may_opt_out, opts_out
from agents.domain.phrases import compiled
from agents.domain.questions import Question
from agents.domain.recording import beside_recording, objects_to_recording
from agents.domain.text import normalise
from agents.domain.types import Heard, HeardKind
from agents.state import CallState, Stage

OPT_OUT_KEY = "9"
_PHRASES = compiled("removal")
_MOST_WORDS = 8
"""Of words that agree; whoever says more of them talks of something else."""


def asks_to_opt_out(state: CallState, heard: Heard) -> bool:
    """Plain code, since the law asks for it: never a matter of the graph or of a model."""
    if heard.kind is HeardKind.KEY:
        return heard.text.strip() == OPT_OUT_KEY
    if heard.kind is not HeardKind.SPEECH:
        return False
    return says_to_stop(heard.text) or (state.question is Question.REMOVAL and wants_removal(heard.text))


def says_to_stop(text: str) -> bool:
    """Whether ``text`` by itself asks not to be called again, words about the recording apart."""
    return opts_out(beside_recording(text) if objects_to_recording(text) else text)


def wants_removal(text: str) -> bool:
    """Whether ``text`` answers the question whether to remove the number so that it is removed.

    A yes in whichever words, and whatever sounds like more of what made us ask: in doubt for them. A no is none, nor
    are words of other things.
    """
    words = normalise(text)
    if _PHRASES["keeps"].search(words):
        return False
    if _PHRASES["removes"].search(words):
        return True
    if still_interested(words):
        return False
    return (
        (len(words.split()) <= _MOST_WORDS and _PHRASES["agrees"].search(words) is not None)
        or intents.answer(words) is Answer.YES
        or may_opt_out(text)
        or is_not_interested(words)
    )


def keeps_the_number(words: str) -> bool:
    """Whether normalised ``words`` say no to that question, or that the plans go on."""
    return _PHRASES["keeps"].search(words) is not None or still_interested(words)


def still_interested(words: str) -> bool:
    """Whether normalised ``words`` say that the plans go on, "I am still interested"."""
    return _PHRASES["stays"].search(words) is not None


def is_not_interested(words: str) -> bool:
    """Whether normalised ``words`` refuse it all in so many words; a "no thanks" may answer the question alone."""
    return _PHRASES["refuses"].search(words) is not None


def may_ask_removal(state: CallState) -> bool:
    """Whether a doubt is asked about: with a person on the line, who has not been asked yet on this call."""
    return state.stage is Stage.TALKING and not state.asked.get(Question.REMOVAL)
