"""What the page is told of a call's events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.domain.types import (
    Act,
    BookAppointment,
    Disposition,
    EndCall,
    EndedBy,
    MarkWrongNumber,
    OptOut,
    Outcome,
    ScheduleCallback,
)
from voice.browser.messages import message_of, sentence_of
from voice.domain.types import (
    Acted,
    Closing,
    Disclosed,
    Ended,
    LineEvent,
    Live,
    Report,
    Speaker,
    Tier,
    TierChanged,
    TurnRecord,
    TurnTaken,
    TurnTimings,
    WrappingUp,
)

AT = datetime(2026, 11, 12, 17, 0, tzinfo=UTC)
ZONE = "America/Denver"


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (OptOut("stop"), "On a real call this number would go on the do-not-call list at once."),
        (
            BookAppointment(AT),
            "On a real call an appointment would be booked: Thursday, November 12, 10:00 (MST).",
        ),
        (
            ScheduleCallback(AT, "on Thursday at ten"),
            "On a real call a callback would be promised: Thursday, November 12, 10:00 (MST).",
        ),
        (MarkWrongNumber("wrong"), "On a real call this number would be marked as wrong and never dialed again."),
        (EndCall("done"), ""),
    ],
)
def test_what_an_act_would_do(act: Act, sentence: str) -> None:
    assert sentence_of(act, zone=ZONE) == sentence
    message = message_of(Acted(act), zone=ZONE)
    assert message == ({"type": "note", "text": sentence} if sentence else None)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Live(AT), {"type": "live"}),
        (WrappingUp("It is late."), {"type": "note", "text": "It is late."}),
        (TierChanged(Tier.LOCAL, ""), None),
        (Disclosed(AT), None),
        (Closing(lambda: None), None),
    ],
)
def test_other_events(event: LineEvent, message: dict[str, Any] | None) -> None:
    assert message_of(event, zone=ZONE) == message


def test_a_turn_with_its_steps() -> None:
    timings = TurnTimings(vad_stop_ms=96, transcript_ms=200, first_audio_ms=310)
    turn = TurnRecord(3, Speaker.AGENT, "Good.", 1000, 1500, interrupted=True, agent="scheduler", timings=timings)
    told = message_of(TurnTaken(turn, {}), zone=ZONE)
    assert told == {
        "type": "turn",
        "seq": 3,
        "speaker": "agent",
        "text": "Good.",
        "start_ms": 1000,
        "end_ms": 1500,
        "interrupted": True,
        "agent": "scheduler",
        "latency_ms": 310,
        "steps": {"vad_stop_ms": 96, "transcript_ms": 200, "first_audio_ms": 310},
    }


def test_the_outcome() -> None:
    outcome = Outcome(
        Disposition.APPOINTMENT,
        "They meet.",
        facts={"side": "sell"},
        score=80,
        acts=(BookAppointment(AT), EndCall("done")),
    )
    told = message_of(Ended(Report(outcome, EndedBy.AGENT, ended_at=AT)), zone=ZONE)
    assert told == {
        "type": "ended",
        "disposition": "appointment",
        "summary": "They meet.",
        "facts": {"side": "sell"},
        "score": 80,
        "ended_by": "agent",
        "acts": ["On a real call an appointment would be booked: Thursday, November 12, 10:00 (MST)."],
    }
