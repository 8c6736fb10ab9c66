"""The API's routes for text to speech, and the simulator's own pages."""

import asyncio
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from simulator.elevenlabs.errors import Malformed, Refusal
from simulator.elevenlabs.faults import Switches
from simulator.elevenlabs.sockets import Sockets
from simulator.elevenlabs.studio import CONTENT_TYPES, FORMATS, Asked, Studio, observation
from simulator.serving import warming

log = structlog.get_logger(__name__)

_CHUNK = 1600


class VoiceSettings(BaseModel):
    """Taken, checked and ignored."""

    stability: Annotated[float, Field(ge=0, le=1)] | None = None
    similarity_boost: Annotated[float, Field(ge=0, le=1)] | None = None
    style: Annotated[float, Field(ge=0, le=1)] | None = None
    speed: float | None = None
    use_speaker_boost: bool | None = None


class Body(BaseModel):
    """The request's fields that matter here; the API ignores what it does not know."""

    text: str
    model_id: str = "eleven_multilingual_v2"
    language_code: str | None = None
    voice_settings: VoiceSettings | None = None
    seed: Annotated[int, Field(ge=0, le=4_294_967_295)] | None = None
    previous_text: str | None = None
    next_text: str | None = None


def create_app(studio: Studio, *, closes: bool = True) -> Starlette:
    """The provider's web face. With ``closes`` the studio ends with the application."""

    api, sockets = _Api(studio), Sockets(studio)
    return Starlette(
        routes=[
            Route("/v1/text-to-speech/{voice_id}", api.speak, methods=["POST"]),
            Route("/v1/text-to-speech/{voice_id}/stream", api.speak, methods=["POST"]),
            WebSocketRoute("/v1/text-to-speech/{voice_id}/stream-input", sockets.single),
            WebSocketRoute("/v1/text-to-speech/{voice_id}/multi-stream-input", sockets.several),
            Route("/simulator/requests", api.observe, methods=["GET"]),
            Route("/simulator/faults", api.switch, methods=["PUT"]),
            Route("/simulator/health", api.health, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _no_such_page},  # type: ignore[dict-item]
        lifespan=warming(studio.start, studio.close if closes else None),
    )


async def _no_such_page(request: Request, error: HTTPException) -> Response:
    del request
    if error.status_code == 405:
        return JSONResponse({"detail": "Method Not Allowed"}, 405)
    return JSONResponse({"detail": "Not Found"}, error.status_code)


class _Api:
    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def speak(self, request: Request) -> Response:
        asked = self._studio.note(request.path_params["voice_id"])
        try:
            self._studio.authorise(request.headers.get("xi-api-key"))
            await _read(request, asked)
            self._studio.accept(asked)
        except Malformed as error:
            asked.status = 422
            return JSONResponse(error.body(), 422, {"request-id": asked.id})
        except Refusal as error:
            asked.status = error.http_status
            return JSONResponse(error.body(asked.id), error.http_status, {"request-id": asked.id})
        finally:
            log.info("elevenlabs.asked", id=asked.id, status=asked.status, characters=asked.characters)
        return _Audio(self._studio, asked)

    async def observe(self, request: Request) -> Response:
        del request
        characters, credits = self._studio.billed
        asked = [observation(one) for one in self._studio.asked]
        return JSONResponse({"requests": asked, "characters": characters, "credits": credits})

    async def switch(self, request: Request) -> Response:
        try:
            self._studio.switch(Switches.model_validate_json(await request.body()))
        except ValidationError as error:
            return JSONResponse(Malformed.of(error, "body").body(), 422)
        return JSONResponse(self._studio.switches.model_dump())

    async def health(self, request: Request) -> Response:
        del request
        return JSONResponse({"ready": self._studio.warm.is_set(), "live": self._studio.live})


async def _read(request: Request, asked: Asked) -> None:
    """Raises Malformed as the API answers it."""
    try:
        body = Body.model_validate_json(await request.body())
    except ValidationError as error:
        raise Malformed.of(error, "body") from error
    output_format = request.query_params.get("output_format", "mp3_44100_128")
    if output_format not in FORMATS:
        accepted = " or ".join(f"'{one}'" for one in FORMATS)
        problem = {"loc": ["query", "output_format"], "msg": f"Input should be {accepted}", "type": "enum"}
        raise Malformed((problem,))
    asked.text, asked.model_id, asked.output_format = body.text, body.model_id, output_format


class _Audio(Response):
    """The audio of one request, with what goes wrong on its way. Its place is free when it ends or nobody listens."""

    def __init__(self, studio: Studio, asked: Asked) -> None:
        super().__init__()
        self._studio, self._asked, self._placed = studio, asked, True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            self._asked.cut = not sending.done()
        finally:
            self._leave()
            sending.cancel()
            leaving.cancel()
        (ended,) = await asyncio.gather(sending, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    async def _send(self, send: Send) -> None:
        studio, switches, dice = self._studio, self._studio.switches, self._studio.dice
        await asyncio.sleep(dice.within_s(switches.latency_ms))
        if dice.strikes(switches.silent):
            await asyncio.sleep(switches.stall_s)
        sound = await studio.speak(self._asked)
        await send({"type": "http.response.start", "status": 200, "headers": self._head()})
        broken_off, stalls = dice.strikes(switches.broken_off), dice.strikes(switches.stalls)
        if dice.strikes(switches.empty):
            sound = b""
        elif dice.strikes(switches.cut_short):
            sound = sound[: len(sound) // 20 * 2]
        half = len(sound) // 4 * 2
        await self._part(send, sound[:half])
        if broken_off:
            return  # without the end of its body: the server closes the connection
        if stalls:
            await asyncio.sleep(switches.stall_s)
        await self._part(send, sound[half:])
        self._leave()  # before the client knows of the end, and may ask again
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _part(self, send: Send, sound: bytes) -> None:
        for at in range(0, len(sound), _CHUNK):
            chunk = sound[at : at + _CHUNK]
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            self._asked.bytes_sent += len(chunk)

    def _leave(self) -> None:
        self._studio.live -= self._placed
        self._placed = False

    def _head(self) -> list[tuple[bytes, bytes]]:
        codec = self._asked.output_format.split("_")[0]
        headers: dict[str, Any] = {
            "content-type": CONTENT_TYPES[codec],
            "request-id": self._asked.id,
            "character-cost": self._asked.credits,
            "current-concurrent-requests": self._studio.live,
            "maximum-concurrent-requests": self._studio.account.concurrency,
        }
        return [(name.encode(), str(value).encode()) for name, value in headers.items()]


async def _left(receive: Receive) -> None:
    """Until the client has gone away; the body has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass
