"""Voice activity by Silero at 8 kHz, inline on the loop: 0.07 ms a window, less than a hop to a thread costs."""

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
_CONTEXT = 32
_RESET_AFTER = 2 * RATE // WINDOW  # long silence or music leaves the state deaf to the speech that follows
_RESET_QUIET = 5

VOICE = 0.6
NO_VOICE = 0.35
MIN_LEVEL = 10 ** (-50 / 20)  # RMS of full scale; a television in the next room stays below
START_WINDOWS = 5  # 160 ms
PAUSE_WINDOWS = 3  # 96 ms
STOP_WINDOWS = 6  # 192 ms


class VadEvent(StrEnum):
    """``PAUSE`` comes early in each silence, to guess ahead; ``STOP`` ends the speech; ``RESUME`` follows a PAUSE."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


class SileroModel:
    """The shared weights; a call keeps its own state. Safe to share among calls of one loop."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        with as_file(files("pipecat.audio.vad.data") / "silero_vad.onnx") as path:
            self._session = onnxruntime.InferenceSession(
                str(path), providers=["CPUExecutionProvider"], sess_options=options
            )
        self._rate = np.array(RATE, dtype=np.int64)

    def __call__(
        self, window: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> tuple[float, npt.NDArray[np.float32]]:
        """The likelihood of voice, and the next state, for context and window, (1, 288) in -1 to 1."""
        out: Any = self._session.run(None, {"input": window, "state": state, "sr": self._rate})
        return float(out[0][0, 0]), out[1]


@dataclass(frozen=True, slots=True)
class VadMark:
    """``at`` is a sample's number since the first one fed: where the voice began or ended."""

    event: VadEvent
    at: int


class Vad:
    """One call's voice activity."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self._pending = b""
        self._windows = 0
        self._voiced = self._silent = 0
        self._speaking = False
        self.voiced_ms = 0  # of voice, in all
        self._reset()

    @property
    def speaking(self) -> bool:
        return self._speaking

    def feed(self, pcm: bytes) -> list[VadMark]:
        """What begins or ends in ``pcm``."""
        self._pending += pcm
        marks: list[VadMark] = []
        step = WINDOW * 2
        while len(self._pending) >= step:
            window, self._pending = self._pending[:step], self._pending[step:]
            marks += self._window(np.frombuffer(window, dtype="<i2").astype(np.float32) / np.float32(32768))
        return marks

    def _reset(self) -> None:
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._since_reset = self._quiet = 0

    def _likelihood(self, samples: npt.NDArray[np.float32]) -> float:
        likelihood, self._state = self._model(np.concatenate((self._context, samples))[None], self._state)
        self._context = samples[-_CONTEXT:]
        self._since_reset += 1
        self._quiet = self._quiet + 1 if likelihood < 0.1 else 0
        if self._since_reset >= _RESET_AFTER and self._quiet >= _RESET_QUIET and not self._speaking:
            self._reset()
        return likelihood if float(np.sqrt(np.mean(samples**2))) >= MIN_LEVEL else 0.0

    def _window(self, samples: npt.NDArray[np.float32]) -> list[VadMark]:
        likelihood = self._likelihood(samples)
        self._windows += 1
        if likelihood >= VOICE or (likelihood >= NO_VOICE and self._speaking and not self._silent):
            return self._voice()
        if likelihood < NO_VOICE or self._speaking:
            return self._silence()
        return []

    def _voice(self) -> list[VadMark]:
        paused = self._silent >= PAUSE_WINDOWS
        self._voiced, self._silent = self._voiced + 1, 0
        self.voiced_ms += WINDOW_MS
        if self._speaking:
            return [VadMark(VadEvent.RESUME, (self._windows - 1) * WINDOW)] if paused else []
        if self._voiced < START_WINDOWS:
            return []
        self._speaking = True
        return [VadMark(VadEvent.START, (self._windows - self._voiced) * WINDOW)]

    def _silence(self) -> list[VadMark]:
        self._voiced = 0
        if not self._speaking:
            return []
        self._silent += 1
        end = (self._windows - self._silent) * WINDOW
        if self._silent == PAUSE_WINDOWS:
            return [VadMark(VadEvent.PAUSE, end)]
        if self._silent < STOP_WINDOWS:
            return []
        self._speaking, self._silent = False, 0
        return [VadMark(VadEvent.STOP, end)]
