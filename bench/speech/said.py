"""A set of our own: answers as people give them on these calls, spoken by the voices that come with the install.

Right is what the agents' understanding makes of the recognised text, not how it is spelled.
"""

import tomllib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import soxr

from agents.domain import entities, intents
from agents.domain.text import normalise
from agents.domain.times import instant
from bench.speech.corpus import Samples, Utterance, levelled
from voice.speech.heard import bare
from voice.speech.ports import RATE
from voice.speech.process import ModelProcess

_FILE = Path(__file__).with_name("said.toml")
_ZONE = ZoneInfo("America/Denver")
_NOW = datetime(2026, 11, 10, 12, tzinfo=_ZONE)
KINDS = ("money", "answer", "at", "months", "street", "absent")
# Speed and pitch, as the two voices are made to sound.
_MANNERS = ((1.0, 1.0), (1.15, 1.08), (0.9, 0.88))


def sentences() -> list[Mapping[str, Any]]:
    return list(tomllib.loads(_FILE.read_text())["said"])


def names() -> tuple[str, ...]:
    """What the campaign knows: all streets and names of the set."""
    return tuple(one["street"] for one in sentences() if "street" in one)


def kind_of(sentence: Mapping[str, Any]) -> str:
    return next(kind for kind in KINDS if kind in sentence)


def understood(sentence: Mapping[str, Any], text: str) -> bool:
    """Whether ``text``, as it was recognised, comes to what the sentence means."""
    kind = kind_of(sentence)
    wanted: Any = sentence[kind]
    if kind == "money":
        return bool(entities.money(text, asked=True) == wanted)
    if kind == "answer":
        answer = intents.answer(normalise(text))
        return answer is not None and bool(answer.value == wanted)
    if kind == "at":
        meant = instant(text, now=_NOW.astimezone(UTC), zone=_ZONE, bare_hour=True)
        return bool(meant == wanted.replace(tzinfo=_ZONE))
    if kind == "months":
        return bool(entities.timeline_months(text, now=_NOW, asked=True) == wanted)
    if kind == "street":
        return bare(wanted) in bare(text)
    return not any(bare(part) in bare(text).split() for name in names() for part in name.split()[:1])


async def spoken() -> list[tuple[Mapping[str, Any], Utterance]]:
    """Every sentence by each voice, in turn at another speed and pitch."""
    mouth = ModelProcess("voice.speech.piper:Mouth", {})
    await mouth.start()
    try:
        return [pair async for pair in _spoken(mouth)]
    finally:
        await mouth.stop()


async def _spoken(mouth: ModelProcess) -> AsyncIterator[tuple[Mapping[str, Any], Utterance]]:
    from hibari import Hibari

    heart = Hibari(voice="heart")
    for place, sentence in enumerate(sentences()):
        text = sentence["text"]
        pcm = await mouth.run("speech", text)
        voices: list[tuple[Samples, int]] = [
            (np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768), RATE),
            (np.asarray(heart(text, seed=place), dtype=np.float32), heart.sample_rate),
        ]
        for number, (samples, rate) in enumerate(voices):
            speed, pitch = _MANNERS[(place + number) % len(_MANNERS)]
            played = soxr.resample(samples, rate * pitch * speed, RATE, quality="HQ")
            yield sentence, Utterance("own", text, levelled(np.asarray(played, dtype=np.float32)))
