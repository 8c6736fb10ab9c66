"""How loud somebody usually is, and what is far below that; what of a sound is our own."""

from unittest import mock

import numpy as np
import pytest

from agents.ports import Dialogue
from tests.voice.speech import silence, spoken, tone
from voice.echo import EchoGuard
from voice.hearing import Turn
from voice.judging import Judge, Sense
from voice.levels import Levels, level_of
from voice.speaker import Speaker

OURS = "Are you still thinking about selling your house?"


def at_level(pcm: bytes, db: float) -> bytes:
    return bytes((np.frombuffer(pcm, "<i2") * 10 ** (db / 20)).astype("<i2").tobytes())


def test_a_level_is_that_of_the_voice() -> None:
    assert level_of(tone(1000, level=1.0)) == pytest.approx(-3.0, abs=0.1)
    assert level_of(silence(500) + tone(500, level=0.1)) == pytest.approx(-23.0, abs=0.1)
    assert level_of(b"") == level_of(silence(100)) == -90.0


def test_nobody_is_faint_before_they_are_known() -> None:
    levels = Levels()
    assert not levels.faint(-80)
    assert not levels.aside(-80, 0.1)
    levels.answered(-20)
    assert levels.faint(-33)
    assert not levels.faint(-31)


def test_an_aside_is_faint_and_doubtful_or_very_faint() -> None:
    levels = Levels()
    for level in (-20, -22, -60):
        levels.answered(level)
    assert levels.aside(-35, 0.5)
    assert not levels.aside(-35, 0.9)
    assert levels.aside(-43, 0.9)


def test_two_asides_in_a_row_may_be_a_phone_that_was_moved() -> None:
    levels = Levels()
    levels.answered(-20)
    levels.set_aside()
    levels.answered(-20)
    levels.set_aside()
    assert levels.faint(-40)
    levels.set_aside()
    assert not levels.faint(-40)


def in_a_room(db: float, packets: int = 150) -> Levels:
    """Somebody around whom it has been so loud for 3 s."""
    levels = Levels()
    for _ in range(packets):
        levels.heard(room_at(db))
    return levels


def room_at(db: float) -> bytes:
    return tone(20, level=2**0.5 * 10 ** (db / 20))


def test_a_voice_stands_out_from_the_room() -> None:
    levels = in_a_room(-30)
    assert levels.stands_out(-20.5)
    assert not levels.stands_out(-21.5)
    assert levels.meant_for_us(-20.5)
    assert not levels.meant_for_us(-21.5)
    assert levels.of_the_room(-25, 0.5)
    assert not levels.of_the_room(-25, 0.9)
    assert not levels.of_the_room(-20, 0.5)


@pytest.mark.parametrize(("db", "packets"), [(-52, 150), (-30, 49)])
def test_a_quiet_room_and_one_that_is_not_known_yet_hide_nobody(db: float, packets: int) -> None:
    levels = in_a_room(db, packets)
    assert levels.stands_out(-60)
    assert not levels.of_the_room(-60, 0.1)


@pytest.mark.parametrize(
    ("theirs", "level", "confidence", "sense"),
    [
        (False, -27.0, 0.5, Sense.ROOM),
        (True, -27.0, 0.5, Sense.ANSWER),
        (False, -18.0, 0.5, Sense.ANSWER),
        (False, -27.0, 0.9, Sense.ANSWER),
    ],
)
def test_words_from_the_room_are_nobodys(theirs: bool, level: float, confidence: float, sense: Sense) -> None:
    dialogue, speaker = mock.Mock(spec=Dialogue), mock.Mock(spec=Speaker)
    dialogue.cannot_wait.return_value = speaker.over.return_value = False
    speaker.said_around.return_value = ""
    turn = Turn("what a lovely dog", confidence, 1.0, 2.0, 2.2, 2.3, 2.4, 1.0, level, theirs=theirs)
    assert Judge(dialogue, speaker, in_a_room(-30)).judged(turn) is sense
    dialogue.cannot_wait.return_value = True
    assert Judge(dialogue, speaker, in_a_room(-30)).judged(turn) is Sense.ANSWER


def test_who_has_finished_leaves_the_room() -> None:
    levels = in_a_room(-30)
    loud, room = room_at(-18), room_at(-29)
    assert not any(levels.faded(packet) for packet in [*[loud] * 10, *[room] * 7])
    assert levels.faded(room)
    assert not levels.faded(loud)


def test_what_is_hardly_below_the_person_is_not_the_room() -> None:
    levels = in_a_room(-24)
    soft, loud = room_at(-22), room_at(-18)
    assert not any(levels.faded(packet) for packet in [*[loud] * 10, *[soft] * 20])


def test_what_fades_away_is_a_television() -> None:
    levels = Levels()
    loud, faint = tone(20, level=0.3), tone(20, level=0.01)
    assert not any(levels.faded(faint) for _ in range(20))
    levels.answered(level_of(loud))
    assert not any(levels.faded(packet) for packet in [loud, *[faint] * 7])
    assert levels.faded(faint)
    assert not levels.faded(loud)


def heard_ours(pcm: bytes, *, played_at: float, packet: int = 640) -> EchoGuard:
    guard = EchoGuard()
    for start in range(0, len(pcm), packet):
        guard.played(pcm[start : start + packet], played_at + start / 16000)
    return guard


@pytest.mark.parametrize(("db", "delay_s"), [(-12.0, 0.06), (-20.0, 0.3), (-26.0, 0.6)])
def test_our_own_voice_comes_back(db: float, delay_s: float) -> None:
    ours = spoken(OURS)
    guard = heard_ours(ours, played_at=100.0)
    heard = at_level(ours, db)[8000:14400]  # 400 ms of it
    assert guard.sounds_like_us(heard, 100.0 + delay_s + 14400 / 16000)
    assert guard.sounds_like_us(heard[-3200:], 100.0 + delay_s + 14400 / 16000)


def test_another_voice_is_not_ours() -> None:
    guard = heard_ours(spoken(OURS), played_at=100.0)
    other = spoken("I would like to know more.")
    assert not guard.sounds_like_us(other[4000:10400], 101.0)
    assert not guard.sounds_like_us(silence(400), 101.0)


def test_what_was_played_long_ago_or_is_too_short_is_not_compared() -> None:
    ours = spoken(OURS)
    guard = heard_ours(ours, played_at=100.0)
    assert not guard.sounds_like_us(ours[8000:14400], 200.0)
    assert not guard.sounds_like_us(ours[8000:9000], 100.8)
    assert not EchoGuard().sounds_like_us(ours[8000:14400], 100.9)
