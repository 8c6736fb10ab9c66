"""Whole calls to machines with real speech: greeting, tones and keys over the media socket, both ways."""

from pathlib import Path
from typing import Any

import pytest

from agents.domain.types import Disposition, EndCall, EndedBy
from tests.voice.machines.calls import MESSAGE, Met, town
from voice.domain.types import Acted, VoiceConfig

pytestmark = [pytest.mark.slow, pytest.mark.whole_call, pytest.mark.timeout(240)]

GREETING = (
    "Hi, you have reached the voicemail of Tom Miller. I am not able to come to the phone right now. "
    "Please leave a message after the beep."
)
MENU = "Thank you for calling the Miller office. For opening hours, press 1. To speak with a person, press 2."
REFUSES = [{"hears": r"\w", "says": "I am not interested, thank you."}]


@pytest.fixture
def config(tmp_path: Path) -> VoiceConfig:
    return VoiceConfig(
        lines=2, media_host="127.0.0.1", media_port=0, media_url="", redis_url="", recordings_dir=tmp_path
    )


def phone(number: str, how: str, **more: Any) -> dict[str, Any]:
    answers = {"after_s": 0.2, "how": how, **more.pop("answers", {})}
    return {"id": f"p{number}", "number": f"*{number}", "greeting": "Hello?", "answers": answers, **more}


def reasons(met: Met) -> list[str]:
    acts = [event.act for event in met.watch.events if isinstance(event, Acted)]
    return [act.reason for act in acts if isinstance(act, EndCall)]


BOX = {"greeting": GREETING, "listens_s": 40, "beep_hz": 1400, "beep_s": 0.3}


async def test_a_message_is_left_behind_the_beep(config: VoiceConfig) -> None:
    async with town(config, phone("0201", "voicemail", voicemail=BOX)) as there:
        left = await there.call("0201", message=MESSAGE)

    assert left.report.outcome.disposition is Disposition.VOICEMAIL
    assert reasons(left) == ["message_left"]
    assert left.report.outcome.facts["voicemail_message"] == "left"
    message = left.watch.turns[-1]
    assert message.text.startswith(
        "Hi Maria, this is Ava, an AI assistant of Summit Realty. Please call us back at 8"
    )
    assert (message.text.endswith("Goodbye."), message.interrupted) == (True, False)
    greeted_ms = max(turn.end_ms for turn in left.watch.turns if turn.text in left.theirs)
    assert message.start_ms > greeted_ms, "never into the greeting"


async def test_without_a_message_a_voicemail_is_hung_up_on(config: VoiceConfig) -> None:
    async with town(config, phone("0202", "voicemail", voicemail=BOX)) as there:
        silent = await there.call("0202")

    assert silent.report.outcome.disposition is Disposition.VOICEMAIL
    first, *others = reasons(silent)
    assert first == "voicemail"
    assert set(others) <= {"over"}, "what it says while we hang up"
    assert "voicemail_message" not in silent.report.outcome.facts
    assert silent.report.disclosed_at is None


async def test_screening_leads_to_the_person(config: VoiceConfig) -> None:
    async with town(config, phone("0203", "screening", screening={"service": "google"}, rules=REFUSES)) as there:
        screened = await there.call("0203")

    assert screened.report.outcome.disposition is Disposition.NOT_INTERESTED
    purpose = "Hi, this is Ava, an AI assistant with Summit Realty, calling Maria about the house on Maple Street."
    assert purpose in screened.ours
    opening = screened.ours[screened.ours.index(purpose) + 1]
    assert opening.startswith("Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a recorded line.")
    assert screened.report.disclosed_at is not None


async def test_a_menu_leads_to_the_person(config: VoiceConfig) -> None:
    async with town(config, phone("0204", "ivr", menu={"text": MENU, "connects": "2"}, rules=REFUSES)) as there:
        menu = await there.call("0204")

    assert menu.report.outcome.disposition is Disposition.NOT_INTERESTED
    assert [key["digit"] for key in menu.seen["tones"]] == ["2"]
    assert "[key 2]" in menu.ours
    assert menu.report.disclosed_at is not None


async def test_a_fax(config: VoiceConfig) -> None:
    async with town(config, phone("0205", "fax", fax={})) as there:
        fax = await there.call("0205", message=MESSAGE)

    assert (fax.report.outcome.disposition, fax.report.ended_by) == (Disposition.BAD_NUMBER, EndedBy.AGENT)
    assert reasons(fax) == ["fax"]


async def test_a_person_whom_the_carrier_takes_for_a_machine(config: VoiceConfig) -> None:
    person = phone("0206", "human", answers={"detected": "machine_end_silence"}, rules=REFUSES)
    async with town(config, person) as there:
        met = await there.call("0206", message=MESSAGE)

    assert met.seen["answered_by"] == "machine_end_silence"
    assert met.report.outcome.disposition is Disposition.NOT_INTERESTED
    assert "voicemail_message" not in met.report.outcome.facts
