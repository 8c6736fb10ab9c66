"""``make bench-machines``: who is taken for what, over a labelled set, in real time through the ears and the watch.

Machines speak with the simulator's voices and their tones; recorded telephone prompts and people's speech come from
the folder ``--speech`` where it is there. No carrier helps, and nothing is said by our side: what is
measured is the local evidence alone.
"""

import argparse
import asyncio
import json
import logging
import time
import wave
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr
import structlog

from bench import SPEECH
from simulator import audio
from simulator.domain.people import Screening, Service
from simulator.speech import ModelSpeech, Voice
from voice.domain.machines import Kind
from voice.hearing import Ears, Turn
from voice.machines.watch import MachineWatch
from voice.speech.pool import ModelPool
from voice.speech.ports import RATE
from voice.speech.process import ModelProcess
from voice.speech.recognition import WhisperRecogniser
from voice.speech.vad import SileroModel

AT_ONCE = 4
LONGEST_S = 26.0
_PACKET = 320
_VOICES = (Voice(), Voice(pitch=0.84, speed=1.1), Voice(pitch=1.12, speed=0.95))
_BEEPS = ((1000, 0.4), (1400, 0.25), (440, 1.0), (2000, 0.6), (None, 0.0))

VOICEMAILS = (
    "Hi, you have reached the voicemail of Tom Miller. Please leave a message after the beep.",
    "Your call has been forwarded to an automatic voice message system. Three oh three, five five five, oh one oh "
    "two is not available. At the tone, please record your message.",
    "Hey, it's Ann. I can't come to the phone right now. Leave your name and number, and I'll call you back.",
    "You have reached the Garcia family. We are not home right now, so please leave a message, and have a great day.",
    "Hi, this is Steve. Sorry I missed your call. Leave me a message and I'll get back to you as soon as I can.",
    "The person you are trying to reach is not available. Please leave a message after the tone.",
    "The mailbox is full and cannot accept any messages at this time. Goodbye.",
    "Hello, this is Maria Lopez with Summit Homes. I am either on the phone or with a client, so please leave a "
    "detailed message and I will return your call.",
)
SCREENERS = (
    " ".join(Screening(service=Service.IOS).prompts),
    " ".join(Screening(service=Service.GOOGLE).prompts),
    "The person you're calling is using a screening service from Google, and will get a copy of this conversation. "
    "Go ahead and say your name and why you're calling.",
    "Please state your name after the tone, and Google Voice will try to connect you.",
)
MENUS = (
    "Thank you for calling the Miller office. For opening hours, press 1. To speak with a person, press 2.",
    "Please listen carefully, as our menu options have changed. For sales, press 1. For support, press 2.",
    "Welcome to Lakewood Dental. If you know your party's extension, you may dial it at any time.",
    "For English, press 1. Para español, oprima el dos.",
)
INTERCEPTS = (
    "We're sorry. The number you have dialed is not in service. Please check the number and dial again.",
    "The number you have reached has been disconnected or is no longer in service.",
)
PEOPLE = (
    "Hello?",
    "Hello, this is Ann.",
    "Yes?",
    "Hi, who is this?",
    "Miller residence, Tom speaking.",
    "Hello, hello? Is anybody there?",
    "Good morning, Summit Homes, this is Kate, how can I help you?",
    "I'm driving right now, can you call me back later?",
    "Hello? Sorry, I was just about to leave. Who is calling please?",
    "Yeah, hi, what is it?",
    "He's not here right now. Would you like to leave a message?",
    "Hold on a second, let me get to a quieter place. Okay, go ahead.",
    "Sorry, I'm at work and not available to talk right now. Can you call me back tonight?",
    "You have reached the wrong number. There is nobody called Maria at this address.",
    "Hi, you've reached Tom Miller with Miller Roofing, how can I help you today?",
    "I can't take your call right now, I am in a meeting. I'll call you back in ten minutes.",
    "That number has been disconnected, my mother passed away last year. Who is this?",
    "Are you a virtual assistant, or a real person?",
    "No thank you, we are not interested in selling. Have a great day.",
    "Why did you leave a message on my machine yesterday?",
)
"""The last eight speak of what machines speak of."""
PROMPTS = {
    "basic-pbx-ivr-main": Kind.IVR,
    "demo-instruct": Kind.IVR,
    "screen-callee-options": Kind.IVR,
    "vm-opts": Kind.IVR,
    "vm-msginstruct": Kind.IVR,
    "dir-multi9": Kind.IVR,
    "queue-periodic-announce": Kind.IVR,
    "ss-noservice": Kind.INTERCEPT,
}
"""Recorded prompts that a caller may meet; the others are said inside a mailbox or a conference only."""


