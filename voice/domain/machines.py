"""Who answered: a person, or which machine. Pure; time comes in, in seconds.

A person is the verdict wherever the evidence does not speak against one, and after a while in any case: a machine
that is talked to costs a few seconds, a person who is hung up on is lost.
"""

from dataclasses import dataclass
from enum import StrEnum

from agents.domain.machines import Spoken, answers_us, may_greet, spoken_by


class Kind(StrEnum):
    PERSON = "person"
    VOICEMAIL = "voicemail"
    SCREENING = "screening"
    IVR = "ivr"
    FAX = "fax"
    INTERCEPT = "intercept"


LIKELY_S = 2.5
"""Voice without a pause for so long, into our opening, is no "hello": we hold our tongue."""
GREETING_S = 4.0
"""A longer first utterance is a recorded greeting more often than not."""
WAITS_S = 1.5
"""Who was short and waits so long for us to speak is a person; so is a long speaker, if no tone comes."""
UNREAD_S = 4.0
"""Of quiet after a long greeting whose words are not known: recognition is late, or away."""
DEADLINE_S = 20.0
"""Of talk, from the first voice on; then it is a person."""
QUIET_DEADLINE_S = 12.0
"""From the answer on, where nobody speaks."""
MUSIC_S = 4.0
"""Of sound without a voice, where the carrier says machine; a passing car is shorter."""
ENDLESS_S = 8.0
"""Of voice without a pause, where the carrier says machine, and its words are not known whole."""
_BEEP_AFTER_S = 1.0  # of voice; a shorter one before a tone is no greeting

_BY_WORDS = {
    Spoken.VOICEMAIL: Kind.VOICEMAIL,
    Spoken.SCREENING: Kind.SCREENING,
    Spoken.IVR: Kind.IVR,
    Spoken.INTERCEPT: Kind.INTERCEPT,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known by now of who answered.

    ``voiced_s`` is all voice so far, ``sound_s`` all sound that was no voice, ours neither, ``run_s`` the voice's
    longest stretch without a pause, ``first_at`` when it began, in seconds from the answer, None before it did.
    ``speaking`` says whether somebody does, ``quiet_s`` for how long nobody did, or, before anybody did, for how long
    there was no sound. ``turns`` counts what was said and understood;
    ``words`` are all that is known of it. ``carrier`` is the carrier's word: "", "human", "machine_…", "fax" or
    "unknown". ``beep``, ``fax`` and ``special_information`` are tones that were heard. ``opened``: our opening was
    heard whole.
    """

    voiced_s: float = 0.0
    sound_s: float = 0.0
    run_s: float = 0.0
    first_at: float | None = None
    speaking: bool = False
    quiet_s: float = 0.0
    words: str = ""
    turns: int = 0
    carrier: str = ""
    beep: bool = False
    fax: bool = False
    special_information: bool = False
    opened: bool = False

    @property
    def carrier_says_machine(self) -> bool:
        return self.carrier.startswith("machine_")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who answered; ``reason`` is a sentence for people, ``at_s`` is in seconds from the answer."""

    kind: Kind
    reason: str
    at_s: float


def likely(evidence: Evidence) -> bool:
    """Whether a machine is likely enough to stop speaking, and to wait for what comes."""
    return evidence.run_s >= LIKELY_S or evidence.special_information or bool(_by_words(evidence))


def judge(evidence: Evidence, now_s: float) -> Verdict | None:
    """Who answered, ``now_s`` seconds after the answer; None while that is not clear, never after the deadlines."""
    found = _machine(evidence) or _person(evidence, now_s)
    return Verdict(*found, at_s=now_s) if found else None


def _machine(evidence: Evidence) -> tuple[Kind, str] | None:
    if evidence.fax:
        return Kind.FAX, "It answered with the tone of a fax."
    if (kind := _by_words(evidence)) is not None:
        return kind, "It spoke the words of one."
    listens = answers_us(evidence.words)
    if evidence.beep and not listens and (evidence.voiced_s >= _BEEP_AFTER_S or evidence.carrier_says_machine):
        return Kind.VOICEMAIL, "A tone followed what was said."
    if not evidence.carrier_says_machine:
        return None
    # Carriers take a long hello for a machine, so its length alone is no second witness: its words must agree.
    known = bool(evidence.words) and not evidence.speaking and (evidence.turns > 0 or evidence.quiet_s >= WAITS_S)
    if evidence.run_s >= LIKELY_S and not listens and (known or evidence.run_s >= ENDLESS_S):
        return Kind.VOICEMAIL, "The carrier says so, and it spoke without a pause."
    if evidence.voiced_s == 0 and evidence.sound_s >= MUSIC_S:
        return Kind.VOICEMAIL, "The carrier says so, and something played that was no voice."
    return None


def _person(evidence: Evidence, now_s: float) -> tuple[Kind, str] | None:
    if evidence.first_at is None:
        return (Kind.PERSON, "Nobody spoke, and no tone came.") if now_s >= QUIET_DEADLINE_S else None
    if now_s - evidence.first_at >= DEADLINE_S:
        return Kind.PERSON, "Nothing spoke for a machine in time."
    if evidence.speaking:
        return None
    short, waits = evidence.run_s < GREETING_S, evidence.quiet_s >= WAITS_S
    if short and evidence.turns >= 2 and not may_greet(evidence.words):
        return Kind.PERSON, "Two short turns, as people speak."
    if short and waits and (evidence.turns or evidence.opened):
        return Kind.PERSON, "A short answer, and then they waited."
    if short and evidence.opened:
        return Kind.PERSON, "They let us say who calls."
    if waits and not short and (evidence.turns or evidence.quiet_s >= UNREAD_S):
        return Kind.PERSON, "A long greeting without a machine's words or a tone."
    return None


def _by_words(evidence: Evidence) -> Kind | None:
    spoken = spoken_by(evidence.words) if evidence.words else None
    return _BY_WORDS[spoken] if spoken else None
