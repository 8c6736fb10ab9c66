"""Where browsers' offers come in: an invitation and a free line make a test call of one, and nothing else does."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from aiortc.sdp import candidate_from_sdp
from pipecat.transports.smallwebrtc.connection import IceServer, SmallWebRTCConnection
from pydantic import BaseModel, Field, ValidationError
from redis import RedisError
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from agents.domain.types import Disposition, EndedBy
from agents.ports import DialogueFactory
from voice.browser import ice
from voice.browser.invitations import MOST_S, Invitation, redeem
from voice.browser.line import BrowserLine, LocalVoice
from voice.browser.link import BrowserPipeline
from voice.domain.types import TalkPlan, VoiceConfig
from voice.line import silent_report
from voice.media.pacer import Pacer
from voice.media.ports import Media, MediaEvents
from voice.ports import NoLine
from voice.seat import Seat

log = structlog.get_logger(__name__)
_T = TypeVar("_T", bound=BaseModel)

_CONNECT_S = 20.0  # from the answer to the media
_PART_S = 2.0  # for the page to read how it ended, and to close
_MAX_BODY = 64 * 1024
_USED = "This page's invitation was used or is too old: press the button again."
_AWAY = "Redis does not answer, so the invitation cannot be checked: see that it runs."
_BAD_OFFER = "The browser's offer cannot be read: use a current Chrome, Edge, Firefox or Safari."


class _Offer(BaseModel):
    token: str = Field(min_length=1, max_length=200)
    sdp: str = Field(min_length=1, max_length=_MAX_BODY)


class _Candidate(BaseModel):
    candidate: str = Field(max_length=1000)
    sdp_mid: str = Field(max_length=64)
    sdp_mline_index: int = Field(ge=0, le=16)


class _Candidates(BaseModel):
    pc_id: str = Field(min_length=1, max_length=200)
    candidates: list[_Candidate] = Field(max_length=50)


class _Refused(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class BrowserDesk:
    """``reserve`` takes a line for a call and its part, or raises NoLine; ``release`` gives it back, also twice.
    ``hold`` has a call talk on it, and gives it back when it is over.
    """

    def __init__(
        self,
        config: VoiceConfig,
        dialogues: DialogueFactory,
        pacer: Pacer,
        *,
        reserve: Callable[[tuple[str, int]], None],
        release: Callable[[tuple[str, int]], None],
        hold: Callable[[Seat], Coroutine[Any, Any, None]],
    ) -> None:
        self._config, self._dialogues, self._pacer = config, dialogues, pacer
        self._reserve, self._release, self._hold = reserve, release, hold
        self._ice_servers = [
            IceServer(urls=one.urls, username=one.username or None, credential=one.credential or None)
            for one in map(ice.parse, config.ice_servers)
        ]
        self._connections: dict[str, SmallWebRTCConnection] = {}
        self._calls: set[asyncio.Task[None]] = set()

    def routes(self, admit: Callable[[HTTPConnection], None]) -> list[Route]:
        """``admit`` is told of a request that brought an invitation."""

        async def offer(request: Request) -> JSONResponse:
            return await _answered(self._offer(request, admit))

        async def candidates(request: Request) -> JSONResponse:
            return await _answered(self._candidates(request))

        return [
            Route("/browser/offer", offer, methods=["POST"]),
            Route("/browser/offer", candidates, methods=["PATCH"]),
        ]

    async def stop(self) -> None:
        """Part from every page; their calls are over."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=_PART_S + 1)

    async def _offer(self, request: Request, admit: Callable[[HTTPConnection], None]) -> dict[str, Any]:
        offer = await _body(request, _Offer)
        invitation = await self._redeemed(offer.token)  # first: a stranger takes no line, not even for a moment
        admit(request)
        place = (f"talk-{secrets.token_hex(8)}", 1)
        try:
            self._reserve(place)
        except NoLine as none:
            raise _Refused(503, str(none)) from None
        try:
            connection = await self._connection(offer.sdp)
        except BaseException:
            self._release(place)
            raise
        task = asyncio.create_task(self._talk(place, invitation, connection))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return dict(connection.get_answer())  # type: ignore[no-untyped-call]

    async def _redeemed(self, token: str) -> Invitation:
        try:
            invitation = await redeem(self._config.redis_url, token) if self._config.redis_url else None
        except (RedisError, OSError) as error:
            log.warning("talk.unchecked", error=str(error))
            raise _Refused(503, _AWAY) from None
        if invitation is None:
            raise _Refused(403, _USED)
        return invitation

    async def _connection(self, sdp: str) -> SmallWebRTCConnection:
        """With its answer; nothing is left of one that cannot be answered."""
        connection = SmallWebRTCConnection(ice_servers=self._ice_servers)
        try:
            await connection.initialize(sdp=sdp, type="offer")
            track = connection.audio_input_track()  # type: ignore[no-untyped-call]
            if track is None or track.kind != "audio":
                raise ValueError("no audio")
        except Exception as error:  # noqa: BLE001 - what aiortc makes of a strange offer is of many classes
            await connection.disconnect()  # type: ignore[no-untyped-call]
            log.info("talk.bad_offer", error=repr(error))
            raise _Refused(400, _BAD_OFFER) from None
        return connection

    async def _candidates(self, request: Request) -> dict[str, Any]:
        told = await _body(request, _Candidates)
        if (connection := self._connections.get(told.pc_id)) is None:
            raise _Refused(404, "This test call is over.")
        for one in told.candidates:
            try:
                candidate = candidate_from_sdp(one.candidate)
            except (ValueError, AssertionError, IndexError):
                raise _Refused(400, _BAD_OFFER) from None
            candidate.sdpMid, candidate.sdpMLineIndex = one.sdp_mid, one.sdp_mline_index
            await connection.add_ice_candidate(candidate)  # type: ignore[no-untyped-call]
        return {}

    async def _talk(self, place: tuple[str, int], invitation: Invitation, connection: SmallWebRTCConnection) -> None:
        """One test call, from the answer to the page's last message."""
        self._connections[connection.pc_id] = connection
        try:
            await self._converse(place, invitation, connection)
        except Exception:
            log.exception("talk.fault", call_id=place[0])
        finally:
            self._release(place)
            del self._connections[connection.pc_id]
            await connection.disconnect()  # type: ignore[no-untyped-call]

    async def _converse(
        self, place: tuple[str, int], invitation: Invitation, connection: SmallWebRTCConnection
    ) -> None:
        closed = asyncio.Event()
        call_id, part = place
        brief = replace(invitation.brief, call_id=call_id)
        seat = Seat(
            BrowserLine(call_id, connection, zone=brief.lead_zone),
            self._dialogues(brief),
            LocalVoice(),
            TalkPlan(part=part, lexicon=invitation.lexicon, hints=invitation.hints, records=False, machines=False),
            ring_s=_CONNECT_S,
            max_length_s=min(invitation.max_length_s, self._config.max_call_s, MOST_S),
        )

        def media(events: MediaEvents, clock: Callable[[], float]) -> Media:
            return BrowserPipeline(connection, events=events, pacer=self._pacer, clock=clock)

        async def connected(_: SmallWebRTCConnection) -> None:
            seat.arrive(media)

        async def gone(_: SmallWebRTCConnection) -> None:
            closed.set()
            seat.stop_ringing(silent_report(Disposition.FAILED, "The browser did not connect.", EndedBy.CARRIER))

        connection.add_event_handler("connected", connected)
        for event in ("closed", "failed"):
            connection.add_event_handler(event, gone)
        await connection.connect()  # type: ignore[no-untyped-call]
        await self._hold(seat)
        if seat.media is None:
            return
        # The page closes once it has read how the call ended.
        try:
            async with asyncio.timeout(_PART_S):
                await closed.wait()
        except TimeoutError:
            log.info("talk.page_stays", call_id=call_id)


async def _answered(work: Awaitable[dict[str, Any]]) -> JSONResponse:
    try:
        return JSONResponse(await work)
    except _Refused as refused:
        log.warning("talk.refused", status=refused.status, reason=str(refused))
        return JSONResponse({"error": str(refused)}, refused.status)


async def _body(request: Request, model: type[_T]) -> _T:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MAX_BODY:
            raise _Refused(413, _BAD_OFFER)
    try:
        return model.model_validate_json(bytes(received))
    except ValidationError:
        raise _Refused(400, _BAD_OFFER) from None
