"""Voice activity by Silero at 8 kHz, on the loop: a hop to a thread costs more than the model.

Windows of all calls that wait are run together, which costs a third of running each alone, and clear silence is not
run at all.
"""

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from voice.speech.ports import RATE

WINDOW = 256  # samples, the only size that the 8 kHz model takes
WINDOW_MS = WINDOW * 1000 // RATE
_WINDOW_BYTES = WINDOW * 2
_CONTEXT = 32
_RESET_AFTER = 2 * RATE // WINDOW  # long silence or music leaves the state deaf to the speech that follows
_RESET_QUIET = 5
_SLEEP_AFTER = RATE // 2 // WINDOW  # windows of silence; then the model rests until something is loud enough

VOICE = 0.6
NO_VOICE = 0.35
MIN_LEVEL = 10 ** (-50 / 20)  # RMS of full scale; a television in the next room stays below
_MIN_ENERGY = WINDOW * MIN_LEVEL**2
START_WINDOWS = 5  # 160 ms of voice,
_START_WITHIN = 8  # windows: short words have gaps between them
PAUSE_WINDOWS = 3  # 96 ms
STOP_WINDOWS = 6  # 192 ms

_GATHER_S = 0.008  # the longest that a window waits for others
_GATHER_PER_CALL_S = _GATHER_S / 32  # few calls have little to gather: theirs hardly wait
_BURST = 6  # windows that one call may have waiting: less than ears keep of what came before a voice

Samples = npt.NDArray[np.float32]


class VadEvent(StrEnum):
    """``PAUSE`` comes early in each silence, to guess ahead; ``STOP`` ends the speech; ``RESUME`` follows a PAUSE."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class VadMark:
    """``at`` is a sample's number since the first one fed: where the voice began or ended."""

    event: VadEvent
    at: int


