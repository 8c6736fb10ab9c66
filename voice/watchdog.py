"""Watches from a thread of its own whether an event loop still answers."""

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from enum import StrEnum

import structlog

log = structlog.get_logger(__name__)
_MOST_TICK_S = 0.5
_FRAMES = 12


class LoopState(StrEnum):
    ANSWERS = "answers"
    HUNG = "hung"
    HOPELESS = "hopeless"


class Watchdog:
    """Asks ``loop`` for an answer again and again; ``tell`` hears, in the watchdog's thread, of every change.

    The silence is counted in the watchdog's own rounds. So a process that was stopped as a whole (SIGSTOP, a machine
    that was put to sleep) is not taken for one whose loop hangs.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        loop_thread: threading.Thread,
        *,
        hung_after_s: float,
        hopeless_after_s: float,
        tell: Callable[[LoopState], None],
    ) -> None:
        self._loop, self._loop_thread, self._tell = loop, loop_thread, tell
        self._hung_after_s, self._hopeless_after_s = hung_after_s, hopeless_after_s
        self._tick_s = min(_MOST_TICK_S, hung_after_s / 4)
        self._answered, self._stopped = threading.Event(), threading.Event()
        self._silent_s = 0.0
        self.state = LoopState.ANSWERS
        self._thread = threading.Thread(target=self._watch, name="voice-watchdog", daemon=True)

    def start(self) -> None:
        self._answered.set()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._tick_s):
            if not self._answered.is_set():
                self._silent_s += self._tick_s
                self._judge_silence()
                continue
            self._heard()
            self._answered.clear()
            try:
                self._loop.call_soon_threadsafe(self._answered.set)
            except RuntimeError:  # the loop is closed: it has ended, and does not hang
                return

    def _heard(self) -> None:
        silent_s, self._silent_s = self._silent_s, 0.0
        if self.state is not LoopState.ANSWERS:
            log.warning("voice.loop_recovered", silent_s=round(silent_s, 1))
            self._change(LoopState.ANSWERS)

    def _judge_silence(self) -> None:
        if self.state is LoopState.ANSWERS and self._silent_s >= self._hung_after_s:
            log.error("voice.loop_hung", silent_s=round(self._silent_s, 1), stack=self._stack())
            self._change(LoopState.HUNG)
        elif self.state is LoopState.HUNG and self._silent_s >= self._hopeless_after_s:
            log.critical("voice.loop_hopeless", silent_s=round(self._silent_s, 1), stack=self._stack())
            self._change(LoopState.HOPELESS)

    def _change(self, state: LoopState) -> None:
        self.state = state
        self._tell(state)

    def _stack(self) -> str:
        """Where the loop's thread is; lines of code, no values."""
        frame = sys._current_frames().get(self._loop_thread.ident or 0)
        return "".join(traceback.format_stack(frame)[-_FRAMES:]) if frame else ""
