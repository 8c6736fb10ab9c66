"""A call's recordings, for people who may hear them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.contrib.auth.decorators import login_required, permission_required
from django.core.cache import cache
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotFound, StreamingHttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from calls.models import Call, Recording
from calls.services import recordings
from calls.services.moving import note
from voice.recordings.keys import UnknownKey
from voice.recordings.sealed import Damaged
from voice.recordings.store import Reader, StoreError

log = structlog.get_logger(__name__)
_BLOCK_BYTES = 1 << 16
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_PLAYED_ONCE_S = 600
"""A player asks for many ranges: within this time they are one listening."""


class Unsatisfiable(Exception):
    """The file has no byte of the asked range."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``start`` to before ``end`` of a file."""

    start: int
    end: int


@require_safe
@login_required
@permission_required(["calls.view_call", "calls.view_recording"], raise_exception=True)
def recording(request: HttpRequest, call_id: UUID, part: int | None = None) -> HttpResponseBase:
    """One recording as a WAV, whole or the asked range (RFC 9110, section 14); the first where no part is named.

    404 with a sentence where there is none, 410 where it was erased, 503 where the store does not answer.
    """
    if not Call.objects.filter(pk=call_id).exists():
        return _sentence(404, "There is no such call.")
    rows = Recording.objects.filter(call=call_id)
    row = (rows if part is None else rows.filter(part=part)).order_by("part").first()
    if row is None:
        return _sentence(404, "This call was not recorded.")
    if row.erased_at is not None:
        return _sentence(410, f"The recording was erased on {row.erased_at:%Y-%m-%d}: {row.erased_why}")
    try:
        reader = recordings.opened(row)
        return _wav(request, row, reader)
    except recordings.Gone as gone:
        return _sentence(404, str(gone))
    except StoreError as error:
        log.warning("recording.store_away", recording_id=row.pk, error=str(error))
        return _sentence(503, "The store of recordings does not answer: try again in a minute.")
    except (Damaged, UnknownKey) as error:
        log.error("recording.damaged", recording_id=row.pk, error=str(error))
        return _sentence(500, str(error))


def _sentence(status: int, text: str) -> HttpResponse:
    kind = HttpResponseNotFound if status == 404 else HttpResponse
    return kind(text, content_type="text/plain; charset=utf-8", status=status)


def _wav(request: HttpRequest, row: Recording, reader: Reader) -> HttpResponseBase:
    tag = f'"{reader.tag}"'
    unchanged = get_conditional_response(request, etag=tag)
    if unchanged is not None:
        return _headed(unchanged, tag)
    size = reader.size
    wanted = request.headers.get("Range", "") if request.headers.get("If-Range", tag) == tag else ""
    try:
        asked = asked_span(wanted, size)
    except Unsatisfiable:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{size}"
        return refused
    span = asked or Span(0, size)
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse(content_type="audio/wav")
    else:
        first = reader.read(span.start, min(span.start + _BLOCK_BYTES, span.end))  # while its failure can be told
        _note_played(request, row)
        # A synchronous body would be read whole into memory under ASGI, an asynchronous one under WSGI.
        make: Callable[..., Iterator[bytes] | AsyncIterator[bytes]]
        make = _read_async if isinstance(request, ASGIRequest) else _read
        response = StreamingHttpResponse(make(reader, span, first), content_type="audio/wav")
    if asked:
        response.status_code = 206
        response["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    response["Content-Length"] = str(span.end - span.start)
    response["Content-Disposition"] = "inline"
    return _headed(response, tag)


def _headed(response: HttpResponseBase, tag: str) -> HttpResponseBase:
    response["ETag"] = tag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-cache"
    return response


def _note_played(request: HttpRequest, row: Recording) -> None:
    """Who hears what is on record. A cache that is away makes it more often, never less."""
    who = request.user.get_username()
    try:
        fresh = cache.add(f"recording.played.{row.pk}.{request.user.pk}", True, _PLAYED_ONCE_S)
    except Exception as error:  # noqa: BLE001 - whatever the cache's client raises
        log.warning("recording.cache_away", error=type(error).__name__)
        fresh = True
    if fresh:
        note(row.call_id, recordings.PLAYED, at=timezone.now(), fields={"part": row.part, "by": who})


def asked_span(header: str, size: int) -> Span | None:
    """What a Range header asks of a file of ``size`` bytes; None for the whole file.

    A header that is not understood, or asks for several ranges, is ignored, as the RFC allows. Raises Unsatisfiable
    where no byte of the range exists.
    """
    asked = _RANGE.fullmatch(header.strip())
    if asked is None or asked[1] == asked[2] == "":
        return None
    if not asked[1]:
        span = Span(max(0, size - int(asked[2])), size)
    elif asked[2] and int(asked[2]) < int(asked[1]):
        return None
    else:
        span = Span(int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size)
    if span.start >= span.end:
        raise Unsatisfiable
    return span


def _read(reader: Reader, span: Span, first: bytes) -> Iterator[bytes]:
    """A frame that was changed ends the body early, so that the client finds it cut and plays no noise."""
    yield first
    start = span.start + len(first)
    while start < span.end:
        try:
            block = reader.read(start, min(start + _BLOCK_BYTES, span.end))
        except (Damaged, StoreError) as error:
            log.error("recording.broken_off", error=str(error))
            raise
        start += len(block)
        yield block


async def _read_async(reader: Reader, span: Span, first: bytes) -> AsyncIterator[bytes]:
    blocks = _read(reader, span, first)
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        yield block