class SileroModel:
    """The shared weights, and the calls of one loop that listen by them; a call keeps its own state."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        with as_file(files("pipecat.audio.vad.data") / "silero_vad.onnx") as path:
            self._session = onnxruntime.InferenceSession(
                str(path), providers=["CPUExecutionProvider"], sess_options=options
            )
        self._rate = np.array(RATE, dtype=np.int64)
        self.listening: weakref.WeakSet[Vad] = weakref.WeakSet()
        self._waiting: list[Vad] = []

    def __call__(self, windows: Samples, states: Samples) -> tuple[Samples, Samples]:
        """Likelihoods of voice, (n,), and the next states.

        ``windows`` are (n, 288): context and window, in -1 to 1; ``states`` (2, n, 128).
        """
        out: Any = self._session.run(None, {"input": windows, "state": states, "sr": self._rate})
        return out[0][:, 0], out[1]

    def await_turn(self, vad: "Vad") -> None:
        """``vad`` has a window; those of all calls are run in a moment."""
        if not self._waiting:
            delay_s = min(_GATHER_S, _GATHER_PER_CALL_S * len(self.listening))
            asyncio.get_running_loop().call_later(delay_s, self._run_waiting)
        self._waiting.append(vad)

    def run(self, vads: "Sequence[Vad]") -> None:
        """Run what ``vads`` have, window by window."""
        while vads := [vad for vad in vads if vad.ready]:
            raw = b"".join([vad.take() for vad in vads])
            samples = np.empty((len(vads), _CONTEXT + WINDOW), dtype=np.float32)
            windows = samples[:, _CONTEXT:]
            np.divide(np.frombuffer(raw, dtype="<i2").reshape(-1, WINDOW), np.float32(32768), out=windows)
            loud = (np.einsum("ij,ij->i", windows, windows) >= _MIN_ENERGY).tolist()
            likelihoods = self._likelihoods(vads, samples, loud)
            for number, vad in enumerate(vads):
                vad.hear(likelihoods.get(number), samples[number, -_CONTEXT:], loud=loud[number])

    def _run_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for vad in waiting:
            vad.waits = False
        self.run(waiting)

    def _likelihoods(self, vads: "list[Vad]", samples: Samples, loud: list[bool]) -> dict[int, float]:
        """Those of the calls that are not asleep, by their number; none at all where the model fails."""
        awake = [number for number, vad in enumerate(vads) if vad.wakes(loud=loud[number])]
        if not awake:
            return {}
        for number in awake:
            samples[number, :_CONTEXT] = vads[number].context
        states = np.concatenate([vads[number].state for number in awake], axis=1)
        try:
            found, states = self(samples if len(awake) == len(vads) else samples[awake], states)
        except Exception as error:  # noqa: BLE001 - each of these calls has to hear that it is deaf
            for number in awake:
                vads[number].on_fault(error)
            return {}
        for place, number in enumerate(awake):
            vads[number].state = states[:, place : place + 1]
        return dict(zip(awake, found.tolist(), strict=True))


class Vad:
    """One call's voice activity. ``on_mark`` is told what begins or ends, within milliseconds of its being fed.

    What ``on_mark`` raises, or the model, goes to ``on_fault``.
    """

    def __init__(
        self, model: SileroModel, on_mark: Callable[[VadMark], None], on_fault: Callable[[BaseException], None]
    ) -> None:
        self._model, self._on_mark, self.on_fault = model, on_mark, on_fault
        model.listening.add(self)
        self._pending = bytearray()
        self._windows = 0
        self._silent = 0
        self._recent: deque[bool] = deque(maxlen=_START_WITHIN)  # whether a window was voice, before they speak
        self._hushed = 0  # windows in a row that were not loud enough
        self._speaking = False
        self.waits = False
        self.voiced_ms = 0  # of voice, in all
        self.context = np.zeros(_CONTEXT, dtype=np.float32)
        self._since_reset = self._quiet = 0  # windows
        self._reset()

    @property
    def speaking(self) -> bool:
        return self._speaking

    @property
    def ready(self) -> bool:
        """Whether there is a whole window."""
        return len(self._pending) >= _WINDOW_BYTES

    def feed(self, pcm: bytes) -> None:
        """The next audio."""
        self._pending += pcm
        if len(self._pending) >= _BURST * _WINDOW_BYTES:
            self.flush()
        elif not self.waits and self.ready:
            self.waits = True
            self._model.await_turn(self)

    def flush(self) -> None:
        """Judge all that was fed, now."""
        self._model.run([self])

    def close(self) -> None:
        """Nothing more is to be told."""
        self._pending.clear()

    # What the model asks and tells.

    def take(self) -> bytes:
        """The next window."""
        window = bytes(self._pending[:_WINDOW_BYTES])
        del self._pending[:_WINDOW_BYTES]
        return window

    def wakes(self, *, loud: bool) -> bool:
        """Whether the model has to be asked about a window. It goes on then as if the silence had been short."""
        self._hushed = 0 if loud or self._speaking else self._hushed + 1
        return self._hushed <= _SLEEP_AFTER

    def hear(self, likelihood: float | None, context: Samples, *, loud: bool) -> None:
        """A window's ``likelihood`` of voice, None where it was not asked for; ``context`` is for the next one."""
        self.context = context.copy()
        self._windows += 1
        if likelihood is not None:
            self._since_reset += 1
            self._quiet = self._quiet + 1 if likelihood < 0.1 else 0
            if self._since_reset >= _RESET_AFTER and self._quiet >= _RESET_QUIET and not self._speaking:
                self._reset()
        mark = self._judge(likelihood if likelihood is not None and loud else 0.0)
        if mark is not None:
            try:
                self._on_mark(mark)
            except Exception as error:  # noqa: BLE001 - one call's fault is not that of those it was run with
                self.on_fault(error)

    def _reset(self) -> None:
        self.state: Samples = np.zeros((2, 1, 128), dtype=np.float32)
        self._since_reset = self._quiet = 0

    def _judge(self, likelihood: float) -> VadMark | None:
        if likelihood >= VOICE or (likelihood >= NO_VOICE and self._speaking and not self._silent):
            return self._voice()
        return self._silence()

    def _voice(self) -> VadMark | None:
        paused = self._silent >= PAUSE_WINDOWS
        self._silent = 0
        self.voiced_ms += WINDOW_MS
        if self._speaking:
            return VadMark(VadEvent.RESUME, (self._windows - 1) * WINDOW) if paused else None
        self._recent.append(True)
        if sum(self._recent) < START_WINDOWS:
            return None
        self._speaking = True
        begun = self._windows - len(self._recent) + self._recent.index(True)
        self._recent.clear()
        return VadMark(VadEvent.START, begun * WINDOW)

    def _silence(self) -> VadMark | None:
        if not self._speaking:
            self._recent.append(False)
            return None
        self._silent += 1
        end = (self._windows - self._silent) * WINDOW
        if self._silent == PAUSE_WINDOWS:
            return VadMark(VadEvent.PAUSE, end)
        if self._silent < STOP_WINDOWS:
            return None
        self._speaking, self._silent = False, 0
        return VadMark(VadEvent.STOP, end)
