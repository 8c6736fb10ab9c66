"""A manager talks with a campaign's agent: Chromium speaks into a real voice plane, over WebRTC on the loopback."""

import re
import wave
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aioice.ice
import pytest
from django.conf import settings as project
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from agents.dialogue import start
from billing.models import LedgerEntry
from calls.models import Call, Campaign, Decision, VoiceWorker
from tests.browser.test_widths import PHONE, width
from tests.calls import factories as make
from tests.voice.redis_server import Server
from tests.voice.speech import silence, spoken
from voice.plane import VoicePlane
from voice.speech.ports import RATE

_LOOPBACK = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the person says, with a pause before it that is longer than the agent's opening."""
    path = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    said = [
        silence(13_000),
        spoken("I am thinking about selling my house."),
        silence(9_000),
        spoken("Please stop calling me."),
        silence(60_000),
    ]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(said))
    return path


@pytest.fixture(scope="module")
def switches(microphone: Path) -> list[str]:
    return [*_LOOPBACK, f"--use-file-for-fake-audio-capture={microphone}%noloop"]


@pytest.fixture
def campaign(transactional_db: None) -> Campaign:
    return make.campaign(name="Sellers", agent_name="Ava")


@pytest.fixture
def redis(tmp_path: Path, settings: Settings) -> Iterator[Server]:
    server = Server(tmp_path)
    settings.REDIS_URL = server.url
    yield server
    server.kill()


@pytest.fixture
def plane(redis: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VoicePlane]:
    """A voice worker's lines with the models that are installed, announced as a worker's are."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    config = replace(
        project.VOICE,
        lines=2,
        media_host="127.0.0.1",
        media_port=0,
        redis_url=redis.url,
        recordings_dir=tmp_path / "recordings",
    )
    plane = VoicePlane(config, start)
    plane.start()
    now = datetime.now(UTC)
    VoiceWorker.objects.create(
        owner="test",
        queues=["calls.local"],
        lines=2,
        started_at=now,
        seen_at=now + timedelta(days=1),
        address=plane.internal_url,
    )
    yield plane
    plane.stop()


def open_page(page: Page, campaign: Campaign) -> None:
    page.goto(f"/admin/calls/campaign/{campaign.pk}/change/")
    page.get_by_role("link", name="Talk to this agent").click()


@pytest.mark.timeout(240)
def test_a_manager_talks_with_the_agent_and_is_told_the_outcome(
    page: Page, campaign: Campaign, plane: VoicePlane, tmp_path: Path
) -> None:
    open_page(page, campaign)
    page.screenshot(path=tmp_path / "idle.png", full_page=True)
    page.get_by_role("button", name="Talk to this agent").click()
    turns = page.get_by_role("log")
    expect(turns).to_contain_text("Ava", timeout=40_000)
    assert plane.health().free == 1
    expect(turns.locator(".turn-lead")).to_contain_text("selling", timeout=40_000)
    page.screenshot(path=tmp_path / "talking.png", full_page=True)
    expect(turns.locator(".wait").first).to_have_text(re.compile(r"^answered after \d+ ms$"), timeout=40_000)
    expect(page.locator("#talk-state")).to_have_text("The call has ended.", timeout=60_000)
    outcome = page.get_by_role("region", name="Outcome")
    expect(outcome).to_contain_text("do not call")
    expect(outcome).to_contain_text("Nothing of this was kept: it was a test.")
    expect(turns).to_contain_text("On a real call this number would go on the do-not-call list at once.")
    page.screenshot(path=tmp_path / "ended.png", full_page=True)
    page.set_viewport_size({"width": PHONE, "height": 844})
    page.screenshot(path=tmp_path / "ended_phone.png", full_page=True)
    assert width(page) <= PHONE
    assert (Call.objects.count(), Decision.objects.count(), LedgerEntry.objects.count()) == (0, 0, 0)
    assert not (tmp_path / "recordings").exists()
