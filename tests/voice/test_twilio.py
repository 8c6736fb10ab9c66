"""The dialer against an HTTP server that answers as Twilio does."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from twilio.request_validator import RequestValidator

from voice.adapters.twilio import (
    RETRIES,
    BadCallback,
    TwilioDialer,
    parse_machine,
    parse_status,
    stream_twiml,
    valid_signature,
)
from voice.domain.types import CarrierStatus, CarrierUpdate, DialRequest, StreamTarget
from voice.ports import Busy, CarrierError, DialUnknown, Refused

ACCOUNT, TOKEN = "AC" + "a" * 32, "secret"
SID = "CA" + "b" * 32
CALLS = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
REQUEST = DialRequest(
    call_id="3f1c",
    to="+13035550101",
    from_="+12125550199",
    stream=StreamTarget("wss://voice.example/media", "t0k&n"),
    ring_timeout_s=25,
    max_length_s=330,
)
Handler = Callable[["Carrier", BaseHTTPRequestHandler], None]


class Carrier:
    """Answers every request by ``answer``, and keeps what was asked: (method, path, fields)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, list[str]]]] = []
        self.answers: dict[str, Any] = {}
        self.status = 200
        self.body: Any = None
        self.behave: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False

    def handle(self, http: BaseHTTPRequestHandler) -> None:
        length = int(http.headers.get("Content-Length") or 0)
        path = urlsplit(http.path)
        fields = parse_qs(http.rfile.read(length).decode() or path.query)
        assert http.headers["Authorization"].startswith("Basic ")
        self.asked.append((http.command, path.path, fields))
        if self.behave(http):
            return
        body = self.answers.get(path.path, self.body)
        text = body if isinstance(body, str) else json.dumps(body)
        http.send_response(self.status if path.path not in self.answers else 200)
        http.send_header("Content-Type", "application/json")
        http.end_headers()
        http.wfile.write(text.encode())


@pytest.fixture
def carrier() -> Iterator[tuple[Carrier, TwilioDialer]]:
    twilio = Carrier()

    class Http(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            twilio.handle(self)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Http)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield twilio, dialer(server.server_port)
    server.shutdown()
    server.server_close()
    thread.join()


def dialer(port: int, timeout_s: float = 0.3) -> TwilioDialer:
    return TwilioDialer(
        account_sid=ACCOUNT,
        auth_token=TOKEN,
        api_base_url=f"http://127.0.0.1:{port}",
        callback_base_url="https://app.example/",
        timeout_s=timeout_s,
    )


def call(**changes: Any) -> dict[str, Any]:
    """A call as Twilio's API shows it."""
    now = format_datetime(datetime.now(UTC))
    return {
        "sid": SID,
        "account_sid": ACCOUNT,
        "answered_by": None,
        "date_created": now,
        "date_updated": now,
        "direction": "outbound-api",
        "duration": None,
        "end_time": None,
        "from": REQUEST.from_,
        "price": None,
        "price_unit": "USD",
        "start_time": None,
        "status": "queued",
        "to": REQUEST.to,
    } | changes


def ago(minutes: int) -> str:
    return format_datetime(datetime.now(UTC) - timedelta(minutes=minutes))


def error(status: int, code: int, message: str = "No.") -> dict[str, Any]:
    return {"code": code, "message": message, "more_info": "https://www.twilio.com/docs/errors", "status": status}


def test_a_ring_asks_for_everything_in_one_request(carrier: tuple[Carrier, TwilioDialer]) -> None:
    twilio, dial = carrier
    twilio.status, twilio.body = 201, call()
    assert dial.place(REQUEST) == SID
    ((method, path, fields),) = twilio.asked
    assert (method, path) == ("POST", f"{CALLS}.json")
    twiml = ElementTree.fromstring(fields.pop("Twiml")[0])
    stream = twiml.find("./Connect/Stream")
    assert stream is not None
    assert stream.get("url") == "wss://voice.example/media"
    assert [parameter.attrib for parameter in stream] == [{"name": "token", "value": "t0k&n"}]
    callbacks = "https://app.example/webhooks/twilio/calls/3f1c"
    assert fields == {
        "To": ["+13035550101"],
        "From": ["+12125550199"],
        "Timeout": ["25"],
        "TimeLimit": ["330"],
        "StatusCallback": [f"{callbacks}/status"],
        "StatusCallbackMethod": ["POST"],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "MachineDetection": ["DetectMessageEnd"],
        "AsyncAmd": ["true"],
        "AsyncAmdStatusCallback": [f"{callbacks}/machine"],
        "AsyncAmdStatusCallbackMethod": ["POST"],
    }


