"""How a conversation meets a machine: a voicemail, a screening service, a menu, a fax.

Pure: what was heard and the state go in, what to say or press comes out; ``agents.dialogue`` carries it out. Whoever
is taken for a machine and turns out to be a person gets the opening, whole, as if they had just picked up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agents.closing import farewell
from agents.conversation import CANNOT_HEAR, SCREENING_SILENCES
from agents.domain import intents, machines, spoken, voicemail
from agents.domain.intents import Intent
from agents.domain.machines import MAX_KEYS, OPERATOR, Spoken
from agents.domain.text import normalise
from agents.domain.types import Act, Brief, Disposition, EndCall, Heard, HeardKind
from agents.state import CallState, Stage

LIKELY, PERSON = "machine_likely", "person"
"""The voice side's words while it makes up its mind: hold your tongue, and: it is a person after all."""
SCREENING, IVR, FAX, INTERCEPT = "screening", "ivr", "fax", "intercept"
MESSAGE_PLAYED = "message_played"
_MACHINE, _END, _BEEP = "machine_", "machine_end", "beep"
_CANNOT_WAIT = (_MACHINE, SCREENING, IVR, FAX, INTERCEPT)

MACHINE_TURNS = 3
"""A machine speaks within the first turns; later the same words come from a person."""
MAX_MESSAGES = 2
"""A message that the greeting cut off is begun once more."""
MAX_PURPOSES = 2
"""A screening service that asks again is told again, once."""
DECLINED = "Thank you. Goodbye."

_WITH_MACHINES = frozenset({Stage.HELD, Stage.SCREENED, Stage.MACHINE, Stage.MESSAGE, Stage.MENU})


@dataclass(frozen=True, slots=True)
class Response:
    """What to do about a machine: ``say``, press ``keys``, ``acts``; nothing of it means to listen on.

    ``opens``: a person is there, who gets the opening. ``is_message``: ``say`` is left on a voicemail.
    """

    state: CallState
    say: str = ""
    keys: str = ""
    acts: tuple[Act, ...] = ()
    opens: bool = False
    is_message: bool = False


def respond(state: CallState, brief: Brief, heard: Heard) -> Response | None:
    """The answer to a machine; None where this is a person's turn."""
    if brief.inbound:
        return Response(state) if heard.kind is HeardKind.MACHINE else None
    if heard.kind is HeardKind.MACHINE:
        return _told(state, brief, heard.text)
    if heard.kind is HeardKind.SILENCE:
        return _silence(state, brief)
    if heard.kind is HeardKind.SPEECH:
        return _speech(replace(state, silences=0), brief, heard.text)
    return None


def cannot_wait(state: CallState, brief: Brief, heard: Heard) -> bool:
    """Whether this stops our words at once: news of a machine, or a machine's own words."""
    if brief.inbound or not _may_be_machine(state):
        return False
    if heard.kind is HeardKind.MACHINE:
        return heard.text.startswith(_CANNOT_WAIT)
    return heard.kind is HeardKind.SPEECH and machines.spoken_by(heard.text) is not None


def purpose(brief: Brief) -> str:
    """Who calls whom about what, in one sentence: what a screening service shows or plays to the person."""
    who = f"this is {brief.agent_name}, an AI assistant" if brief.agent_name else "this is an AI assistant"
    name = spoken.first_name(brief.lead_name)
    calling = f"calling {name}" if name else "calling"
    return f"Hi, {who} with {brief.company}, {calling} about {_matter(brief)}."


def message_of(brief: Brief) -> str:
    """The words to leave on a voicemail, "" where none may be left."""
    return voicemail.filled(brief.voicemail_message, brief) if brief.voicemail_message else ""


def played(state: CallState, text: str) -> CallState:
    """``state`` after our words were broken off behind ``text``: a purpose that was not heard whole is owed still."""
    whole = normalise(text) == normalise(state.last_text)
    return state if whole or state.stage is not Stage.SCREENED else replace(state, purposes=state.purposes - 1)


def _matter(brief: Brief) -> str:
    if brief.interest == "buy":
        return "the home search they asked us about"
    street = spoken.street(brief.property_address)
    if brief.interest == "sell":
        return f"the house on {street}" if street else "their house"
    return "their real estate plans"


def _may_be_machine(state: CallState) -> bool:
    """Whoever has told us something is a person."""
    return state.told.isdisjoint(state.plans) and (state.stage in _WITH_MACHINES or state.turn < MACHINE_TURNS)


# What the voice side tells.


def _told(state: CallState, brief: Brief, name: str) -> Response:
    if name == MESSAGE_PLAYED:
        return _left(state) if state.stage is Stage.MESSAGE else Response(state)
    if name == PERSON:
        return Response(state, opens=state.stage is Stage.HELD)
    if not _may_be_machine(state):
        return Response(state)
    if name == LIKELY:
        return Response(_at(state, Stage.HELD) if state.stage in (Stage.NEW, Stage.TALKING) else state)
    if name == FAX:
        # Nobody can talk there, and another call would screech at somebody's office again.
        return _end(state, Disposition.BAD_NUMBER, "fax")
    if name == INTERCEPT:
        return _end(state, Disposition.BAD_NUMBER, "out_of_service")
    if name == SCREENING:
        return Response(state if state.stage is Stage.SCREENED else _at(state, Stage.SCREENED))
    if name == IVR:
        return Response(_at(state, Stage.MENU))
    if not name.startswith(_MACHINE):
        return Response(state)
    if state.stage is Stage.SCREENED and not name.endswith(_BEEP):
        return Response(state)  # carriers take a screening service for a machine, which it is
    if state.stage is Stage.MESSAGE:
        return Response(state)
    return _voicemail(state, brief, over=name.startswith(_END))


# What is heard.


