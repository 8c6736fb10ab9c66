"""When a turn is taken for over: silences to wait against answers cut, on recorded speech as a telephone carries it.

    python -m bench.turns FOLDER [--limit 40]

The folder holds a ``manifest.json``: a list of ``{"path", "set"}``. Each recording is made mu-law, ends in silence,
and is heard by the voice activity, Whisper and smart-turn of a call. Its inner pauses are where a turn may be cut,
its end is where somebody waits. Read speech of several sentences is hard on this: the end of one sounds like an end.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr

from voice.domain.endpointing import OPEN, Patience, Step, patience_for
from voice.speech.ports import BYTES_PER_MS, RATE
from voice.speech.vad import WINDOW_MS, SileroModel, Vad, VadEvent, VadMark
from voice.speech.whisper import Ear

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

_SILENCES_MS = (96, 200, 350, 500, 700, 1100)
_PACKET = 320
_LAST_S = 8.0  # smart-turn hears no more
BEFORE = Patience((Step(0.2, 0.5), Step(0.5, 0.5)), 1.5)
Policy = Callable[[str], Patience]
POLICIES: dict[str, Policy] = {
    "200 and 500 ms, then 1.5 s": lambda _: BEFORE,
    "however it is written, 1.0 s at the latest": lambda _: OPEN,
    "as shipped: an ended sentence 0.5 s at the latest": lambda text: patience_for(text, None),
    "an ended sentence after 350 ms": lambda text: _sooner(patience_for(text, None)),
}
_MENDED_MS = 500  # who goes on so soon after our decision has heard hardly anything of us (voice/mending.py)


def _sooner(patience: Patience) -> Patience:
    return Patience(patience.steps, 0.35) if patience.longest_s == 0.5 else patience


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence: ``gap_ms`` long, None at the recording's end; how finished it sounded after each silence.

    ``text`` is what was understood until then.
    """

    gap_ms: float | None
    text: str
    likelihoods: dict[int, float]


@dataclass(frozen=True, slots=True)
class Recording:
    name: str
    onset_ms: float | None  # from the first loud 20 ms to the voice's being told
    told_ms: float  # from the first window of voice to that
    pauses: tuple[Pause, ...]


