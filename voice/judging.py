"""What a turn is to the conversation: an answer, a sign of listening, our own echo, or words for somebody else."""

from datetime import UTC, datetime
from enum import StrEnum

import structlog

from agents.domain.types import Expect, Heard
from agents.ports import Dialogue
from voice.domain.endpointing import SHORT, Patience, patience_for
from voice.domain.overlap import is_backchannel, is_echo
from voice.hearing import Turn
from voice.levels import Levels
from voice.speaker import Speaker

log = structlog.get_logger(__name__)

_ECHO_WITHIN_S = 0.7  # of the end of our words their echo ends too


class Sense(StrEnum):
    """``LISTENING`` is a backchannel, such as "mm-hm" while we speak; ``ASIDE`` was meant for somebody else; ``ROOM``
    was said by nobody on the phone.
    """

    ANSWER = "answer"
    LISTENING = "listening"
    ECHO = "echo"
    ASIDE = "aside"
    ROOM = "room"


class Judge:
    """Judges the turns of one call. ``expects`` is what our last question needs patience for."""

    def __init__(self, dialogue: Dialogue, speaker: Speaker, levels: Levels) -> None:
        self._dialogue, self._speaker, self._levels = dialogue, speaker, levels
        self.expects: Expect | None = None

    def sense(self, turn: Turn) -> Sense:
        """What ``turn`` is. What cannot wait, an opt-out above all, is an answer unless it sounds like ourselves."""
        cannot_wait = self._dialogue.cannot_wait(Heard(turn.text, datetime.now(UTC)))
        said = self._speaker.said_around(turn.started, turn.ended, within_s=_ECHO_WITHIN_S)
        if turn.ours and not turn.theirs:
            return Sense.ECHO
        if said and (turn.ours or not cannot_wait) and is_echo(turn.text, said, sounds_like_us=turn.ours):
            return Sense.ECHO
        if cannot_wait:
            return Sense.ANSWER
        if self._listens(turn):
            return Sense.LISTENING
        if not turn.theirs and self._levels.of_the_room(turn.level, turn.confidence):
            return Sense.ROOM
        return Sense.ASIDE if self._levels.aside(turn.level, turn.confidence) else Sense.ANSWER

    def judged(self, turn: Turn) -> Sense:
        """``sense``, learnt from: the turn is over."""
        sense = self.sense(turn)
        if sense is Sense.ANSWER:
            self._levels.answered(turn.level)
        elif sense is Sense.ASIDE:
            self._levels.set_aside()
        if sense is not Sense.ANSWER:
            log.info("turn.no_answer", sense=sense, voice_s=turn.voice_s, level_db=round(turn.level, 1))
        return sense

    def patience(self, turn: Turn) -> Patience:
        """How long a silence ends ``turn``."""
        return SHORT if self._listens(turn) else patience_for(turn.text, self.expects)

    def _listens(self, turn: Turn) -> bool:
        return self._speaker.over(turn.started) and is_backchannel(turn.text, turn.voice_s)
