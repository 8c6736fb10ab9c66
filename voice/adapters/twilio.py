"""Twilio, and whatever speaks its API: ring, look up, hang up, and read its callbacks.

Sources: https://www.twilio.com/docs/voice/api/call-resource, https://www.twilio.com/docs/voice/twiml/stream,
https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeVar

import requests
import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.voice_response import Connect, Stream, VoiceResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError

from voice.domain.types import CarrierStatus, CarrierUpdate, DialRequest, StreamTarget
from voice.ports import Busy, CarrierError, DialUnknown, Refused

log = structlog.get_logger(__name__)

# 20429 too many requests, 22005 the account's calls per second are used up: nothing rang.
_BUSY_CODES = frozenset({20429, 22005})
_CALL_OVER_CODES = frozenset({20404, 21220})
_EVENTS = ["initiated", "ringing", "answered", "completed"]
_RECENT = timedelta(hours=1)
_EVENTS_READABLE_AFTER = timedelta(minutes=15)  # from a call's end; Twilio's word
_CANDIDATES = 20
RETRIES = "#rc=5&rp=all"
"""Has Twilio repeat a request that fails: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides."""


class TwilioDialer:
    """``voice.ports.Dialer`` over Twilio's own client.

    ``api_base_url`` empty means Twilio; ``callback_base_url`` is where Twilio reaches us. ``timeout_s`` bounds the
    connection and each wait for an answer. Safe to share among threads: every request has a connection of its own,
    since a kept one that went stale looks like an answer that was lost, and such a call may never be dialed again.
    """

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        api_base_url: str = "",
        callback_base_url: str,
        timeout_s: float = 10.0,
    ) -> None:
        http = TwilioHttpClient(pool_connections=False, timeout=timeout_s)
        self._client = Client(account_sid, auth_token, http_client=http)
        if api_base_url:
            self._client.api.base_url = api_base_url.rstrip("/")
        self._callbacks = f"{callback_base_url.rstrip('/')}/webhooks/twilio/calls"

    def place(self, request: DialRequest) -> str:
        callback = f"{self._callbacks}/{request.call_id}"
        options: dict[str, Any] = {}
        if request.detect_machine:
            # In the background: the person hears us at once, and a machine is told when its greeting is over.
            options = {
                "machine_detection": "DetectMessageEnd",
                "async_amd": "true",
                "async_amd_status_callback": f"{callback}/machine",
                "async_amd_status_callback_method": "POST",
            }
        try:
            call = self._client.calls.create(
                to=request.to,
                from_=request.from_,
                twiml=stream_twiml(request.stream, next_url=f"{callback}/resume?part=1{RETRIES}"),
                timeout=request.ring_timeout_s,
                time_limit=request.max_length_s,
                status_callback=f"{callback}/status",
                status_callback_event=_EVENTS,
                status_callback_method="POST",
                **options,
            )
        except _FAILURES as error:
            raise _placing_error(error) from error
        if not call.sid:
            raise DialUnknown("Twilio took the call but named no call id.")
        return str(call.sid)

    def fetch(self, carrier_call_id: str) -> CarrierUpdate | None:
        try:
            return _update(self._client.calls(carrier_call_id).fetch())
        except _FAILURES as error:
            if getattr(error, "status", None) == 404:
                return None
            raise _unknown(error) from error

    def find(self, call_id: str, *, to: str) -> CarrierUpdate | None:
        """The newest call of the last hour that was placed over the API to ``to``, unless it is another of ours.

        Twilio keeps no id of ours on a call. We ring a number twice within an hour only after a busy line or so, and
        never before the first call is over; what Twilio logged of its callbacks, readable 15 minutes after the end of
        a call, then tells whose it was.
        """
        now = datetime.now(UTC)
        try:
            for call in self._client.calls.list(to=to, limit=_CANDIDATES):
                recent = _instant(call.date_created, now) >= now - _RECENT
                if recent and call.direction == "outbound-api" and self._may_be(call, call_id, now):
                    return _update(call)
        except _FAILURES as error:
            raise _unknown(error) from error
        return None

    def hang_up(self, carrier_call_id: str) -> None:
        try:
            self._client.calls(carrier_call_id).update(status="completed")
        except _FAILURES as error:
            if getattr(error, "status", None) == 404 or getattr(error, "code", None) in _CALL_OVER_CODES:
                return
            raise _unknown(error) from error

    def redirect(self, carrier_call_id: str, url: str) -> None:
        """The media socket is closed by that, with a ``stop``."""
        try:
            self._client.calls(carrier_call_id).update(url=f"{url}{RETRIES}", method="POST")
        except _FAILURES as error:
            if 400 <= getattr(error, "status", 0) < 500:
                code = str(getattr(error, "code", "") or "")
                raise Refused(f"Twilio did not redirect the call: {type(error).__name__}.", code=code) from error
            raise _unknown(error) from error

    def owns(self, number: str) -> bool | None:
        """A number that the account has bought, or one of another company that it has verified.

        Sources: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource,
        https://www.twilio.com/docs/voice/api/outgoing-caller-ids
        """
        try:
            for numbers in (self._client.incoming_phone_numbers, self._client.outgoing_caller_ids):
                if any(one.phone_number == number for one in numbers.list(phone_number=number, limit=_CANDIDATES)):
                    return True
        except _FAILURES as error:
            log.warning("carrier.numbers_not_told", reason=str(_unknown(error)))
            return None
        return False

    def _may_be(self, call: Any, call_id: str, now: datetime) -> bool:
        if call.end_time is None or _instant(call.end_time, now) > now - _EVENTS_READABLE_AFTER:
            return True
        try:
            events = self._client.calls(call.sid).events.list(limit=50)
        except TwilioException:
            return True  # no log to go by
        urls = [str((event.request or {}).get("url", "")) for event in events]
        ours = [url for url in urls if url.startswith(f"{self._callbacks}/")]
        return not ours or any(url.startswith(f"{self._callbacks}/{call_id}/") for url in ours)


def stream_twiml(stream: StreamTarget, *, next_url: str) -> str:
    """Connect the call to our media server; ``next_url`` is asked once that has ended or could not be reached."""
    response = connected(stream)
    response.redirect(next_url)
    return str(response)


def connected(stream: StreamTarget) -> VoiceResponse:
    """A response whose first verb connects the call to our media server."""
    media = Stream(url=stream.url)
    media.parameter(name="token", value=stream.token)
    connect = Connect()
    connect.append(media)
    response = VoiceResponse()
    response.append(connect)
    return response


# What the client raises: its own for error answers, the rest for no answer or one that cannot be read.
_FAILURES = (
    TwilioException,
    requests.RequestException,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)


def _placing_error(error: Exception) -> CarrierError:
    if isinstance(error, TwilioRestException | TwilioServiceException):
        code, text = str(error.code or ""), _sentence(error)
        if error.status == 429 or error.code in _BUSY_CODES:
            return Busy(f"Twilio has no room for a call now: {text}", code=code)
        if 400 <= error.status < 500:
            return Refused(f"Twilio refused the call: {text}", code=code)
        return DialUnknown(f"Twilio failed while it placed the call: {text}", code=code)
    if _never_sent(error):
        return Busy(f"Twilio could not be reached, nothing was sent: {type(error).__name__}. Check TWILIO_API_URL.")
    return _unknown(error)


def _never_sent(error: Exception) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _unknown(error: Exception) -> DialUnknown:
    if isinstance(error, TwilioRestException | TwilioServiceException):
        return DialUnknown(f"Twilio gave no usable answer: {_sentence(error)}", code=str(error.code or ""))
    return DialUnknown(f"Twilio gave no answer: {type(error).__name__}.")


def _sentence(error: TwilioRestException | TwilioServiceException) -> str:
    text = error.msg if isinstance(error, TwilioRestException) else (error.detail or error.title)
    return f"{text} (HTTP {error.status}, code {error.code})"


def _instant(value: Any, default: datetime) -> datetime:
    return value.astimezone(UTC) if isinstance(value, datetime) else default


def _update(call: Any) -> CarrierUpdate:
    """A call resource in our words. Raises ValueError for a status that Twilio does not document."""
    price = Decimal(call.price) if call.price else None
    return CarrierUpdate(
        carrier_call_id=str(call.sid),
        status=CarrierStatus(call.status),
        at=_instant(call.date_updated, datetime.now(UTC)),
        duration_s=int(call.duration) if call.duration else None,
        answered_by=call.answered_by or None,
        price=None if price is None else abs(price),
        price_unit=call.price_unit if price is not None else None,
    )


class BadCallback(ValueError):
    """The callback's form is not what Twilio documents; the text says which field."""