def test_no_machine_detection_unless_asked_for(carrier: tuple[Carrier, TwilioDialer]) -> None:
    twilio, dial = carrier
    twilio.status, twilio.body = 201, call()
    from dataclasses import replace

    dial.place(replace(REQUEST, detect_machine=False))
    assert not [name for name in twilio.asked[0][2] if "Machine" in name or "Amd" in name]


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, error(400, 21211, "Invalid 'To' Phone Number"), Refused, "21211"),
        (401, error(401, 20003), Refused, "20003"),
        (403, "<html>", Refused, "403"),
        (429, error(429, 20429), Busy, "20429"),
        (429, "", Busy, "429"),
        (400, error(400, 22005), Busy, "22005"),
        (500, error(500, 20500), DialUnknown, "20500"),
        (503, "", DialUnknown, "503"),
        (302, "", DialUnknown, "302"),
        (201, "not JSON", DialUnknown, ""),
        (201, [], DialUnknown, ""),
        (201, call(sid=None), DialUnknown, ""),
        (400, {"type": "t", "title": "Bad", "status": 400, "code": 21214, "detail": "No."}, Refused, "21214"),
    ],
)
def test_what_an_answer_allows_the_caller_to_do(
    carrier: tuple[Carrier, TwilioDialer], status: int, body: Any, kind: type[CarrierError], code: str
) -> None:
    twilio, dial = carrier
    twilio.status, twilio.body = status, body
    with pytest.raises(CarrierError) as raised:
        dial.place(REQUEST)
    assert (type(raised.value), raised.value.code) == (kind, code)
    assert len(twilio.asked) == 1  # never asked twice: each might have rung


def _hang(http: BaseHTTPRequestHandler) -> bool:
    threading.Event().wait(0.6)
    return True


def _reset(http: BaseHTTPRequestHandler) -> bool:
    http.connection.shutdown(socket.SHUT_RDWR)
    return True


