"""What a phone line is asked for, what it tells while it talks, and what it reports at the end.

Every instant is an aware UTC ``datetime``; offsets and durations carry their unit in the name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from agents.domain.types import Act, EndedBy, Outcome, Step
from voice.domain.headroom import Limits


class CarrierStatus(StrEnum):
    """Where the carrier says the call is; Twilio's own words."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset(
    {
        CarrierStatus.COMPLETED,
        CarrierStatus.BUSY,
        CarrierStatus.NO_ANSWER,
        CarrierStatus.FAILED,
        CarrierStatus.CANCELED,
    }
)


BAD_NUMBER_CODES = frozenset({"13223", "13224", "21211", "21214", "21217", "21401", "21421"})
"""The carrier's error codes for a number that cannot be called. Twilio: 13223 and 13224 invalid phone number, 21211
invalid "To", 21214 "To" cannot be reached, 21217, 21401 and 21421 no valid number."""


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """Where the carrier is to open the media socket. ``token`` is single-use and bound to one line."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class DialRequest:
    """One ring. ``call_id`` is ours and comes back in every callback; numbers are E.164."""

    call_id: str
    to: str
    from_: str
    stream: StreamTarget
    ring_timeout_s: int
    max_length_s: int
    detect_machine: bool = True


@dataclass(frozen=True, slots=True)
class CarrierUpdate:
    """What the carrier says about one call, by callback or on being asked.

    ``sequence`` orders the callbacks of one call; None where the carrier gave none. ``answered_by`` is the verdict of
    the answering machine detection. ``price`` is what the carrier charges, as a positive amount.
    """

    carrier_call_id: str
    status: CarrierStatus | None
    at: datetime
    sequence: int | None = None
    duration_s: int | None = None
    answered_by: str | None = None
    price: Decimal | None = None
    price_unit: str | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A text message to one of our numbers. ``opts_out`` says that the carrier has taken it for an opt-out."""

    carrier_message_id: str
    from_: str
    to: str
    text: str
    opts_out: bool = False


