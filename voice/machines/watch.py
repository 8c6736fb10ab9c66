"""Listens for machines from the answer on, and tells the conversation in its own words who it is that answered."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from agents.domain.machines import Spoken, spoken_by
from agents.machines import FAX, INTERCEPT, IVR, LIKELY, PERSON, SCREENING
from voice.domain.machines import LIKELY_S, Evidence, Kind, Verdict, judge, likely
from voice.machines.sounds import BLOCK, Tone, ToneKind, Tones
from voice.speech.ports import BYTES_PER_MS, RATE, Recogniser, SpeechError

log = structlog.get_logger(__name__)

STARTS, BEEPED, SILENT = "machine_start", "machine_end_beep", "machine_end_silence"
END_SILENCE_S = 2.5
"""A greeting without a beep is over after so long a silence."""
_SPEAKING_S = 0.15  # the newest voice is as old as a window or two
_SAME_RUN_S = 0.6  # a shorter pause is a breath
_AGAIN_S = 1.0  # of voice after the greeting's end; then it was not the end
_EARLY_S = (LIKELY_S, 4.5, 8.0, 12.0, 16.0)  # of voice without a pause: what was said so far is read
_ANEW = 3  # readings, after which what was read is kept as words, and the next begin behind it
_KEPT = 9_000 * BYTES_PER_MS
_GIVEN_UP_S = 120.0  # a service that keeps us waiting is the conversation's to leave

_NAMES = {Kind.SCREENING: SCREENING, Kind.IVR: IVR, Kind.FAX: FAX, Kind.INTERCEPT: INTERCEPT, Kind.PERSON: PERSON}


class MachineWatch:
    """One call's watch, on the loop. ``tell`` gets the news in the words of ``agents.machines``.

    ``last_voice`` gives the second at which the other side was last heard to speak, and ``any_voice`` when anybody
    was, our own echo perhaps: that is read, and counts unless ``is_ours`` knows the words, said from one second to
    another, for ours. ``opened`` says whether our opening was heard whole. Without ``watches``, once it is a person,
    and once there is nothing more to find, audio costs nothing and no news is told.
    """

    def __init__(
        self,
        call_id: str,
        tell: Callable[[str], None],
        *,
        recogniser: Recogniser,
        last_voice: Callable[[], float],
        any_voice: Callable[[], float] | None = None,
        is_ours: Callable[[str, float, float], bool] = lambda text, start, end: False,
        opened: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        watches: bool = True,
    ) -> None:
        self._call_id, self._tell, self._recogniser = call_id, tell, recogniser
        self._last_voice, self._any_voice = last_voice, any_voice or last_voice
        self._is_ours, self._opened, self._clock = is_ours, opened, clock
        self._began = clock()
        self._tones = Tones()
        self._pending = bytearray()
        self._block_at = 0.0
        self._evidence = Evidence()
        self._said = ""  # of whole turns; what is read early comes on top
        self._run_from: float | None = None
        self._voice_at: float | None = None
        self._sounded_s, self._sound_at = 0.0, self._began
        self._run_audio = bytearray()
        self._read_before = ""
        self._early = 0
        self._kept_from = self._kept_until = -math.inf
        self._reading: asyncio.Task[None] | None = None
        self._held = False
        self._beep_at = -math.inf
        self._greeting_over = False
        self._voice_after = 0.0
        self._over = not watches
        self.verdict: Verdict | None = None
        self.heard_s = 0.0

    @property
    def over(self) -> bool:
        """Whether there is nothing more to find out."""
        return self._over

    @property
    def _beeped_last(self) -> bool:
        """Whether nobody has spoken since the beep."""
        return self._beep_at >= (self._voice_at if self._voice_at is not None else 0.0) - _SAME_RUN_S

    def feed(self, pcm: bytes, at: float) -> None:
        """The next audio, which began at ``at``; after the ears heard it."""
        if self._over:
            return
        if not self._pending:
            self._block_at = at
        self._pending += pcm
        while len(self._pending) >= BLOCK:
            block = bytes(self._pending[:BLOCK])
            del self._pending[:BLOCK]
            end = self._block_at + BLOCK / 2 / RATE
            self._listen(block, self._block_at, end)
            self._block_at = end

    def heard(self, text: str) -> None:
        """A turn, as it was understood."""
        if self._over:
            return
        self._said = f"{self._said} {text}".strip()
        self._evidence = replace(self._evidence, words=self._said, turns=self._evidence.turns + 1)
        if self.verdict is not None and self.verdict.kind is not Kind.VOICEMAIL:
            self._maybe_voicemail(text)
        self._weigh(self._clock())

    def guessed(self, text: str) -> None:
        """What a turn would be if it ended in this pause; it may go on."""
        if not self._over and self.verdict is None:
            self._evidence = replace(self._evidence, words=f"{self._said} {text}".strip())
            self._weigh(self._clock())

    def carrier(self, name: str) -> None:
        """The word of the carrier's own detection."""
        if self._over:
            return
        self._evidence = replace(self._evidence, carrier=name)
        if self.verdict is None:
            self._weigh(self._clock())
        elif self.verdict.kind is Kind.VOICEMAIL and name.startswith("machine_end") and not self._evidence.speaking:
            self._end_of_greeting(name)

    async def close(self) -> None:
        self._over = True
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    # What is heard.

    def _listen(self, block: bytes, at: float, end: float) -> None:
        tones = self._tones.feed(block, at)
        self._follow_voice(block, at, end)
        for tone in tones:
            self._note(tone)
        if self.verdict is None:
            self._weigh(end)
        elif self.verdict.kind is Kind.VOICEMAIL:
            self._follow_greeting(tones, end - at)
        elif end - self._began > _GIVEN_UP_S:
            self._over = True

    def _note(self, tone: Tone) -> None:
        found = self._evidence
        if tone.kind is ToneKind.BEEP:
            self._beep_at = tone.end
        self._evidence = replace(
            found,
            beep=found.beep or tone.kind is ToneKind.BEEP,
            fax=found.fax or tone.kind is ToneKind.FAX,
            special_information=found.special_information or tone.kind is ToneKind.SPECIAL_INFORMATION,
        )

    def _follow_voice(self, block: bytes, at: float, end: float) -> None:
        last = self._last_voice()
        speaking = last >= end - _SPEAKING_S and last > self._began
        found = self._evidence
        if speaking:
            if self._run_from is None or self._voice_at is None or at - self._voice_at > _SAME_RUN_S:
                self._run_from = at
            self._voice_at = end
            found = replace(
                found,
                voiced_s=found.voiced_s + end - at,
                run_s=max(found.run_s, end - self._run_from),
                first_at=found.first_at if found.first_at is not None else at - self._began,
            )
        sounds_s, self._sounded_s = self._tones.sounds_s - self._sounded_s, self._tones.sounds_s
        if sounds_s:
            self._sound_at = end
        sound_s = found.sound_s + (sounds_s if self._any_voice() < end - _SPEAKING_S else 0.0)
        quiet_s = end - (self._voice_at if self._voice_at is not None else self._sound_at)
        self._evidence = replace(found, speaking=speaking, quiet_s=quiet_s, sound_s=sound_s)
        if self.verdict is None:
            self._keep(block, at, end)

    def _keep(self, block: bytes, at: float, end: float) -> None:
        """A greeting without a pause ends no turn for a long while: read what was said of it so far."""
        if self._any_voice() < end - _SPEAKING_S:
            return
        if at - self._kept_until > _SAME_RUN_S:
            self._kept_from, self._early, self._read_before = at, 0, ""
            self._run_audio.clear()
        self._kept_until = end
        if len(self._run_audio) < _KEPT:
            self._run_audio += block
        if self._early >= len(_EARLY_S) or end - self._kept_from < _EARLY_S[self._early]:
            return
        if self._reading is None or self._reading.done():
            self._early += 1
            anew = self._early == _ANEW
            read = self._read(bytes(self._run_audio), end, last=anew)
            self._reading = asyncio.get_running_loop().create_task(read)
            if anew:
                self._run_audio.clear()

    async def _read(self, pcm: bytes, end: float, *, last: bool) -> None:
        """``last``: the readings that follow begin behind ``pcm``."""
        start, run = end - len(pcm) / 2 / RATE, self._kept_from
        self.heard_s += len(pcm) / 2 / RATE
        try:
            hearing = await self._recogniser.hear(pcm, voiced_ms=len(pcm) // BYTES_PER_MS)
        except SpeechError as error:  # the words of whole turns are still to come
            log.warning("machine.not_read", call_id=self._call_id, error=str(error))
            return
        if hearing.text and not self._is_ours(hearing.text, start, end):
            self._count(start, end)
            text = f"{self._read_before} {hearing.text}".strip()
            if last and run == self._kept_from:
                self._read_before = text
            self.guessed(text)

    def _count(self, start: float, end: float) -> None:
        """A voice that was taken for our echo, and was none: people and machines talk into our opening."""
        found = self._evidence
        first_at = start - self._began if found.first_at is None else min(found.first_at, start - self._began)
        self._evidence = replace(
            found,
            voiced_s=max(found.voiced_s, end - start),
            run_s=max(found.run_s, end - start),
            first_at=first_at,
        )

    # What it means.

    def _weigh(self, now: float) -> None:
        if self.verdict is not None or self._over:
            return
        self._evidence = replace(self._evidence, opened=self._opened())
        verdict = judge(self._evidence, now - self._began)
        if verdict is not None:
            self._decide(verdict)
        elif not self._held and not self._evidence.opened and likely(self._evidence):
            self._held = True
            self._tell(LIKELY)

    def _decide(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self._run_audio.clear()
        carrier = self._evidence.carrier
        log.info(
            "machine.judged",
            call_id=self._call_id,
            kind=verdict.kind.value,
            reason=verdict.reason,
            after_ms=round(verdict.at_s * 1000),
            carrier=carrier,
        )
        if verdict.kind is Kind.VOICEMAIL:
            self._tell_voicemail(carrier)
            return
        if verdict.kind is not Kind.PERSON or self._held:
            self._tell(_NAMES[verdict.kind])
        self._over = verdict.kind in (Kind.PERSON, Kind.FAX, Kind.INTERCEPT)

    def _tell_voicemail(self, carrier: str) -> None:
        over = not self._evidence.speaking
        if over and self._beeped_last:
            self._end_of_greeting(BEEPED)
        elif over and carrier.startswith("machine_"):
            self._greeting_over = carrier.startswith("machine_end")
            self._tell(carrier)
        else:
            self._tell(STARTS)

    def _maybe_voicemail(self, text: str) -> None:
        """A screening service or a menu that gave us up leads to a mailbox."""
        if spoken_by(text) is Spoken.VOICEMAIL:
            self.verdict = Verdict(Kind.VOICEMAIL, "A mailbox came after a service.", self._clock() - self._began)
            self._tell(STARTS)

    def _follow_greeting(self, tones: list[Tone], block_s: float) -> None:
        """The greeting's end: its beep, or a silence. Where it goes on after all, its end is still to come."""
        found = self._evidence
        self._voice_after = self._voice_after + block_s if found.speaking else 0.0
        if self._voice_after >= _AGAIN_S:
            self._greeting_over = False
        if any(tone.kind is ToneKind.BEEP for tone in tones):
            self._end_of_greeting(BEEPED)
        elif not self._greeting_over and found.quiet_s >= END_SILENCE_S:
            self._end_of_greeting(SILENT)

    def _end_of_greeting(self, name: str) -> None:
        if not self._greeting_over:
            self._greeting_over = True
            self._tell(name)
