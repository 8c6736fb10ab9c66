"""The voice plane: the lines of this process, the loop they talk on, and the models they share."""

import asyncio
import contextlib
import gc
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import structlog
import uvicorn
import uvloop
from starlette.websockets import WebSocket

from agents.domain.standing import standing_phrases
from agents.domain.types import Brief, Disposition, EndedBy
from agents.ports import DialogueFactory
from voice import bell
from voice.bell import Listener
from voice.browser.desk import BrowserDesk
from voice.domain.types import (
    PLAIN_TALK,
    Answer,
    Ended,
    Report,
    Signal,
    SignalKind,
    StreamTarget,
    TalkPlan,
    VoiceConfig,
)
from voice.engines import EngineRoom, Engines
from voice.headroom import Headroom
from voice.line import PhoneLine, silent_report
from voice.media.pacer import Pacer
from voice.media.ports import Media, MediaEvents, MediaStats
from voice.media.stats import MediaMeter
from voice.passes import Passes
from voice.pipeline import CallPipeline, quiet_logs
from voice.ports import NoLine, Spending
from voice.seat import Seat
from voice.server import Health, MediaServer
from voice.session import GOODBYE, CallSession
from voice.speech.ports import Recogniser, StreamingSynthesiser, Synthesiser
from voice.watchdog import LoopState, Watchdog
from voice.wire import Start

log = structlog.get_logger(__name__)

RING_MARGIN_S = 5.0
_WIND_UP_S = 30.0  # past a call's longest time, for its last words, recording and report
_START_S = 180.0
_STOP_S = 15.0
HUNG_AFTER_S = 5.0
HOPELESS_AFTER_S = 30.0


