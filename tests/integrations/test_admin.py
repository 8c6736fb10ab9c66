"""Endpoints are made, tested and repaired in the admin; deliveries are read and sent again."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client

from calls.models import Call
from integrations.models import Delivery, Endpoint
from integrations.services import announce, deliver_due
from tests.integrations.conftest import NOW
from tests.integrations.receiver import Receiver

ENDPOINTS, DELIVERIES = "/admin/integrations/endpoint/", "/admin/integrations/delivery/"


def act(client: Client, where: str, action: str, *ids: object) -> list[str]:
    reply: Any = client.post(where, {"action": action, "_selected_action": [str(pk) for pk in ids]})
    return [str(message) for message in get_messages(reply.wsgi_request)]


def test_an_endpoint_gets_a_secret_that_can_be_copied(admin_client: Client) -> None:
    assert b"whsec_" not in admin_client.get(f"{ENDPOINTS}add/").content
    posted = {"url": "https://example.com/hooks", "description": "CRM", "active": "on"}
    assert admin_client.post(f"{ENDPOINTS}add/", posted).status_code == 302
    made = Endpoint.objects.get()
    assert (made.url, made.active, str(made)) == ("https://example.com/hooks", True, "CRM")
    assert made.secret in admin_client.get(f"{ENDPOINTS}{made.pk}/change/").content.decode()
    admin_client.post(f"{ENDPOINTS}{made.pk}/change/", {**posted, "secret": "whsec_planted"})
    assert Endpoint.objects.get().secret == made.secret


def test_who_may_only_look_does_not_see_the_secret(client: Client, endpoint: Endpoint) -> None:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_endpoint", "view_delivery"]))
    client.force_login(user)
    page = client.get(f"{ENDPOINTS}{endpoint.pk}/change/").content.decode()
    assert endpoint.url in page
    assert endpoint.secret not in page
    assert b"send_again" not in client.get(DELIVERIES).content


@pytest.mark.django_db
def test_an_address_of_a_metadata_server_is_refused_with_a_sentence(admin_client: Client) -> None:
    reply = admin_client.post(f"{ENDPOINTS}add/", {"url": "http://169.254.169.254/", "active": "on"})
    assert reply.context["adminform"].form.errors["url"] == [
        "169.254.169.254 is a link-local, unspecified, multicast or cloud metadata address, and no receiver has one: "
        "enter the address of your own service."
    ]
    assert not Endpoint.objects.exists()


def test_a_test_event_arrives(admin_client: Client, endpoint: Endpoint, receiver: Receiver) -> None:
    off = Endpoint.objects.create(url=receiver.url, active=False)
    said = act(admin_client, ENDPOINTS, "send_test_event", endpoint.pk, off.pk)
    delivery = Delivery.objects.get()
    assert said == [
        f"CRM: {delivery} goes out in a moment, see its delivery.",
        f"endpoint {off.pk} is inactive: activate it first.",
    ]
    assert (delivery.event_type, delivery.call, delivery.payload["type"]) == ("endpoint.test", None, "endpoint.test")
    assert deliver_due(now=delivery.created_at) == 1
    assert [request.headers["webhook-id"] for request in receiver.received] == [delivery.pk]


def test_a_delivery_is_read_only_and_can_be_sent_again(
    admin_client: Client, call: Call, endpoint: Endpoint, receiver: Receiver
) -> None:
    announce(call, now=NOW)
    deliver_due(now=NOW)
    delivery = Delivery.objects.get()
    assert b"delivered" in admin_client.get(DELIVERIES).content
    assert admin_client.post(f"{DELIVERIES}{delivery.pk}/change/", {"attempts": "9"}).status_code == 403
    assert admin_client.get(f"{DELIVERIES}add/").status_code == 403
    assert act(admin_client, DELIVERIES, "send_again", delivery.pk) == ["1 deliveries go out again in a moment."]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("waiting", 0)
    assert delivery.next_attempt_at is not None
    assert deliver_due(now=delivery.next_attempt_at) == 1
    assert [request.headers["webhook-id"] for request in receiver.received] == [delivery.pk] * 2
