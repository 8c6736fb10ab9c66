import wave
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from pytest_django import Settings

from calls.models import Call, Campaign, Recording
from calls.services import recordings
from calls.views import Span, Unsatisfiable, asked_span
from tests.calls.admin import world
from voice.recordings.sealed import HEADER_BYTES, wav_header
from voice.recordings.store import StoreError

ERASED = world.NOW + timedelta(days=90)


@pytest.fixture
def call(campaign: Campaign, settings: Settings, tmp_path: Path) -> Iterator[Call]:
    settings.RECORDINGS_DIR = tmp_path / "recordings"
    settings.RECORDINGS_LIVE_DIR = tmp_path / "live"
    settings.RECORDINGS_DIR.mkdir()
    [made] = world.calls(world.leads(campaign, 1))
    yield made
    cache.clear()


@pytest.fixture
def file(call: Call, settings: Settings) -> Path:
    return world.recording(call, settings.RECORDINGS_DIR)


@pytest.fixture
def wav(file: Path) -> bytes:
    """What is to be heard of the recording."""
    pcm = world.pcm(3)
    return wav_header(len(pcm), channels=2, rate=8000) + pcm


def url(call: Call) -> str:
    return f"/calls/{call.pk}/recording.wav"


def body(response: object) -> bytes:
    assert isinstance(response, StreamingHttpResponse)
    return response.getvalue()


def events(call: Call) -> list[tuple[str, dict[str, Any]]]:
    found = call.events.filter(kind__startswith="recording.").order_by("pk")
    return list(found.values_list("kind", "fields"))


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("", None),
        ("bytes=0-99", Span(0, 100)),
        ("bytes=0-", Span(0, 1000)),
        ("bytes=999-", Span(999, 1000)),
        ("bytes=990-2000", Span(990, 1000)),
        ("bytes=-10", Span(990, 1000)),
        ("bytes=-5000", Span(0, 1000)),
        ("bytes=-", None),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=٠-٩", None),
        (f"bytes={'9' * 5000}-", None),
    ],
)
def test_ranges(header: str, span: Span | None) -> None:
    assert asked_span(header, 1000) == span


@pytest.mark.parametrize(("header", "size"), [("bytes=1000-", 1000), ("bytes=-0", 1000), ("bytes=0-", 0)])
def test_ranges_without_a_byte(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        asked_span(header, size)


def test_the_whole_recording(as_manager: Client, call: Call, file: Path, wav: bytes) -> None:
    response = as_manager.get(url(call))
    assert (response.status_code, body(response)) == (200, wav)
    headers = ("Content-Type", "Content-Length", "Accept-Ranges", "Cache-Control", "Content-Disposition")
    assert [response[name] for name in headers] == [
        "audio/wav",
        str(len(wav)),
        "bytes",
        "private, no-cache",
        "inline",
    ]
    assert "Content-Range" not in response
    with wave.open(BytesIO(wav)) as played:
        assert (played.getnchannels(), played.getframerate(), played.getnframes()) == (2, 8000, 24_000)
    assert b"RIFF" not in file.read_bytes()
    assert world.pcm(1)[:64] not in file.read_bytes()


def test_a_part_of_it(as_manager: Client, call: Call, wav: bytes) -> None:
    response = as_manager.get(url(call), headers={"range": "bytes=100-299"})
    assert (response.status_code, body(response)) == (206, wav[100:300])
    assert (response["Content-Range"], response["Content-Length"]) == (f"bytes 100-299/{len(wav)}", "200")


@pytest.mark.parametrize(
    "span", [(0, 1), (43, 45), (44, 48), (16_427, 16_429), (16_428, 32_812), (90_000, 96_044), (96_043, 96_044)]
)
def test_any_part_of_it(as_manager: Client, call: Call, wav: bytes, span: tuple[int, int]) -> None:
    first, behind = span
    response = as_manager.get(url(call), headers={"range": f"bytes={first}-{behind - 1}"})
    assert (response.status_code, body(response)) == (206, wav[first:behind])


def test_a_part_that_does_not_exist(as_manager: Client, call: Call, wav: bytes) -> None:
    response = as_manager.get(url(call), headers={"range": f"bytes={len(wav)}-"})
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(wav)}")


def test_what_a_client_has_is_not_sent_again(as_manager: Client, call: Call, wav: bytes) -> None:
    tag = as_manager.get(url(call))["ETag"]
    again = as_manager.get(url(call), headers={"if-none-match": tag})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    part = as_manager.get(url(call), headers={"range": "bytes=0-9", "if-range": tag})
    assert (part.status_code, body(part)) == (206, wav[:10])
    other = as_manager.get(url(call), headers={"range": "bytes=0-9", "if-range": '"another"'})
    assert (other.status_code, body(other)) == (200, wav)


