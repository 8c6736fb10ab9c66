from pathlib import Path
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from pytest_django import Settings

from calls.models import Call, Campaign
from calls.views import Span, Unsatisfiable, asked_span
from tests.calls.admin import world


@pytest.fixture
def call(campaign: Campaign, settings: Settings, tmp_path: Path) -> Call:
    settings.RECORDINGS_DIR = tmp_path / "recordings"
    settings.RECORDINGS_DIR.mkdir()
    [made] = world.calls(world.leads(campaign, 1))
    return made


@pytest.fixture
def wav(call: Call, settings: Settings) -> bytes:
    return world.recording(call, settings.RECORDINGS_DIR).read_bytes()


def url(call: Call) -> str:
    return f"/calls/{call.pk}/recording.wav"


def body(response: object) -> bytes:
    assert isinstance(response, StreamingHttpResponse)
    return response.getvalue()


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


def test_the_whole_recording(as_manager: Client, call: Call, wav: bytes) -> None:
    response = as_manager.get(url(call))
    assert (response.status_code, body(response)) == (200, wav)
    headers = ("Content-Type", "Content-Length", "Accept-Ranges", "Cache-Control", "Content-Disposition")
    assert [response[name] for name in headers] == [
        "audio/wav",
        str(len(wav)),
        "bytes",
        "private, no-store",
        "inline",
    ]
    assert "Content-Range" not in response


def test_a_part_of_it(as_manager: Client, call: Call, wav: bytes) -> None:
    response = as_manager.get(url(call), headers={"range": "bytes=100-299"})
    assert (response.status_code, body(response)) == (206, wav[100:300])
    assert (response["Content-Range"], response["Content-Length"]) == (f"bytes 100-299/{len(wav)}", "200")


def test_a_part_that_does_not_exist(as_manager: Client, call: Call, wav: bytes) -> None:
    response = as_manager.get(url(call), headers={"range": f"bytes={len(wav)}-"})
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(wav)}")


def test_only_for_people_who_may_see_the_call(client: Client, call: Call, wav: bytes) -> None:
    assert client.get(url(call))["Location"] == f"/admin/login/?next={url(call)}"
    client.force_login(User.objects.create_user("sam", is_staff=True))
    assert client.get(url(call)).status_code == 403


def test_reading_only(as_manager: Client, call: Call, wav: bytes) -> None:
    assert as_manager.post(url(call)).status_code == 405
    assert as_manager.head(url(call)).status_code == 200


def test_sentences_where_there_is_none(as_manager: Client, call: Call, settings: Settings) -> None:
    def answer(address: str) -> tuple[int, str]:
        response = as_manager.get(address)
        return response.status_code, response.content.decode()

    assert answer(f"/calls/{uuid4()}/recording.wav") == (404, "There is no such call.")
    assert answer(url(call)) == (404, "This call was not recorded.")
    world.recording(call, settings.RECORDINGS_DIR).unlink()
    assert answer(url(call)) == (404, "The recording is no longer on this server.")
    assert as_manager.get("/calls/../recording.wav").status_code == 404


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/passwd", "2026/../../secret.wav", "link.wav", ".", "2026"])
def test_no_name_leads_out_of_the_folder(
    as_manager: Client, call: Call, wav: bytes, settings: Settings, name: str
) -> None:
    secret = settings.RECORDINGS_DIR.parent / "secret.wav"
    secret.write_bytes(b"secret")
    (settings.RECORDINGS_DIR / "link.wav").symlink_to(secret)
    Call.objects.filter(pk=call.pk).update(recording=name)
    response = as_manager.get(url(call))
    assert (response.status_code, response.content) == (404, b"The recording is no longer on this server.")


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
