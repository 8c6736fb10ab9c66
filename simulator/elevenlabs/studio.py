"""The provider behind its API: voices, an account with its limits, and what was spoken for whom."""

import asyncio
import audioop
import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from simulator import audio
from simulator.elevenlabs import errors
from simulator.elevenlabs.faults import Switches
from simulator.faults import Dice
from simulator.speech import ModelSpeech, Speech, Voice

_STEADY_RMS = 2300.0  # of 32768: -23 dBov
_TONE_MS = 60  # a character; 900 of them are about a minute of speech


@dataclass(frozen=True, slots=True)
class Model:
    """``longest`` is characters in one request, ``credits`` what a character costs."""

    longest: int
    credits: float


MODELS = {
    "eleven_flash_v2_5": Model(40_000, 0.5),
    "eleven_multilingual_v2": Model(10_000, 1.0),
    "eleven_v3": Model(5_000, 1.0),
}
FORMATS = (
    *(
        f"mp3_{kind}"
        for kind in ("22050_32", "24000_48", "44100_32", "44100_64", "44100_96", "44100_128", "44100_192")
    ),
    *(f"pcm_{rate}" for rate in (8000, 16000, 22050, 24000, 32000, 44100, 48000)),
    "ulaw_8000",
    "alaw_8000",
    *(f"opus_48000_{kbps}" for kbps in (32, 64, 96, 128, 192)),
)
CONTENT_TYPES = {"pcm": "audio/pcm", "ulaw": "audio/basic", "alaw": "audio/x-alaw"}


@dataclass(frozen=True, slots=True)
class Account:
    """``credits`` None never run out."""

    api_key: str
    concurrency: int = 10
    credits: int | None = None


@dataclass(slots=True)
class Asked:
    """One request. ``characters`` and ``credits`` are what is billed for it, from its acceptance on."""

    id: str
    at: datetime
    voice_id: str
    model_id: str = ""
    output_format: str = ""
    text: str = ""
    status: int = 0
    characters: int = 0
    credits: int = 0
    bytes_sent: int = 0
    cut: bool = False
    """The client went away before the end."""


@dataclass(slots=True)
class Studio:
    """``voices`` by the API's voice id. ``speech`` renders them."""

    account: Account
    voices: Mapping[str, Voice]
    speech: Speech
    switches: Switches = field(default_factory=Switches)
    asked: list[Asked] = field(default_factory=list)
    live: int = 0
    warm: asyncio.Event = field(default_factory=asyncio.Event)
    dice: Dice = field(init=False)

    def __post_init__(self) -> None:
        self.switch(self.switches)

    def switch(self, switches: Switches) -> None:
        """From now on, these faults; counts begin anew."""
        self.switches, self.dice = switches, Dice(switches.seed)

    async def start(self) -> None:
        """Load the voices ahead of the first request."""
        await self.speech.warm(("Ready.", voice) for voice in self.voices.values())
        self.warm.set()

    async def close(self) -> None:
        self.speech.close()

    @property
    def billed(self) -> tuple[int, int]:
        """Characters and credits, of all requests."""
        return sum(one.characters for one in self.asked), sum(one.credits for one in self.asked)

    def note(self, voice_id: str) -> Asked:
        self.asked.append(Asked(secrets.token_hex(16), datetime.now(UTC), voice_id))
        return self.asked[-1]

    def authorise(self, key: str | None) -> None:
        """Raises Refusal."""
        if key is None:
            raise errors.no_key()
        if not secrets.compare_digest(key.encode(), self.account.api_key.encode()):
            raise errors.wrong_key()
        for chance, refusal in (
            (self.switches.wrong_key, errors.wrong_key()),
            (self.switches.unpaid, errors.unpaid()),
            (self.switches.too_many, errors.too_many(self.account.concurrency)),
            (self.switches.out_of_order, errors.out_of_order()),
        ):
            if self.dice.strikes(chance):
                raise refusal

    def accept(self, asked: Asked) -> None:
        """Bill the request and give it one of the account's places, or raise Refusal."""
        if asked.voice_id not in self.voices:
            raise errors.no_voice(asked.voice_id)
        if asked.model_id not in MODELS:
            raise errors.no_model(asked.model_id)
        model, characters = MODELS[asked.model_id], len(asked.text)
        if not asked.text.strip():
            raise errors.no_text()
        if characters > model.longest:
            raise errors.too_long(characters, model.longest)
        if asked.output_format.split("_")[0] not in CONTENT_TYPES:
            raise errors.not_encoded(asked.output_format)
        cost, quota = math.ceil(characters * model.credits), self.account.credits
        if quota is not None and cost > (left := quota - self.billed[1]):
            raise errors.over_quota(quota, left, cost)
        if self.live >= self.account.concurrency:
            raise errors.too_many(self.account.concurrency)
        self.live += 1
        asked.status, asked.characters, asked.credits = 200, characters, cost

    async def speak(self, asked: Asked) -> bytes:
        """The audio of an accepted request, in its format."""
        return encoded(await self.speech.render(asked.text, self.voices[asked.voice_id]), asked.output_format)


def encoded(mulaw: bytes, output_format: str) -> bytes:
    """Mu-law at 8 kHz as one of the formats without compression."""
    codec, rate = output_format.split("_")
    if codec == "ulaw":
        return mulaw
    pcm = audioop.ulaw2lin(mulaw, 2)
    if codec == "alaw":
        return audioop.lin2alaw(pcm, 2)
    if int(rate) == audio.RATE:
        return pcm
    samples = np.clip(audio.to_samples(mulaw, int(rate)), -1.0, 1.0)
    return bytes((samples * 32767).astype("<i2").tobytes())


class SteadySpeech(ModelSpeech):
    """Voices that are as loud in every text, as a provider's are; people on the phone are not."""

    def __init__(self) -> None:
        super().__init__(understands=False)

    async def render(self, text: str, voice: Voice) -> bytes:
        pcm = audioop.ulaw2lin(await super().render(text, voice), 2)
        frames = [pcm[at : at + 2 * audio.FRAME] for at in range(0, len(pcm), 2 * audio.FRAME)]
        powers = [audioop.rms(frame, 2) ** 2 for frame in frames]
        loud = [power for power in powers if power > max(powers) / 1000]
        gain = _STEADY_RMS / math.sqrt(sum(loud) / len(loud)) if any(loud) else 1.0
        return audioop.lin2ulaw(audioop.mul(pcm, 2, gain), 2)


class ToneSpeech:
    """Every voice is a tone, as long as the text would take: for tests that need no words."""

    async def warm(self, lines: Iterable[tuple[str, Voice]]) -> None:
        """Nothing to load."""

    async def render(self, text: str, voice: Voice) -> bytes:
        return audio.beep(len(text) * _TONE_MS / 1000, round(440 * voice.pitch))

    async def understand(self, mulaw: bytes) -> str:
        return ""

    def close(self) -> None:
        """Nothing to end."""


def observation(asked: Asked) -> dict[str, Any]:
    """One request as ``/simulator/requests`` shows it."""
    return {
        "id": asked.id,
        "at": asked.at.isoformat(),
        "voice_id": asked.voice_id,
        "model_id": asked.model_id,
        "output_format": asked.output_format,
        "text": asked.text,
        "status": asked.status,
        "characters": asked.characters,
        "credits": asked.credits,
        "bytes_sent": asked.bytes_sent,
        "cut": asked.cut,
    }
