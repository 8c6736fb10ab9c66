"""The words that are the same in every call, whatever the campaign: a voice may say them ahead and keep them."""

from agents.domain.objections import FAIR_HOUSING_REFUSAL, HANDLINGS
from agents.domain.questions import every_wording

_ACKNOWLEDGEMENTS = ("Thank you.", "Understood.", "Got it.", "Of course.", "Great.", "All right.")
_FAREWELLS = (
    "Thank you for your time. Goodbye.",
    "Understood. I have removed this number and we will not call again. Goodbye.",
    "I cannot hear you, so I will let you go. Goodbye.",
    "Sorry, we were cut off.",
)


CUT_OFF = "I'm sorry, we were cut off for a moment."
"""To a person whose line was lost. It is kept before all others: they wait for it."""


NOBODY_FREE = "I'm sorry, nobody is free right now."
"""To a person whom no colleague took over."""


def standing_phrases() -> tuple[str, ...]:
    """The likeliest first."""
    answers = (text for one in HANDLINGS.values() for text in (*(attempt.text for attempt in one.tries), one.exit))
    words = (*every_wording(), *_ACKNOWLEDGEMENTS, *_FAREWELLS, *answers, FAIR_HOUSING_REFUSAL)
    return tuple(dict.fromkeys((CUT_OFF, NOBODY_FREE, *words)))