def test_parts_of_a_call_that_changed_its_line(as_manager: Client, call: Call, settings: Settings) -> None:
    world.recording(call, settings.RECORDINGS_DIR, seconds=2)
    world.recording(call, settings.RECORDINGS_DIR, seconds=1, part=2, since_s=9.5)
    sizes = [len(body(as_manager.get(f"/calls/{call.pk}/recordings/{part}.wav"))) for part in (1, 2)]
    assert sizes == [64_044, 32_044]
    assert len(body(as_manager.get(url(call)))) == 64_044
    assert as_manager.get(f"/calls/{call.pk}/recordings/3.wav").status_code == 404
    html = as_manager.get(f"/admin/calls/call/{call.pk}/change/").content.decode()
    assert html.index('data-since-ms="2000"') < html.index('data-since-ms="9500"')


def test_who_heard_it_is_written_down_once_a_listening(as_manager: Client, call: Call, wav: bytes) -> None:
    assert as_manager.head(url(call)).status_code == 200
    assert events(call) == []
    for header in ("bytes=0-9", "bytes=10-19"):
        body(as_manager.get(url(call), headers={"range": header}))
    assert events(call) == [("recording.played", {"part": 1, "by": manager_name()})]
    with mock.patch("calls.views.cache.add", side_effect=ConnectionError("away")):
        body(as_manager.get(url(call)))
    assert len(events(call)) == 2


def test_only_for_people_who_may_hear_it(client: Client, call: Call, wav: bytes) -> None:
    assert client.get(url(call))["Location"] == f"/admin/login/?next={url(call)}"
    sam = User.objects.create_user("sam", is_staff=True)
    client.force_login(sam)
    assert client.get(url(call)).status_code == 403
    sam.user_permissions.set(Permission.objects.filter(codename="view_call"))
    assert client.get(url(call)).status_code == 403
    page = client.get(f"/admin/calls/call/{call.pk}/change/").content.decode()
    assert "You may not play recordings." in page
    assert "<audio" not in page
    assert client.post(f"/admin/calls/call/{call.pk}/erase/").status_code == 403
    assert client.post(f"/admin/calls/call/{call.pk}/redact/", {"since": "0", "until": "1"}).status_code == 403
    sam.user_permissions.set(Permission.objects.filter(codename__in=["view_call", "view_recording"]))
    assert client.get(url(call)).status_code == 200


def test_reading_only(as_manager: Client, call: Call, wav: bytes) -> None:
    assert as_manager.post(url(call)).status_code == 405
    head = as_manager.head(url(call))
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(wav)))


def answer(client: Client, address: str) -> tuple[int, str]:
    response = client.get(address)
    return response.status_code, response.content.decode()


def test_sentences_where_there_is_none(as_manager: Client, call: Call, settings: Settings) -> None:
    assert answer(as_manager, f"/calls/{uuid4()}/recording.wav") == (404, "There is no such call.")
    assert answer(as_manager, url(call)) == (404, "This call was not recorded.")
    world.recording(call, settings.RECORDINGS_DIR).unlink()
    assert answer(as_manager, url(call)) == (404, "The recording is no longer on this server.")
    assert as_manager.get("/calls/../recording.wav").status_code == 404


