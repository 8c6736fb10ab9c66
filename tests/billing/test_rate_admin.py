"""Prices in the admin: set from an instant, ended, withdrawn; what calls were priced by stays as it is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
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


def said(reply: Any) -> list[str]:
    return [str(message) for message in get_messages(reply.wsgi_request)]


def errors(reply: Any) -> dict[str, list[str]]:
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
        "The price of twilio.amd is 0.008 USD per call, from 2126-12-01 00:00 UTC. "
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


def test_a_price_in_another_currency_says_what_it_holds_up(admin_client: Client) -> None:
    price, told = said(admin_client.post(ADD, typed(currency="EUR")))
    assert price.startswith("The price of twilio.amd is 0.008 EUR per call")
    assert told == (
        "twilio.amd was in USD before. A call is paid in one currency: calls that need other rates in USD are not "
        "dialed until those are in EUR too."
    )


def test_kinds_and_units_are_named_in_words(admin_client: Client) -> None:
    assert listed(admin_client, kind="tax") == ["tax.telephony"]
    assert "twilio.amd<br><small>phone company</small>" in admin_client.get(LIST).content.decode()
    fields = admin_client.get(f"{ADD}?key=twilio.amd").context["adminform"].form
    assert ("stt", "speech recognition") in fields["kind"].field.choices
    assert ("s-month", "second kept for a month") in fields["unit"].field.choices
    assert (fields["kind"].value(), fields["unit"].value()) == ("carrier", "call")


def test_without_an_instant_it_begins_now(admin_client: Client) -> None:
    before = timezone.now()
    assert admin_client.post(ADD, typed(valid_from_0="", valid_from_1="")).status_code == 302
    new, old = Rate.objects.filter(key="twilio.amd")
    assert before <= new.valid_from <= timezone.now()
    assert old.valid_until == new.valid_from


def test_terms_are_taken_where_they_are_typed(admin_client: Client) -> None:
    fields = {
        "kind": "tts",
        "unit": "char",
        "per": "1000",
        "increment": "100",
        "minimum": "10",
        "currency": "EUR",
        "in_carrier_price": "yes",
        "valid_until_0": "2127-01-01",
        "valid_until_1": "00:00",
    }
    reply = admin_client.post(ADD, typed(key="voice.of_ours", **fields))
    assert said(reply) == [
        "The price of voice.of_ours is 0.008 EUR per 1,000 characters, billed in steps of 100, from 2126-12-01 "
        "00:00 UTC until 2127-01-01 00:00 UTC."
    ]
    row = Rate.objects.get(key="voice.of_ours")
    assert (row.kind, row.unit, row.per, row.increment, row.minimum, row.currency, row.in_carrier_price) == (
        "tts",
        "char",
        1000,
        100,
        10,
        "EUR",
        True,
    )


def test_a_step_of_nothing_is_not_an_empty_field(admin_client: Client) -> None:
    admin_client.post(ADD, typed(key="twilio.voice_out_us", increment="0", in_carrier_price="no"))
    new = Rate.objects.get(key="twilio.voice_out_us", valid_from=FAR)
    assert (new.increment, new.minimum, new.in_carrier_price) == (0, 60, False)


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"price": "-0.01"}, "price", "twilio.amd: price is -0.01: it must be at least 0."),
        ({"price": ""}, "price", "This field is required."),
        ({"source": ""}, "source", "This field is required."),
        (
            {"key": "Twilio AMD", "kind": "carrier", "unit": "call"},
            "key",
            "Twilio AMD: key is 'Twilio AMD': use at most 60 small letters, digits, dots, hyphens and underscores.",
        ),
        (
            {"currency": "usd"},
            "currency",
            "twilio.amd: currency is 'usd': use three capital letters, such as USD.",
        ),
        ({"unit": "minute"}, "unit", "Select a valid choice. minute is not one of the available choices."),
        (
            {"unit": "s"},
            "unit",
            "'twilio.amd' is counted per 'call', by the calls that use it as well: keep that unit, or choose another "
            "key.",
        ),
        ({"key": "voice.of_ours", "unit": "char"}, "kind", "voice.of_ours: kind is missing: add it."),
        (
            {"valid_from_0": "2026-11-02"},
            "__all__",
            "The price of 'twilio.amd' was another after 2026-11-02 00:00 UTC, and calls were priced by it: "
            "let the new one begin now or later.",
        ),
        (
            {"valid_until_0": "2126-11-01", "valid_until_1": "00:00"},
            "valid_until",
            "'twilio.amd' would end at 2126-11-01 00:00 UTC and begin at 2126-12-01 00:00 UTC: choose a later end.",
        ),
    ],
)
def test_what_is_no_price_is_said_at_its_field(
    admin_client: Client, fields: dict[str, str], field: str, text: str
) -> None:
    before = list(Rate.objects.order_by("pk").values_list())
    assert errors(admin_client.post(ADD, typed(**fields))) == {field: [text]}
    assert list(Rate.objects.order_by("pk").values_list()) == before


def test_the_link_of_a_price_fills_in_its_terms(admin_client: Client) -> None:
    link = f"{ADD}?key=twilio.voice_out_us"
    assert f'href="{link}"' in admin_client.get(LIST).content.decode()
    form = admin_client.get(link).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    assert shown == {
        "key": "twilio.voice_out_us",
        "price": None,
        "valid_from": None,
        "valid_until": None,
        "source": None,
        "kind": "carrier",
        "unit": "s",
        "per": 60,
        "increment": 60,
        "minimum": 60,
        "currency": "USD",
        "in_carrier_price": "yes",
    }
    blank = admin_client.get(ADD).context["adminform"].form
    assert {blank[name].value() for name in ("kind", "unit", "per", "increment", "currency")} == {""}


def test_the_list_is_of_the_prices_in_force_unless_others_are_chosen(admin_client: Client) -> None:
    now = timezone.now()
    admin_client.post(ADD, typed())
    card.end_rate("gpu.h100", timezone.now(), now=now)
    assert len(listed(admin_client)) == 25
    assert "gpu.h100" not in listed(admin_client)
    assert listed(admin_client, when="coming") == ["twilio.amd"]
    assert listed(admin_client, when="past") == ["gpu.h100"]
    assert len(listed(admin_client, when="all")) == 27
    assert listed(admin_client, q="elevenlabs", kind="tts") == [
        "elevenlabs.flash_v2_5",
        "elevenlabs.multilingual_v2",
        "elevenlabs.v3",
    ]
    assert listed(admin_client, q="rental lists") == ["gpu.l4", "gpu.rtx4090"]
    page = admin_client.get(LIST).content.decode()
    assert (
        "0.014 USD per minute, billed in 60 s steps<br><small>twilio.com/voice/pricing/us, secondary</small>" in page
    )
    assert "from 2026-11-01<br>until 2126-12-01</span>" in page


def test_an_empty_card_says_what_to_do(admin_client: Client) -> None:
    Rate.objects.all().delete()
    assert b"The rate card is empty, so nothing is dialed" in admin_client.get(LIST).content


def test_of_a_price_only_its_end_and_its_source_change(admin_client: Client) -> None:
    rate = present()
    page = admin_client.get(page_of(rate))
    assert list(page.context["adminform"].form.fields) == ["valid_until", "source"]
    assert "0.0075 USD per call" in page.content.decode()
    everything = {"price": "9", "unit": "s", "valid_from_0": "2020-01-01", "valid_until_0": "2126-12-01"}
    reply = admin_client.post(page_of(rate), {**everything, "valid_until_1": "00:00", "source": "our contract"})
    assert reply.status_code == 302
    rate.refresh_from_db()
    assert (rate.price, rate.unit, rate.valid_from) == (Decimal("0.0075"), "call", datetime(2026, 11, 1, tzinfo=UTC))
    assert (rate.valid_until, rate.source) == (FAR, "our contract")


def test_a_new_source_alone_leaves_the_end(admin_client: Client) -> None:
    rate = present()
    assert (
        admin_client.post(page_of(rate), {"source": "x", "valid_until_0": "", "valid_until_1": ""}).status_code == 302
    )
    rate.refresh_from_db()
    assert (rate.valid_until, rate.source) == (None, "x")


def test_an_end_in_the_past_is_refused(admin_client: Client) -> None:
    rate = present()
    ended = {"valid_until_0": "2026-11-02", "valid_until_1": "00:00", "source": rate.source}
    assert errors(admin_client.post(page_of(rate), ended)) == {
        "valid_until": ["Calls were priced by 'twilio.amd' since 2026-11-02 00:00 UTC: let it end now or later."]
    }
    rate.refresh_from_db()
    assert rate.valid_until is None


def test_of_a_price_that_ended_only_the_source_changes(admin_client: Client) -> None:
    rate = present()
    card.end_rate(rate.key, timezone.now(), now=timezone.now() - timedelta(seconds=1))
    assert list(admin_client.get(page_of(rate)).context["adminform"].form.fields) == ["source"]
    assert admin_client.post(page_of(rate), {"source": "x", "valid_until_0": ""}).status_code == 302
    rate.refresh_from_db()
    assert rate.valid_until is not None
    assert rate.source == "x"


def test_a_price_that_began_is_not_deleted(admin_client: Client) -> None:
    rate = present()
    assert admin_client.post(page_of(rate, "delete"), {"post": "yes"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [rate.pk], "post": "yes"}
    admin_client.post(LIST, bulk)
    assert Rate.objects.filter(pk=rate.pk).exists()


def test_a_price_that_has_not_begun_is_withdrawn(admin_client: Client) -> None:
    admin_client.post(ADD, typed())
    coming = Rate.objects.get(key="twilio.amd", valid_from=FAR)
    reply = admin_client.post(page_of(coming, "delete"), {"post": "yes"})
    assert "The price before it, 0.0075 USD per call, goes on in its place." in said(reply)
    assert Rate.objects.get(key="twilio.amd").valid_until is None
    own = card.set_price(
        "voice.of_ours",
        Decimal(1),
        from_at=FAR,
        now=timezone.now(),
        source="x",
        kind="tts",
        unit="char",
    )
    row = Rate.objects.get(key=own.rate.key)
    assert admin_client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 302
    assert not Rate.objects.filter(key="voice.of_ours").exists()


def test_somebody_elses_change_is_a_sentence_and_no_error(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form looked, somebody else changed the card, and the service refuses."""
    admin_client.post(ADD, typed())
    coming = Rate.objects.get(key="twilio.amd", valid_from=FAR)

    def refuse(*_args: object, **_given: object) -> None:
        raise OverlappingRates(
            "Somebody else changed the price of 'twilio.amd' at the same moment: look at it again."
        )

    for service in ("set_price", "change_end", "withdraw"):
        monkeypatch.setattr(card, service, refuse)
    before = list(Rate.objects.order_by("pk").values_list())
    ends = {"valid_until_0": "2127-01-01", "valid_until_1": "00:00", "source": "x"}
    for url, data, back in (
        (ADD, typed(key="gpu.l4"), ADD),
        (page_of(coming), ends, page_of(coming)),
        (page_of(coming, "delete"), {"post": "yes"}, page_of(coming)),
    ):
        reply = admin_client.post(url, data)
        assert (reply.status_code, reply["Location"]) == (302, back)
        assert said(reply)[-1] == (
            "Somebody else changed the price of 'twilio.amd' at the same moment: look at it again."
        )
    assert list(Rate.objects.order_by("pk").values_list()) == before


def test_who_may_only_view_sees_and_changes_nothing(client: Client) -> None:
    user = User.objects.create_user("mia", password="correct horse", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_rate"))
    client.force_login(user)
    rate = present()
    assert len(listed(client)) == 26
    assert client.get(page_of(rate)).status_code == 200
    assert "new price" not in client.get(LIST).content.decode()
    assert client.get(ADD).status_code == client.post(ADD, typed()).status_code == 403
    assert client.post(page_of(rate), {"source": "x"}).status_code == 403
    assert not Rate.objects.filter(source="x").exists()


def test_all_prices_of_a_key_are_on_its_page(admin_client: Client) -> None:
    admin_client.post(ADD, typed())
    page = admin_client.get(page_of(present())).content.decode()
    assert "from 2126-12-01 00:00 UTC</a>: 0.008 USD per call" in page
    assert "from 2026-11-01 00:00 UTC</a>: 0.0075 USD per call" in page
