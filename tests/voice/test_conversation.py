"""Whole conversations on a real socket with real voice activity, and scripted words."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from agents.domain.types import Disposition, EndCall, EndedBy, Heard, HeardKind, OptOut, Reply
from tests.voice.conftest import RECORDING_KEYS, PlaneMaker, open_line
from tests.voice.dialogues import BYE, OPENING, ScriptedDialogue, opt_out
from tests.voice.money import used
from tests.voice.phone import answered
from tests.voice.recordings.files import tracks as recorded
from tests.voice.speech import CHAR_MS, ScriptedRecogniser, ToneSynthesiser, silence, spoken
from voice.domain.types import Acted, Live, RecordingChanged, RecordingState, Signal, SignalKind, Speaker, VoiceConfig
from voice.recorder import Recorder
from voice.recordings.keys import Keyring
from voice.speech.ports import Speech

LONG = Reply(
    "This is a rather long sentence that nobody waits for, since it goes on and on and never seems to end. "
    "And another one follows it."
)
SPEECH = "I would like to know more."


@pytest.fixture(scope="module", autouse=True)
def _rendered() -> None:
    """Rendered ahead: rendering blocks the phone's loop."""
    for text in (SPEECH, "Stop calling me.", "Hmm, hmm."):
        spoken(text)


