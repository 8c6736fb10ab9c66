"""What is written with the finish arrives, signed, once it can; over real sockets."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest
from django.db import connection, connections, transaction
from pytest_django import Settings
from structlog.testing import capture_logs

from agents.domain.script import DEFAULT_SCRIPT
from agents.script_document import written
from calls.models import Appointment, Call
from calls.services import scripts
from calls.signals import call_finished
from integrations import services, tasks
from integrations.adapters.http import Answer
from integrations.models import Delivery, Endpoint
from integrations.services import LEASE, deliver_due, send_again, send_test_event
from tests.integrations.conftest import NOW
from tests.integrations.receiver import Received, Receiver, answer, signature_of


def finish(call: Call, now: datetime = NOW) -> None:
    with transaction.atomic():
        call_finished.send(Call, call=call, now=now, newer="argument")


def the_delivery() -> Delivery:
    return Delivery.objects.select_related("endpoint").get()


def test_a_finished_call_arrives_signed(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    start_at = datetime(2026, 11, 5, 22, 30, tzinfo=UTC)
    Appointment.objects.create(call=call, campaign=call.campaign, start_at=start_at)
    finish(call)
    later = NOW + timedelta(seconds=3, milliseconds=900)
    assert deliver_due(now=later) == 1

    (request,) = receiver.received
    delivery = the_delivery()
    assert request.path == "/hooks?team=7"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == delivery.pk
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()) + 3)
    assert request.headers["webhook-signature"] == signature_of(request, endpoint.secret)
    assert json.loads(request.body) == {
        "type": "call.finished",
        "timestamp": "2026-11-03T17:00:00+00:00",
        "data": {
            "id": str(call.pk),
            "direction": "outbound",
            "phone": "+13035550142",
            "name": "José Álvarez",
            "disposition": "appointment",
            "summary": "Sells in spring.",
            "facts": {"timeline": "3 months"},
            "score": 78,
            "script": None,
            "script_version": "",
            "cost_usd": "0.044300",
            "appointment_at": "2026-11-05T22:30:00+00:00",
            "appointment_confirmed": True,
            "ended_at": "2026-11-03T17:00:00+00:00",
        },
    }
    assert (delivery.state, delivery.attempts, delivery.delivered_at, delivery.next_attempt_at) == (
        "delivered",
        1,
        later,
        None,
    )
    assert deliver_due(now=later + timedelta(days=1)) == 0
    assert len(receiver.received) == 1


def test_a_call_without_an_appointment_says_so(call: Call, endpoint: Endpoint) -> None:
    call.ended_at = None
    finish(call)
    data = the_delivery().payload["data"]
    assert (data["appointment_at"], data["appointment_confirmed"], data["ended_at"]) == (None, None, None)


def test_a_call_names_the_script_that_held_it(call: Call, endpoint: Endpoint) -> None:
    body = written(DEFAULT_SCRIPT)
    call.script = scripts.save("Sellers", body, based_on=0, by=None, now=NOW)
    call.script_version = f"1a2b3c4d+{call.script.digest}"
    finish(call)
    data = the_delivery().payload["data"]
    assert data["script"] == {"name": "Sellers", "version": 1}
    assert data["script_version"] == f"1a2b3c4d+{call.script.digest}"


def test_an_endpoint_is_told_of_a_finish_once(call: Call, endpoint: Endpoint) -> None:
    other = Endpoint.objects.create(url="http://127.0.0.1:9/")
    Endpoint.objects.create(url="http://127.0.0.1:9/", active=False)
    finish(call)
    finish(call, NOW + timedelta(hours=1))
    assert sorted(Delivery.objects.values_list("endpoint", "created_at")) == sorted(
        [(endpoint.pk, NOW), (other.pk, NOW)]
    )


def test_what_is_rolled_back_is_not_told(call: Call, endpoint: Endpoint) -> None:
    with transaction.atomic():
        finish(call)
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()


def test_a_failure_is_retried_with_the_same_id_and_a_new_signature(
    call: Call, endpoint: Endpoint, receiver: Receiver
) -> None:
    receiver.behave = answer(503)
    finish(call)
    deliver_due(now=NOW)
    failed = the_delivery()
    assert (failed.state, failed.attempts, failed.next_attempt_at, failed.last_error) == (
        "waiting",
        1,
        NOW + timedelta(seconds=5),
        "HTTP 503",
    )
    assert deliver_due(now=NOW + timedelta(seconds=4, milliseconds=999)) == 0

    receiver.behave = answer(200)
    assert deliver_due(now=NOW + timedelta(seconds=5)) == 1
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == failed.pk
    assert first.body == second.body
    assert second.headers["webhook-signature"] == signature_of(second, endpoint.secret)
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    delivered = the_delivery()
    assert (delivered.state, delivered.attempts, delivered.last_error) == ("delivered", 2, "")


def test_after_seven_attempts_it_gives_up_and_says_so(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.behave = answer(500)
    finish(call)
    now, times = NOW, []
    with capture_logs() as logs:
        while deliver_due(now=now):
            times.append((now - NOW).total_seconds())
            now = the_delivery().next_attempt_at or now + timedelta(days=30)
    assert times == [0, 5, 305, 2105, 9305, 27305, 63305]
    given_up = the_delivery()
    assert (given_up.state, given_up.attempts, given_up.last_error) == (
        "gave up",
        7,
        "Gave up after 7 attempts: HTTP 500",
    )
    assert [entry["event"] for entry in logs] == ["integrations.delivery_failed"] * 6 + [
        "integrations.delivery_given_up"
    ]
    assert logs[0] == {
        "event": "integrations.delivery_failed",
        "log_level": "warning",
        "delivery_id": given_up.pk,
        "endpoint_id": endpoint.pk,
        "attempts": 1,
        "status": 500,
        "retry_s": 5.0,
    }
    assert Endpoint.objects.get().active


def test_a_receiver_that_is_gone_is_not_called_any_more(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.behave = answer(410)
    finish(call)
    waiting = send_test_event(endpoint, now=NOW + timedelta(seconds=1))
    deliver_due(now=NOW)
    assert not Endpoint.objects.get().active
    gone = Delivery.objects.get(call=call)
    assert (gone.state, gone.attempts, gone.last_error) == (
        "gave up",
        1,
        "HTTP 410: the receiver is gone, so its endpoint was disabled.",
    )
    assert deliver_due(now=NOW + timedelta(hours=1)) == 0
    assert len(receiver.received) == 1

    Endpoint.objects.update(active=True)
    receiver.behave = answer(204)
    assert deliver_due(now=NOW + timedelta(hours=1)) == 1
    assert receiver.received[1].headers["webhook-id"] == waiting.pk


def test_a_receiver_that_hangs_costs_the_deadline_and_holds_up_nobody(
    call: Call, endpoint: Endpoint, receiver: Receiver
) -> None:
    Endpoint.objects.filter(pk=endpoint.pk).update(url=receiver.url.replace("/hooks", "/hang"))
    quick = Endpoint.objects.create(url=receiver.url)

    def behave(handler: BaseHTTPRequestHandler, request: Received) -> None:
        if request.path.startswith("/hang"):
            receiver.closing.wait()
        else:
            answer(204)(handler, request)

    receiver.behave = behave
    finish(call)
    assert deliver_due(now=NOW, deadline_s=0.3) == 2
    assert Delivery.objects.get(endpoint=quick).state == "delivered"
    hung = Delivery.objects.get(endpoint=endpoint)
    assert (hung.attempts, hung.next_attempt_at, hung.last_error) == (
        1,
        NOW + timedelta(seconds=5),
        "No answer within 0.3 s.",
    )


def test_a_receiver_that_drips_bytes_meets_the_same_deadline(
    call: Call, endpoint: Endpoint, receiver: Receiver
) -> None:
    def drip(handler: BaseHTTPRequestHandler, _: Received) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-drip: ")
        while not receiver.closing.wait(0.02):
            handler.wfile.write(b".")

    def drip_until_left(handler: BaseHTTPRequestHandler, request: Received) -> None:
        try:
            drip(handler, request)
        except OSError:
            handler.close_connection = True

    receiver.behave = drip_until_left
    finish(call)
    deliver_due(now=NOW, deadline_s=0.3)
    assert the_delivery().last_error == "No answer within 0.3 s."


def test_redirects_are_not_followed(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.behave = answer(307, {"location": receiver.url})
    finish(call)
    deliver_due(now=NOW)
    assert the_delivery().last_error == "HTTP 307"
    assert len(receiver.received) == 1


def test_nobody_listening_is_a_failure_like_others(call: Call, endpoint: Endpoint) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    Endpoint.objects.update(url=f"http://127.0.0.1:{port}/")
    finish(call)
    deliver_due(now=NOW)
    failed = the_delivery()
    assert failed.last_error.startswith("ConnectError: ")
    assert failed.next_attempt_at == NOW + timedelta(seconds=5)


def lead_to(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    """Make the name ``hooks.example`` resolve to these; an empty list is a name that nobody knows."""
    real = socket.getaddrinfo

    def resolve(host: str, *arguments: Any, **options: Any) -> list[Any]:
        if host != "hooks.example":
            return real(host, *arguments, **options)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    endpoint = Endpoint.objects.get()
    Endpoint.objects.update(url=endpoint.url.replace("127.0.0.1", "hooks.example"))


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1", "127.0.0.1"]])
def test_a_name_is_called_at_its_address(
    call: Call, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    lead_to(monkeypatch, addresses)
    finish(call)
    deliver_due(now=NOW)
    assert [request.headers["host"].partition(":")[0] for request in receiver.received] == ["hooks.example"]
    assert the_delivery().state == "delivered"


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("addresses", "error"),
    [
        (["127.0.0.1", "169.254.169.254"], "RefusedAddress: hooks.example was not called: 169.254.169.254 is a"),
        ([], "ConnectError: hooks.example has no address: Name or service not known"),
    ],
)
def test_a_name_that_leads_nowhere_good_is_not_called(
    call: Call, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, addresses: list[str], error: str
) -> None:
    lead_to(monkeypatch, addresses)
    finish(call)
    deliver_due(now=NOW)
    assert receiver.received == []
    assert the_delivery().last_error.startswith(error)
    assert the_delivery().state == "waiting"


def test_in_development_names_are_not_checked(
    call: Call, endpoint: Endpoint, receiver: Receiver, settings: Settings
) -> None:
    settings.DEBUG = True
    finish(call)
    deliver_due(now=NOW)
    assert the_delivery().state == "delivered"


def test_the_http_client_may_be_handed_in(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    asked: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(202)

    finish(call)
    deliver_due(now=NOW, open_client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(serve)))
    assert asked == [endpoint.url]
    assert receiver.received == []
    assert the_delivery().state == "delivered"


@pytest.mark.parametrize("host", ["crm..example", "a" * 64 + ".example"])
def test_a_name_that_cannot_be_one_holds_up_no_other(
    host: str, call: Call, endpoint: Endpoint, receiver: Receiver
) -> None:
    Endpoint.objects.create(url=f"http://{host}/hooks")
    finish(call)
    assert deliver_due(now=NOW) == 2
    delivered, failed = Delivery.objects.order_by("endpoint_id")
    assert (delivered.state, len(receiver.received)) == ("delivered", 1)
    assert (failed.state, failed.last_error) == (
        "waiting",
        f"ConnectError: {host} is no name that can have an address.",
    )


def test_a_post_that_breaks_here_holds_up_no_other(call: Call, endpoint: Endpoint) -> None:
    def take(request: httpx.Request) -> httpx.Response:
        if request.url.host == "odd.example":
            raise KeyError("odd")
        return httpx.Response(204)

    Endpoint.objects.create(url="http://odd.example/hooks")
    finish(call)
    with capture_logs() as logs:
        sent = deliver_due(now=NOW, open_client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(take)))
    assert sent == 2
    delivered, failed = Delivery.objects.order_by("endpoint_id")
    assert (delivered.state, failed.state) == ("delivered", "waiting")
    assert failed.last_error == "KeyError: the attempt broke here, see the log."
    assert [line["webhook_id"] for line in logs if line["event"] == "integrations.post_broke"] == [failed.pk]


def test_one_process_at_a_time_waits_for_receivers(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    finish(call)
    with closing(connection.copy()) as other:
        other.cursor().execute("SELECT pg_advisory_lock(%s)", [services._DELIVERY_LOCK])
        assert not services.deliver_alone(now=NOW)
        assert (receiver.received, the_delivery().attempts) == ([], 0)
        # Here and not by closing: the server frees a closed connection's locks a moment later.
        other.cursor().execute("SELECT pg_advisory_unlock(%s)", [services._DELIVERY_LOCK])
    assert services.deliver_alone(now=NOW)
    assert (len(receiver.received), the_delivery().state) == (1, "delivered")
    assert services.deliver_alone(now=NOW)


def test_the_task_tolerates_newer_arguments(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    finish(call)
    tasks.deliver(newer="argument")
    assert [request.headers["webhook-id"] for request in receiver.received] == [the_delivery().pk]


def test_a_worker_that_died_leaves_the_message_due_again(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    finish(call)
    services._claim(NOW)
    assert deliver_due(now=NOW + LEASE - timedelta(microseconds=1)) == 0
    assert deliver_due(now=NOW + LEASE) == 1
    delivered = the_delivery()
    assert (delivered.state, delivered.attempts, len(receiver.received)) == ("delivered", 2, 1)


def test_an_attempt_that_lost_its_row_writes_nothing(call: Call, endpoint: Endpoint) -> None:
    """The row was sent again by hand while the attempt was on its way, so its failure is no news."""
    finish(call)
    (claimed,) = services._claim(NOW)
    send_again([claimed.pk], now=NOW + timedelta(hours=2))
    services._record(claimed, Answer(500, "HTTP 500"), NOW)
    again = the_delivery()
    assert (again.attempts, again.next_attempt_at, again.last_error) == (0, NOW + timedelta(hours=2), "")


def test_what_was_given_up_can_be_sent_again(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    finish(call)
    Delivery.objects.update(attempts=7, next_attempt_at=None, last_error="Gave up after 7 attempts: HTTP 500")
    assert deliver_due(now=NOW) == 0
    assert send_again([the_delivery().pk], now=NOW) == 1
    assert deliver_due(now=NOW) == 1
    delivered = the_delivery()
    assert (delivered.state, delivered.attempts, delivered.last_error) == ("delivered", 1, "")


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_send_each_message_once(call: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    for _ in range(20):
        send_test_event(endpoint, now=NOW)
    start = threading.Barrier(8)

    def work(_: int) -> int:
        try:
            start.wait(timeout=30)
            return deliver_due(now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 20
    assert set(Delivery.objects.values_list("last_error", flat=True)) == {""}
    assert sorted(request.headers["webhook-id"] for request in receiver.received) == sorted(
        Delivery.objects.filter(delivered_at=NOW, attempts=1).values_list("pk", flat=True)
    )
    assert len(receiver.received) == 20