def telephone(path: Path) -> bytes:
    """The recording as 8 kHz PCM that was mu-law, between half a second and two seconds of a line's noise."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    narrow = np.asarray(soxr.resample(samples[:, 0], rate, RATE)) if rate != RATE else samples[:, 0]
    line = np.concatenate((np.zeros(RATE // 2), narrow, np.zeros(2 * RATE)))
    line = line + np.random.default_rng(1).normal(0, 3e-4, len(line))
    pcm = (np.clip(line, -1, 1) * 32767).astype("<i2").tobytes()
    return audioop.ulaw2lin(audioop.lin2ulaw(pcm, 2), 2)


class _Listening:
    """The marks of one recording, and where the audio was when each was told."""

    def __init__(self, model: SileroModel, pcm: bytes) -> None:
        self.marks: list[VadMark] = []
        self.told_at: list[int] = []
        self.first_voice: int | None = None  # the sample at which the first window of voice ended
        self._fed = 0
        vad = Vad(model, self._mark, _raise)
        for start in range(0, len(pcm), _PACKET):
            self._fed = (start + _PACKET) // 2
            vad.waits = True  # for no other call's windows
            vad.feed(pcm[start : start + _PACKET])
            vad.flush()
            if self.first_voice is None and vad.voiced_ms:
                self.first_voice = self._fed

    def _mark(self, mark: VadMark) -> None:
        self.marks.append(mark)
        self.told_at.append(self._fed)


def _raise(error: BaseException) -> None:
    raise error


def listen(model: SileroModel, ear: Ear, path: Path) -> Recording | None:
    pcm = telephone(path)
    heard = _Listening(model, pcm)
    if not heard.marks:
        return None
    first, gaps = heard.marks[0].at, list[tuple[int, int | None]]()
    for mark in heard.marks:
        if mark.event in (VadEvent.START, VadEvent.RESUME) and gaps and gaps[-1][1] is None:
            gaps[-1] = (gaps[-1][0], mark.at)
        elif mark.event is VadEvent.PAUSE:
            gaps.append((mark.at, None))
    pauses = []
    for end, resumed in gaps:
        gap_ms = None if resumed is None else (resumed - end) * 1000 / RATE
        reached = [silence_ms for silence_ms in _SILENCES_MS if gap_ms is None or gap_ms > silence_ms]
        until = [end * 2 + silence_ms * BYTES_PER_MS for silence_ms in reached]
        begin = max(0, first * 2 - 400 * BYTES_PER_MS, end * 2 - int(_LAST_S * RATE) * 2)
        likelihoods = ear.turn_ended([pcm[begin:stop] for stop in until])
        text = ear.hear([(pcm[begin : end * 2 + _SILENCES_MS[0] * BYTES_PER_MS], ())])[0].text
        pauses.append(Pause(gap_ms, text, dict(zip(reached, likelihoods, strict=True))))
    first_voice = heard.first_voice if heard.first_voice is not None else heard.told_at[0]
    told_ms = (heard.told_at[0] - first_voice) * 1000 / RATE + WINDOW_MS
    return Recording(path.name, _onset_ms(pcm, heard), told_ms, tuple(pauses))


def _onset_ms(pcm: bytes, heard: _Listening) -> float | None:
    """From the first loud 20 ms to the moment at which the voice was told; None where noise came before."""
    frames = np.frombuffer(pcm, "<i2").astype(np.float64)
    frames = frames[: len(frames) // 160 * 160].reshape(-1, 160)
    power = np.mean(frames**2, axis=1)
    onset = int(np.argmax(power > np.max(power) * 10 ** (-20 / 10))) * 160
    took = (heard.told_at[0] - onset) * 1000 / RATE
    return took if took < 1000 else None


def waited_ms(pause: Pause, patience: Patience) -> float | None:
    """After how much silence the turn is over; None where they speak on before."""
    for step in patience.steps:
        silence_ms = round(step.silence_s * 1000)
        if pause.gap_ms is not None and pause.gap_ms <= silence_ms:
            return None
        if pause.likelihoods[silence_ms] >= step.sure:
            return silence_ms
    longest_ms = patience.longest_s * 1000
    return longest_ms if pause.gap_ms is None or pause.gap_ms > longest_ms else None


def table(recordings: Sequence[Recording]) -> str:
    inner = [pause for one in recordings for pause in one.pauses if pause.gap_ms is not None]
    last = [one.pauses[-1] for one in recordings if one.pauses and one.pauses[-1].gap_ms is None]
    lines = [f"{len(recordings)} recordings, {len(inner)} inner pauses from 96 ms on", ""]
    lines += ["| Policy | inner pauses cut | and not mended | silence p50 | p90 | p95 | mean, ms |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for name, policy in POLICIES.items():
        after = [
            pause.gap_ms - waited
            for pause in inner
            if pause.gap_ms is not None and (waited := waited_ms(pause, policy(pause.text))) is not None
        ]
        lost = sum(ms > _MENDED_MS for ms in after)
        waits = [waited for pause in last if (waited := waited_ms(pause, policy(pause.text))) is not None]
        p50, p90, p95 = np.percentile(waits, (50, 90, 95))
        lines.append(f"| {name} | {len(after)} | {lost} | {p50:.0f} | {p90:.0f} | {p95:.0f} | {np.mean(waits):.0f} |")
    lines.append("")
    onsets = [one.onset_ms for one in recordings if one.onset_ms is not None]
    for what, values in (("First loud 20 ms", onsets), ("First voice", [one.told_ms for one in recordings])):
        p50, p90, p95 = np.percentile(values, (50, 90, 95))
        late = sum(ms > 300 for ms in values)
        lines.append(
            f"{what} to its being told: p50 {p50:.0f}, p90 {p90:.0f}, p95 {p95:.0f} ms, "
            f"over 300 ms {late} of {len(values)}\n"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=0, help="recordings of each set; 0 for all")
    options = parser.parse_args()
    entries = json.loads((options.folder / "manifest.json").read_text())
    model, ear = SileroModel(), Ear()
    for name in sorted({entry["set"] for entry in entries}):
        paths = [options.folder / entry["path"] for entry in entries if entry["set"] == name]
        paths = paths[: options.limit or None]
        heard = [one for path in paths if (one := listen(model, ear, path)) is not None]
        print(f"## {name}\n\n{table(heard)}\n")


if __name__ == "__main__":
    main()
