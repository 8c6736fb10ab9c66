"""Voice activity: where speech begins and ends, for one call and for many in one run of the model."""

import asyncio
import itertools

import numpy as np
import pytest

from tests.voice.speech import silence, spoken, tone
from voice.speech import vad as vad_module
from voice.speech.vad import SileroModel, Vad, VadEvent, VadMark

STOP_CALLING = "Stop calling me."
WHOLE = [VadEvent.START, VadEvent.PAUSE, VadEvent.STOP]


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


class Listener:
    """One call's voice activity, and all that it told."""

    def __init__(self, model: SileroModel) -> None:
        self.marks: list[VadMark] = []
        self.faults: list[BaseException] = []
        self.vad = Vad(model, self.marks.append, self.faults.append)

    @property
    def events(self) -> list[VadEvent]:
        return [mark.event for mark in self.marks]

    def hear(self, pcm: bytes) -> list[VadMark]:
        self.vad.feed(pcm)
        self.vad.flush()
        return self.marks


def packets(pcm: bytes) -> list[bytes]:
    return [pcm[start : start + 320] for start in range(0, len(pcm), 320)]


class CountedModel(SileroModel):
    """Keeps how many windows each run took."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[int] = []

    def __call__(self, windows: vad_module.Samples, states: vad_module.Samples) -> tuple[vad_module.Samples, ...]:  # type: ignore[override]
        self.runs.append(len(windows))
        return super().__call__(windows, states)


class TestOneCall:
    async def test_speech_is_found_where_it_is(self, model: SileroModel) -> None:
        listener, pcm = Listener(model), spoken(STOP_CALLING)
        for packet in packets(silence(500) + pcm + silence(600)):
            listener.hear(packet)
        marks = listener.marks
        assert listener.events == WHOLE
        assert marks[0].at / 8 == pytest.approx(500, abs=130)
        assert marks[2].at / 8 == pytest.approx(500 + len(pcm) / 16, abs=100)
        assert marks[1].at == marks[2].at
        assert not listener.vad.speaking
        assert listener.vad.voiced_ms == pytest.approx(len(pcm) / 16, abs=150)

    def test_a_short_pause_is_taken_back(self, model: SileroModel) -> None:
        listener, pcm = Listener(model), spoken("I would like to know more.")
        listener.hear(pcm + silence(130) + pcm + silence(400))
        events = listener.events
        assert events[0] is VadEvent.START
        assert events[-2:] == [VadEvent.PAUSE, VadEvent.STOP]
        assert VadEvent.RESUME in events
        assert events.count(VadEvent.START) == 1

    @pytest.mark.parametrize("kind", ["silence", "noise", "tone", "far away"])
    def test_what_is_no_voice_is_not_heard(self, model: SileroModel, kind: str) -> None:
        noise = np.random.default_rng(7).normal(size=24_000) * 300
        pcm = {
            "silence": silence(3000),
            "noise": bytes(noise.astype("<i2").tobytes()),
            "tone": tone(3000),
            "far away": _quieter(spoken(STOP_CALLING), 0.004) + silence(500),
        }[kind]
        assert Listener(model).hear(pcm) == []

    def test_speech_after_long_silence_is_heard(self, model: SileroModel) -> None:
        listener = Listener(model)
        listener.hear(silence(30_000) + spoken(STOP_CALLING) + silence(400))
        assert listener.events == WHOLE

    @pytest.mark.parametrize(
        ("likelihoods", "told"),
        [
            ([0.9] * 5, (5, 0)),
            ([0.9, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9], (8, 0)),  # five of eight
            ([0.9, 0.5, 0.9, 0.5, 0.9, 0.5, 0.9, 0.9], (8, 0)),  # what may be voice counts for neither
            ([0.9, 0.1, 0.9, 0.9, 0.1, 0.1, 0.9, 0.1, 0.9, 0.9], (10, 2)),  # the first one is forgotten
            ([0.9, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.1] * 3, None),  # four of eight
        ],
    )
    def test_a_voice_may_have_gaps(
        self, model: SileroModel, likelihoods: list[float], told: tuple[int, int] | None
    ) -> None:
        """``told``: with which window, and which was the first of the voice."""
        listener, windows = Listener(model), 0
        for likelihood in likelihoods:
            windows += 1
            listener.vad.hear(likelihood, np.zeros(32, dtype=np.float32), loud=True)
            if listener.marks:
                break
        began = [] if told is None else [VadMark(VadEvent.START, told[1] * vad_module.WINDOW)]
        assert (listener.marks, windows) == (began, len(likelihoods) if told is None else told[0])

    @pytest.mark.parametrize("wait_ms", [600, 5000])
    def test_speech_begins_where_it_would_without_the_rest_before_it(self, model: SileroModel, wait_ms: int) -> None:
        pcm = spoken(STOP_CALLING)
        listener = Listener(model)
        listener.hear(silence(wait_ms) + pcm + silence(400))
        assert (listener.marks[0].at - wait_ms * 8) / 8 == pytest.approx(0, abs=65)

    def test_clear_silence_is_not_run(self) -> None:
        model = CountedModel()
        listener = Listener(model)
        listener.hear(silence(32 * 100))
        assert len(model.runs) == 15  # half a second, after which the model rests
        listener.hear(tone(32 * 10))
        assert len(model.runs) == 25
        assert listener.marks == []

    async def test_nothing_is_told_after_the_end(self, model: SileroModel) -> None:
        listener = Listener(model)
        listener.vad.feed(spoken(STOP_CALLING)[:900])
        listener.vad.close()
        assert (listener.vad.ready, listener.hear(silence(10))) == (False, [])


class TestManyCalls:
    async def test_windows_that_wait_are_run_together_and_judged_as_alone(self) -> None:
        model = CountedModel()
        texts = (STOP_CALLING, "I would like to know more.", "Yes.", "Who is this?")
        speech = [silence(200 + 50 * n) + spoken(text) + silence(400) for n, text in enumerate(texts)]
        alone = [list(Listener(model).hear(pcm)) for pcm in speech]
        model.runs.clear()
        listeners = [Listener(model) for _ in texts]
        for round_ in itertools.zip_longest(*(packets(pcm) for pcm in speech)):
            for listener, packet in zip(listeners, round_, strict=True):
                if packet is not None:
                    listener.vad.feed(packet)
            await asyncio.sleep(0.003)
        await asyncio.sleep(0.02)
        told = [[(mark.event, mark.at) for mark in listener.marks] for listener in listeners]
        assert told == [[(mark.event, mark.at) for mark in marks] for marks in alone]
        assert max(model.runs) == 4
        assert sum(model.runs) > 2 * len(model.runs)

    async def test_a_burst_does_not_wait(self, model: SileroModel) -> None:
        listener = Listener(model)
        for packet in packets(silence(200) + spoken(STOP_CALLING) + silence(400)):
            listener.vad.feed(packet)  # in no time, as after a standstill
        assert listener.events[:2] == WHOLE[:2]

    async def test_a_call_that_cannot_follow_disturbs_no_other(self, model: SileroModel) -> None:
        error = ValueError("broken ears")

        def broken(_: VadMark) -> None:
            raise error

        sound, faults = Listener(model), list[BaseException]()
        bad = Vad(model, broken, faults.append)
        for packet in packets(silence(200) + spoken(STOP_CALLING) + silence(400)):
            bad.feed(packet)
            sound.vad.feed(packet)
        await asyncio.sleep(0.02)
        assert sound.events == WHOLE
        assert sound.faults == []
        assert faults == [error] * 3

    async def test_a_model_that_fails_is_told_to_each_call(self) -> None:
        class Failing(SileroModel):
            def __call__(self, *_: object) -> tuple[vad_module.Samples, vad_module.Samples]:
                raise RuntimeError("no model")

        model = Failing()
        first, second = Listener(model), Listener(model)
        for listener in (first, second):
            listener.vad.feed(tone(40))
        await asyncio.sleep(0.02)
        assert [[str(fault) for fault in one.faults] for one in (first, second)] == [["no model"], ["no model"]]
        assert first.marks == second.marks == []


def _quieter(pcm: bytes, factor: float) -> bytes:
    return bytes((np.frombuffer(pcm, "<i2") * factor).astype("<i2").tobytes())
