"""One conversation on one open media socket, from the first word to the report."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import structlog
from starlette.websockets import WebSocket

from agents.domain.types import Disposition, EndedBy, Heard, HeardKind, Outcome, Reply
from agents.ports import Dialogue
from voice.domain.types import (
    Acted,
    CarrierStatus,
    LineEvent,
    Live,
    Recording,
    Report,
    Signal,
    SignalKind,
    TurnRecord,
    TurnTaken,
    TurnTimings,
    Usage,
    VoiceConfig,
)
from voice.hearing import Ears, Turn
from voice.pipeline import CallPipeline
from voice.recorder import Recorder
from voice.speaker import Speaker, Spoken
from voice.speech.ports import Recogniser, Synthesiser
from voice.speech.synthesis import clauses
from voice.speech.vad import SileroModel
from voice.transcript import Transcript, answer_timings
from voice.wire import Start, TwilioWire

log = structlog.get_logger(__name__)

GOODBYE = "I'm sorry, I have to end our call here. Thank you, and goodbye."
_GOODBYE_S = 5.0
_REPLY_S = 15.0
_LAST_WORD_S = 3.0  # how long somebody who speaks over our goodbye is heard
_FLOOR_S = 10.0  # how long we wait for somebody who does not stop speaking
_CARRIER_S = 2.0  # from the carrier's word that the call is over to our own end
_STOP_S = 5.0
_HEAR_OUT_S = 5.0
_RECORDING_S = 5.0


@dataclass(frozen=True, slots=True)
class Engines:
    """What all calls of a process share."""

    vad: SileroModel
    recogniser: Recogniser
    synthesiser: Synthesiser
    disk: ThreadPoolExecutor


@dataclass(frozen=True, slots=True)
class _Pending:
    """Something heard that awaits its answer."""

    heard: Heard
    turn: Turn | None = None
    at: float = 0.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


def last_statement(parts: list[str]) -> int:
    """How many of ``parts`` have to be heard for the opening's statements: all but its closing questions."""
    return max((n for n, part in enumerate(parts, start=1) if not part.endswith("?")), default=len(parts))


