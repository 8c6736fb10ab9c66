"""The fields of Twilio's requests about calls, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import FormData, QueryParams

from simulator.domain import errors, twiml
from simulator.domain.call import Call, Status
from simulator.domain.people import E164
from simulator.phone import MachineDetection, Plan
from simulator.script import Document, Fetch, Source
from simulator.webhooks import Subscription

_EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})


@dataclass(frozen=True, slots=True)
class NewCall:
    to: str
    from_: str
    plan: Plan


def new_call(form: FormData) -> NewCall:
    """A request to ring. Raises CarrierError as Twilio answers it."""
    to, from_ = _field(form, "To"), _field(form, "From")
    if not to:
        raise errors.no_to()
    if not E164.fullmatch(to):
        raise errors.invalid_to(to)
    if not from_:
        raise errors.no_from()
    if not E164.fullmatch(from_):
        raise errors.invalid_from(from_)
    if "ApplicationSid" in form:
        raise errors.invalid_application()
    source = onward(form)
    if source is None:
        raise errors.no_url()
    plan = Plan(
        source=source,
        subscription=_subscription(form),
        timeout_s=_number(form, "Timeout", 60, 1, 600),
        time_limit_s=_number(form, "TimeLimit", 14_400, 1, 86_400),
        detection=_detection(form),
    )
    return NewCall(to, from_, plan)


def onward(form: FormData) -> Source | None:
    """``Twiml`` or ``Url``, None where there is neither."""
    if document := _field(form, "Twiml"):
        try:
            twiml.parse(document)
        except twiml.TwimlError as error:
            raise errors.document_parse_failure(str(error)) from error
        return Document(document)
    url = _field(form, "Url")
    if not url:
        return None
    if not _is_http(url):
        raise errors.invalid_url(url)
    fallback = _field(form, "FallbackUrl")
    return Fetch(
        url,
        _method(form, "Method"),
        fallback=Fetch(fallback, _method(form, "FallbackMethod")) if _is_http(fallback) else None,
    )


def incoming(form: FormData, kind: str) -> Fetch | None:
    """What is asked when somebody calls (``kind`` Voice) or writes to (Sms) a number; None without a URL."""
    url, fallback = _field(form, f"{kind}Url"), _field(form, f"{kind}FallbackUrl")
    for one in (url, fallback):
        if one and not _is_http(one):
            raise errors.invalid_url(one)
    if not url:
        return None
    onward_to = Fetch(fallback, _method(form, f"{kind}FallbackMethod")) if fallback else None
    return Fetch(url, _method(form, f"{kind}Method"), fallback=onward_to)


def _subscription(form: FormData) -> Subscription | None:
    url = _field(form, "StatusCallback")
    if not url:
        return None
    if not _is_http(url):
        raise errors.invalid_status_callback(url)
    # Twilio's libraries repeat the field; people who write the request by hand separate by spaces.
    events = {event for value in form.getlist("StatusCallbackEvent") for event in str(value).split()}
    return Subscription(url, _method(form, "StatusCallbackMethod"), frozenset(events & _EVENTS or {"completed"}))


def _detection(form: FormData) -> MachineDetection | None:
    mode = _field(form, "MachineDetection")
    if not mode:
        return None
    if mode not in {"Enable", "DetectMessageEnd"}:
        raise errors.invalid_parameter(f"MachineDetection {mode!r} is neither Enable nor DetectMessageEnd")
    apart = _field(form, "AsyncAmd").lower() == "true"
    callback = _field(form, "AsyncAmdStatusCallback")
    if apart and not _is_http(callback):
        raise errors.invalid_status_callback(callback)
    return MachineDetection(
        message_end=mode == "DetectMessageEnd",
        timeout_s=_number(form, "MachineDetectionTimeout", 30, 3, 59),
        callback=callback if apart else "",
        callback_method=_method(form, "AsyncAmdStatusCallbackMethod"),
    )


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of calls is narrowed to. Instants are compared with the call's start, days in UTC."""

    to: str = ""
    from_: str = ""
    status: str = ""
    parent_sid: str = ""
    started_from: datetime | None = None
    started_until: datetime | None = None
    page: int = 0
    page_size: int = 50

    def fits(self, call: Call) -> bool:
        status = Status.QUEUED if call.status is Status.INITIATED else call.status
        started_at = call.started_at or call.created_at
        return (
            self.to in {"", call.to}
            and self.from_ in {"", call.from_}
            and self.status in {"", status.value}
            and self.parent_sid in {"", call.parent_sid or ""}
            and (self.started_from is None or started_at >= self.started_from)
            and (self.started_until is None or started_at < self.started_until)
        )


def parse_filters(query: QueryParams) -> Filters:
    """Raises CarrierError for what Twilio would not take."""
    exactly, after, before = (_instant(query, name) for name in ("StartTime", "StartTime>", "StartTime<"))
    return Filters(
        to=query.get("To", ""),
        from_=query.get("From", ""),
        status=query.get("Status", ""),
        parent_sid=query.get("ParentCallSid", ""),
        started_from=after or exactly,
        started_until=before or (exactly and exactly + timedelta(days=1)),
        page=int(_number(query, "Page", 0, 0, 1_000_000)),
        page_size=int(_number(query, "PageSize", 50, 1, 1000)),
    )


def _instant(query: QueryParams, name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise errors.invalid_parameter(f"{name} {text!r} is neither a date nor an ISO 8601 instant") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _field(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _method(form: FormData, name: str) -> str:
    method = (_field(form, name) or "POST").upper()
    if method not in {"GET", "POST"}:
        raise errors.invalid_parameter(f"{name} {method!r} is neither GET nor POST")
    return method


def _number(form: Mapping[str, Any], name: str, default: int, least: int, most: int) -> float:
    text = _field(form, name)
    if not text:
        return default
    if not text.isdigit() or not least <= int(text) <= most:
        raise errors.invalid_parameter(f"{name} {text!r} is not a whole number from {least} to {most}")
    return int(text)


def _is_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
