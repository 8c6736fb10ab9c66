"""What we say on a call: one thing at a time, stopped by what may stop it, written down as far as it was heard."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agents.domain.types import Reply
from voice.domain.types import TurnTimings
from voice.hearing import Turn
from voice.media.ports import Media
from voice.speaker import Speaker, Spoken
from voice.transcript import Transcript, answer_timings


@dataclass(frozen=True, slots=True)
class Wait:
    """What the person waited for, from their ``turn`` on: when the reply was there, and the word before it began."""

    turn: Turn
    replied: float
    filler: float | None


class Mouth:
    """``barge_in`` is set when somebody speaks over us, ``too_early`` when they had not finished what we answer.

    Both are cleared as we begin. ``begun`` is told when the first sound of something leaves, on the clock.
    """

    def __init__(
        self, pipeline: Media, speaker: Speaker, transcript: Transcript, *, begun: Callable[[float], None]
    ) -> None:
        self._pipeline, self._speaker, self._transcript, self._begun = pipeline, speaker, transcript, begun
        self._one_at_a_time = asyncio.Lock()
        self._held: list[Turn] = []
        self.barge_in, self.too_early = asyncio.Event(), asyncio.Event()

    def heard(self, turn: Turn) -> None:
        """Into the transcript: behind what we were saying, where ``turn`` made us pause."""
        if self._speaker.paused:
            self._held.append(turn)
        else:
            self._transcript.lead(turn)

    async def press(self, reply: Reply) -> None:
        """Send the reply's keys as tones."""
        self._record(await self._speaker.press(self._pipeline, reply.keys), reply, None)

    async def say(
        self,
        reply: Reply,
        parts: Sequence[str],
        stop: asyncio.Event | None = None,
        wait: Wait | None = None,
        goes_on: Callable[[], Awaitable[bool]] | None = None,
    ) -> Spoken:
        """Speak ``parts`` of ``reply`` until ``stop`` is set, and on after a pause if ``goes_on`` says so."""
        async with self._one_at_a_time:
            spoken: Spoken | None = None
            self.barge_in.clear()
            self.too_early.clear()
            try:
                spoken = await self._speaker.speak(
                    self._pipeline, parts, keep=reply.fixed, stop=stop, goes_on=goes_on, begun=self._begun
                )
                return spoken
            finally:
                # A call that ends while we speak leaves what was heard until then.
                spoken = spoken or self._speaker.broken_off()
                self._record(spoken, reply, _timings(wait, spoken))
                while self._held:
                    self._transcript.lead(self._held.pop(0))

    def _record(self, spoken: Spoken, reply: Reply, timings: TurnTimings | None) -> None:
        if spoken.start is not None and spoken.text:
            self._transcript.agent(
                spoken.text,
                start=spoken.start,
                end=spoken.end,
                interrupted=spoken.interrupted,
                agent=reply.agent,
                timings=timings,
            )


def _timings(wait: Wait | None, spoken: Spoken) -> TurnTimings | None:
    if wait is None:
        return None
    return answer_timings(
        wait.turn, replied=wait.replied, first_clause=spoken.ready, first_audio=spoken.start, filler=wait.filler
    )