@dataclass(frozen=True, slots=True)
class InboundCall:
    """A call to one of our numbers; ``pressed`` and ``said`` answer what it was asked, if it was."""

    carrier_call_id: str
    from_: str
    to: str
    pressed: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class TurnTimings:
    """One answer's way, in ms from the end of the person's speech (as heard on the wire) to each step's end.

    ``vad_stop_ms``: the silence was noticed, ``first_clause_ms``: the audio of the reply's first clause was at hand,
    ``first_audio_ms``: the person began to hear it. ``filler_ms`` is the first audio of a word that had to come
    before a late reply, None as a rule.
    """

    vad_stop_ms: int | None = None
    transcript_ms: int | None = None
    turn_decided_ms: int | None = None
    reply_ms: int | None = None
    first_clause_ms: int | None = None
    first_audio_ms: int | None = None
    filler_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person who may take a call over; ``name`` is spoken, ``number`` is E.164."""

    name: str
    number: str


@dataclass(frozen=True, slots=True)
class TalkPlan:
    """What one call is told beyond its brief: how to hear, speak, record and hand on.

    ``lexicon`` maps words as they are written to how they sound; ``hints`` are words to expect. ``records``: a
    recording may begin once it was announced. ``voicemail_message`` is what may be left after the beep, "" nothing.
    ``snapshot`` is of a conversation to go on with, which had ``turns`` turns until then; ``part`` counts its lines
    from 1. ``answered_at`` is when the call was answered, by an earlier line; None: this one answers it.
    ``erases_on_objection``: somebody who objects to the recording has all of it erased, else their own side of it.
    ``recording_paused``: a person wanted, on an earlier line, that what follows is left out.
    ``disclosed``: the opening's statements were heard on an earlier line. ``machines``: a machine may answer.
    """

    lexicon: Mapping[str, str] = field(default_factory=dict)
    hints: tuple[str, ...] = ()
    records: bool = True
    voicemail_message: str = ""
    colleagues: tuple[Colleague, ...] = ()
    warm: bool = True
    snapshot: Mapping[str, object] | None = None
    turns: int = 0
    part: int = 1
    answered_at: datetime | None = None
    erases_on_objection: bool = True
    recording_paused: bool = False
    disclosed: bool = False
    machines: bool = True


PLAIN_TALK = TalkPlan()


class Speaker(StrEnum):
    AGENT = "agent"
    LEAD = "lead"


@dataclass(frozen=True, slots=True)
class Worked:
    """How what came before the turn numbered ``turn`` was made, the turn's own reply included.

    ``part`` is that of the line; its ``steps`` are numbered from ``first``, and counted from 1 over all its turns.
    """

    turn: int
    part: int
    first: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn as it was heard. ``seq`` counts from 1 over both speakers; offsets are from the call's answer.

    For an agent's turn, ``text`` is what was really played before an interruption, ``timings`` belong to the wait
    that the person had before it, and ``worked`` is how it was made.
    """

    seq: int
    speaker: Speaker
    text: str
    start_ms: int
    end_ms: int
    interrupted: bool = False
    agent: str = ""
    confidence: float | None = None
    timings: TurnTimings | None = None
    worked: Worked | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Units that one component used since its last report; never a price. ``unit`` is "s", "char" or "token".

    ``seq`` counts the reports of one component on one line from 1, so a report that comes twice counts once.
    """

    component: str
    unit: str
    quantity: Decimal
    seq: int = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """What one line recorded: the lead left, the agent right, sample-aligned from ``started_at``, sealed.

    ``bytes`` is the size of the sealed file. ``part`` counts the lines of the call from 1.
    """

    path: Path
    started_at: datetime
    duration_ms: int
    part: int = 1
    bytes: int = 0


class RecordingState(StrEnum):
    """What became of the recording of a call under way."""

    BEGAN = "began"
    PAUSED = "paused"
    RESUMED = "resumed"
    REDACTED = "redacted"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class RecordingChanged:
    """``why`` is a sentence for people. ``turns`` are masked texts of turns told before, by their number. ``part`` is
    that of the line that tells it.
    """

    state: RecordingState
    at: datetime
    part: int
    why: str = ""
    turns: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Live:
    """Somebody, or something, answered: the media socket is open."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TurnTaken:
    """``snapshot`` is the conversation's state from then on; None as long as its last reply may yet be taken back."""

    turn: TurnRecord
    snapshot: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Disclosed:
    """The opening's statements had been heard at ``at``."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Acted:
    """The conversation decided on ``act``: told at once, since an opt-out must outlive the loss of this process.

    ``snapshot`` is its state from then on.
    """

    act: Act
    snapshot: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """Told as it is used, so that the loss of this process loses no cost."""

    usage: tuple[Usage, ...]


class Tier(StrEnum):
    """Whose voice speaks: the models of this machine, or a provider that is paid by the character."""

    LOCAL = "local"
    PREMIUM = "premium"


class TierCause(StrEnum):
    """What changed the voice: money, a premium voice that is not set up here, or a provider's slowness or fault."""

    MONEY = "money"
    ABSENT = "absent"
    SLOW = "slow"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class TierChanged:
    """From here on ``tier`` speaks; ``reason`` is a sentence for people."""

    tier: Tier
    reason: str
    cause: TierCause = TierCause.MONEY


@dataclass(frozen=True, slots=True)
class WrappingUp:
    """The conversation was asked to come to its end; ``reason`` is a sentence for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What the call's money allows at this moment.

    ``cost`` is USD so far, as it would be billed if the call ended now. ``tier`` is the dearest that may speak on.
    ``wrap_up``: come to an end soon; ``end``: say goodbye now. ``reason`` says why, "" where there is nothing to say.
    """

    cost: Decimal
    tier: Tier = Tier.LOCAL
    wrap_up: bool = False
    end: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """The line ends the conversation by its own will, and closes its media once ``written`` is called, or soon.

    So the carrier, which asks then who talks on, is told that nobody does. ``written`` may be called in any thread.
    """

    written: Callable[[], None]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The line has announced that it puts the person through, and closes its media once ``written`` is called, or
    soon: the carrier, which asks then who talks on, is told to ring a colleague.
    """

    written: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Controlled:
    """An operator's order was carried out; ``what`` names it, ``by`` is whose it was."""

    what: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """How the line was used, sent once. ``answered_at`` None means that no media socket ever opened.

    ``usage`` is what ``Used``, and ``worked`` what no turn has told yet. ``cut_off``: the conversation broke off here
    while the person may be there still, so another line may take it over.
    """

    outcome: Outcome
    ended_by: EndedBy
    ended_at: datetime
    answered_at: datetime | None = None
    disclosed_at: datetime | None = None
    usage: tuple[Usage, ...] = ()
    recording: Recording | None = None
    cut_off: bool = False
    worked: Worked | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    report: Report


