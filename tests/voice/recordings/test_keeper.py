"""What decides over a recording while the call goes on."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.voice.recordings.files import tracks
from tests.voice.speech import tone
from voice.domain.types import PLAIN_TALK, RecordingChanged, Speaker, TurnRecord
from voice.hearing import Turn
from voice.recorder import Recorder
from voice.recordings.keeper import RecordingKeeper
from voice.recordings.keys import Keyring

ANSWERED = datetime(2026, 11, 10, 12, tzinfo=UTC)


class Call:
    def __init__(self, folder: Path, keys: Keyring, **plan: Any) -> None:
        self.now, self.told, self.seq = 100.0, list[RecordingChanged](), 0
        self.path, self.keys, self.disk = folder / "call-1.rec", keys, ThreadPoolExecutor(1)

        def clock() -> float:
            return self.now

        self.recorder = Recorder(self.path, answered_at=ANSWERED, clock=clock, disk=self.disk, keys=keys)
        talk = replace(PLAIN_TALK, **plan)
        self.keeper = RecordingKeeper("call", self.recorder, talk, emit=self.told.append, clock=clock)

    def talk(self, until: float) -> None:
        while self.now < until:
            self.recorder.lead(tone(1000, 300), self.now)
            self.recorder.agent(tone(1000, 500), self.now)
            self.now += 1

    def says(self, text: str, started: float, ended: float) -> str:
        turn = Turn(text, 0.9, started, ended, ended, ended, ended)
        heard = self.keeper.heard(turn)
        self.seq += 1
        self.keeper.taken(TurnRecord(self.seq, Speaker.LEAD, heard.text, 0, 1))
        assert replace(heard, text=text) == turn
        return heard.text

    def states(self) -> list[tuple[str, str]]:
        return [(one.state.value, one.why) for one in self.told]

    def loud(self, track: int) -> list[int]:
        found = tracks(self.path, self.keys)[:, track]
        return [second for second in range(len(found) // 8000) if found[second * 8000 : second * 8000 + 8000].any()]

    def finish(self) -> Any:
        recording = self.keeper.finish().result(5)
        self.disk.shutdown()
        return recording


@pytest.fixture
def call(tmp_path: Path, keys: Keyring) -> Call:
    return Call(tmp_path, keys)


def test_it_begins_with_the_announcement_s_end(call: Call) -> None:
    call.talk(105)
    call.keeper.announced(104.0)
    call.keeper.announced(104.5)
    call.talk(107)
    assert call.finish().duration_ms == 3000
    assert call.states() == [("began", "")]


@pytest.mark.parametrize(("erases", "kept"), [(True, False), (False, True)])
def test_an_objection_ends_it_at_once(tmp_path: Path, keys: Keyring, erases: bool, kept: bool) -> None:
    call = Call(tmp_path, keys, erases_on_objection=erases)
    call.keeper.announced(100.0)
    call.talk(110)
    assert call.says("Please don't record me.", 108.0, 109.0) == "Please don't record me."
    assert call.says("I said stop recording.", 109.5, 109.9) == "I said stop recording."
    call.talk(115)
    assert (call.finish() is not None) is kept
    assert call.path.exists() is kept
    what = "all of it is erased" if erases else "their side of it is silenced"
    assert call.states() == [("began", ""), ("stopped", f"The person does not want to be recorded: {what}.")]
    if kept:
        assert call.loud(0) == []
        assert call.loud(1) == list(range(10))


def test_an_objection_before_the_announcement_was_over(call: Call) -> None:
    call.says("Don't record me.", 101.0, 102.0)
    call.keeper.announced(104.0)
    call.talk(106)
    assert call.finish() is None
    # It is told for the lines that may take the call over.
    assert call.states() == [("stopped", "The person does not want to be recorded: nothing was kept.")]
    assert not call.path.exists()


def test_a_card_is_masked_and_silenced_on_the_lead_s_side(call: Call) -> None:
    call.keeper.announced(100.0)
    call.talk(120)
    assert call.says("My card is 4111 1111", 103.0, 105.0) == "My card is 4111 1111"
    call.keeper.taken(TurnRecord(7, Speaker.AGENT, "Mm-hm.", 0, 1))
    assert call.says("1111 1111, and the house is blue.", 107.0, 110.0) == "[card number], and the house is blue."
    assert call.finish().duration_ms == 20_000
    # A little more than each turn, since a recogniser's times are not exact.
    assert call.loud(0) == [0, 1, 2, 5, 6, 10, *range(11, 20)]
    assert call.loud(1) == list(range(20))
    _, redacted = call.told
    assert (redacted.state.value, redacted.why) == ("redacted", "Said: card number.")
    assert redacted.turns == {1: "My card is [card number]"}


def test_paused_on_the_line_before_it_stays_so_until_it_is_resumed(tmp_path: Path, keys: Keyring) -> None:
    call = Call(tmp_path, keys, recording_paused=True)
    call.keeper.announced(100.0)
    call.talk(103)
    call.keeper.resume("Asked for by mia.")
    call.talk(105)
    assert call.finish().duration_ms == 5000
    assert (call.loud(0), call.loud(1)) == ([3, 4], [3, 4])
    assert call.states() == [
        ("began", ""),
        ("paused", "It was paused on the line before."),
        ("resumed", "Asked for by mia."),
    ]


def test_paused_and_resumed(call: Call) -> None:
    call.keeper.pause("before it began")
    call.keeper.announced(100.0)
    call.talk(102)
    call.keeper.pause("Asked for by mia.")
    call.talk(104)
    call.keeper.resume("Asked for by mia.")
    call.talk(106)
    call.finish()
    assert call.loud(0) == [0, 1, 4, 5]
    assert [state for state, _ in call.states()] == ["began", "paused", "resumed"]


def test_a_guess_is_masked_and_changes_nothing(call: Call) -> None:
    call.talk(102)
    call.keeper.announced(100.0)
    said = "My card is 4111 1111 1111 1111."
    guess = Turn(said, 0.9, 101.0, 101.5, 101.5, 101.5, 101.5)
    shown = replace(guess, text="My card is [card number].")
    assert (call.keeper.guessed(guess), call.keeper.guessed(guess)) == (shown, shown)
    assert call.states() == [("began", "")]
    # It is found anew once it was said: nothing was remembered of the guess.
    assert call.says(said, 101.0, 101.5) == shown.text
    assert call.states()[1][0] == "redacted"
    call.talk(103)
    assert call.finish().duration_ms == 3000
