"""One conversation on one open media socket, from the first word to the report."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from starlette.websockets import WebSocket

from agents.domain.types import Disposition, EndedBy, Outcome
from agents.ports import Dialogue
from voice.control import Control
from voice.domain.overlap import is_echo
from voice.domain.types import (
    PLAIN_TALK,
    Acted,
    Answer,
    CarrierStatus,
    Closing,
    Disclosed,
    HandedOver,
    LineEvent,
    Live,
    Recording,
    Report,
    Signal,
    SignalKind,
    TalkPlan,
    TurnRecord,
    TurnTaken,
    VoiceConfig,
)
from voice.echo import EchoGuard
from voice.engines import Engines
from voice.hearing import Ears, Turn
from voice.judging import Judge
from voice.levels import Levels
from voice.machines.watch import MachineWatch
from voice.media.ports import Media, MediaEvents, MediaMaker
from voice.metering import Meter
from voice.ports import Spending
from voice.recorder import Recorder
from voice.recordings.file import SUFFIX
from voice.recordings.keeper import RecordingKeeper
from voice.recordings.keys import Keyring
from voice.speaker import Speaker
from voice.speech.phrases import personal_words
from voice.spending import SpendingWatch
from voice.supervision import Pass, Supervision
from voice.tiers import TieredVoice
from voice.transcript import Transcript
from voice.turns import TurnTaking, utc_now

log = structlog.get_logger(__name__)

GOODBYE = "I'm sorry, I have to end our call here. Thank you, and goodbye."
_GOODBYE_S = 6.0  # a voice that has to be waited for, then four seconds of words
_CARRIER_S = 2.0  # from the carrier's word that the call is over to our own end
_STOP_S = 5.0
_ECHO_WITHIN_S = 0.7
_RECORDING_S = 5.0
_CLOSING_S = 1.0
_OUR_WILL = frozenset({EndedBy.AGENT, EndedBy.LIMIT})


class CallSession:
    """Runs once, on the loop. ``emit`` gets all that happens but the report, which is ``run``'s result.

    ``spending`` is asked every second what the call's money allows.
    """

    def __init__(
        self,
        call_id: str,
        dialogue: Dialogue,
        *,
        media: MediaMaker,
        engines: Engines,
        config: VoiceConfig,
        max_length_s: float,
        spending: Spending,
        plan: TalkPlan = PLAIN_TALK,
        emit: Callable[[LineEvent], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call_id, self._dialogue, self._emit, self._clock = call_id, dialogue, emit, clock
        self._max_length_s, self._plan = max_length_s, plan
        self._answered_at = utc_now()
        self._started = clock()
        self._over: float | None = None
        answered_at = plan.answered_at or self._answered_at
        self._recorder = Recorder(
            config.recordings_dir / f"{call_id}-{plan.part}{SUFFIX}",
            answered_at=answered_at,
            clock=clock,
            disk=engines.disk,
            keys=Keyring.parse(config.recording_keys) if config.recording_keys else None,
            part=plan.part,
            allowed=plan.records,
            talked_s=(self._answered_at - answered_at).total_seconds(),
        )
        self._keeper = RecordingKeeper(call_id, self._recorder, plan, emit=emit, clock=clock)
        self._meter = Meter(self._clocks(config), emit, tokens=dialogue.tokens)
        self._transcript = Transcript(self._recorder, self._turn_taken, turns=plan.turns, part=plan.part)
        voice = TieredVoice(
            engines.synthesiser,
            engines.premium,
            meter=self._meter,
            emit=emit,
            lexicon=plan.lexicon,
            frequency=engines.frequency,
            personal=personal_words(*plan.hints, lexicon=plan.lexicon),
        )
        echo, levels = EchoGuard(), Levels()
        self._speaker = Speaker(voice, self._recorder, clock, echo)
        judge = Judge(dialogue, self._speaker, levels)
        self._ears = Ears(
            engines.vad,
            engines.recogniser,
            on_voice=self._voice_heard,
            on_turn=self._turn_heard,
            on_fault=self._broken,
            on_guess=self._turn_guessed,
            on_resumed=self._turn_resumed,
            patience=judge.patience,
            echo=echo,
            levels=levels,
            hints=plan.hints,
            clock=clock,
        )
        events = MediaEvents(
            on_audio=self._audio_heard,
            on_key=self._key_heard,
            on_sent=self._audio_sent,
            on_mark_sent=self._speaker.mark_sent,
            on_mark=self._speaker.mark_echoed,
            on_closed=self._media_closed,
            on_fault=self._broken,
        )
        self._pipeline: Media = media(events, clock)
        self._turns = TurnTaking(
            call_id,
            dialogue,
            pipeline=self._pipeline,
            ears=self._ears,
            speaker=self._speaker,
            transcript=self._transcript,
            judge=judge,
            emit=self._acted,
            on_disclosed=self._disclosed,
            silence_prompt_s=config.silence_prompt_s,
            filler_after_ms=config.filler_after_ms,
            clock=clock,
        )
        self._control = Control(
            call_id,
            self._turns,
            self._pipeline,
            emit=emit,
            taken_over=lambda: self._supervision.taken_over,
            clock=clock,
        )
        self._supervision = Supervision(
            call_id,
            self._turns,
            self._pipeline,
            self._transcript,
            ears=lambda said: Ears(
                engines.vad,
                engines.recogniser,
                on_voice=lambda: None,
                on_turn=said,
                on_fault=self._supervisor_unheard,
                hints=plan.hints,
                clock=clock,
            ),
            why_not=self._control.why_not,
            began=self._control.stop,
            emit=emit,
            clock=clock,
        )
        self._machines = MachineWatch(
            call_id,
            self._turns.machine_heard,
            recogniser=engines.recogniser,
            last_voice=lambda: self._ears.last_voice,
            any_voice=lambda: self._ears.any_voice,
            is_ours=self._sounds_like_ours,
            opened=lambda: self._turns.disclosed is not None,
            clock=clock,
            watches=plan.machines and plan.part == 1,
        )
        if plan.disclosed:
            self._turns.disclosed = self._started
            self._keeper.announced(self._started)
        self._ended: asyncio.Future[EndedBy] = asyncio.get_running_loop().create_future()
        self._spent: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._watch = SpendingWatch(
            call_id,
            spending,
            dialogue,
            meter=self._meter,
            voice=voice,
            talked_s=self._talked_s,
            emit=emit,
            end=self._spent.set_result,
        )

    async def run(self) -> Report:
        """Hold the conversation. Always returns, with whatever there is to report."""
        self._emit(Live(self._answered_at))
        self._watch.begin()
        watch = asyncio.create_task(self._watch.run())
        media = asyncio.create_task(self._pipeline.run())
        media.add_done_callback(self._part_ended)
        talk = asyncio.create_task(self._talk())
        talk.add_done_callback(self._part_ended)
        try:
            ended_by = await self._until_ended(talk)
            if ended_by in _OUR_WILL:
                await self._told(Closing)
            elif ended_by is EndedBy.TRANSFER:
                await self._told(HandedOver)
        finally:
            self._control.stop()
            for task in (watch, talk):
                task.cancel()
            await asyncio.gather(watch, talk, return_exceptions=True)
            await self._close_media(media)
        ended_at, self._over = utc_now(), self._clock()
        await self._supervision.close()
        await self._machines.close()
        await self._turns.hear_out()
        await self._ears.close()
        return await self._report(ended_by, ended_at)

    def end(self, by: EndedBy) -> None:
        """End the conversation; the first reason counts."""
        if not self._ended.done():
            self._ended.set_result(by)

    def tell_usage(self) -> None:
        """Emit what was used and not told yet: nothing after a report, which tells the rest itself."""
        self._meter.tell()

    def signal(self, signal: Signal) -> None:
        """News from the carrier or an operator, on the loop."""
        if signal.kind is SignalKind.HANG_UP:
            self.end(EndedBy.AGENT)
        elif signal.kind is SignalKind.MACHINE:
            self._machines.carrier(signal.value)
        elif signal.kind is SignalKind.PAUSE_RECORDING:
            self._keeper.pause(signal.value)
        elif signal.kind is SignalKind.RESUME_RECORDING:
            self._keeper.resume(signal.value)
        elif signal.kind is SignalKind.CARRIER and _final(signal.value):
            # The media socket closes by itself as a rule, and tells who hung up.
            asyncio.get_running_loop().call_later(_CARRIER_S, self.end, EndedBy.CARRIER)

    def order(self, signal: Signal) -> Answer:
        """An operator's order, on the loop: carried out, or refused with a sentence."""
        return self._control.order(signal)

    def why_not_supervised(self) -> str:
        """Why nobody may listen to this call now, as a sentence; "" where they may."""
        return "The call is over." if self._ended.done() else ""

    async def supervise(self, websocket: WebSocket, granted: Pass) -> None:
        """Serve a supervisor's socket until they go or the call is over."""
        await self._supervision.attend(websocket, granted)

    # What the parts tell.

    def _turn_taken(self, turn: TurnRecord) -> None:
        self._keeper.taken(turn)
        self._supervision.turn(turn)
        self._emit(TurnTaken(turn, self._dialogue.snapshot() if self._turns.settled else None))
        if tokens := self._dialogue.tokens():  # told at once, so that the loss of this process loses few
            self._meter.tell(*tokens)

    def _acted(self, acted: Acted) -> None:
        self._emit(replace(acted, snapshot=self._dialogue.snapshot()))

    def _disclosed(self, at: float) -> None:
        self._emit(Disclosed(self._recorder.at(at)))
        self._keeper.announced(at)

    def _sounds_like_ours(self, text: str, start: float, end: float) -> bool:
        said = self._speaker.said_around(start, end, within_s=_ECHO_WITHIN_S)
        return bool(said) and is_echo(text, said, sounds_like_us=False)

    def _voice_heard(self) -> None:
        self._turns.voice_heard()

    def _turn_heard(self, turn: Turn | None) -> None:
        self._turns.turn_heard(self._keeper.heard(turn) if turn else None)
        if turn is not None and not turn.ours:
            self._machines.heard(turn.text)

    def _turn_guessed(self, turn: Turn) -> None:
        self._turns.turn_guessed(self._keeper.guessed(turn))
        if not turn.ours:
            self._machines.guessed(turn.text)

    def _turn_resumed(self) -> None:
        self._turns.turn_resumed()

    def _key_heard(self, key: str) -> None:
        self._turns.key_heard(key)

    def _supervisor_unheard(self, error: BaseException) -> None:
        log.warning("supervisor.not_understood", call_id=self._call_id, error=repr(error))

    def _audio_sent(self, pcm: bytes) -> None:
        self._speaker.sent(pcm)
        if self._supervision.watched:
            self._supervision.audio("outbound", pcm)

    def _audio_heard(self, pcm: bytes, at: float) -> None:
        # Nobody listens to a person who has not been told what this call is.
        if self._supervision.watched and self._turns.disclosed is not None:
            self._supervision.audio("inbound", pcm)
        self._recorder.lead(pcm, at)
        self._ears.feed(pcm, at)
        self._machines.feed(pcm, at)

    def _media_closed(self, clean: bool) -> None:
        """``clean``: the carrier said so, and the person has hung up; else the way to them broke."""
        self.end(EndedBy.LEAD if clean else EndedBy.FAULT)

    def _broken(self, error: BaseException) -> None:
        log.error("voice.fault", call_id=self._call_id, exc_info=error)
        self.end(EndedBy.FAULT)

    def _part_ended(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or self._ended.done():
            return
        error = task.exception() or RuntimeError("The media pipeline ended by itself.")
        self._broken(error)

    def _clocks(self, config: VoiceConfig) -> dict[str, Callable[[], float]]:
        """The components that are counted in seconds."""
        clocks = {"call": self._talked_s, "stt.local": self._heard_s}
        if config.gpu_component:
            clocks[config.gpu_component] = lambda: self._talked_s() * float(config.gpu_share)
        return clocks

    def _heard_s(self) -> float:
        """Seconds that were transcribed, whoever spoke them."""
        return self._ears.heard_s + self._machines.heard_s + self._supervision.heard_s

    def _talked_s(self) -> float:
        """Seconds since the answer; those until the media closed, once it has."""
        return (self._clock() if self._over is None else self._over) - self._started

    # The end.

    async def _talk(self) -> None:
        await self._turns.talk()
        self.end(EndedBy.TRANSFER if self._turns.handed_on else EndedBy.AGENT)

    async def _until_ended(self, talk: "asyncio.Task[None]") -> EndedBy:
        goodbye_s = min(_GOODBYE_S, self._max_length_s / 2)
        enough: set[asyncio.Future[Any]] = {self._ended, self._spent}
        await asyncio.wait(enough, timeout=self._max_length_s - goodbye_s, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            return self._ended.result()
        if self._spent.done():
            log.info("call.spent", call_id=self._call_id, reason=self._spent.result())
        else:
            log.info("call.limit", call_id=self._call_id, max_length_s=self._max_length_s)
        if self._turns.closing:  # it is saying goodbye by itself
            await asyncio.wait({self._ended}, timeout=goodbye_s)
            return self._ended.result() if self._ended.done() else EndedBy.LIMIT
        self._control.stop()
        await self._supervision.close()
        talk.remove_done_callback(self._part_ended)
        talk.cancel()
        await asyncio.gather(talk, return_exceptions=True)
        farewell = asyncio.create_task(self._turns.farewell(GOODBYE))
        farewell.add_done_callback(lambda _: self.end(EndedBy.LIMIT))
        await asyncio.wait({self._ended}, timeout=goodbye_s)
        farewell.cancel()
        await asyncio.gather(farewell, return_exceptions=True)
        return EndedBy.LIMIT

    async def _told(self, why: type[Closing] | type[HandedOver]) -> None:
        """Have it kept why the media closes, before the carrier finds it closed and asks who talks on."""
        loop, written = asyncio.get_running_loop(), asyncio.Event()

        def kept() -> None:
            with contextlib.suppress(RuntimeError):  # so late that the loop is gone
                loop.call_soon_threadsafe(written.set)

        self._emit(why(kept))
        try:
            async with asyncio.timeout(_CLOSING_S):
                await written.wait()
        except TimeoutError:
            log.warning("call.closing_not_kept", call_id=self._call_id, waited_s=_CLOSING_S)

    async def _close_media(self, media: "asyncio.Task[None]") -> None:
        await self._pipeline.stop()
        _, late = await asyncio.wait({media}, timeout=_STOP_S)
        if late:
            log.warning("media.slow_to_close", call_id=self._call_id)
            media.cancel()

    async def _report(self, ended_by: EndedBy, ended_at: datetime) -> Report:
        recording, cut_off = await self._recorded(), ended_by is EndedBy.FAULT
        try:
            outcome = self._dialogue.wrap_up(ended_by=ended_by, now=ended_at)
        except Exception:
            log.exception("voice.wrap_up_failed", call_id=self._call_id)
            outcome, ended_by = Outcome(Disposition.FAILED, "The conversation's summary failed."), EndedBy.FAULT
        return Report(
            outcome=outcome,
            ended_by=ended_by,
            ended_at=ended_at,
            answered_at=self._answered_at,
            disclosed_at=None if self._turns.disclosed is None else self._recorder.at(self._turns.disclosed),
            usage=self._meter.take(),
            recording=recording,
            cut_off=cut_off,
            worked=self._transcript.worked(),
        )

    async def _recorded(self) -> Recording | None:
        try:
            async with asyncio.timeout(_RECORDING_S):
                return await asyncio.shield(asyncio.wrap_future(self._keeper.finish()))
        except TimeoutError:
            log.error("recording.late", call_id=self._call_id, waited_s=_RECORDING_S)
            return None


def _final(value: str) -> bool:
    status = value.partition(":")[0]
    return status in set(CarrierStatus) and CarrierStatus(status).final