class VoicePlane:
    """``voice.ports.Plane``. ``start`` blocks until calls can be taken, ``stop`` until nothing is left.

    ``test_dialogues`` hold the test calls in a browser, for which no money is held: they may cost nothing. None: the
    same as on the phone. ``auth_token`` makes the media server ask for Twilio's signature. ``recogniser``,
    ``synthesiser`` and ``premium`` replace those of the configuration; a ring that nobody answers is given up
    ``ring_margin_s`` after its timeout.

    A loop that does not answer for ``hung_after_s`` seconds is hung: no line is given out and ``healthy`` is False
    until it answers again. ``on_loop`` is told, in another thread, and once more when the loop has been silent for
    ``hopeless_after_s`` or has ended by itself. ``on_headroom`` is told, on the loop, when calls begin to be refused
    for want of headroom and when they are taken again.
    """

    def __init__(
        self,
        config: VoiceConfig,
        dialogues: DialogueFactory,
        *,
        test_dialogues: DialogueFactory | None = None,
        auth_token: str = "",
        recogniser: Recogniser | None = None,
        synthesiser: Synthesiser | None = None,
        premium: StreamingSynthesiser | None = None,
        ring_margin_s: float = RING_MARGIN_S,
        hung_after_s: float = HUNG_AFTER_S,
        hopeless_after_s: float = HOPELESS_AFTER_S,
        on_loop: Callable[[LoopState], None] = lambda _: None,
        on_headroom: Callable[[], None] = lambda: None,
    ) -> None:
        self._config, self._dialogues, self._ring_margin_s = config, dialogues, ring_margin_s
        self._engine_room = EngineRoom(config, recogniser=recogniser, synthesiser=synthesiser, premium=premium)
        self._lock = threading.Lock()
        self._taken: set[tuple[str, int]] = set()  # by call and part
        self._pacer = Pacer(MediaMeter())
        self._desk = BrowserDesk(
            config,
            test_dialogues or dialogues,
            self._pacer,
            reserve=self._reserve,
            release=self._taken.discard,
            hold=self._hold_browser,
        )
        self._server = MediaServer(
            self._connected,
            self.health,
            handshake_timeout_s=config.handshake_timeout_s,
            lines=config.lines,
            trusted_proxies=config.trusted_proxies,
            auth_token=auth_token,
            public_url=lambda: self.media_url,
            desk=self._desk,
            supervise=self._supervise,
        )
        self._passes = Passes()
        self._draining = False
        self._tokens: dict[str, Seat] = {}
        self._seats: dict[str, Seat] = {}
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._engines: Engines | None = None
        self._bell = Listener(config.redis_url, self.deliver) if config.redis_url else None
        self._hung_after_s, self._hopeless_after_s, self._on_loop_state = hung_after_s, hopeless_after_s, on_loop
        self._watchdog: Watchdog | None = None
        self._headroom = Headroom(
            config.headroom,
            lines=config.lines,
            calls=self._calls,
            lateness_ms=lambda: self._pacer.meter.stats().lateness_p99_ms,
            queues=lambda: self._engine_room.queues,
            changed=on_headroom,
        )
        self.port = config.media_port

    # Any thread.

    @property
    def media_url(self) -> str:
        """Where the carrier opens the media socket."""
        return self._config.media_url or f"ws://{self._config.media_host}:{self.port}/media"

    @property
    def internal_url(self) -> str:
        """Where the web finds this process's media server."""
        host = self._config.internal_host or self._config.media_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def health(self) -> Health:
        headroom, live = self._headroom, self.live
        return Health(
            lines=self._config.lines,
            free=max(0, min(self._config.lines, headroom.offered) - live),
            draining=self._draining,
            offered=headroom.offered,
            why=headroom.why,
        )

    @property
    def headroom(self) -> Headroom:
        """What is measured of this process, and whether it takes calls."""
        return self._headroom

    def media_stats(self) -> MediaStats:
        """How late our packets go out, over the last seconds: what there is of headroom on the loop."""
        return self._pacer.meter.stats()

    def start(self) -> None:
        """Load the models and open the media server. Raises what went wrong, with nothing left running."""
        quiet_logs()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run_loop, args=(ready,), name="voice-plane", daemon=True)
        self._thread.start()
        try:
            ready.result(_START_S)
        except BaseException:
            self.stop()
            raise
        self._watch()
        if self._bell is not None:
            self._bell.start()
        log.info("voice.started", lines=self._config.lines, port=self.port)

    def drain(self) -> None:
        """Take no new calls; those that are live go on."""
        self._draining = True

    def stop(self) -> None:
        """End what is live and let go of everything. Safe to call twice."""
        self.drain()
        if self._bell is not None:
            self._bell.stop()
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._thread is None:
            return
        if (loop := self._loop) is not None:
            asyncio.run_coroutine_threadsafe(self._wind_up(), loop)
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            log.error("voice.stuck", message="The voice loop did not stop.")
        self._thread = None

    def give_up(self) -> None:
        """Tell every line that its call is over on this side, since the loop, which would, is stuck.

        All calls of a process talk on its one loop, so none of them is served while it hangs.
        """
        self.drain()
        self._tell_lines("The voice loop hung.")

    def healthy(self) -> bool:
        watchdog = self._watchdog
        return self._loop is not None and watchdog is not None and watchdog.state is LoopState.ANSWERS

    @property
    def live(self) -> int:
        """Lines in use."""
        return len(self._taken)

    def open_line(
        self,
        brief: Brief,
        *,
        ring_timeout_s: int,
        max_length_s: int,
        spending: Spending,
        plan: TalkPlan = PLAIN_TALK,
    ) -> PhoneLine:
        if self._loop is None:
            raise NoLine("The voice plane is not running.")
        if not self.healthy():
            raise NoLine("The lines of this process do not answer: its event loop hangs.")
        self._reserve(place := (brief.call_id, plan.part))
        try:
            ring_s, talk_s = ring_timeout_s + self._ring_margin_s, min(max_length_s, self._config.max_call_s)
            line, seat = self._seat(brief, spending, plan, ring_s, talk_s)
            self._seats[brief.call_id] = self._tokens[line.stream.token] = seat
            asyncio.run_coroutine_threadsafe(self._hold(seat), self._loop)
            self._on_loop(self._engine_room.learn_script, brief)
        except BaseException:
            self._taken.discard(place)
            raise
        return line

    def deliver(self, signal: Signal) -> None:
        """Hand a signal to the line of its call, if it is one of ours."""
        self._on_loop(self._signalled, signal)

    def _reserve(self, place: tuple[str, int]) -> None:
        with self._lock:
            if self._draining:
                raise NoLine("This process takes no new calls: it is draining.")
            if len(self._taken) >= self._config.lines:
                raise NoLine(f"All {self._config.lines} lines are taken.")
            # Whoever lost their line is on the phone: refused here, they hear that we are sorry, and nothing more.
            if place[1] == 1 and len(self._taken) >= self._headroom.offered:
                raise NoLine(f"No headroom for another call. {self._headroom.why}")
            if place in self._taken:
                raise NoLine(f"Call {place[0]} has a line here already.")
            self._taken.add(place)

    def _seat(
        self, brief: Brief, spending: Spending, plan: TalkPlan, ring_s: float, max_length_s: float
    ) -> tuple[PhoneLine, Seat]:
        closed = Signal(brief.call_id, SignalKind.HANG_UP, "closed")
        line = PhoneLine(
            brief.call_id,
            StreamTarget(self.media_url, secrets.token_urlsafe(32)),
            deadline_s=ring_s + max_length_s + _WIND_UP_S,
            deliver=self.deliver,
            # This line alone: another one may hold the call by then.
            hang_up=lambda: self._on_loop(seat.signal, closed),
        )
        colleagues = tuple(one.name for one in plan.colleagues)
        told = replace(brief, voicemail_message=plan.voicemail_message, colleagues=colleagues)
        dialogue = self._dialogues(told, snapshot=plan.snapshot)
        seat = Seat(line, dialogue, spending, plan, ring_s=ring_s, max_length_s=max_length_s)
        return line, seat

    def _watch(self) -> None:
        if self._loop is None or self._thread is None:
            return  # it broke right after its start, and the log says why
        self._watchdog = Watchdog(
            self._loop,
            self._thread,
            hung_after_s=self._hung_after_s,
            hopeless_after_s=self._hopeless_after_s,
            tell=self._on_loop_state,
        )
        self._watchdog.start()

    def _tell_lines(self, summary: str) -> None:
        for seat in list(self._seats.values()):
            seat.line.put(Ended(silent_report(Disposition.FAILED, summary, EndedBy.FAULT)))

    def _on_loop(self, callback: Callable[..., None], *args: Any) -> None:
        # The loop may have closed meanwhile: then there is nothing left to tell.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(callback, *args)

    # The loop's thread.

    def _run_loop(self, ready: "Future[None]") -> None:
        try:
            uvloop.run(self._main(ready))
        except BaseException as error:  # the starter hears of it, or the log
            if ready.done():
                log.exception("voice.crashed")
            else:
                ready.set_exception(error)
        finally:
            self._loop = None
            self._tell_lines("The voice plane stopped.")
            started = ready.done() and ready.exception() is None
            if started and self._stopping is not None and not self._stopping.is_set():
                log.critical("voice.loop_ended")
                self._on_loop_state(LoopState.HOPELESS)

    async def _main(self, ready: "Future[None]") -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        with ThreadPoolExecutor(1, thread_name_prefix="recordings") as disk, self._listening() as listening:
            server = uvicorn.Server(
                uvicorn.Config(
                    self._server.app,
                    **self._server.options(),
                    log_config=None,
                    log_level="warning",
                    access_log=False,
                    lifespan="off",
                    timeout_graceful_shutdown=2,
                )
            )
            try:
                self._engines = await self._engine_room.start(disk, first_words=GOODBYE, phrases=standing_phrases())
                # A full collection goes through all that was imported, which holds the loop for a third of a second.
                gc.freeze()
                serving = asyncio.create_task(server.serve(sockets=[listening]))
                self._headroom.start()
                ready.set_result(None)  # the socket listens already
                stopping = asyncio.create_task(self._stopping.wait())
                await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
                server.should_exit = True
                await serving
            finally:
                self._headroom.stop()
                await self._desk.stop()
                await self._engine_room.stop()

    def _listening(self) -> socket.socket:
        listening = socket.create_server((self._config.media_host, self._config.media_port), backlog=512)
        self.port = listening.getsockname()[1]
        return listening

    def _calls(self) -> tuple[int, int]:
        """Calls that talk and calls that ring."""
        talking = sum(seat.session is not None for seat in list(self._seats.values()))
        return talking, max(0, self.live - talking)

    async def _hold(self, seat: Seat) -> None:
        """One call from the ring to the report."""
        call_id = seat.line.call_id
        report = silent_report(Disposition.FAILED, "The voice session broke.", EndedBy.FAULT)
        try:
            report = await self._ring(seat) or await self._talk(seat)
        except Exception:
            log.exception("voice.fault", call_id=call_id)
        finally:
            self._tokens.pop(seat.line.stream.token, None)
            if self._seats.get(call_id) is seat:  # else another line of this process has taken the call over
                del self._seats[call_id]
            self._taken.discard((call_id, seat.plan.part))
            seat.over.set()
            if seat.session is not None:  # one that broke has no report of its own
                seat.session.tell_usage()
            seat.line.put(Ended(report))
            log.info("voice.ended", call_id=call_id, ended_by=report.ended_by, disposition=report.outcome.disposition)

    async def _hold_browser(self, seat: Seat) -> None:
        self._seats[seat.line.call_id] = seat
        await self._hold(seat)

    async def _ring(self, seat: Seat) -> Report | None:
        """Wait for the media socket. A report where none comes."""
        try:
            async with asyncio.timeout(seat.ring_s):
                await seat.decided.wait()
        except TimeoutError:
            seat.stop_ringing(silent_report(Disposition.NO_ANSWER, "Nobody answered.", EndedBy.CARRIER))
        return seat.unanswered

    async def _talk(self, seat: Seat) -> Report:
        if seat.media is None or self._engines is None:
            raise RuntimeError("A line without media or models cannot talk.")
        seat.session = CallSession(
            seat.line.call_id,
            seat.dialogue,
            media=seat.media,
            engines=self._engines,
            config=self._config,
            max_length_s=seat.max_length_s,
            spending=seat.spending,
            plan=seat.plan,
            emit=seat.line.put,
        )
        for signal in seat.early:
            seat.session.signal(signal)
        return await seat.session.run()

    async def _connected(self, token: str, websocket: WebSocket, start: Start) -> bool:
        def media(events: MediaEvents, clock: Callable[[], float]) -> Media:
            return CallPipeline(websocket, start.stream_sid, events=events, pacer=self._pacer, clock=clock)

        seat = self._tokens.pop(token, None)
        if seat is None or not seat.arrive(media):
            return False
        self._server.admit(websocket)
        await seat.over.wait()
        return True

    def _signalled(self, signal: Signal) -> None:
        if (seat := self._seats.get(signal.call_id)) is None:
            return
        if signal.reply_to:
            self._answer(signal, self._ordered(seat, signal))
        else:
            seat.signal(signal)

    def _ordered(self, seat: Seat, signal: Signal) -> Answer:
        if seat.session is None:
            return Answer(False, "The call has not been answered yet.")
        if signal.kind is not SignalKind.SUPERVISE:
            return seat.session.order(signal)
        if reason := seat.session.why_not_supervised():
            return Answer(False, reason)
        self._passes.issue(signal)
        return Answer(True, url=f"{self.media_url.removesuffix('/media')}/supervise")

    def _answer(self, signal: Signal, answer: Answer) -> None:
        """From a thread, since Redis may be slow."""
        if self._config.redis_url and self._loop is not None:
            self._loop.run_in_executor(None, bell.answer, self._config.redis_url, signal.reply_to, answer)

    async def _supervise(self, token: str, websocket: WebSocket) -> bool:
        """Whether ``token`` let the socket in; returns once it is done with."""
        granted = self._passes.redeem(token)
        seat = self._seats.get(granted.call_id) if granted is not None else None
        if granted is None or seat is None or seat.session is None:
            return False
        self._server.admit(websocket)
        await seat.session.supervise(websocket, granted)
        return True

    async def _wind_up(self) -> None:
        """End every call, then the loop."""
        seats = list(self._seats.values())
        for seat in seats:
            seat.abandon()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S - 5):
                await asyncio.gather(*(seat.over.wait() for seat in seats))
        if self._stopping is not None:
            self._stopping.set()
