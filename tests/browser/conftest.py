"""A real browser on a live server; everything here is skipped, with its reason, where there is no Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from calls.permissions import MANAGERS

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="There is no Chromium: install it or name it in CHROMIUM."))


@pytest.fixture(scope="module")
def switches() -> list[str]:
    """What else this module's Chromium is told at its start."""
    return []


@pytest.fixture(scope="module")
def browser(switches: list[str]) -> Iterator[Browser]:
    """One for a module: its loop must not be there for the asynchronous tests of other modules."""
    # Playwright's synchronous interface keeps a loop in this thread, which Django takes for an asynchronous caller.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*_QUIET, *switches])
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def manager(transactional_db: None) -> User:
    user = User.objects.create_user("mia", password="correct horse", is_staff=True)
    user.groups.add(Group.objects.get(name=MANAGERS))
    return user


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, manager: User) -> Iterator[Page]:
    """The admin's first page as a campaign manager; a script error or a failed request fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=live_server.url)
    context.set_default_timeout(15_000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"{request.url} {request.failure}"))
    page.on(
        "response", lambda answer: wrong.append(f"{answer.url} {answer.status}") if answer.status >= 500 else None
    )
    page.goto("/admin/")
    page.get_by_label("Username:").fill("mia")
    page.get_by_label("Password:").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    yield page
    context.close()
    assert wrong == []