class CallSession:
    """Runs once, on the loop. ``emit`` gets ``Live`` and each ``TurnTaken``; the report is ``run``'s result."""

    def __init__(
        self,
        call_id: str,
        dialogue: Dialogue,
        *,
        websocket: WebSocket,
        start: Start,
        engines: Engines,
        config: VoiceConfig,
        max_length_s: float,
        emit: Callable[[LineEvent], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call_id, self._dialogue, self._emit, self._clock = call_id, dialogue, emit, clock
        self._config, self._max_length_s = config, max_length_s
        self._answered_at = _utc_now()
        self._started = clock()
        path = config.recordings_dir / f"{call_id}.wav"
        self._recorder = Recorder(path, started_at=self._answered_at, clock=clock, disk=engines.disk)
        self._transcript = Transcript(self._recorder, self._turn_taken)
        self._speaker = Speaker(engines.synthesiser, self._recorder, clock)
        self._ears = Ears(
            engines.vad,
            engines.recogniser,
            on_voice=self._voice_heard,
            on_turn=self._turn_heard,
            on_fault=self._broken,
            clock=clock,
        )
        wire = TwilioWire(
            start.stream_sid,
            on_sent=self._speaker.sent,
            on_mark_sent=self._speaker.mark_sent,
            on_mark=self._speaker.mark_echoed,
            on_stop=self._media_closed,
            clock=clock,
        )
        self._pipeline = CallPipeline(
            websocket,
            wire,
            on_audio=self._audio_heard,
            on_key=self._key_heard,
            on_closed=self._media_closed,
            on_fault=self._broken,
        )
        self._inbox: list[_Pending] = []
        self._news = asyncio.Event()
        self._barge_in = asyncio.Event()
        self._urgent = asyncio.Event()
        self._question_from = math.inf  # when our first question began to be heard
        self._ended: asyncio.Future[EndedBy] = asyncio.get_running_loop().create_future()
        self._replying: asyncio.Future[Reply] | None = None
        self._disclosed_at: datetime | None = None

    async def run(self) -> Report:
        """Hold the conversation. Always returns, with whatever there is to report."""
        self._emit(Live(self._answered_at))
        media = asyncio.create_task(self._pipeline.run())
        media.add_done_callback(self._part_ended)
        talk = asyncio.create_task(self._talk())
        talk.add_done_callback(self._part_ended)
        try:
            ended_by = await self._until_ended(talk)
        finally:
            talk.cancel()
            await asyncio.gather(talk, return_exceptions=True)
            await self._close_media(media)
        await self._hear_out()
        await self._ears.close()
        return await self._report(ended_by)

    def end(self, by: EndedBy) -> None:
        """End the conversation; the first reason counts."""
        if not self._ended.done():
            self._ended.set_result(by)

    def signal(self, signal: Signal) -> None:
        """News from the carrier or an operator, on the loop."""
        if signal.kind is SignalKind.HANG_UP:
            self.end(EndedBy.AGENT)
        elif signal.kind is SignalKind.MACHINE and signal.value.startswith(("machine_", "fax")):
            self._put(_Pending(Heard(signal.value, _utc_now(), HeardKind.MACHINE)))
            self._barge_in.set()
        elif signal.kind is SignalKind.CARRIER and _final(signal.value):
            # The media socket closes by itself as a rule, and tells who hung up.
            asyncio.get_running_loop().call_later(_CARRIER_S, self.end, EndedBy.CARRIER)

    # What the parts tell.

    def _audio_heard(self, pcm: bytes, at: float) -> None:
        self._recorder.lead(pcm, at)
        self._ears.feed(pcm, at)

    def _key_heard(self, key: str) -> None:
        self._put(_Pending(Heard(key, _utc_now(), HeardKind.KEY), at=self._clock()))
        self._barge_in.set()

    def _voice_heard(self) -> None:
        self._barge_in.set()

    def _turn_heard(self, turn: Turn | None) -> None:
        if turn is not None:
            self._transcript.lead(turn)
            self._put(_Pending(Heard(turn.text, _utc_now()), turn))
        self._news.set()

    def _media_closed(self) -> None:
        self.end(EndedBy.LEAD)

    def _broken(self, error: BaseException) -> None:
        log.error("voice.fault", call_id=self._call_id, exc_info=error)
        self.end(EndedBy.FAULT)

    def _part_ended(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or self._ended.done():
            return
        error = task.exception() or RuntimeError("The media pipeline ended by itself.")
        self._broken(error)

    def _put(self, pending: _Pending) -> None:
        self._inbox.append(pending)
        self._news.set()
        if self._dialogue.cannot_wait(pending.heard):
            self._urgent.set()

    def _turn_taken(self, turn: TurnRecord) -> None:
        self._emit(TurnTaken(turn, self._dialogue.snapshot()))

    # The conversation.

    async def _until_ended(self, talk: "asyncio.Task[None]") -> EndedBy:
        goodbye_s = min(_GOODBYE_S, self._max_length_s / 2)
        try:
            async with asyncio.timeout(self._max_length_s - goodbye_s):
                return await asyncio.shield(self._ended)
        except TimeoutError:
            log.info("call.limit", call_id=self._call_id, max_length_s=self._max_length_s)
        talk.remove_done_callback(self._part_ended)
        talk.cancel()
        await asyncio.gather(talk, return_exceptions=True)
        farewell = asyncio.create_task(self._farewell())
        farewell.add_done_callback(lambda _: self.end(EndedBy.LIMIT))
        await asyncio.wait({self._ended}, timeout=goodbye_s)
        farewell.cancel()
        await asyncio.gather(farewell, return_exceptions=True)
        return EndedBy.LIMIT

    async def _farewell(self) -> None:
        await self._pipeline.hush()
        await self._speak(Reply(GOODBYE, fixed=True), [GOODBYE], None, None, None)

    async def _talk(self) -> None:
        await self._pipeline.ready()
        reply = self._acted(self._dialogue.opening(now=_utc_now()))
        await self._say(reply, None, None, opening=True)
        self._question_from = min(self._question_from, self._clock())
        closing = False
        while not closing:
            closing = reply.ends
            if closing and not await self._last_word():
                break
            pending = self._take() if closing else await self._listen()
            reply = await self._answer(pending.heard)
            await self._say(reply, pending.turn, self._clock())
        self.end(EndedBy.AGENT)

    async def _answer(self, heard: Heard) -> Reply:
        # Shielded, so that a call that ends meanwhile leaves the conversation in a state that can be summed up.
        self._replying = asyncio.ensure_future(self._dialogue.reply(heard, now=_utc_now()))
        async with asyncio.timeout(_REPLY_S):
            reply = await asyncio.shield(self._replying)
        self._replying = None
        return self._acted(reply)

    def _acted(self, reply: Reply) -> Reply:
        for act in reply.acts:
            self._emit(Acted(act))
        return reply

    async def _last_word(self) -> bool:
        """Whether something was said over our goodbye: an opt-out counts until the line is closed."""
        try:
            async with asyncio.timeout(_LAST_WORD_S):
                await self._ears.quiet()
        except TimeoutError:
            log.info("call.talks_on", call_id=self._call_id)
        return bool(self._inbox)

    async def _listen(self) -> _Pending:
        """What is heard next; nothing for a while is heard as silence."""
        while not self._inbox:
            self._news.clear()
            quiet_since = max(self._speaker.quiet_since, self._ears.last_voice)
            left_s = quiet_since + self._config.silence_prompt_s - self._clock()
            if self._ears.turn_open:
                await self._news.wait()
            elif left_s <= 0:
                return _Pending(Heard("", _utc_now(), HeardKind.SILENCE))
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await self._news.wait()
        return self._take()

    def _take(self) -> _Pending:
        """The oldest thing heard, with the speech that followed it directly."""
        self._urgent.clear()
        first = self._inbox.pop(0)
        if first.heard.kind is HeardKind.KEY:
            self._transcript.key(first.heard.text, first.at)
        if first.turn and first.turn.ended <= self._question_from:
            return replace(first, heard=replace(first.heard, before_question=True))
        while first.turn and self._inbox and (more := self._inbox[0].turn):
            text = f"{first.heard.text} {self._inbox.pop(0).heard.text}"
            first = _Pending(Heard(text, first.heard.at), more)
        return first

    async def _say(self, reply: Reply, turn: Turn | None, replied: float | None, *, opening: bool = False) -> None:
        """Speak the reply, and go on after an interruption that was none; a real one leaves it to the next turn."""
        parts, said = clauses(reply.text), 0
        firm = reply.ends or not reply.interruptible
        heard: list[str] = []
        while said < len(parts):
            if not firm:
                await self._floor()
                if self._inbox:
                    self._dialogue.interrupted(played=" ".join(heard))
                    return
            elif self._urgent.is_set() and not reply.ends:
                self._dialogue.interrupted(played=" ".join(heard))
                return
            stop = self._stopped_by(reply)
            spoken = await self._speak(reply, parts[said:], stop, turn, replied)
            if opening and self._disclosed_at is None:
                self._disclose(spoken, last_statement(parts) - said)
            # A clause that was cut is said again as a whole, where it has to be said again.
            heard = [*parts[:said], *([spoken.text] if spoken.text else [])]
            said += spoken.whole
            turn = None

    def _stopped_by(self, reply: Reply) -> asyncio.Event | None:
        """What makes us stop within this reply: any voice, only what cannot wait, or nothing."""
        if reply.ends:
            return None
        return self._barge_in if reply.interruptible else self._urgent

    async def _speak(
        self, reply: Reply, parts: list[str], stop: asyncio.Event | None, turn: Turn | None, replied: float | None
    ) -> Spoken:
        spoken: Spoken | None = None
        self._barge_in.clear()
        try:
            spoken = await self._speaker.speak(self._pipeline, parts, keep=reply.fixed, stop=stop)
            return spoken
        finally:
            # A call that ends while we speak leaves what was heard until then.
            spoken = spoken or self._speaker.broken_off()
            timings = answer_timings(turn, replied=replied, first_audio=spoken.start) if turn else None
            self._record(spoken, reply, timings)

    async def _floor(self) -> None:
        """Wait while the person speaks, unless they never stop."""
        try:
            async with asyncio.timeout(_FLOOR_S):
                await self._ears.quiet()
        except TimeoutError:
            log.info("call.talked_over", call_id=self._call_id)

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

    def _disclose(self, spoken: Spoken, needed: int) -> None:
        if 0 < needed <= spoken.whole:
            self._question_from = spoken.moments[needed - 1]
            self._disclosed_at = self._recorder.at(self._question_from)

    # The end.

    async def _hear_out(self) -> None:
        """What was said into the end still counts, an opt-out above all, whatever has broken by then."""
        deadline = asyncio.get_running_loop().time() + _HEAR_OUT_S
        for step in (self._last_reply, self._answer_rest, self._ears.finish, self._answer_rest):
            try:
                async with asyncio.timeout_at(deadline):
                    await step()
            except Exception:
                log.exception("voice.not_heard_out", call_id=self._call_id)

    async def _last_reply(self) -> None:
        if self._replying is not None:
            self._acted(await self._replying)

    async def _answer_rest(self) -> None:
        while self._inbox:
            self._acted(await self._dialogue.reply(self._take().heard, now=_utc_now()))

    async def _close_media(self, media: "asyncio.Task[None]") -> None:
        await self._pipeline.stop()
        _, late = await asyncio.wait({media}, timeout=_STOP_S)
        if late:
            log.warning("media.slow_to_close", call_id=self._call_id)
            media.cancel()

    async def _report(self, ended_by: EndedBy) -> Report:
        seconds = Decimal(f"{self._clock() - self._started:.3f}")
        recording = await self._recorded()
        now = _utc_now()
        try:
            outcome = self._dialogue.wrap_up(ended_by=ended_by, now=now)
        except Exception:
            log.exception("voice.wrap_up_failed", call_id=self._call_id)
            outcome, ended_by = Outcome(Disposition.FAILED, "The conversation's summary failed."), EndedBy.FAULT
        return Report(
            outcome=outcome,
            ended_by=ended_by,
            ended_at=now,
            answered_at=self._answered_at,
            disclosed_at=self._disclosed_at,
            usage=(
                Usage("call", "s", seconds),
                Usage("stt.local", "s", Decimal(f"{self._ears.heard_s:.3f}")),
                Usage("tts.local", "char", Decimal(self._speaker.synthesised_chars)),
            ),
            recording=recording,
        )

    async def _recorded(self) -> Recording | None:
        try:
            async with asyncio.timeout(_RECORDING_S):
                return await asyncio.wrap_future(self._recorder.finish())
        except TimeoutError:
            log.error("recording.late", call_id=self._call_id, waited_s=_RECORDING_S)
            return None


def _final(value: str) -> bool:
    status = value.partition(":")[0]
    return status in set(CarrierStatus) and CarrierStatus(status).final
