"""What a person heard and said on one call, as a sound file: the judge of what nobody told."""

import audioop
import wave
from pathlib import Path

from simulator import audio

_BLOCK = 50  # frames: a second


class Tape:
    """A WAV of 8 kHz, 16 bits, stereo: on the left what the person heard, on the right what they said.

    It runs from the answer on, and is written by the second, so that a call under way can be read too.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._raw = path.open("wb")
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115 - open for as long as the call
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(audio.RATE)
        self._heard, self._said = bytearray(), bytearray()

    def add(self, heard: bytes | None, said: bytes) -> None:
        """20 ms of mu-law each way; None: nothing was to be heard."""
        self._heard += heard or audio.SILENCE
        self._said += said
        if len(self._said) >= _BLOCK * audio.FRAME:
            self._write()

    def close(self) -> None:
        self._write()
        self._file.close()
        self._raw.close()

    def _write(self) -> None:
        left = audioop.tostereo(audioop.ulaw2lin(bytes(self._heard), 2), 2, 1, 0)
        right = audioop.tostereo(audioop.ulaw2lin(bytes(self._said), 2), 2, 0, 1)
        self._file.writeframes(audioop.add(left, right, 2))
        self._raw.flush()
        self._heard.clear()
        self._said.clear()
