"""What goes into a conversation and what may come out of it.

``Brief`` goes in once, ``Heard`` goes in turn by turn, ``Reply`` comes out turn by turn, ``Outcome`` comes out at
the end. Every instant is an aware UTC ``datetime``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agents.domain.scoring import Reason
from agents.domain.script import DEFAULT_SCRIPT, Script


class Disposition(StrEnum):
    """How a call ended for the business. The carrier's own endings (busy, no answer) are dispositions too."""

    APPOINTMENT = "appointment"
    QUALIFIED = "qualified"
    CALLBACK_REQUESTED = "callback_requested"
    NOT_INTERESTED = "not_interested"
    DO_NOT_CALL = "do_not_call"
    WRONG_NUMBER = "wrong_number"
    HAS_AGENT = "has_agent"
    VOICEMAIL = "voicemail"
    HUNG_UP = "hung_up"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    BAD_NUMBER = "bad_number"
    TRANSFERRED = "transferred"


class EndedBy(StrEnum):
    """Who ended the conversation. ``LIMIT`` is the cap on a call's length, ``FAULT`` a part of ours that broke.

    ``TRANSFER``: a person talks on with the lead.
    """

    AGENT = "agent"
    LEAD = "lead"
    CARRIER = "carrier"
    LIMIT = "limit"
    FAULT = "fault"
    TRANSFER = "transfer"