def test_what_was_changed_is_an_error_and_no_noise(as_manager: Client, call: Call, file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[HEADER_BYTES + 200] ^= 1
    file.write_bytes(raw)
    assert answer(as_manager, url(call)) == (500, "Frame 0 of the recording was changed since it was written.")
    assert body(as_manager.get(url(call), headers={"range": "bytes=40000-40009"})) != b""
    raw[9] ^= 1
    file.write_bytes(raw)
    assert as_manager.get(url(call)).status_code == 500


def test_a_key_that_is_gone_and_a_store_that_is_away(
    as_manager: Client, call: Call, file: Path, settings: Settings
) -> None:
    settings.RECORDING_KEYS = "other:" + "A" * 43 + "="
    status, told = answer(as_manager, url(call))
    assert (status, told) == (
        500,
        "The recording was sealed with the key 'var-1': add it to RECORDING_KEYS behind the newest.",
    )
    with mock.patch("calls.services.recordings.store", side_effect=StoreError("away")):
        assert answer(as_manager, url(call)) == (
            503,
            "The store of recordings does not answer: try again in a minute.",
        )


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/passwd", "2026/../../secret.wav", "link.wav", ".", "2026"])
def test_no_name_leads_out_of_the_folder(
    as_manager: Client, call: Call, wav: bytes, settings: Settings, name: str
) -> None:
    secret = settings.RECORDINGS_DIR.parent / "secret.wav"
    secret.write_bytes(b"secret")
    (settings.RECORDINGS_DIR / "link.wav").symlink_to(secret)
    Recording.objects.filter(call=call).update(name=name)
    response = as_manager.get(url(call))
    assert response.status_code in (404, 503)
    assert b"secret" not in response.content


def test_under_asgi_it_is_streamed(call: Call, wav: bytes, manager: User) -> None:
    client = AsyncClient()
    client.force_login(manager)

    async def streamed() -> tuple[int, list[bytes]]:
        response = await client.get(url(call), headers={"range": "bytes=1-70000"})
        assert isinstance(response, StreamingHttpResponse)
        assert response.is_async
        return response.status_code, [block async for block in response]

    status, blocks = async_to_sync(streamed)()
    assert (status, b"".join(blocks)) == (206, wav[1:70001])
    assert [len(block) for block in blocks] == [65536, 70000 - 65536]


def test_a_manager_redacts_a_span(as_manager: Client, call: Call, file: Path, wav: bytes) -> None:
    page = f"/admin/calls/call/{call.pk}"
    # The recording begins at 2 s of the call: 3 to 4 s are its second second.
    told = as_manager.post(f"{page}/redact/", {"since": "0:03", "until": "4"}, follow=True).content.decode()
    assert "1 recording is silent from 0:03 to 0:04; its words are masked." in told
    heard = body(as_manager.get(url(call)))
    assert heard[:32_044] == wav[:32_044]
    assert heard[32_044:64_044] == bytes(32_000)
    assert heard[64_044:] == wav[64_044:]
    texts = list(call.turns.order_by("seq").values_list("text", flat=True))
    assert texts[0] == "[redacted]"  # spoken from 0 to 6.2 s
    assert texts[1] == "Oh. Um, yes, I did fill in that form."
    [(_, fields)] = [one for one in events(call) if one[0] == "recording.redacted"]
    assert fields == {"by": manager_name(), "from_s": 3.0, "to_s": 4.0, "turns": 1}


def manager_name() -> str:
    return User.objects.get(is_staff=True).username


@pytest.mark.parametrize(
    ("since", "until", "sentence"),
    [
        ("4", "3", "The span ends before it begins"),
        ("x", "3", "is no time of the call: write it as 1:15 or 75."),
        ("-1", "3", "is no time of the call"),
        ("nan", "3", "is no time of the call"),
        ("1", "inf", "is no time of the call"),
        ("1", "99:99999", "is no time of the call"),
        ("", "3", "This field is required."),
    ],
)
@pytest.mark.usefixtures("file")
def test_spans_that_are_none(as_manager: Client, call: Call, since: str, until: str, sentence: str) -> None:
    page = f"/admin/calls/call/{call.pk}"
    told = as_manager.post(f"{page}/redact/", {"since": since, "until": until}, follow=True).content.decode()
    assert sentence in told
    assert [kind for kind, _ in events(call)] == []


def test_a_redaction_that_fails_masks_nothing(as_manager: Client, call: Call, file: Path) -> None:
    file.unlink()
    page = f"/admin/calls/call/{call.pk}"
    told = as_manager.post(f"{page}/redact/", {"since": "3", "until": "4"}, follow=True).content.decode()
    assert "Nothing was redacted. The recording is no longer on this server." in told
    assert not call.turns.filter(text=recordings.REDACTED).exists()


def test_a_manager_erases_recordings(as_manager: Client, call: Call, file: Path) -> None:
    page = f"/admin/calls/call/{call.pk}"
    assert as_manager.get(f"{page}/erase/").status_code == 405
    assert "1 recording is erased." in as_manager.post(f"{page}/erase/", follow=True).content.decode()
    assert not file.exists()
    row = Recording.objects.get()
    assert (row.name, row.bytes, row.erased_at is not None) == ("", 0, True)
    status, told = answer(as_manager, url(call))
    assert (status, told.startswith("The recording was erased on ")) == (410, True)
    assert "The recording was erased on" in as_manager.get(f"{page}/change/").content.decode()
    assert [kind for kind, _ in events(call)] == ["recording.erased"]
    action = {"action": "erase_recordings", "_selected_action": [str(call.pk)]}
    again = as_manager.post("/admin/calls/call/", action, follow=True).content.decode()
    assert "0 recordings are erased." in again
