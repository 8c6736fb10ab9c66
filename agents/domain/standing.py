"""The words that are the same in every call of a campaign: a voice may say them ahead and keep them."""

from agents.domain import spoken
from agents.domain.objections import FAIR_HOUSING_REFUSAL
from agents.domain.script import DEFAULT_SCRIPT, Script, filled
from agents.domain.types import Brief

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
    """Those of the built-in script, the likeliest first."""
    words = (*_ACKNOWLEDGEMENTS, *_FAREWELLS, FAIR_HOUSING_REFUSAL)
    return tuple(dict.fromkeys((CUT_OFF, NOBODY_FREE, *DEFAULT_SCRIPT.texts(), *words)))


def script_of(brief: Brief) -> Script:
    """The script in the words for this person."""
    return filled(
        brief.script,
        lead_first_name=spoken.first_name(brief.lead_name),
        street=spoken.street(brief.property_address),
        company=brief.company,
        agent_name=brief.agent_name,
    )


def phrases_of(brief: Brief) -> tuple[str, ...]:
    """What the brief's script says in every call of its campaign; nothing for the built-in one."""
    if not brief.script.version:
        return ()
    script = script_of(brief)
    return tuple(dict.fromkeys(text for text in script.texts() if text not in script.personal))
