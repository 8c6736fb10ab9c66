"""The last words of a call, with the number to reach us at.

47 CFR 64.1200(b)(2) wants it said during or after every call that speaks with an artificial voice.
"""

from collections.abc import Sequence
from dataclasses import replace

from agents.domain import voicemail
from agents.domain.types import Act, Brief, EndCall, OptOut
from agents.state import CallState

GOODBYE = "Goodbye."
CRISIS = "crisis"
"""Why a call with somebody who speaks of ending their life is over."""


def with_number(text: str, acts: Sequence[Act], state: CallState, brief: Brief) -> tuple[str, CallState]:
    """``text`` with our number before its goodbye, and the state that knows that it was said.

    As it is: words that end nothing, a call that came to our number, one that has heard it before, an opt-out, after
    which the law wants the call ended at once, and a crisis, where the helpline's is the only number.
    """
    number = voicemail.written(brief.callback_number)
    ends = any(isinstance(act, EndCall) for act in acts)
    if not (text and number and ends) or brief.inbound or state.number_told or _apart(acts):
        return text, state
    told = f"You can reach us at {number}."
    words = text.removesuffix(GOODBYE).rstrip()
    closed = f"{words} {told} {GOODBYE}" if words != text else f"{text} {told}"
    return closed.strip(), replace(state, number_told=True)


def _apart(acts: Sequence[Act]) -> bool:
    return any(isinstance(act, OptOut) or (isinstance(act, EndCall) and act.reason == CRISIS) for act in acts)