def _timestamp(value: object) -> object:
    return parsedate_to_datetime(value) if isinstance(value, str) else value


class Form(BaseModel):
    """The fields of one of Twilio's requests, named as Twilio names them."""

    model_config = ConfigDict(alias_generator=to_pascal)


class _CallForm(Form):
    call_sid: str = Field(pattern=r"^CA[0-9a-fA-F]{32}$")
    answered_by: str | None = Field(None, pattern=r"^[a-z_]{1,40}$")


class _StatusForm(_CallForm):
    call_status: CarrierStatus
    timestamp: Annotated[datetime, BeforeValidator(_timestamp)] | None = None
    sequence_number: int | None = Field(None, ge=0)
    call_duration: int | None = Field(None, ge=0)
    error_code: str | None = Field(None, pattern=r"^\d{1,6}$")


class _MachineForm(_CallForm):
    answered_by: str = Field(pattern=r"^[a-z_]{1,40}$")


AnyForm = TypeVar("AnyForm", bound=Form)


def parse_status(form: Mapping[str, str]) -> CarrierUpdate:
    """A call progress callback. Raises BadCallback."""
    fields = read_form(_StatusForm, form)
    return CarrierUpdate(
        carrier_call_id=fields.call_sid,
        status=fields.call_status,
        at=(fields.timestamp or datetime.now(UTC)).astimezone(UTC),
        sequence=fields.sequence_number,
        duration_s=fields.call_duration,
        answered_by=fields.answered_by,
        error_code=fields.error_code,
    )


def parse_machine(form: Mapping[str, str]) -> CarrierUpdate:
    """The verdict of the answering machine detection. Raises BadCallback."""
    fields = read_form(_MachineForm, form)
    return CarrierUpdate(
        carrier_call_id=fields.call_sid, status=None, at=datetime.now(UTC), answered_by=fields.answered_by
    )


def valid_signature(url: str, form: Mapping[str, str], signature: str, auth_token: str) -> bool:
    """Whether Twilio, or somebody who knows ``auth_token``, sent ``form`` to ``url``."""
    return bool(auth_token) and bool(RequestValidator(auth_token).validate(url, dict(form), signature))


def read_form(model: type[AnyForm], form: Mapping[str, str]) -> AnyForm:
    """The form as ``model``. Raises BadCallback."""
    try:
        # An empty field is one that Twilio had nothing to say in.
        return model.model_validate({name: value for name, value in form.items() if value != ""})
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise BadCallback(f"The callback's {field} is not as Twilio documents it: {problem['msg']}.") from None