@dataclass(frozen=True)
class Clip:
    """What a line plays after it was answered, and who that is. PCM, 8 kHz s16le mono."""

    name: str
    kind: Kind
    pcm: bytes


@dataclass(frozen=True)
class Result:
    """``after_s`` is from the answer; None where there was no verdict before the line ended."""

    clip: Clip
    found: Kind | None
    after_s: float | None
    told: tuple[str, ...]


def pcm_of(mulaw: bytes) -> bytes:
    return bytes((audio.to_samples(mulaw, RATE) * 32767).astype("<i2").tobytes())


def quiet(seconds: float) -> bytes:
    """With the noise of a line, at about -60 dBFS."""
    frames = audio.comfort_noise(max(seconds, audio.FRAME_S))
    return pcm_of(b"".join(frames))


async def spoken_clips(speech: ModelSpeech) -> list[Clip]:
    clips: list[Clip] = []

    async def add(texts: Iterable[str], kind: Kind) -> None:
        for number, text in enumerate(texts):
            for voice in _VOICES[: 2 if kind is Kind.VOICEMAIL else 3]:
                pcm = pcm_of(await speech.render(text, voice))
                if kind is Kind.VOICEMAIL:
                    hz, seconds = _BEEPS[(number + _VOICES.index(voice)) % len(_BEEPS)]
                    pcm += quiet(0.5) + (pcm_of(audio.beep(seconds, hz)) if hz else b"")
                clips.append(Clip(f"{text[:40]} {voice.pitch}", kind, pcm))

    await add(VOICEMAILS, Kind.VOICEMAIL)
    await add(SCREENERS, Kind.SCREENING)
    await add(MENUS, Kind.IVR)
    await add(INTERCEPTS, Kind.INTERCEPT)
    await add(PEOPLE, Kind.PERSON)
    return clips


def fax_clips() -> list[Clip]:
    ced = [Clip(f"CED {s} s", Kind.FAX, quiet(0.5) + pcm_of(audio.beep(s, 2100))) for s in (2.6, 3.0, 4.0)]
    once = pcm_of(audio.beep(0.5, 1100)) + quiet(3.0)
    return [*ced, Clip("CNG", Kind.FAX, once * 3)]


def recorded_clips(folder: Path, most_people: int) -> list[Clip]:
    """Prompts, and the first of every speaker's utterances as people who talk long; none without a folder."""
    if not folder.is_dir():
        return []
    clips = [Clip(name, kind, _read(folder / "prompts" / f"{name}.wav")) for name, kind in PROMPTS.items()]
    utterances = sorted((folder / "librispeech").glob("*.flac"))
    firsts = list({path.stem.split("-")[0]: path for path in reversed(utterances)}.values())
    others = [path for path in utterances if path not in firsts]
    people = sorted(firsts)[:most_people] + others[: max(0, most_people - len(firsts))]
    return clips + [Clip(path.stem, Kind.PERSON, _read(path)) for path in people]


def _read(path: Path) -> bytes:
    if path.suffix == ".wav":
        with wave.open(str(path)) as file:
            rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    else:
        samples, rate = soundfile.read(path)
    narrow = soxr.resample(samples, rate, RATE) if rate != RATE else samples
    return pcm_of(audio.to_mulaw((0.5 * narrow / max(np.max(np.abs(narrow)), 1e-6)).astype(np.float32), RATE))