def _half(http: BaseHTTPRequestHandler) -> bool:
    http.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{")
    http.connection.shutdown(socket.SHUT_RDWR)
    return True


@pytest.mark.parametrize("behave", [_hang, _reset, _half])
def test_no_answer_means_that_the_phone_may_be_ringing(carrier: tuple[Carrier, TwilioDialer], behave: Any) -> None:
    twilio, dial = carrier
    twilio.behave = behave
    for ask in (lambda: dial.place(REQUEST), lambda: dial.fetch(SID), lambda: dial.find("3f1c", to=REQUEST.to)):
        with pytest.raises(DialUnknown):
            ask()
    with pytest.raises(DialUnknown):
        dial.hang_up(SID)
    assert len(twilio.asked) == 4


def test_nobody_listens_so_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(Busy, match="nothing was sent"):
        dialer(port).place(REQUEST)
    with pytest.raises(DialUnknown):
        dialer(port).fetch(SID)


def test_a_connection_that_is_never_taken_sent_nothing() -> None:
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    try:
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        with pytest.raises(Busy, match="ConnectTimeout"):
            dialer(full.getsockname()[1]).place(REQUEST)
    finally:
        for one in (*fillers, full):
            one.close()


def test_a_call_is_fetched(carrier: tuple[Carrier, TwilioDialer]) -> None:
    twilio, dial = carrier
    twilio.body = call(
        status="completed",
        duration="63",
        price="-0.01400",
        answered_by="human",
        date_updated="Tue, 10 Nov 2026 17:44:08 +0000",
    )
    assert dial.fetch(SID) == CarrierUpdate(
        carrier_call_id=SID,
        status=CarrierStatus.COMPLETED,
        at=datetime(2026, 11, 10, 17, 44, 8, tzinfo=UTC),
        duration_s=63,
        answered_by="human",
        price=Decimal("0.01400"),
        price_unit="USD",
    )
    assert twilio.asked == [("GET", f"{CALLS}/{SID}.json", {})]


def test_a_call_without_a_price_has_none(carrier: tuple[Carrier, TwilioDialer]) -> None:
    twilio, dial = carrier
    twilio.body = call(status="ringing")
    update = dial.fetch(SID)
    assert update is not None
    assert (update.status, update.price, update.price_unit, update.duration_s) == (CarrierStatus.RINGING,) + (
        None,
    ) * 3


def test_a_call_that_twilio_does_not_know(carrier: tuple[Carrier, TwilioDialer]) -> None:
    twilio, dial = carrier
    twilio.status, twilio.body = 404, error(404, 20404)
    assert dial.fetch(SID) is None
    dial.hang_up(SID)
    assert [method for method, _, _ in twilio.asked] == ["GET", "POST"]


@pytest.mark.parametrize("body", [call(status="napping"), {"nothing": 1}])
def test_a_call_in_no_state_we_know(carrier: tuple[Carrier, TwilioDialer], body: Any) -> None:
    twilio, dial = carrier
    twilio.body = body
    with pytest.raises(DialUnknown):
        dial.fetch(SID)


def test_hanging_up(carrier: tuple[Carrier, TwilioDialer]) -> None:
    twilio, dial = carrier
    twilio.body = call(status="completed")
    dial.hang_up(SID)
    assert twilio.asked == [("POST", f"{CALLS}/{SID}.json", {"Status": ["completed"]})]
    twilio.status, twilio.body = 400, error(400, 21220)  # over already
    dial.hang_up(SID)
    twilio.body = error(400, 20001)
    with pytest.raises(DialUnknown, match="code 20001"):
        dial.hang_up(SID)


def test_sending_a_call_elsewhere(carrier: tuple[Carrier, TwilioDialer]) -> None:
    twilio, dial = carrier
    twilio.body = call()
    dial.redirect(SID, "https://us.example/resume?part=1")
    told = {"Url": [f"https://us.example/resume?part=1{RETRIES}"], "Method": ["POST"]}
    assert twilio.asked == [("POST", f"{CALLS}/{SID}.json", told)]
    twilio.status, twilio.body = 400, error(400, 21220)
    with pytest.raises(Refused) as over:
        dial.redirect(SID, "https://us.example/resume")
    assert over.value.code == "21220"
    twilio.status, twilio.body = 503, error(503, 20500)
    with pytest.raises(DialUnknown, match="code 20500"):
        dial.redirect(SID, "https://us.example/resume")


def listed(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"calls": list(calls), "page": 0, "page_size": 20, "next_page_uri": None, "uri": f"{CALLS}.json"}


@pytest.mark.parametrize("status", [401, 503])
def test_a_list_that_is_refused_is_no_proof(carrier: tuple[Carrier, TwilioDialer], status: int) -> None:
    twilio, dial = carrier
    twilio.status, twilio.body = status, error(status, 20000)
    with pytest.raises(DialUnknown):
        dial.find("3f1c", to=REQUEST.to)


def test_a_lost_call_is_found_by_its_number(carrier: tuple[Carrier, TwilioDialer]) -> None:
    twilio, dial = carrier
    twilio.body = listed(
        call(sid="CA" + "1" * 32, direction="inbound"),
        call(status="ringing"),
        call(sid="CA" + "2" * 32, status="completed", date_created=ago(30), end_time=ago(29)),
    )
    update = dial.find("3f1c", to=REQUEST.to)
    assert update is not None
    assert (update.carrier_call_id, update.status) == (SID, CarrierStatus.RINGING)
    ((_, path, fields),) = twilio.asked
    assert path == f"{CALLS}.json"
    assert fields["To"] == [REQUEST.to]


@pytest.mark.parametrize("calls", [[], [call(date_created=ago(61))], [call(direction="inbound")]])
def test_no_call_to_the_number(carrier: tuple[Carrier, TwilioDialer], calls: list[dict[str, Any]]) -> None:
    twilio, dial = carrier
    twilio.body = listed(*calls)
    assert dial.find("3f1c", to=REQUEST.to) is None


@pytest.mark.parametrize(
    ("urls", "found"),
    [
        (["https://app.example/webhooks/twilio/calls/3f1c/status"], True),
        (["https://app.example/webhooks/twilio/calls/0000/status"], False),
        (["https://elsewhere.example/status"], True),
        ([], True),
        (None, True),
    ],
)
def test_an_older_call_is_told_by_its_callbacks(
    carrier: tuple[Carrier, TwilioDialer], urls: list[str] | None, found: bool
) -> None:
    twilio, dial = carrier
    twilio.body = listed(call(status="busy", date_created=ago(30), end_time=ago(29)))
    if urls is not None:
        events = [{"request": {"url": url, "method": "POST"}, "response": {}} for url in urls]
        twilio.answers[f"{CALLS}/{SID}/Events.json"] = {"events": events, "next_page_uri": None}
    else:
        twilio.behave = lambda http: (
            "Events" in http.path and (http.send_error(404), True)[1]  # type: ignore[func-returns-value]
        )
    update = dial.find("3f1c", to=REQUEST.to)
    assert (update is not None) is found
    assert [path for _, path, _ in twilio.asked] == [f"{CALLS}.json", f"{CALLS}/{SID}/Events.json"]


STATUS = {
    "CallSid": SID,
    "AccountSid": ACCOUNT,
    "From": "+12125550199",
    "To": "+13035550101",
    "CallStatus": "completed",
    "Timestamp": "Tue, 10 Nov 2026 17:44:08 +0000",
    "SequenceNumber": "3",
    "CallDuration": "63",
    "Duration": "2",
    "AnsweredBy": "machine_end_beep",
    "CallbackSource": "call-progress-events",
}


def test_a_status_callback() -> None:
    assert parse_status(STATUS) == CarrierUpdate(
        carrier_call_id=SID,
        status=CarrierStatus.COMPLETED,
        at=datetime(2026, 11, 10, 17, 44, 8, tzinfo=UTC),
        sequence=3,
        duration_s=63,
        answered_by="machine_end_beep",
    )


def test_a_status_callback_with_little_in_it() -> None:
    update = parse_status({"CallSid": SID, "CallStatus": "failed", "ErrorCode": "21214", "AnsweredBy": ""})
    assert (update.status, update.error_code, update.sequence) == (CarrierStatus.FAILED, "21214", None)
    assert update.answered_by is None
    assert datetime.now(UTC) - update.at < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"CallSid": ""}, "CallSid"),
        ({"CallSid": "CA1; DROP"}, "CallSid"),
        ({"CallStatus": "napping"}, "CallStatus"),
        ({"CallStatus": ""}, "CallStatus"),
        ({"SequenceNumber": "-1"}, "SequenceNumber"),
        ({"SequenceNumber": "x"}, "SequenceNumber"),
        ({"CallDuration": "1e9"}, "CallDuration"),
        ({"CallDuration": "-5"}, "CallDuration"),
        ({"Timestamp": "yesterday"}, "Timestamp"),
        ({"Timestamp": "Tue, 99 Nov 2026 17:44:08 +0000"}, "Timestamp"),
        ({"AnsweredBy": "<script>"}, "AnsweredBy"),
        ({"AnsweredBy": "x" * 41}, "AnsweredBy"),
        ({"ErrorCode": "abc"}, "ErrorCode"),
        ({"ErrorCode": "1234567"}, "ErrorCode"),
    ],
)
def test_a_status_callback_that_is_none(changes: dict[str, str], field: str) -> None:
    with pytest.raises(BadCallback, match=f"The callback's {field} is not as Twilio documents it"):
        parse_status(STATUS | changes)


