"""Prices in the admin: set from an instant, ended, withdrawn; what calls were priced by stays as it is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from billing.domain.card import OverlappingRates
from billing.models import Rate
from billing.services import card

pytestmark = pytest.mark.django_db
LIST, ADD = "/admin/billing/rate/", "/admin/billing/rate/add/"
FAR = datetime(2126, 12, 1, tzinfo=UTC)
NEW = {"key": "twilio.amd", "price": "0.008", "source": "the contract of May"}


def typed(**fields: str) -> dict[str, str]:
    """What a browser sends for a price from ``FAR`` on; terms are left empty."""
    empty = dict.fromkeys(
        ["kind", "unit", "per", "increment", "minimum", "currency", "in_carrier_price", "valid_until_0"], ""
    )
    return {**empty, **NEW, "valid_from_0": "2126-12-01", "valid_from_1": "00:00", "valid_until_1": "", **fields}


def said(reply: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(reply.wsgi_request)]


def errors(reply: HttpResponse) -> dict[str, list[str]]:
    assert reply.status_code == 200
    found: dict[str, list[str]] = reply.context["adminform"].form.errors
    return found


def present(key: str = "twilio.amd") -> Rate:
    return card.in_force(timezone.now()).get(key=key)


def page_of(rate: Rate, verb: str = "change") -> str:
    return f"{LIST}{rate.pk}/{verb}/"


def listed(client: Client, **filters: str) -> list[str]:
    return [rate.key for rate in client.get(LIST, filters).context["cl"].result_list]


def test_a_new_price_ends_the_one_before_and_says_so(admin_client: Client) -> None:
    reply = admin_client.post(ADD, typed())
    assert (reply.status_code, reply["Location"]) == (302, LIST)
    assert said(reply) == [
        "twilio.amd: 0.008 USD per call, from 2126-12-01 00:00 UTC. "
        "The price before it, 0.0075 USD per call, ends then."
    ]
    new, old = Rate.objects.filter(key="twilio.amd")
    assert (new.price, new.valid_from, new.valid_until) == (Decimal("0.008"), FAR, None)
    assert (new.kind, new.unit, new.per, new.currency, new.source) == (
        "carrier",
        "call",
        1,
        "USD",
        "the contract of May",
    )
    assert (old.price, old.valid_until) == (Decimal("0.0075"), FAR)
