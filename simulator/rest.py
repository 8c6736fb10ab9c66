"""Twilio's REST API for calls, and the simulator's own read-only pages."""

import asyncio
import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.domain import errors
from simulator.domain.call import Call, Status, observation, resource
from simulator.domain.errors import CarrierError
from simulator.exchange import Exchange
from simulator.inbound import Inbound, read_form
from simulator.parameters import new_call, onward, parse_filters
from simulator.serving import warming
from simulator.webhooks import now

log = structlog.get_logger(__name__)

Handler = Callable[[Request], Awaitable[Response]]
_CALLS = "/2010-04-01/Accounts/{account_sid}/Calls.json"
_NUMBERS = "/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers.json"
_CALLER_IDS = "/2010-04-01/Accounts/{account_sid}/OutgoingCallerIds.json"
_CALL = "/2010-04-01/Accounts/{account_sid}/Calls/{sid}.json"


def create_app(exchange: Exchange, *, closes: bool = True) -> Starlette:
    """The carrier's web face. With ``closes`` the exchange starts and ends with the application."""

    api, inbound = _Api(exchange), Inbound(exchange)
    return Starlette(
        routes=[
            Route(_CALLS, api.guarded(api.create), methods=["POST"]),
            Route(_CALLS, api.guarded(api.list), methods=["GET"]),
            Route(_CALL, api.guarded(api.fetch), methods=["GET"]),
            Route(_CALL, api.guarded(api.update), methods=["POST"]),
            Route(_NUMBERS, api.guarded(inbound.add_number), methods=["POST"]),
            Route(_NUMBERS, api.guarded(inbound.list_numbers), methods=["GET"]),
            Route(_CALLER_IDS, api.guarded(inbound.list_caller_ids), methods=["GET"]),
            Route("/simulator/calls", api.observe, methods=["GET"]),
            Route("/simulator/calls", inbound.call, methods=["POST"]),
            Route("/simulator/messages", inbound.messages, methods=["GET"]),
            Route("/simulator/messages", inbound.write, methods=["POST"]),
            Route("/simulator/people", api.people, methods=["GET"]),
            Route("/simulator/health", api.health, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _no_such_page, CarrierError: _error},  # type: ignore[dict-item]
        lifespan=warming(exchange.start, exchange.close if closes else None),
    )


async def _no_such_page(request: Request, error: HTTPException) -> Response:
    carrier_error = errors.not_found(request.url.path)
    if error.status_code == 405:
        carrier_error = CarrierError(405, 20004, "Method not allowed")
    return JSONResponse(carrier_error.body(), carrier_error.status)


async def _error(request: Request, error: CarrierError) -> Response:
    del request
    headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if error.status == 401 else None
    return JSONResponse(error.body(), error.status, headers)


class _Api:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def guarded(self, handler: Handler) -> Handler:
        """Basic authentication first, then the latency on purpose."""

        async def handle(request: Request) -> Response:
            self._authenticate(request)
            exchange = self._exchange
            await asyncio.sleep(exchange.dice.within_s(exchange.switches.rest.latency_ms))
            return await handler(request)

        return handle

    def _authenticate(self, request: Request) -> None:
        account = self._exchange.account
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True)
        except binascii.Error:
            given = b""
        expected = f"{account.sid}:{account.auth_token}".encode()
        known = scheme.lower() == "basic" and secrets.compare_digest(given, expected)
        if not known or request.path_params["account_sid"] != account.sid:
            raise errors.authentication()

    def _call(self, request: Request) -> Call:
        call = self._exchange.get(request.path_params["sid"])
        if call is None:
            raise errors.not_found(request.url.path.removesuffix(".json"))
        return call

    def _shown(self, call: Call) -> dict[str, object]:
        told = call.price_told(now(), after_s=self._exchange.switches.rest.price_after_s)
        return resource(call, price_told=told)

    async def create(self, request: Request) -> Response:
        wanted = new_call(await read_form(request))
        call = self._exchange.create(wanted.to, wanted.from_, wanted.plan)
        rest = self._exchange.switches.rest
        if self._exchange.dice.strikes(rest.lost_answer):
            log.info("call.answer_lost_on_purpose", call_sid=call.sid)
            await asyncio.sleep(rest.lost_answer_s)
            return Response(status_code=504)
        return JSONResponse(self._shown(call), 201)

    async def fetch(self, request: Request) -> Response:
        return JSONResponse(self._shown(self._call(request)))

    async def update(self, request: Request) -> Response:
        call = self._call(request)
        form = await read_form(request)
        status = str(form.get("Status", ""))
        source = onward(form)
        if status not in {"", Status.COMPLETED, Status.CANCELED}:
            raise errors.invalid_parameter(f"Status {status!r} is neither canceled nor completed")
        if call.status.final:
            raise errors.not_in_progress()
        if status:
            self._exchange.hang_up(call.sid, only_unanswered=status == Status.CANCELED)
            if not (status == Status.CANCELED and call.status is Status.IN_PROGRESS):
                await self._exchange.settled(call.sid)
        elif source:
            self._exchange.redirect(call.sid, source)
        return JSONResponse(self._shown(call))

    async def list(self, request: Request) -> Response:
        filters = parse_filters(request.query_params)
        matching = [call for call in self._exchange.calls() if filters.fits(call)]
        path, size, page = request.url.path, filters.page_size, filters.page
        start = page * size
        shown = matching[start : start + size]

        def uri(number: int) -> str:
            query = [
                (k, v) for k, v in request.query_params.multi_items() if k not in {"Page", "PageSize", "PageToken"}
            ]
            token = [("PageToken", f"PA{matching[number * size - 1].sid}")] if number else []
            return f"{path}?{urlencode([*query, ('PageSize', size), ('Page', number), *token])}"

        return JSONResponse(
            {
                "calls": [self._shown(call) for call in shown],
                "page": page,
                "page_size": size,
                "start": start,
                "end": start + len(shown) - 1 if shown else start,
                "uri": f"{path}?{request.url.query}" if request.url.query else path,
                "first_page_uri": uri(0),
                "next_page_uri": uri(page + 1) if start + size < len(matching) else None,
                "previous_page_uri": uri(page - 1) if page > 0 and start - size < len(matching) else None,
            }
        )

    async def observe(self, request: Request) -> Response:
        del request
        return JSONResponse({"calls": [observation(call) for call in reversed(list(self._exchange.calls()))]})

    async def people(self, request: Request) -> Response:
        del request
        people = self._exchange.people.people
        return JSONResponse(
            {
                "people": [
                    {
                        "id": person.id,
                        "number": person.number,
                        "answers": person.answers.how.value,
                        "expects": dict(person.expects),
                    }
                    for person in people
                ]
            }
        )

    async def health(self, request: Request) -> Response:
        del request
        statuses = [call.status for call in self._exchange.calls()]
        live = sum(not status.final for status in statuses)
        return JSONResponse({"ready": self._exchange.warm.is_set(), "calls": len(statuses), "live": live})
