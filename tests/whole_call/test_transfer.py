"""Somebody asks for a person, with real speech: a voicemail presses nothing, Maria presses 1; or nobody is free."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from agents.domain.standing import NOBODY_FREE
from billing.models import LedgerEntry
from billing.services.auditing import audit
from calls.models import Call
from tests.whole_call.survival import House, call_the_seller, house

pytestmark = [pytest.mark.whole_call, pytest.mark.timeout(400)]
PEOPLE = Path(__file__).parent / "transfer_people.yaml"


@pytest.fixture
def installed(django_db_blocker: DjangoDbBlocker) -> Iterator[House]:
    with (
        TemporaryDirectory(prefix="transfer-") as folder,
        django_db_blocker.unblock(),
        house(Path(folder), people=PEOPLE, VOICE_RING_TIMEOUT_S="15", TRANSFER_RING_TIMEOUT_S="10") as built,
    ):
        yield built


def called(installed: House, **colleagues: str) -> Call:
    """The call to the seller, once she has talked; ``colleagues`` may take it over."""
    call_the_seller(colleagues)
    talked = lambda: seen(installed, "seller").get("status") == "completed"  # noqa: E731
    installed.until("the seller has talked", talked, within_s=200)
    installed.until("it is written down", Call.objects.filter(status="done").exists, within_s=20)
    call = Call.objects.get()
    for turn in call.turns.order_by("seq"):
        print(turn.start_ms, turn.speaker, turn.text)
    return call


def seen(installed: House, who: str) -> dict[str, Any]:
    return next((one for one in installed.carrier.calls() if one["person"] == who), {})


def settled(call: Call) -> bool:
    booked = sorted(LedgerEntry.objects.filter(reference=call.pk).values_list("kind", flat=True))
    return booked == ["charge", "hold", "release"] and audit() == []


def kinds(call: Call) -> list[str]:
    return [kind for kind in call.events.values_list("kind", flat=True) if kind.startswith("call.transfer")]


def test_maria_takes_the_call_that_bobs_voicemail_did_not(installed: House) -> None:
    call = called(installed, Bob="0701", Maria="0702")
    assert (call.disposition, call.ended_by) == ("transferred", "transfer")
    assert call.summary.startswith("Maria took the call over. Put through to a person.")
    assert kinds(call) == [
        "call.transfer_asked",
        "call.transfer_ringing",
        "call.transfer_not_taken",
        "call.transfer_ringing",
        "call.transfer_connected",
    ]
    whispered = " ".join(one["text"] for one in seen(installed, "maria")["heard"]).lower()
    assert "press" in whispered
    assert "maria" in " ".join(one["text"] for one in seen(installed, "seller")["heard"]).lower()
    assert [key["digit"] for key in seen(installed, "maria")["keys"]] == ["1"]
    assert seen(installed, "seller")["errors"] == seen(installed, "maria")["errors"] == []
    assert (call.takeovers, call.recordings.count(), settled(call)) == (0, 1, True)


def test_nobody_is_free_and_the_agent_promises_a_call(installed: House) -> None:
    call = called(installed, Zoe="0703")
    assert (call.disposition, call.ended_by, call.takeovers) == ("callback_requested", "agent", 1)
    said = list(call.turns.filter(speaker="agent").order_by("seq").values_list("text", flat=True))
    assert sum(text.startswith(NOBODY_FREE) for text in said) == 1
    assert "call.back_from_transfer" in call.events.values_list("kind", flat=True)
    assert not call.events.filter(kind="call.cut_off").exists()
    assert call.lead.commitment_at is not None
    assert settled(call)