def _speech(state: CallState, brief: Brief, text: str) -> Response | None:
    if not _may_be_machine(state):
        return None
    counted = replace(state, turn=state.turn + 1)
    by = machines.spoken_by(text)
    if by is Spoken.INTERCEPT:
        return _end(counted, Disposition.BAD_NUMBER, "out_of_service")
    if state.stage is Stage.SCREENED and state.purposes and by is not Spoken.SCREENING and machines.declines(text):
        return _end(counted, Disposition.NO_ANSWER, "declined", say=DECLINED)
    if by is Spoken.VOICEMAIL:
        if machines.takes_no_message(text):
            return _end(counted, Disposition.VOICEMAIL, "voicemail")
        return _voicemail(counted, brief, over=False)
    if by is Spoken.IVR and state.stage is Stage.MESSAGE:
        return _left(counted)  # what a mailbox offers once it has recorded
    offers = state.stage is Stage.MENU and machines.key_to_a_person(text, state.keys) != ""
    if (by is Spoken.IVR or offers) and state.stage is not Stage.MACHINE:
        return _menu(_at(counted, Stage.MENU) if state.stage is not Stage.MENU else counted, text)
    if by is Spoken.SCREENING and state.stage is not Stage.SCREENED:
        counted = _at(counted, Stage.SCREENED)
    stage_speech = _SPEECH.get(counted.stage)
    return stage_speech(counted, brief, text) if stage_speech else None


def _speech_to_new(state: CallState, brief: Brief, text: str) -> Response:
    """Before anybody heard the opening, speech is answered by it; "hold on" by nothing."""
    holds = Intent.HOLD in intents.read(normalise(text)).intents and not state.hurried
    return Response(state, opens=not holds)


def _speech_while_held(state: CallState, brief: Brief, text: str) -> Response:
    return Response(state, opens=machines.picks_up(text))  # else the voice side tells who it was


def _speech_of_mailbox(state: CallState, brief: Brief, text: str) -> Response:
    return Response(state, opens=machines.picks_up(text))


def _speech_into_message(state: CallState, brief: Brief, text: str) -> Response:
    return Response(state, opens=True)


def _speech_when_screened(state: CallState, brief: Brief, text: str) -> Response:
    screens = machines.spoken_by(text) is Spoken.SCREENING
    if state.hurried and not screens:
        return Response(state, opens=True)
    asks = machines.asks_who_calls(text)
    if asks and (screens or not state.purposes):
        return _tell_purpose(state, brief) if state.purposes < MAX_PURPOSES else Response(state)
    return Response(state, opens=not (screens or machines.holds_on(text)))


def _speech_of_menu(state: CallState, brief: Brief, text: str) -> Response:
    if machines.picks_up(text):
        return Response(state, opens=True)
    return Response(state, opens=bool(state.keys) and not machines.holds_on(text))


_SPEECH: Mapping[Stage, Callable[[CallState, Brief, str], Response]] = {
    Stage.NEW: _speech_to_new,
    Stage.HELD: _speech_while_held,
    Stage.MACHINE: _speech_of_mailbox,
    Stage.MESSAGE: _speech_into_message,
    Stage.SCREENED: _speech_when_screened,
    Stage.MENU: _speech_of_menu,
}


def _silence(state: CallState, brief: Brief) -> Response | None:
    if state.stage not in _WITH_MACHINES:
        return None
    state = replace(state, silences=state.silences + 1, turn=state.turn + 1)
    if state.stage is Stage.HELD:
        return Response(state, opens=True)
    if state.stage is Stage.MACHINE:
        return _voicemail(state, brief, over=True)
    if state.stage is Stage.MESSAGE:
        return _left(state)
    if state.stage is Stage.SCREENED and not state.purposes:
        return _tell_purpose(state, brief)
    if state.stage is Stage.MENU and not state.keys:
        return _press(state, OPERATOR)
    if state.silences > SCREENING_SILENCES or state.hurried:
        return _end(state, Disposition.NO_ANSWER, "silence", say=CANNOT_HEAR)
    return Response(state)


# What is done.


def _at(state: CallState, stage: Stage) -> CallState:
    """``state`` with a machine on the line: no question of ours was heard by anybody."""
    return replace(state, stage=stage, question=None, asked={})


def _voicemail(state: CallState, brief: Brief, *, over: bool) -> Response:
    """Leave the message once the greeting is ``over``, or hang up where none may be left."""
    message = message_of(brief)
    if not message or state.messages >= MAX_MESSAGES or state.hurried:
        return _end(state, Disposition.VOICEMAIL, "voicemail")
    if not over:
        return Response(_at(state, Stage.MACHINE))
    state = replace(_at(state, Stage.MESSAGE), messages=state.messages + 1)
    return Response(state, say=message, is_message=True)


def _left(state: CallState) -> Response:
    return _end(replace(state, message_left=True), Disposition.VOICEMAIL, "message_left")


def _tell_purpose(state: CallState, brief: Brief) -> Response:
    if state.hurried:
        end = farewell(state, brief, say=purpose(brief))
        return Response(end.state, say=end.say, acts=end.acts)
    return Response(replace(state, purposes=state.purposes + 1), say=purpose(brief))


def _menu(state: CallState, text: str) -> Response:
    key = machines.key_to_a_person(text, state.keys)
    if len(state.keys) >= MAX_KEYS:
        return _end(state, Disposition.NO_ANSWER, "menu")
    return _press(state, key) if key else Response(state)


def _press(state: CallState, key: str) -> Response:
    return Response(replace(state, keys=(*state.keys, key)), keys=key)


def _end(state: CallState, settled: Disposition, reason: str, *, say: str = "") -> Response:
    return Response(replace(state, settled=settled), say=say, acts=(EndCall(reason),))