@pytest.mark.slow
async def test_a_call_from_the_first_word_to_the_report(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(Reply("Good. How about Thursday?", agent="scheduler"), BYE)
    synthesiser = ToneSynthesiser()
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more.", "Thursday is fine."), synthesiser)
    watch = open_line(plane)
    before = datetime.now(UTC)
    async with answered(watch.line.stream) as phone:
        assert await phone.spoken_to() < 2.0
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.answer()
        await phone.say(spoken(SPEECH))
        assert await phone.gone() == 1000
    report = await watch.report()

    assert dialogue.heard == [(HeardKind.SPEECH, "Tell me more."), (HeardKind.SPEECH, "Thursday is fine.")]
    assert dialogue.played == []
    assert dialogue.ended_by == [EndedBy.AGENT]
    assert [(turn.seq, turn.speaker, turn.text, turn.interrupted, turn.agent) for turn in watch.turns] == [
        (1, Speaker.AGENT, OPENING.text, False, "conversation"),
        (2, Speaker.LEAD, "Tell me more.", False, ""),
        (3, Speaker.AGENT, "Good. How about Thursday?", False, "scheduler"),
        (4, Speaker.LEAD, "Thursday is fine.", False, ""),
        (5, Speaker.AGENT, "Goodbye.", False, "conversation"),
    ]
    assert [type(event) for event in watch.events if isinstance(event, Live | Acted)] == [Live, Acted]
    assert report.ended_by is EndedBy.AGENT
    assert report.outcome.disposition is Disposition.NOT_INTERESTED
    assert report.answered_at is not None
    assert before < report.answered_at < report.ended_at
    opening = watch.turns[0]
    assert report.disclosed_at == pytest.approx(
        report.answered_at + timedelta(milliseconds=opening.end_ms), abs=timedelta(milliseconds=60)
    )
    assert opening.end_ms - opening.start_ms == pytest.approx(
        len(OPENING.text.replace(" ", "", 1)) * CHAR_MS, abs=120
    )
    sums = used(watch.events)
    chars = sum(len(text) for text in ("Acme calling.", "This call is recorded.", "Good.", "How about Thursday?"))
    assert set(sums) == {"call", "stt.local", "tts.local"}
    assert sums["tts.local"] == chars + len("Goodbye.")
    assert sums["call"] == pytest.approx(Decimal(watch.turns[-1].end_ms) / 1000, abs=Decimal("0.5"))
    assert 2 < sums["stt.local"] < 8
    assert synthesiser.kept[-2:] == ["Acme calling.", "This call is recorded."]


async def test_the_wait_for_an_answer_is_timed_from_the_end_of_the_speech(make_plane: PlaneMaker) -> None:
    plane = await make_plane(ScriptedDialogue(BYE), ScriptedRecogniser("Tell me more."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        said_until = await phone.say(spoken(SPEECH))
        before = len(phone.heard)
        await phone.gone()
        answered_after_ms = (phone.heard[before][0] - said_until) * 1000
    await watch.report()
    timings = watch.turns[-1].timings
    assert timings is not None
    assert timings.vad_stop_ms is not None
    assert 90 <= timings.vad_stop_ms <= 350
    steps = (
        timings.vad_stop_ms,
        timings.transcript_ms,
        timings.turn_decided_ms,
        timings.reply_ms,
        timings.first_clause_ms,
        timings.first_audio_ms,
    )
    assert list(steps) == sorted(steps)  # type: ignore[type-var]
    assert timings.filler_ms is None
    assert timings.first_audio_ms == pytest.approx(answered_after_ms, abs=150)


@pytest.mark.slow
async def test_barge_in_stops_the_voice_and_keeps_what_was_played(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(LONG, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more.", "Wait."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await asyncio.sleep(1.0)
        speaking = asyncio.create_task(phone.say(spoken(SPEECH)))
        await phone.silenced()
        packets = len(phone.heard)
        await speaking
        assert len(phone.heard) == packets  # not a packet after the clear
        await phone.gone()
    await watch.report()
    interrupted = watch.turns[2]
    assert (interrupted.speaker, interrupted.interrupted) == (Speaker.AGENT, True)
    assert LONG.text.startswith(interrupted.text)
    assert interrupted.text.startswith("This is a rather")
    assert dialogue.played == [interrupted.text]
    spoken_ms = interrupted.end_ms - interrupted.start_ms
    assert len(interrupted.text) * CHAR_MS == pytest.approx(spoken_ms, abs=400)
    assert dialogue.heard[-1] == (HeardKind.SPEECH, "Wait.")
    assert len(phone.cleared) == 1


@pytest.mark.slow
async def test_a_noise_that_was_no_word_does_not_end_our_sentence(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(LONG, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more.", "", "Bye."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await asyncio.sleep(0.6)
        await phone.say(spoken("Hmm, hmm."))
        await phone.answer()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert dialogue.heard == [(HeardKind.SPEECH, "Tell me more."), (HeardKind.SPEECH, "Bye.")]
    assert dialogue.played == []
    texts = [(turn.text, turn.interrupted) for turn in watch.turns if turn.speaker is Speaker.AGENT]
    assert texts == [(OPENING.text, False), (LONG.text, False), ("Goodbye.", False)]
    assert len(phone.cleared) == 1
    assert len(phone.pcm) / 16 == pytest.approx(sum(len(text) for text, _ in texts) * CHAR_MS, abs=700)


async def test_an_opening_that_is_talked_over_discloses_nothing(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(opt_out)
    plane = await make_plane(dialogue, ScriptedRecogniser("Stop calling me."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.say(spoken("Stop calling me."))
        await phone.gone()
    report = await watch.report()
    assert dialogue.heard == [(HeardKind.SPEECH, "Stop calling me.")]
    assert len(dialogue.played) == 1
    assert report.disclosed_at is None
    assert [event.act for event in watch.events if isinstance(event, Acted)] == [
        OptOut("Stop calling me."),
        EndCall("opted out"),
    ]


async def test_a_closing_question_is_no_part_of_the_disclosure(make_plane: PlaneMaker) -> None:
    opening = Reply("This call is recorded. Do you have a minute to talk about your house today?")
    plane = await make_plane(ScriptedDialogue(BYE, opening=opening), ScriptedRecogniser("No."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await asyncio.sleep(len("This call is recorded.") * CHAR_MS / 1000 + 0.3)
        await phone.say(spoken(SPEECH))
        await phone.gone()
    report = await watch.report()
    assert watch.turns[0].interrupted
    assert report.disclosed_at is not None
    assert report.answered_at is not None
    said_ms = watch.turns[0].start_ms + len("This call is recorded.") * CHAR_MS
    assert report.disclosed_at - report.answered_at == pytest.approx(
        timedelta(milliseconds=said_ms), abs=timedelta(milliseconds=60)
    )


@pytest.mark.slow
async def test_what_is_said_over_words_that_must_be_heard_waits_for_their_end(make_plane: PlaneMaker) -> None:
    firm = Reply("The law wants you to hear this sentence as a whole.", interruptible=False)
    dialogue = ScriptedDialogue(firm, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more.", "Hmm, hmm."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await phone.say(spoken("Hmm, hmm."))
        await phone.gone()
    await watch.report()
    assert phone.cleared == []
    assert [turn.text for turn in watch.turns] == [OPENING.text, "Tell me more.", "Hmm, hmm.", firm.text, "Goodbye."]
    assert not any(turn.interrupted for turn in watch.turns)
    assert dialogue.heard == [(HeardKind.SPEECH, "Tell me more."), (HeardKind.SPEECH, "Hmm, hmm.")]


@pytest.mark.slow
async def test_what_cannot_wait_stops_even_words_that_must_be_heard(make_plane: PlaneMaker) -> None:
    opening = Reply("This is Acme, and we say very many words before we ask. May we?", interruptible=False)
    dialogue = ScriptedDialogue(opt_out, opening=opening)
    plane = await make_plane(dialogue, ScriptedRecogniser("Stop calling me."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.say(spoken("Stop calling me."))
        await phone.gone()
    report = await watch.report()
    assert len(phone.cleared) == 1
    assert [(turn.text, turn.interrupted) for turn in watch.turns if turn.speaker is Speaker.AGENT] == [
        (dialogue.played[0], True),
        ("You will not be called again.", False),
    ]
    assert dialogue.before_question == [True]
    assert report.disclosed_at is None


@pytest.mark.slow
async def test_words_before_our_question_are_told_from_answers(make_plane: PlaneMaker) -> None:
    opening = Reply("This is Acme, and we say very many words before we ask. May we?", interruptible=False)
    dialogue = ScriptedDialogue(Reply(""), BYE, opening=opening)
    plane = await make_plane(dialogue, ScriptedRecogniser("Hello, Dan here.", "Yes."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.say(spoken("Hmm, hmm."))
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    await watch.report()
    assert phone.cleared == []
    assert dialogue.heard == [(HeardKind.SPEECH, "Hello, Dan here."), (HeardKind.SPEECH, "Yes.")]
    assert dialogue.before_question == [True, False]


@pytest.mark.slow
async def test_an_opt_out_over_our_goodbye_is_heard(make_plane: PlaneMaker) -> None:
    goodbye = Reply("Thank you very much for the time that you took for us, goodbye.", acts=(EndCall("done"),))
    dialogue = ScriptedDialogue(goodbye, opt_out)
    plane = await make_plane(dialogue, ScriptedRecogniser("No.", "Do not call again."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.resumed()
        await asyncio.sleep(0.7)
        await phone.say(spoken("Stop calling me."))
        await phone.gone()
    report = await watch.report()
    assert dialogue.heard[-1] == (HeardKind.SPEECH, "Do not call again.")
    assert watch.turns[-1].text == "You will not be called again."
    assert report.ended_by is EndedBy.AGENT
    assert OptOut("Do not call again.") in [event.act for event in watch.events if isinstance(event, Acted)]


async def test_an_opt_out_said_into_the_hang_up_is_heard(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(opt_out)
    plane = await make_plane(dialogue, ScriptedRecogniser("Stop calling me."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken("Stop calling me."))
        await phone.hang_up()
    report = await watch.report()
    assert report.ended_by is EndedBy.LEAD
    assert dialogue.heard == [(HeardKind.SPEECH, "Stop calling me.")]
    assert watch.turns[-1].text == "Stop calling me."
    assert next(event.act for event in watch.events if isinstance(event, Acted)) == OptOut("Stop calling me.")


async def test_an_opt_out_said_while_the_process_stops_is_heard(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(opt_out)
    plane = await make_plane(dialogue, ScriptedRecogniser("Stop calling me."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken("Stop calling me."))
        await asyncio.to_thread(plane.stop)
    report = await watch.report()
    assert report.ended_by is EndedBy.FAULT
    assert next(event.act for event in watch.events if isinstance(event, Acted)) == OptOut("Stop calling me.")


class BreaksLate(ScriptedDialogue):
    """Its first answer breaks once something that cannot wait was heard."""

    def __init__(self, *answers: Reply | Callable[[Heard], Reply]) -> None:
        super().__init__(*answers)
        self.asked, self.urged = threading.Event(), threading.Event()

    def cannot_wait(self, heard: Heard) -> bool:
        urgent = super().cannot_wait(heard)
        if urgent:
            self.urged.set()
        return urgent

    async def reply(self, heard: Heard, *, now: datetime) -> Reply:
        if not self.asked.is_set():
            self.asked.set()
            await asyncio.to_thread(self.urged.wait, 5)
            raise RuntimeError("broken")
        return await super().reply(heard, now=now)


async def test_key_nine_counts_whatever_has_broken(make_plane: PlaneMaker) -> None:
    dialogue = BreaksLate(opt_out)
    plane = await make_plane(dialogue, ScriptedRecogniser("Tell me more."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await asyncio.to_thread(dialogue.asked.wait, 5)
        await phone.press("9")
        await phone.gone()
    report = await watch.report()
    assert report.ended_by is EndedBy.FAULT
    assert dialogue.heard == [(HeardKind.KEY, "9")]
    assert [event.act for event in watch.events if isinstance(event, Acted)] == [OptOut("9"), EndCall("opted out")]


async def test_a_disk_that_hangs_does_not_hold_the_report(
    make_plane: PlaneMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice.session._RECORDING_S", 1.5)
    disks: list[ThreadPoolExecutor] = []
    release = threading.Event()

    def hanging(*args: Any, **kwargs: Any) -> Recorder:
        disks.append(kwargs["disk"])
        kwargs["disk"].submit(release.wait)
        return Recorder(*args, **kwargs)

    monkeypatch.setattr("voice.session.Recorder", hanging)
    plane = await make_plane(ScriptedDialogue(opening=BYE))
    watch = open_line(plane)
    try:
        async with answered(watch.line.stream) as phone:
            await phone.gone()
        report = await watch.report()
    finally:
        release.set()
    assert len(disks) == 1
    assert report.recording is None
    assert used(watch.events)["call"] < Decimal("1.4")  # the call, not the wait for its recording
    assert report.answered_at is not None
    assert report.ended_at - report.answered_at < timedelta(seconds=1.4)
    assert (report.ended_by, report.outcome.disposition) == (EndedBy.AGENT, Disposition.NOT_INTERESTED)
    assert plane.health().free == 2


class Mute(ToneSynthesiser):
    """Has no sound for three dots."""

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        return Speech(b"", cached=False) if text == "..." else await super().speech(text, keep=keep)


async def test_a_text_without_sounds_is_over_at_once(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(opening=Reply("..."))
    plane = await make_plane(dialogue, synthesiser=Mute(), silence_prompt_s=0.3)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        assert await phone.gone() == 1000
    await watch.report()
    assert dialogue.heard == [(HeardKind.SILENCE, "")]
    assert [turn.text for turn in watch.turns] == ["Goodbye."]


async def test_key_nine_stops_the_voice_and_is_heard(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(opt_out)
    plane = await make_plane(dialogue)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await asyncio.sleep(0.5)
        await phone.press("9")
        await phone.silenced()
        await phone.gone()
    await watch.report()
    assert dialogue.heard == [(HeardKind.KEY, "9")]
    assert [turn.text for turn in watch.turns][1:] == ["[key 9]", "You will not be called again."]
    assert watch.turns[0].interrupted


@pytest.mark.parametrize("digit", ["", "99"])
async def test_a_key_that_is_none_changes_nothing(make_plane: PlaneMaker, digit: str) -> None:
    dialogue = ScriptedDialogue()
    plane = await make_plane(dialogue)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.press(digit)
        await phone.quiet()
        await phone.hang_up()
    report = await watch.report()
    assert dialogue.heard == []
    assert [turn.text for turn in watch.turns] == [OPENING.text]
    assert report.ended_by is EndedBy.LEAD


async def test_nobody_speaks(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(Reply("Are you there?"), BYE)
    plane = await make_plane(dialogue, silence_prompt_s=0.6)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.gone()
    await watch.report()
    assert dialogue.heard == [(HeardKind.SILENCE, ""), (HeardKind.SILENCE, "")]
    first, second, third = watch.turns
    assert second.start_ms - first.end_ms == pytest.approx(600, abs=150)
    assert third.start_ms - second.end_ms == pytest.approx(600, abs=150)


@pytest.mark.parametrize("name", ["machine_start", "machine_end_silence"])
async def test_a_machine_answered(make_plane: PlaneMaker, name: str) -> None:
    dialogue = ScriptedDialogue(Reply(""), BYE)
    plane = await make_plane(dialogue)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        greeting = asyncio.create_task(phone.say(spoken("We are all out in the garden and nobody hears the phone.")))
        await phone.silenced()
        watch.line.signal(Signal("call-1", SignalKind.MACHINE, name))
        await phone.gone()
        greeting.cancel()
    await watch.report()
    assert [heard for heard in dialogue.heard if heard[0] is HeardKind.MACHINE][-1][1].startswith("machine_")


@pytest.mark.parametrize("name", ["machine_start", "machine_end_beep", "fax"])
async def test_the_carriers_word_alone_hangs_up_on_nobody(make_plane: PlaneMaker, name: str) -> None:
    dialogue = ScriptedDialogue()
    plane = await make_plane(dialogue)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        watch.line.signal(Signal("call-1", SignalKind.MACHINE, name))
        await phone.quiet()
    await watch.report()
    assert dialogue.heard == []
    assert phone.cleared == []


@pytest.mark.parametrize("name", ["human", "unknown"])
async def test_a_human_answered(make_plane: PlaneMaker, name: str) -> None:
    dialogue = ScriptedDialogue()
    plane = await make_plane(dialogue)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        watch.line.signal(Signal("call-1", SignalKind.MACHINE, name))
        await phone.quiet()
    await watch.report()
    assert dialogue.heard == []
    assert phone.cleared == []


@pytest.mark.parametrize("echoes", [True, False])
async def test_we_hang_up_only_after_the_last_word(make_plane: PlaneMaker, echoes: bool) -> None:
    synthesiser = ToneSynthesiser()
    plane = await make_plane(ScriptedDialogue(opening=BYE), synthesiser=synthesiser)
    watch = open_line(plane)
    async with answered(watch.line.stream, echoes=echoes) as phone:
        first = await phone.spoken_to()
        assert await phone.gone() == 1000
        await asyncio.sleep(0)
        whole_s = len("Goodbye.") * CHAR_MS / 1000
        got = len(phone.pcm) / 16000
        assert got == pytest.approx(whole_s, abs=0.04)
        assert phone.closed_at is not None
        assert phone.closed_at - first >= whole_s - 0.02
        assert phone.closed_at - first < whole_s + (0.5 if echoes else 1.6)
    assert (await watch.report()).ended_by is EndedBy.AGENT


@pytest.mark.parametrize("how", ["close", "stop"])
async def test_the_lead_hangs_up_while_we_speak(make_plane: PlaneMaker, how: str) -> None:
    dialogue = ScriptedDialogue(opening=LONG)
    plane = await make_plane(dialogue)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await asyncio.sleep(1.0)
        await (phone.hang_up() if how == "close" else phone.stop())
        await phone.gone()
    report = await watch.report()
    assert report.ended_by is EndedBy.LEAD
    assert dialogue.ended_by == [EndedBy.LEAD]
    (turn,) = watch.turns
    assert turn.interrupted
    assert turn.text.startswith("This is a rather")
    assert "another" not in turn.text


@pytest.mark.slow
async def test_the_limit_ends_the_call_with_a_goodbye(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(opening=LONG)
    synthesiser = ToneSynthesiser()
    plane = await make_plane(dialogue, synthesiser=synthesiser)
    watch = open_line(plane, max_length_s=4)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        assert await phone.gone() == 1000
        assert phone.now == pytest.approx(4.0, abs=0.5)
    report = await watch.report()
    assert report.ended_by is EndedBy.LIMIT
    assert [turn.text.split()[0] for turn in watch.turns] == ["This", "I'm"]
    assert dialogue.ended_by == [EndedBy.LIMIT]


async def test_an_operator_hangs_up(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        watch.line.signal(Signal("call-1", SignalKind.HANG_UP, "operator"))
        assert await phone.gone() == 1000
    assert (await watch.report()).ended_by is EndedBy.AGENT


async def test_the_carrier_says_that_the_call_is_over(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        watch.line.signal(Signal("call-1", SignalKind.CARRIER, "in-progress"))
        watch.line.signal(Signal("call-1", SignalKind.CARRIER, "completed"))
        assert await phone.gone() == 1000
        assert phone.now > 1.9
    assert (await watch.report()).ended_by is EndedBy.CARRIER


@pytest.mark.parametrize("part", ["dialogue", "recogniser", "synthesiser"])
async def test_a_part_that_breaks_ends_the_call_as_a_fault(make_plane: PlaneMaker, part: str) -> None:
    recogniser, synthesiser = ScriptedRecogniser("Hm."), ToneSynthesiser()
    dialogue = ScriptedDialogue(RuntimeError("broken") if part == "dialogue" else BYE)
    plane = await make_plane(dialogue, recogniser, synthesiser)
    if part == "recogniser":
        recogniser.fault = RuntimeError("broken")
    if part == "synthesiser":

        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError("broken")

        synthesiser.speech = broken  # type: ignore[assignment]
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        if part != "synthesiser":
            await phone.spoken_to()
            await phone.quiet()
            await phone.say(spoken(SPEECH))
        assert await phone.gone() == 1000
    report = await watch.report()
    assert report.ended_by is EndedBy.FAULT
    assert report.answered_at is not None
    assert dialogue.ended_by == [EndedBy.FAULT]
    assert plane.health().free == 2


async def test_a_summary_that_breaks_still_gives_a_report(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue()
    dialogue.wrap_up = lambda **_: 1 / 0  # type: ignore[assignment,method-assign]
    plane = await make_plane(dialogue)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
    report = await watch.report()
    assert (report.ended_by, report.outcome.disposition) == (EndedBy.FAULT, Disposition.FAILED)
    assert report.recording is not None


async def test_two_calls_at_once_do_not_mix(make_plane: PlaneMaker) -> None:
    plane = await make_plane(ScriptedDialogue(opening=BYE))
    first, second = open_line(plane), open_line(plane, call_id="call-2")
    async with answered(first.line.stream) as one, answered(second.line.stream) as two:
        assert await one.gone() == await two.gone() == 1000
        assert len(one.pcm) == len(two.pcm)
    reports = [await first.report(), await second.report()]
    assert [report.answered_at is not None for report in reports] == [True, True]
    assert plane.health().free == 2


async def test_the_recording_is_what_both_heard(make_plane: PlaneMaker) -> None:
    """From the end of the announcement on: the lead left, the agent right, our last sample in it, each side where it
    was heard. What was said before is in no file."""
    asking = Reply("Acme calling. This call is recorded. How are you today?", agent="conversation", fixed=True)
    plane = await make_plane(ScriptedDialogue(BYE, opening=asking), ScriptedRecogniser("Tell me more."))
    watch = open_line(plane)
    speech = spoken(SPEECH)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(speech)
        await phone.gone()
    report = await watch.report()
    assert report.recording is not None
    assert report.answered_at is not None
    assert report.disclosed_at is not None
    assert abs(report.recording.started_at - report.disclosed_at) < timedelta(milliseconds=1)  # a whole sample
    tracks = recorded(report.recording.path, Keyring.parse(RECORDING_KEYS)).astype(np.float64)
    assert len(tracks) * 1000 // 8000 == report.recording.duration_ms
    assert report.recording.bytes == report.recording.path.stat().st_size
    lead, agent = tracks[:, 0], tracks[:, 1]
    since_ms = (report.recording.started_at - report.answered_at) / timedelta(milliseconds=1)

    opening, answer, bye = watch.turns
    lead_at = _found(lead, np.frombuffer(speech, "<i2"))
    assert lead_at / 8 + since_ms == pytest.approx(answer.start_ms, abs=150)
    silent_from = round((opening.end_ms - since_ms) * 8) + 8
    bye_at = silent_from + int(np.flatnonzero(agent[silent_from:])[0])
    assert bye_at / 8 + since_ms == pytest.approx(bye.start_ms, abs=2)
    # Of the opening its question alone is in it.
    assert opening.start_ms < since_ms < opening.end_ms
    assert np.count_nonzero(agent[: silent_from - 8]) / 8 == pytest.approx(opening.end_ms - since_ms, abs=120)
    states = [event.state for event in watch.events if isinstance(event, RecordingChanged)]
    assert states == [RecordingState.BEGAN]


async def test_the_recording_keeps_nothing_that_barge_in_cut(make_plane: PlaneMaker) -> None:
    plane = await make_plane(ScriptedDialogue(LONG, BYE), ScriptedRecogniser("Tell me.", "No."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.spoken_to()
        await asyncio.sleep(1.0)
        speaking = asyncio.create_task(phone.say(spoken(SPEECH)))
        await phone.silenced()
        await speaking
        await phone.say(silence(20))
        await phone.gone()
    report = await watch.report()
    assert report.recording is not None
    assert report.answered_at is not None
    agent = recorded(report.recording.path, Keyring.parse(RECORDING_KEYS))[:, 1]
    since_ms = (report.recording.started_at - report.answered_at) / timedelta(milliseconds=1)
    cut, farewell = (round((ms - since_ms) * 8) for ms in (watch.turns[2].end_ms, watch.turns[4].start_ms))
    assert np.any(agent[cut - 80 : cut - 8])
    assert not np.any(agent[cut + 8 : farewell - 8])
    assert farewell - cut > 800


async def test_a_call_whose_announcement_was_not_heard_is_not_recorded(
    make_plane: PlaneMaker, config: VoiceConfig
) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
    report = await watch.report()
    assert (report.recording, report.disclosed_at) == (None, None)
    assert not config.recordings_dir.exists()


async def test_an_objection_ends_the_recording_before_it_is_answered(
    make_plane: PlaneMaker, config: VoiceConfig
) -> None:
    plane = await make_plane(ScriptedDialogue(BYE), ScriptedRecogniser("Please don't record me."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    report = await watch.report()
    assert report.recording is None
    assert list(config.recordings_dir.iterdir()) == []
    states = [event.state for event in watch.events if isinstance(event, RecordingChanged)]
    assert states == [RecordingState.BEGAN, RecordingState.STOPPED]


async def test_a_card_s_number_leaves_the_session_masked(make_plane: PlaneMaker) -> None:
    dialogue = ScriptedDialogue(BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("It is 4111 1111 1111 1111."))
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet()
        await phone.say(spoken(SPEECH))
        await phone.gone()
    report = await watch.report()
    assert dialogue.heard == [(HeardKind.SPEECH, "It is [card number].")]
    assert watch.turns[1].text == "It is [card number]."
    assert "4111" not in repr(watch.events)
    assert report.recording is not None
    assert not np.any(recorded(report.recording.path, Keyring.parse(RECORDING_KEYS))[:, 0])


def _found(track: np.ndarray, burst: np.ndarray) -> int:
    """Where ``burst`` is in ``track``: the sample of the highest correlation."""
    size = len(track) + len(burst)
    spectrum = np.fft.rfft(track, size) * np.conj(np.fft.rfft(burst.astype(np.float64), size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(track)]))
