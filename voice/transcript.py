"""The call's turns, in the order in which they were heard, with the text that was really heard."""

from collections.abc import Callable

from agents.domain.types import HeardKind, Step
from voice.domain.types import Speaker, TurnRecord, TurnTimings, Worked
from voice.hearing import Turn
from voice.recorder import Recorder


def ms_since(start: float, moment: float | None) -> int | None:
    """Whole ms from ``start`` to ``moment``, both in seconds on one clock; None where ``moment`` is."""
    return None if moment is None else round((moment - start) * 1000)


def answer_timings(
    turn: Turn,
    *,
    replied: float | None,
    first_audio: float | None,
    first_clause: float | None = None,
    filler: float | None = None,
) -> TurnTimings:
    """How long the person waited for each step, from the end of their voice."""
    return TurnTimings(
        vad_stop_ms=ms_since(turn.ended, turn.stopped),
        transcript_ms=ms_since(turn.ended, turn.transcribed),
        turn_decided_ms=ms_since(turn.ended, turn.decided),
        reply_ms=ms_since(turn.ended, replied),
        first_clause_ms=ms_since(turn.ended, first_clause),
        first_audio_ms=ms_since(turn.ended, first_audio),
        filler_ms=ms_since(turn.ended, filler),
    )


class Transcript:
    """Numbers the turns, those of earlier lines included, and hands each to ``taken``.

    Steps of the conversation go with the agent's next turn: those of a reply without a word, too.
    """

    def __init__(
        self, recorder: Recorder, taken: Callable[[TurnRecord], None], *, turns: int = 0, part: int = 1
    ) -> None:
        self._recorder, self._taken, self._seq, self._part = recorder, taken, turns, part
        self._steps: tuple[Step, ...] = ()
        self._told_steps = 0

    def thought(self, steps: tuple[Step, ...]) -> None:
        """A reply was made in ``steps``."""
        self._steps += steps

    def worked(self) -> Worked | None:
        """The steps that no turn has taken yet, once; None where there are none."""
        if not self._steps:
            return None
        worked = Worked(self._seq, self._part, self._told_steps + 1, self._steps)
        self._told_steps, self._steps = self._told_steps + len(self._steps), ()
        return worked

    def lead(self, turn: Turn) -> None:
        self._add(Speaker.LEAD, turn.text, turn.started, turn.ended, confidence=turn.confidence)

    def aside(self, turn: Turn) -> None:
        """Words that seemed to be for somebody else, in brackets, since nobody said them to us."""
        self._add(Speaker.LEAD, f"[aside: {turn.text}]", turn.started, turn.ended, confidence=turn.confidence)

    def key(self, key: str, at: float) -> None:
        """A pressed key is a turn of its own, in brackets, since nobody said it."""
        self._add(Speaker.LEAD, f"[{HeardKind.KEY.value} {key}]", at, at)

    def agent(
        self, text: str, *, start: float, end: float, interrupted: bool, agent: str, timings: TurnTimings | None
    ) -> None:
        self._add(Speaker.AGENT, text, start, end, interrupted=interrupted, agent=agent, timings=timings)

    def _add(
        self,
        speaker: Speaker,
        text: str,
        start: float,
        end: float,
        *,
        interrupted: bool = False,
        agent: str = "",
        confidence: float | None = None,
        timings: TurnTimings | None = None,
    ) -> None:
        self._seq += 1
        self._taken(
            TurnRecord(
                seq=self._seq,
                speaker=speaker,
                text=text,
                start_ms=self._recorder.ms(start),
                end_ms=self._recorder.ms(end),
                interrupted=interrupted,
                agent=agent,
                confidence=confidence,
                timings=timings,
                worked=self.worked() if speaker is Speaker.AGENT else None,
            )
        )
