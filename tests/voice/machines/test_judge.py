"""Who answered, by what is known: a person wherever the evidence does not speak against one."""

from dataclasses import replace

import pytest

from voice.domain.machines import (
    DEADLINE_S,
    ENDLESS_S,
    GREETING_S,
    LIKELY_S,
    MUSIC_S,
    QUIET_DEADLINE_S,
    UNREAD_S,
    WAITS_S,
    Evidence,
    Kind,
    judge,
    likely,
)

NOTHING = Evidence()
HELLO = Evidence(voiced_s=0.6, run_s=0.6, first_at=0.5, quiet_s=0.3)
ANSWERED = replace(HELLO, words="Hello?", turns=1)
GREETS = Evidence(voiced_s=5.0, run_s=5.0, first_at=0.5, speaking=True)


def kind(evidence: Evidence, now_s: float = 3.0) -> Kind | None:
    verdict = judge(evidence, now_s)
    return verdict.kind if verdict else None


@pytest.mark.parametrize("carrier", ["", "human", "unknown"])
@pytest.mark.parametrize("evidence", [NOTHING, HELLO, ANSWERED, GREETS])
def test_nothing_is_known_yet(evidence: Evidence, carrier: str) -> None:
    assert kind(replace(evidence, carrier=carrier)) is None


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("You have reached Tom. Please leave a message after the beep.", Kind.VOICEMAIL),
        ("Hi, if you record your name and reason for calling, I'll see if this person is available.", Kind.SCREENING),
        ("For sales, press 1.", Kind.IVR),
        ("The number you have dialed is not in service.", Kind.INTERCEPT),
    ],
)
@pytest.mark.parametrize("evidence", [ANSWERED, GREETS])
def test_words_decide_at_once(evidence: Evidence, words: str, found: Kind) -> None:
    verdict = judge(replace(evidence, words=words, carrier="human"), 2.5)

    assert verdict is not None
    assert (verdict.kind, verdict.reason, verdict.at_s) == (found, "It spoke the words of one.", 2.5)


@pytest.mark.parametrize("name", ["machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other"])
def test_the_carrier_alone_is_not_believed_against_a_hello(name: str) -> None:
    said = replace(ANSWERED, carrier=name)

    assert kind(said) is None
    assert kind(replace(said, quiet_s=WAITS_S)) is Kind.PERSON
    assert kind(replace(HELLO, carrier=name)) is None, "what they said is not known yet"


@pytest.mark.parametrize("name", ["machine_start", "machine_end_beep"])
def test_the_carrier_is_believed_where_the_words_are_nobodys_hello(name: str) -> None:
    greeting = replace(GREETS, carrier=name, words="Tom Miller of Miller Roofing, thanks for calling us")
    over = replace(greeting, speaking=False, quiet_s=0.8)

    assert kind(greeting) is None, "what was said of it so far may be a person's long hello"
    assert kind(over) is None, "they may go on"
    assert kind(replace(over, turns=1)) is Kind.VOICEMAIL
    assert kind(replace(over, quiet_s=WAITS_S)) is Kind.VOICEMAIL
    assert kind(replace(over, turns=1, run_s=LIKELY_S - 0.1)) is None
    assert kind(replace(over, turns=1, carrier="human")) is None


@pytest.mark.parametrize("name", ["machine_start", "machine_end_silence"])
def test_the_carrier_is_not_believed_against_a_long_hello(name: str) -> None:
    hello = replace(
        GREETS, run_s=3.4, voiced_s=3.4, speaking=False, turns=1, carrier=name, quiet_s=0.8,
        words="Good morning, Summit Homes, this is Kate, how can I help you?",
    )  # fmt: skip

    assert kind(hello) is None
    assert kind(replace(hello, quiet_s=WAITS_S)) is Kind.PERSON


@pytest.mark.parametrize("words", ["", "so there we were"])
def test_the_carrier_is_believed_of_a_speech_without_an_end(words: str) -> None:
    endless = replace(GREETS, run_s=ENDLESS_S, words=words, carrier="machine_start")

    assert kind(endless) is Kind.VOICEMAIL
    assert kind(replace(endless, run_s=ENDLESS_S - 0.1)) is None
    assert kind(replace(endless, carrier="")) is None


def test_the_carrier_is_believed_of_music() -> None:
    music = replace(NOTHING, sound_s=MUSIC_S, carrier="machine_start")

    assert kind(music) is Kind.VOICEMAIL
    assert kind(replace(music, carrier="human")) is None
    assert kind(replace(music, voiced_s=0.3)) is None, "somebody spoke"


