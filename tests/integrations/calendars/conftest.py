"""A calendar of ours, and a real Radicale server on a loopback port with a new calendar for each test."""

import threading
from collections.abc import Iterator
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from radicale import config
from radicale.app import Application

from calls.models import Calendar
from integrations import secrets
from integrations.calendars import keeping
from integrations.models import CalendarLink
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW

USER, PASSWORD = "maria", "correct horse"
_MAKE = """<?xml version="1.0" encoding="utf-8"?>
<D:mkcol xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<D:resourcetype><D:collection/><C:calendar/></D:resourcetype></D:prop></D:set></D:mkcol>"""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is its own."""


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address."""
    folder = tmp_path_factory.mktemp("radicale")
    (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
    settings = config.load()
    settings.update(
        {
            "auth": {
                "type": "htpasswd",
                "htpasswd_filename": str(folder / "users"),
                "htpasswd_encryption": "plain",
                "delay": "0",
            },
            "storage": {"filesystem_folder": str(folder / "collections"), "_filesystem_fsync": "False"},
        },
        "test",
        privileged=True,
    )
    server = make_server("127.0.0.1", 0, Application(settings), handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def remote(radicale: str, request: pytest.FixtureRequest) -> str:
    """The address of a new, empty calendar."""
    url = f"{radicale}/{USER}/{abs(hash(request.node.nodeid))}/"
    with httpx.Client(trust_env=False, auth=(USER, PASSWORD)) as client:
        client.request("MKCOL", url, content=_MAKE).raise_for_status()
    return url


def store(remote: str, uid: str, *lines: str) -> None:
    """An event that somebody else entered."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20261101T000000Z"]
    text = "\r\n".join([*head, *lines, "END:VEVENT", "END:VCALENDAR", ""])
    with httpx.Client(trust_env=False, auth=(USER, PASSWORD)) as client:
        client.put(f"{remote}{uid}.ics", content=text, headers={"content-type": "text/calendar"}).raise_for_status()


def stored(remote: str, uid: str) -> str:
    """The event's text on the server; "" where there is none."""
    with httpx.Client(trust_env=False, auth=(USER, PASSWORD)) as client:
        answer = client.get(f"{remote}{uid}.ics")
    return answer.text if answer.status_code == 200 else ""


@pytest.fixture
def calendar(db: None) -> Calendar:
    return make.calendar()


@pytest.fixture
def link(calendar: Calendar) -> CalendarLink:
    made = CalendarLink(
        calendar=calendar, address="http://127.0.0.1:9/c/", username=USER, sealed=secrets.seal(PASSWORD)
    )
    keeping.save(made, now=NOW)
    calendar.refresh_from_db()
    return made
