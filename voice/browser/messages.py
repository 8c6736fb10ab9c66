"""What the page of a test call is told, as JSON over the data channel. Pure.

``{"type": "live"}``; ``turn`` with speaker, text and ``latency_ms``; ``note`` with a sentence; ``ended`` with the
outcome as it would have been kept.
"""

from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from agents.domain.types import Act, BookAppointment, MarkWrongNumber, OptOut, ScheduleCallback
from voice.domain.types import Acted, Ended, LineEvent, Live, Report, TierChanged, TurnRecord, TurnTaken, WrappingUp


def message_of(event: LineEvent, *, zone: str) -> dict[str, Any] | None:
    """``event`` for the page, None where it means nothing to it; times are written in the IANA ``zone``."""
    match event:
        case Live():
            return {"type": "live"}
        case TurnTaken(turn=turn):
            return {"type": "turn", **_turn(turn)}
        case Acted(act=act):
            sentence = sentence_of(act, zone=zone)
            return {"type": "note", "text": sentence} if sentence else None
        case WrappingUp(reason=reason) | TierChanged(reason=reason):
            return {"type": "note", "text": reason} if reason else None
        case Ended(report=report):
            return {"type": "ended", **_outcome(report, zone=zone)}
    return None


def sentence_of(act: Act, *, zone: str) -> str:
    """What ``act`` would do on a real call; "" for one that the page shows by itself."""
    match act:
        case OptOut():
            return "On a real call this number would go on the do-not-call list at once."
        case BookAppointment(start_at=at):
            return f"On a real call an appointment would be booked: {_spoken(at.astimezone(ZoneInfo(zone)))}."
        case ScheduleCallback(at=at):
            return f"On a real call a callback would be promised: {_spoken(at.astimezone(ZoneInfo(zone)))}."
        case MarkWrongNumber():
            return "On a real call this number would be marked as wrong and never dialed again."
    return ""


def _spoken(at: Any) -> str:
    return f"{at:%A, %B} {at.day}, {at:%H:%M} ({at.tzname()})"


def _turn(turn: TurnRecord) -> dict[str, Any]:
    timings = turn.timings
    return {
        "seq": turn.seq,
        "speaker": turn.speaker.value,
        "text": turn.text,
        "start_ms": turn.start_ms,
        "end_ms": turn.end_ms,
        "interrupted": turn.interrupted,
        "agent": turn.agent,
        "latency_ms": None if timings is None else timings.first_audio_ms,
        "steps": {} if timings is None else {name: ms for name, ms in asdict(timings).items() if ms is not None},
    }


def _outcome(report: Report, *, zone: str) -> dict[str, Any]:
    outcome = report.outcome
    return {
        "disposition": outcome.disposition.value,
        "summary": outcome.summary,
        "facts": dict(outcome.facts),
        "score": outcome.score,
        "ended_by": report.ended_by.value,
        "acts": [sentence for act in outcome.acts if (sentence := sentence_of(act, zone=zone))],
    }
