"""Whether somebody asks not to be called again: by a key, by words, or by a yes to the offer to remove the number."""

from agents.domain import intents
from agents.domain.intents import Answer
from agents.domain.opt_out import opts_out
from agents.domain.questions import Question
from agents.domain.recording import beside_recording, objects_to_recording
from agents.domain.text import normalise
from agents.domain.types import Heard, HeardKind
from agents.state import CallState

OPT_OUT_KEY = "9"
_WANTS_REMOVAL = frozenset({"remove it", "please remove it", "remove", "do that", "please do", "go ahead", "do it"})


def asks_to_opt_out(state: CallState, heard: Heard) -> bool:
    """Plain code, since the law asks for it: never a matter of the graph or of a model."""
    if heard.kind is HeardKind.KEY:
        return heard.text.strip() == OPT_OUT_KEY
    if heard.kind is not HeardKind.SPEECH:
        return False
    if opts_out(beside_recording(heard.text) if objects_to_recording(heard.text) else heard.text):
        return True
    if state.question is not Question.REMOVAL:
        return False
    words = normalise(heard.text)
    return words in _WANTS_REMOVAL or intents.answer(words) is Answer.YES or "remove" in words.split()
