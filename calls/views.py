"""A call's recording, for people who may see the call."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotFound, StreamingHttpResponse
from django.views.decorators.http import require_safe

from calls.models import Call

_BLOCK_BYTES = 1 << 16
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Unsatisfiable(Exception):
    """The file has no byte of the asked range."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``start`` to before ``end`` of a file."""

    start: int
    end: int


@require_safe
@login_required
@permission_required("calls.view_call", raise_exception=True)
def recording(request: HttpRequest, call_id: UUID) -> HttpResponseBase:
    """The WAV, whole or the asked range (RFC 9110, section 14); 404 with a sentence where there is none."""
    name = Call.objects.filter(pk=call_id).values_list("recording", flat=True).first()
    if name is None:
        return _not_found("There is no such call.")
    if not name:
        return _not_found("This call was not recorded.")
    path = recording_path(name)
    if path is None:
        return _not_found("The recording is no longer on this server.")
    return _wav(request, path)


def recording_path(name: str) -> Path | None:
    """The file called ``name`` below the recordings' folder; None where there is none, or it would lie elsewhere."""
    folder = settings.RECORDINGS_DIR.resolve()
    path = Path(folder, name).resolve()
    return path if path.is_relative_to(folder) and path.is_file() else None


def _not_found(sentence: str) -> HttpResponse:
    return HttpResponseNotFound(sentence, content_type="text/plain; charset=utf-8")


def _wav(request: HttpRequest, path: Path) -> HttpResponseBase:
    size = path.stat().st_size
    try:
        asked = asked_span(request.headers.get("Range", ""), size)
    except Unsatisfiable:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{size}"
        return refused
    span = asked or Span(0, size)
    # A synchronous body would be read whole into memory under ASGI, an asynchronous one under WSGI.
    body = _read_async(path, span) if isinstance(request, ASGIRequest) else _read(path, span)
    response = StreamingHttpResponse(body, content_type="audio/wav", status=206 if asked else 200)
    if asked:
        response["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    response["Content-Length"] = str(span.end - span.start)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-store"
    response["Content-Disposition"] = "inline"
    return response


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


def _read(path: Path, span: Span) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(span.start)
        left = span.end - span.start
        while left and (block := file.read(min(_BLOCK_BYTES, left))):
            left -= len(block)
            yield block


async def _read_async(path: Path, span: Span) -> AsyncIterator[bytes]:
    blocks = _read(path, span)
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        yield block
