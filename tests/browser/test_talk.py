"""A manager talks with a campaign's agent: Chromium speaks to real voice planes, over WebRTC on the loopback."""

import re
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aioice.ice
import pytest
from django.conf import settings as project
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from agents.dialogue import start
from agents.domain.types import Reply
from billing.models import LedgerEntry
from calls.models import Call, Campaign, Decision, VoiceWorker
from tests.browser.test_widths import PHONE, width
from tests.calls import factories as make
from tests.voice.dialogues import ScriptedDialogue, always
from tests.voice.redis_server import Server
from tests.voice.speech import ScriptedRecogniser, ToneSynthesiser, silence, spoken
from voice.plane import VoicePlane
from voice.speech.ports import RATE

Serve = Callable[..., VoicePlane]
LISTENING_S = 13
"""Longer than the agent's opening."""


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the person says."""
    path = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    said = [
        silence(1000 * LISTENING_S),
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
    return [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
        "--allow-loopback-in-peer-connection",
    ]


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
def serve(redis: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a voice plane, which is announced as a worker's are; takes arguments of VoicePlane."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    config = replace(
        project.VOICE,
        lines=2,
        media_host="127.0.0.1",
        media_port=0,
        redis_url=redis.url,
        recordings_dir=tmp_path / "recordings",
    )
    planes: list[VoicePlane] = []

    def serve(dialogues: Any = start, **engines: Any) -> VoicePlane:
        plane = VoicePlane(config, dialogues, **engines)
        planes.append(plane)
        plane.start()
        announce(plane.internal_url)
        return plane

    yield serve
    for plane in planes:
        plane.stop()


def announce(address: str) -> None:
    now = datetime.now(UTC)
    tomorrow = now + timedelta(days=1)
    VoiceWorker.objects.create(
        owner=address, queues=["calls.local"], lines=2, started_at=now, seen_at=tomorrow, address=address
    )


def scripted(serve: Serve, *answers: Any, hears: tuple[str, ...] = ()) -> VoicePlane:
    dialogue = ScriptedDialogue(*answers, opening=Reply("Good day.", agent="conversation", fixed=True))
    engines = {"recogniser": ScriptedRecogniser(*hears), "synthesiser": ToneSynthesiser()}
    return serve(always(dialogue), **engines)


def press_start(page: Page, campaign: Campaign, *, allowed: bool = True) -> None:
    if allowed:
        page.context.grant_permissions(["microphone"])
    page.goto(f"/admin/calls/campaign/{campaign.pk}/change/")
    page.get_by_role("link", name="Talk to this agent").click()
    page.get_by_role("button", name="Talk to this agent").click()


def state(page: Page) -> Any:
    return expect(page.locator("#talk-state"))


def nothing_was_kept() -> bool:
    return not (Call.objects.exists() or Decision.objects.exists() or LedgerEntry.objects.exists())


def freed(page: Page, plane: VoicePlane) -> None:
    deadline = time.monotonic() + 10
    while plane.live:
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


@pytest.mark.timeout(240)
def test_a_manager_talks_with_the_agent_and_is_told_the_outcome(
    page: Page, campaign: Campaign, serve: Serve, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    plane = serve()
    press_start(page, campaign)
    turns = page.get_by_role("log")
    expect(turns.locator(".turn-agent").first).to_contain_text("this is Ava, an AI assistant", timeout=40_000)
    expect(turns.locator(".turn-lead")).to_contain_text("selling my house", timeout=40_000)
    assert (plane.live, page.locator("#talk-level-you").evaluate("bar => bar.style.transform")) != (0, "")
    page.screenshot(path=tmp_path / "talking.png")
    answered = re.compile(r"^answered after \d+ ms$")
    expect(turns.locator(".wait").first).to_have_text(answered, timeout=40_000)
    state(page).to_have_text("The call has ended.", timeout=60_000)
    outcome = page.get_by_role("region", name="Outcome")
    expect(outcome).to_contain_text("do not call")
    expect(outcome).to_contain_text("On a real call this number would go on the do-not-call list at once.")
    expect(outcome).to_contain_text("Nothing of this was kept: it was a test.")
    page.screenshot(path=tmp_path / "ended.png", full_page=True)
    assert nothing_was_kept()
    freed(page, plane)
    assert not list(tmp_path.glob("recordings/*"))


def test_muting_keys_and_ending_on_a_page_as_wide_as_a_phone(
    page: Page, campaign: Campaign, serve: Serve, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": PHONE, "height": 844})
    plane = scripted(serve, Reply("Key taken.", agent="conversation"))
    press_start(page, campaign)
    turns = page.get_by_role("log")
    state(page).to_have_text(re.compile(r"Talking, 0:0\d"))
    expect(turns.locator(".turn-agent")).to_contain_text("Good day.")
    page.get_by_role("button", name="Mute").click()
    expect(page.get_by_role("button", name="Muted: press to be heard")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="9", exact=True).click()
    expect(turns.locator(".turn-agent").nth(1)).to_contain_text("Key taken.")
    page.screenshot(path=tmp_path / "phone_talking.png", full_page=True)
    assert width(page) <= PHONE
    page.get_by_role("button", name="End the call").click()
    state(page).to_have_text("The call has ended.")
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("As scripted.")
    page.screenshot(path=tmp_path / "phone_ended.png", full_page=True)
    assert width(page) <= PHONE
    expect(page.get_by_role("button", name="Talk again")).to_be_visible()
    freed(page, plane)


def test_a_second_call_begins_with_an_empty_page(page: Page, campaign: Campaign, serve: Serve) -> None:
    scripted(serve)
    press_start(page, campaign)
    turns = page.get_by_role("log")
    expect(turns.locator(".turn")).to_have_count(1)
    page.get_by_role("button", name="End the call").click()
    expect(page.get_by_role("region", name="Outcome")).to_be_visible()
    page.get_by_role("button", name="Talk again").click()
    expect(page.get_by_role("region", name="Outcome")).to_be_hidden()
    state(page).to_have_text(re.compile("Talking"))
    expect(turns.locator(".turn")).to_have_count(1)
    page.get_by_role("button", name="End the call").click()
    state(page).to_have_text("The call has ended.")


def test_leaving_the_page_frees_the_line(page: Page, campaign: Campaign, serve: Serve) -> None:
    plane = scripted(serve)
    press_start(page, campaign)
    expect(page.get_by_role("log").locator(".turn")).to_have_count(1)
    assert plane.live == 1
    page.goto("/admin/")
    freed(page, plane)


def test_a_microphone_that_is_refused_is_named(page: Page, campaign: Campaign, tmp_path: Path) -> None:
    page.set_viewport_size({"width": PHONE, "height": 844})
    press_start(page, campaign, allowed=False)
    expect(page.get_by_role("alert")).to_have_text(
        "The microphone was refused: allow it for this page, beside its address, and start again."
    )
    state(page).to_have_text("There is no call.")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    page.screenshot(path=tmp_path / "phone_refused.png", full_page=True)
    assert width(page) <= PHONE


def test_without_a_voice_worker_the_page_says_what_to_start(page: Page, campaign: Campaign, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    press_start(page, campaign)
    expect(page.get_by_role("alert")).to_have_text(
        "No voice worker is running: start one with make run, or docker compose up -d voice."
    )
    page.screenshot(path=tmp_path / "no_worker.png")


def test_a_conversation_that_breaks_is_told(page: Page, campaign: Campaign, serve: Serve) -> None:
    plane = scripted(serve, RuntimeError("no such reply"))
    press_start(page, campaign)
    expect(page.get_by_role("log").locator(".turn")).to_have_count(1)
    page.get_by_role("button", name="1", exact=True).click()
    state(page).to_have_text("The call broke off.")
    expect(page.get_by_role("alert")).to_have_text("Something in the voice worker failed: see its log.")
    freed(page, plane)


def test_a_worker_that_ends_is_told(page: Page, campaign: Campaign, serve: Serve) -> None:
    plane = scripted(serve)
    press_start(page, campaign)
    expect(page.get_by_role("log").locator(".turn")).to_have_count(1)
    plane.stop()
    state(page).to_have_text("The call broke off.")