LineEvent = (
    Live
    | TurnTaken
    | Disclosed
    | Acted
    | Used
    | TierChanged
    | WrappingUp
    | RecordingChanged
    | Closing
    | HandedOver
    | Controlled
    | Ended
)


class SignalKind(StrEnum):
    CARRIER = "carrier"
    MACHINE = "machine"
    HANG_UP = "hang_up"
    PAUSE_RECORDING = "pause_recording"
    RESUME_RECORDING = "resume_recording"
    TRANSFER = "transfer"
    HOLD = "hold"
    UNHOLD = "unhold"
    WHISPER = "whisper"
    SUPERVISE = "supervise"


@dataclass(frozen=True, slots=True)
class Signal:
    """News for the line that holds ``call_id``. ``value`` is a CarrierStatus, a machine's name or a reason.

    An order has a ``reply_to``: where its ``Answer`` is waited for. ``by`` is whose it is.
    """

    call_id: str
    kind: SignalKind
    value: str = ""
    by: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the line says to an order: taken or not, with a sentence why not. ``url`` is where to come to."""

    taken: bool
    why: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """All that the voice plane is told by the settings. Empty model names mean the installed ones.

    Without ``elevenlabs_api_key`` there is no premium tier. ``elevenlabs_component`` and ``gpu_component`` are keys
    of the rate card; a second of a call uses ``gpu_share`` GPU-seconds, none where ``gpu_component`` is empty.
    ``local_voice`` is "piper" or "hibari", each in ``local_voice_processes``. What is said again and again is kept in
    ``phrases_dir``, of at most ``phrases_bytes``; None keeps it in memory alone.
    ``recording_keys`` are those of ``voice.recordings.keys``; without any, nothing is recorded.
    ``headroom`` says up to where new calls are taken. ``trusted_proxies`` are addresses and networks whose word on
    where a media socket comes from counts. The web finds the media server at ``internal_host``, or where that is
    empty at ``media_host``. ``ice_servers`` help browsers and us to find each other: stun: and turn: URLs, see
    ``voice.browser.ice``.
    """

    lines: int
    media_host: str
    media_port: int
    media_url: str
    redis_url: str
    recordings_dir: Path
    recording_keys: str = field(default="", repr=False)
    whisper_model: str = ""
    whisper_device: str = "cpu"
    whisper_compute_type: str = "int8"
    whisper_processes: int = 1
    piper_model: str = ""
    local_voice: str = "piper"
    hibari_voice: str = ""
    local_voice_processes: int = 1
    phrases_dir: Path | None = None
    phrases_bytes: int = 64 << 20
    elevenlabs_api_key: str = field(default="", repr=False)
    elevenlabs_url: str = "https://api.elevenlabs.io"
    elevenlabs_voice_id: str = ""
    elevenlabs_model: str = "eleven_flash_v2_5"
    elevenlabs_component: str = "elevenlabs.flash_v2_5"
    gpu_component: str = ""
    gpu_share: Decimal = Decimal(0)
    handshake_timeout_s: float = 5.0
    max_call_s: int = 300
    silence_prompt_s: float = 6.0
    filler_after_ms: int = 0
    headroom: Limits = field(default_factory=Limits)
    trusted_proxies: tuple[str, ...] = ()
    internal_host: str = ""
    ice_servers: tuple[str, ...] = field(default=(), repr=False)