async def watched(clip: Clip, vad: SileroModel, recogniser: WhisperRecogniser) -> Result:
    """Play ``clip`` in real time, then quiet, until there is a verdict."""
    told: list[str] = []
    ears: Ears

    def heard(turn: Turn | None) -> None:
        if turn is not None:
            watch.heard(turn.text)

    ears = Ears(
        vad,
        recogniser,
        on_voice=lambda: None,
        on_turn=heard,
        on_fault=lambda error: told.append(repr(error)),
        on_guess=lambda turn: watch.guessed(turn.text),
    )
    watch = MachineWatch(
        clip.name,
        told.append,
        recogniser=recogniser,
        last_voice=lambda: ears.last_voice,
        any_voice=lambda: ears.any_voice,
    )
    began = time.monotonic()
    pcm = quiet(0.4) + clip.pcm
    line = pcm + quiet(LONGEST_S - len(pcm) / 2 / RATE) if len(pcm) / 2 / RATE < LONGEST_S else pcm
    for number, at in enumerate(range(0, len(line) - _PACKET, _PACKET)):
        due = began + (number + 1) * _PACKET / 2 / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        ears.feed(line[at : at + _PACKET], due - _PACKET / 2 / RATE)
        watch.feed(line[at : at + _PACKET], due - _PACKET / 2 / RATE)
        if watch.verdict is not None:
            break
    await watch.close()
    await ears.close()
    verdict = watch.verdict
    return Result(clip, verdict.kind if verdict else None, verdict.at_s if verdict else None, tuple(told))


def quieter() -> None:
    """The verdicts are in the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


async def run(recorded: list[Clip], at_once: int, only: Sequence[str]) -> list[Result]:
    speech = ModelSpeech(understands=False)
    process = ModelProcess("voice.speech.whisper:Ear", {})
    try:
        clips = [*await spoken_clips(speech), *fax_clips(), *recorded]
        clips = [clip for clip in clips if not only or clip.kind in only]
        await process.start()
        recogniser, vad, room = WhisperRecogniser(ModelPool([process])), SileroModel(), asyncio.Semaphore(at_once)

        async def one(clip: Clip) -> Result:
            async with room:
                return await watched(clip, vad, recogniser)

        return list(await asyncio.gather(*(one(clip) for clip in clips)))
    finally:
        await process.stop()
        speech.close()


def table(results: Sequence[Result]) -> str:
    """The matrix, precision and recall of every kind, and how long a verdict took."""
    kinds = list(Kind)
    cells = Counter((result.clip.kind, result.found) for result in results)
    lines = ["| is \\ taken for | " + " | ".join(kinds) + " | precision | recall | after, p50 | p95 |"]
    lines.append("|---" * (len(kinds) + 5) + "|")
    for kind in kinds:
        right = cells[kind, kind]
        taken, there = sum(cells[one, kind] for one in kinds), sum(n for (is_, _), n in cells.items() if is_ is kind)
        times = [result.after_s for result in results if result.clip.kind is kind and result.after_s is not None]
        p50, p95 = (f"{np.percentile(times, share):.1f} s" if times else "" for share in (50, 95))
        row = " | ".join(str(cells[kind, one]) for one in kinds)
        lines.append(f"| {kind} | {row} | {_share(right, taken)} | {_share(right, there)} | {p50} | {p95} |")
    wrong = [result for result in results if result.found is not result.clip.kind]
    lines += ["", f"{len(results) - len(wrong)} of {len(results)} right."]
    lines += [f"- {one.clip.name!r}: {one.clip.kind}, taken for {one.found}; told {list(one.told)}" for one in wrong]
    held = [one for one in results if one.clip.kind is Kind.PERSON and "machine_likely" in one.told]
    lines.append(f"People for whom our opening would have paused until the verdict: {len(held)}.")
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=SPEECH, help="folder of prompts/ and librispeech/")
    parser.add_argument("--people", type=int, default=16, help="recorded utterances of people, at most")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="lines at a time")
    parser.add_argument("--only", nargs="*", default=[], choices=[kind.value for kind in Kind], help="these kinds")
    parser.add_argument("--json", type=Path, help="write every result there as well")
    chosen = parser.parse_args()
    quieter()
    recorded = recorded_clips(chosen.speech, chosen.people)
    results = asyncio.run(run(recorded, chosen.at_once, chosen.only))
    print(table(results))
    if chosen.json:
        rows = [
            {"clip": one.clip.name, "is": one.clip.kind, "found": one.found, "after_s": one.after_s, "told": one.told}
            for one in results
        ]
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
