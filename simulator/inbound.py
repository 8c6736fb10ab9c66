"""What comes from people: the numbers they reach, their calls and their text messages."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulator.domain import errors
from simulator.domain.call import formatted, observation, rfc2822
from simulator.domain.errors import CarrierError
from simulator.domain.people import E164
from simulator.exchange import Exchange
from simulator.numbers import Number
from simulator.parameters import incoming
from simulator.script import Fetch
from simulator.webhooks import now


async def read_form(request: Request) -> FormData:
    """The fields of a URL-encoded body, the only kind that Twilio's API takes."""
    fields: list[tuple[str, str | UploadFile]] = []
    fields.extend(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
    return FormData(fields)


class Inbound:
    """Twilio's IncomingPhoneNumbers, and two pages on which somebody lets people call and write."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def add_number(self, request: Request) -> Response:
        form = await read_form(request)
        phone_number = str(form.get("PhoneNumber", "")).strip()
        if not E164.fullmatch(phone_number):
            raise errors.invalid_number(phone_number)
        if phone_number in self._exchange.numbers:
            raise errors.number_taken(phone_number)
        sid = f"PN{secrets.token_hex(16)}"
        number = Number(sid, phone_number, now(), sms=incoming(form, "Sms"), voice=incoming(form, "Voice"))
        self._exchange.numbers[phone_number] = number
        return JSONResponse(self._shown(number), 201)

    async def list_numbers(self, request: Request) -> Response:
        asked = request.query_params.get("PhoneNumber", "")
        numbers = [number for number in self._exchange.numbers.values() if asked in ("", number.phone_number)]
        shown = [self._shown(number) for number in numbers]
        return JSONResponse({"incoming_phone_numbers": shown, "page": 0, "page_size": 50, "uri": request.url.path})

    async def list_caller_ids(self, request: Request) -> Response:
        """The verified numbers; without any, each that is asked for, since then every number may be shown."""
        asked, verified = request.query_params.get("PhoneNumber", ""), self._exchange.account.caller_ids
        numbers = sorted(verified) if verified else [asked] if E164.fullmatch(asked) else []
        shown = [self._verified(number) for number in numbers if asked in ("", number)]
        return JSONResponse({"outgoing_caller_ids": shown, "page": 0, "page_size": 50, "uri": request.url.path})

    async def call(self, request: Request) -> Response:
        asked = await _json(request)
        call = self._exchange.call_in(asked["from"], self._number(asked))
        if call is None:
            raise errors.invalid_parameter(
                f"Nobody has the number {asked['from']}, or {asked['to']} has no VoiceUrl."
            )
        return JSONResponse(observation(call), 201)

    async def write(self, request: Request) -> Response:
        asked = await _json(request)
        message = await self._exchange.write_in(asked["from"], self._number(asked), asked.get("body", ""))
        return JSONResponse(message.observation(), 201)

    async def messages(self, request: Request) -> Response:
        del request
        return JSONResponse({"messages": [message.observation() for message in self._exchange.messages]})

    def _number(self, asked: Mapping[str, str]) -> Number:
        number = self._exchange.numbers.get(asked["to"])
        if number is None:
            raise CarrierError(404, 20404, f"{asked['to']} is not a number of the account: add it first.")
        return number

    def _verified(self, number: str) -> dict[str, object]:
        account_sid, sid = self._exchange.account.sid, f"PN{hashlib.md5(number.encode()).hexdigest()}"  # noqa: S324 - a name
        return {
            "sid": sid,
            "account_sid": account_sid,
            "phone_number": number,
            "friendly_name": formatted(number),
            "date_created": None,
            "date_updated": None,
            "uri": f"/2010-04-01/Accounts/{account_sid}/OutgoingCallerIds/{sid}.json",
        }

    def _shown(self, number: Number) -> dict[str, object]:
        account_sid = self._exchange.account.sid
        return {
            "sid": number.sid,
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "phone_number": number.phone_number,
            "friendly_name": formatted(number.phone_number),
            "date_created": rfc2822(number.created_at),
            "date_updated": rfc2822(number.created_at),
            **_urls("sms", number.sms),
            **_urls("voice", number.voice),
            "uri": f"/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers/{number.sid}.json",
        }


def _urls(kind: str, asked: Fetch | None) -> dict[str, object]:
    fallback = asked.fallback if asked else None
    return {
        f"{kind}_url": asked.url if asked else "",
        f"{kind}_method": asked.method if asked else "POST",
        f"{kind}_fallback_url": fallback.url if fallback else "",
        f"{kind}_fallback_method": fallback.method if fallback else "POST",
    }


async def _json(request: Request) -> dict[str, str]:
    try:
        asked: Any = await request.json()
    except ValueError as error:
        raise errors.invalid_parameter("The body is not JSON.") from error
    if not isinstance(asked, dict) or not {"from", "to"} <= asked.keys():
        raise errors.invalid_parameter('The body must be a JSON object with "from" and "to".')
    return {str(name): str(value) for name, value in asked.items()}