class Progress(StrEnum):
    """How far the conversation has come: what one more minute of it may bring."""

    OPENING = "opening"
    QUALIFYING = "qualifying"
    OBJECTION = "objection"
    BOOKING = "booking"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the conversation promises by now. ``score`` is the lead's, 0 to 100."""

    progress: Progress
    score: int


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call of before. ``talked``: somebody answered; ``inbound``: the lead called us."""

    at: datetime
    disposition: Disposition
    summary: str
    talked: bool
    inbound: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What came of the calls of before, the newest first; ``facts`` are the last known of each name.

    ``stale`` are facts that were told too long ago to be taken for granted. ``objections`` counts how often each was
    raised lately. ``appointment_at`` is booked and lies ahead, ``callback_at`` is when the lead asked to be called.
    ``appointment_sure`` False: a person has to confirm the time, or to do something else about it.
    """

    calls: tuple[PastCall, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    appointment_at: datetime | None = None
    callback_at: datetime | None = None
    stale: Mapping[str, str] = field(default_factory=dict)
    objections: Mapping[str, int] = field(default_factory=dict)
    appointment_sure: bool = True


@dataclass(frozen=True, slots=True)
class Brief:
    """All that the conversation may know about the person before the first word.

    ``slots`` are the free appointments that may be offered, in order; they are held for this call. ``calendar_asked``
    False: the calendar has not told lately what is taken, so a colleague is to confirm a time. ``consent_source``
    and ``consent_at`` answer "how did you get my number". ``interest`` is "sell", "buy" or "" where it is not known.
    ``inbound``: the lead calls us. The conversation goes on from ``history``, whoever calls. ``recorded``: the call
    is going to be, and is told so. ``colleagues`` are the names of those who may take the call over, the first to be
    asked first.
    ``script`` is what is asked and answered, in which order, and how the lead is scored.
    """

    call_id: str
    company: str
    agent_name: str
    callback_number: str
    lead_name: str
    lead_zone: str
    interest: str = ""
    property_address: str = ""
    consent_source: str = ""
    consent_at: datetime | None = None
    slots: tuple[datetime, ...] = ()
    inbound: bool = False
    history: History = field(default_factory=History)
    voicemail_message: str = ""
    recorded: bool = True
    colleagues: tuple[str, ...] = ()
    script: Script = DEFAULT_SCRIPT
    calendar_asked: bool = True


class HeardKind(StrEnum):
    SPEECH = "speech"
    KEY = "key"
    SILENCE = "silence"
    MACHINE = "machine"
    TRANSFER = "transfer"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Heard:
    """One turn of the other side.

    ``SPEECH`` carries the recognised ``text``, ``KEY`` the pressed key in ``text``, ``SILENCE`` nothing (the person
    has not answered for a while), ``MACHINE`` the carrier's word for the machine that answered, such as
    ``machine_end_beep``. ``TRANSFER`` is an operator's order to put the person through to whom ``text`` names;
    ``BACK`` says that the line is the agent's again, after a ``hold`` or a ``takeover``. ``before_question`` says
    that it was said while our first question could not be heard yet, so it is no answer to it.
    """

    text: str
    at: datetime
    kind: HeardKind = HeardKind.SPEECH
    before_question: bool = False


@dataclass(frozen=True, slots=True)
class OptOut:
    """Never call this number again. ``said`` is what the person said or pressed, kept as evidence."""

    said: str


@dataclass(frozen=True, slots=True)
class BookAppointment:
    """The person agreed to ``start_at``, one of the brief's slots.

    ``confirmed`` False: they were told that a colleague confirms the time, since the calendar could not be asked or
    their yes was not clear.
    """

    start_at: datetime
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class ScheduleCallback:
    """The person asked to be called at ``at``; ``said`` is how they put it."""

    at: datetime
    said: str


@dataclass(frozen=True, slots=True)
class MarkWrongNumber:
    """The number does not belong to the lead."""

    said: str


@dataclass(frozen=True, slots=True)
class StopRecording:
    """The person does not want to be recorded; ``said`` is how they put it."""

    said: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Put the person through to a colleague once the reply's words have been played; ``said`` is how they asked."""

    said: str


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang up once the reply's words have been played."""

    reason: str

    @property
    def disposition(self) -> Disposition | None:
        """To what the call came, where the reason says so."""
        return Disposition(self.reason) if self.reason in set(Disposition) else None


Act = OptOut | BookAppointment | ScheduleCallback | MarkWrongNumber | StopRecording | Transfer | EndCall


class Expect(StrEnum):
    """What a question asks for that people give in pieces, with pauses to think or look it up."""

    NUMBER = "number"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a language model was asked for in one step, and what it took.

    ``prompt_version`` and ``prompt_hash`` name the prompt that was sent. Tokens are None where it was not answered at
    all; ``estimated`` says that they are counted by us, since the server did not tell them. ``first_ms`` is how long
    its first clause took, None where none came. ``cached``: the answer was kept from before. ``dropped`` says in a
    fixed word why the answer was not used ("late", "number"), "" where it was.
    """

    model: str
    prompt_version: str = ""
    prompt_hash: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    first_ms: int | None = None
    cached: bool = False
    dropped: str = ""
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a turn: a node of the graph, an agent, a use of a model (``use``).

    ``decision`` is what it came to, in words of a closed vocabulary: never in the person's. A reply that was prepared
    ahead has the instants at which it was made.
    """

    name: str
    started_at: datetime
    duration_us: int
    decision: str = ""
    use: ModelUse | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What to do now: speak ``text`` (empty: say nothing), then carry out ``acts`` in order.

    ``agent`` names the agent that answered. ``fixed`` says that the text is the same in every call of a campaign, so
    it may be rendered once and kept. ``interruptible`` is False for words the law wants heard whole. ``expects`` is
    what the answer needs patience for, None for nothing in particular. ``discloses`` marks the opening. Once the
    words of an ``is_message``, for a voicemail, were played, ``message_played`` is heard. ``keys`` come first.
    ``waits_s`` without a word count as silence, None for as many as always. ``steps`` are how it was made.
    """

    text: str
    acts: tuple[Act, ...] = ()
    agent: str = ""
    fixed: bool = False
    interruptible: bool = True
    expects: Expect | None = None
    discloses: bool = False
    is_message: bool = False
    keys: str = ""
    waits_s: float | None = None
    steps: tuple[Step, ...] = field(default=(), compare=False)

    @property
    def transfers(self) -> bool:
        return any(isinstance(act, Transfer) for act in self.acts)

    @property
    def ends(self) -> bool:
        return any(isinstance(act, EndCall) for act in self.acts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the conversation came to. ``facts`` maps a fact's name to its value, ``score`` is 0 to 100 and
    ``reasons`` says why, part by part.

    ``told`` names the facts that the person gave on this call, the others were known before; None: that is not known.
    ``objections`` counts how often each was raised on this call. ``stood_in``: somebody else answered for the lead.
    """

    disposition: Disposition
    summary: str
    acts: tuple[Act, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    score: int = 0
    reasons: tuple[Reason, ...] = ()
    told: tuple[str, ...] | None = None
    objections: Mapping[str, int] = field(default_factory=dict)
    stood_in: bool = False