def test_a_machine_callback() -> None:
    update = parse_machine({"CallSid": SID, "AnsweredBy": "machine_start", "MachineDetectionDuration": "2300"})
    assert (update.carrier_call_id, update.status, update.answered_by) == (SID, None, "machine_start")


@pytest.mark.parametrize("form", [{}, {"CallSid": SID}, {"CallSid": SID, "AnsweredBy": ""}])
def test_a_machine_callback_that_is_none(form: dict[str, str]) -> None:
    with pytest.raises(BadCallback):
        parse_machine(form)


def test_a_signature() -> None:
    url = "https://app.example/webhooks/twilio/calls/3f1c/status"
    signature = RequestValidator(TOKEN).compute_signature(url, STATUS)
    assert valid_signature(url, STATUS, signature, TOKEN)
    assert not valid_signature(url, STATUS | {"CallStatus": "busy"}, signature, TOKEN)
    assert not valid_signature(url + "x", STATUS, signature, TOKEN)
    assert not valid_signature(url, STATUS, signature, "another")
    assert not valid_signature(url, STATUS, "", TOKEN)
    empty = RequestValidator("").compute_signature(url, STATUS)
    assert not valid_signature(url, STATUS, empty, "")  # no token configured: nobody is trusted


def test_the_document_escapes_what_it_is_given() -> None:
    stream = StreamTarget("wss://v.example/media?a=1&b=2", '"<&>')
    document = ElementTree.fromstring(stream_twiml(stream, next_url="https://app.example/resume?a=1&b=2"))
    parameter = document.find("./Connect/Stream/Parameter")
    assert parameter is not None
    assert parameter.get("value") == '"<&>'
    assert [verb.tag for verb in document] == ["Connect", "Redirect"]
    assert document.findtext("Redirect") == "https://app.example/resume?a=1&b=2"


def test_the_real_twilio_is_the_default() -> None:
    real = TwilioDialer(account_sid=ACCOUNT, auth_token=TOKEN, callback_base_url="https://app.example")
    assert real._client.api.base_url == "https://api.twilio.com"