@pytest.mark.parametrize("name", ["machine_start", "machine_end_silence", "fax"])
def test_the_carrier_is_not_believed_on_a_silent_line(name: str) -> None:
    assert kind(replace(NOTHING, carrier=name)) is None
    assert kind(replace(NOTHING, sound_s=MUSIC_S - 0.1, carrier=name)) is None
    assert kind(replace(NOTHING, carrier=name), QUIET_DEADLINE_S) is Kind.PERSON


def test_a_tone_after_a_greeting_is_a_beep() -> None:
    assert kind(replace(HELLO, voiced_s=1.0, beep=True)) is Kind.VOICEMAIL
    assert kind(replace(HELLO, voiced_s=0.9, beep=True)) is None, "a hello, and a key pressed by a cheek"
    assert kind(replace(HELLO, voiced_s=0.9, beep=True, carrier="machine_start")) is Kind.VOICEMAIL
    assert kind(replace(NOTHING, beep=True)) is None


@pytest.mark.parametrize("words", ["Hello? Hello?", "Good morning, this is Ann, how can I help you?", "Who is this?"])
@pytest.mark.parametrize("carrier", ["", "machine_end_beep"])
def test_a_tone_behind_a_persons_words_is_not_a_beep(words: str, carrier: str) -> None:
    said = replace(HELLO, voiced_s=1.8, run_s=1.8, words=words, turns=1, beep=True, carrier=carrier)

    assert kind(said) is None, "an oven, a lift, a second call"
    assert kind(replace(said, quiet_s=WAITS_S)) is Kind.PERSON


def test_a_fax_is_known_by_its_tone() -> None:
    assert kind(replace(NOTHING, fax=True)) is Kind.FAX


@pytest.mark.parametrize(
    ("evidence", "now_s", "reason"),
    [
        (NOTHING, QUIET_DEADLINE_S, "Nobody spoke, and no tone came."),
        (replace(GREETS, carrier="unknown"), 0.5 + DEADLINE_S, "Nothing spoke for a machine in time."),
        (replace(ANSWERED, turns=2), 3.0, "Two short turns, as people speak."),
        (replace(ANSWERED, quiet_s=WAITS_S), 3.0, "A short answer, and then they waited."),
        (replace(HELLO, opened=True), 8.0, "They let us say who calls."),
        (
            replace(GREETS, speaking=False, quiet_s=WAITS_S, words="so I said to her", turns=1),
            9.0,
            "A long greeting without a machine's words or a tone.",
        ),
    ],
)
def test_after_a_while_it_is_a_person(evidence: Evidence, now_s: float, reason: str) -> None:
    verdict = judge(evidence, now_s)

    assert verdict is not None
    assert (verdict.kind, verdict.reason) == (Kind.PERSON, reason)
    assert kind(evidence, now_s - 0.01) is (Kind.PERSON if now_s < QUIET_DEADLINE_S else None)


def test_two_short_turns_that_may_be_a_greeting_are_waited_for() -> None:
    greets = replace(ANSWERED, words="Hi, this is Steve. Sorry I missed your call.", turns=2)

    assert kind(greets) is None
    assert kind(replace(greets, quiet_s=WAITS_S)) is Kind.PERSON
    assert kind(replace(greets, words=f"{greets.words} Leave me a message.")) is Kind.VOICEMAIL


def test_a_long_greeting_is_waited_for() -> None:
    assert kind(replace(GREETS, speaking=False, quiet_s=WAITS_S - 0.1, words="so I said", turns=1)) is None
    assert kind(replace(GREETS, speaking=False, quiet_s=0.2, turns=2)) is None
    unread = replace(GREETS, speaking=False, quiet_s=UNREAD_S - 0.1)
    assert kind(unread) is None, "its words are still to come"
    assert kind(replace(unread, quiet_s=UNREAD_S)) is Kind.PERSON


def test_when_a_machine_is_likely() -> None:
    assert not likely(NOTHING)
    assert not likely(replace(GREETS, run_s=LIKELY_S - 0.1))
    assert likely(replace(GREETS, run_s=LIKELY_S))
    assert likely(replace(NOTHING, special_information=True))
    assert likely(replace(HELLO, words="please leave a message after the tone"))
    assert GREETING_S > LIKELY_S
