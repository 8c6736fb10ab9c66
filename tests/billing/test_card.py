"""The card in the database: prices begin, end and are withdrawn; what calls were priced by stays."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from billing.domain.card import BadRate, MissingRate, OverlappingRates, PastRate, RateError
from billing.models import Budget, CallCost, Rate
from billing.services import card, ledger
from billing.services.settling import Ending, settle

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOON, LATER = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
AMD = "twilio.amd"


def prices(key: str = AMD) -> list[tuple[str, datetime, datetime | None]]:
    rows = Rate.objects.filter(key=key).order_by("valid_from")
    return [(f"{row.price.normalize():f}", row.valid_from, row.valid_until) for row in rows]


def put(price: str = "0.01", key: str = AMD, at: datetime = SOON, **more: Any) -> card.NewPrice:
    return card.set_price(key, Decimal(price), from_at=at, now=NOW, source="by hand", **more)


@pytest.fixture
def untouched() -> Callable[[], bool]:
    """Whether the table is as it was."""
    before = list(Rate.objects.order_by("pk").values_list())
    return lambda: list(Rate.objects.order_by("pk").values_list()) == before


# ---------------------------------------------------------------- the shipped card


def test_the_shipped_card_is_loaded_into_an_empty_table_and_never_again() -> None:
    shipped = card.default_rates()
    assert len(shipped) == 26
    assert card.card_at(NOW).rates == {rate.key: rate for rate in shipped}
    Rate.objects.exclude(key=AMD).delete()
    Rate.objects.update(price=Decimal("0.02"))
    assert card.load_defaults() == 0
    assert prices() == [("0.02", BEGIN, None)]
    Rate.objects.all().delete()
    assert card.load_defaults() == 26


def test_there_is_nothing_to_load_into_before_there_is_a_card() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("ALTER TABLE billing_rate RENAME TO billing_rate_gone")
    assert card.load_defaults() == 0


def test_the_shipped_card_has_the_figures_of_the_lists() -> None:
    """Price, unit, for how many, step, minimum. Where a list has a range, its dearer end."""
    shipped = {
        rate.key: (f"{rate.price:f}", rate.unit.value, rate.per, rate.increment, rate.minimum)
        for rate in card.default_rates()
    }
    assert shipped == {
        "twilio.voice_out_us": ("0.0140", "s", 60, 60, 60),
        "twilio.media_streams": ("0.0044", "s", 60, 60, 60),
        "twilio.transfer_leg": ("0.0140", "s", 60, 60, 60),
        "twilio.amd": ("0.0075", "call", 1, 0, 0),
        "twilio.recording": ("0.0025", "s", 60, 60, 60),
        "twilio.recording_storage": ("0.0005", "s-month", 60, 60, 60),
        "twilio.number_local": ("1.15", "month", 1, 1, 1),
        "twilio.number_toll_free": ("2.15", "month", 1, 1, 1),
        "telnyx.voice_out_us": ("0.0070", "s", 60, 6, 6),
        "telnyx.media_streams": ("0.0035", "s", 60, 6, 6),
        "tax.telephony": ("0.10", "share", 1, 0, 0),
        "elevenlabs.flash_v2_5": ("0.05", "char", 1000, 0, 0),
        "elevenlabs.multilingual_v2": ("0.10", "char", 1000, 0, 0),
        "elevenlabs.v3": ("0.10", "char", 1000, 0, 0),
        "deepgram.nova3_stream": ("0.0077", "s", 60, 0, 0),
        "groq.llama-3.1-8b.in": ("0.05", "token", 1_000_000, 0, 0),
        "groq.llama-3.1-8b.out": ("0.08", "token", 1_000_000, 0, 0),
        "openai.gpt-4.1-mini.in": ("0.40", "token", 1_000_000, 0, 0),
        "openai.gpt-4.1-mini.out": ("1.60", "token", 1_000_000, 0, 0),
        "gpu.rtx4090": ("0.60", "s", 3600, 0, 0),
        "gpu.l4": ("0.78", "s", 3600, 0, 0),
        "gpu.h100": ("4.76", "s", 3600, 0, 0),
        "call": ("0", "s", 1, 0, 0),
        "stt.local": ("0", "s", 1, 0, 0),
        "tts.local": ("0", "char", 1, 0, 0),
        "llm.local": ("0", "token", 1, 0, 0),
    }
    assert {rate.key for rate in card.default_rates() if rate.in_carrier_price} == {
        "twilio.voice_out_us",
        "telnyx.voice_out_us",
    }


# ---------------------------------------------------------------- a new price


def test_a_new_price_ends_the_one_before_and_keeps_its_terms() -> None:
    with capture_logs() as logs:
        new = put("0.015", "twilio.voice_out_us")
    assert prices("twilio.voice_out_us") == [("0.014", BEGIN, SOON), ("0.015", SOON, None)]
    kept = Rate.objects.get(key="twilio.voice_out_us", valid_from=SOON)
    assert (kept.kind, kept.unit, kept.per, kept.increment, kept.minimum, kept.currency, kept.in_carrier_price) == (
        "carrier",
        "s",
        60,
        60,
        60,
        "USD",
        True,
    )
    assert kept.source == "by hand"
    assert new.rate == kept.as_domain()
    assert new.before is not None
    assert (new.before.price, new.before.valid_until) == (Decimal("0.014"), None)
    assert [(line["event"], line["key"], line["price"]) for line in logs] == [
        ("rate.set", "twilio.voice_out_us", "0.015")
    ]


def test_no_other_key_is_touched() -> None:
    others = list(Rate.objects.exclude(key=AMD).order_by("pk").values_list())
    put()
    assert list(Rate.objects.exclude(key=AMD).order_by("pk").values_list()) == others


def test_terms_that_are_given_replace_those_before() -> None:
    put("0.008", "telnyx.voice_out_us", increment=1, minimum=30, currency="EUR", in_carrier_price=False)
    new = Rate.objects.get(key="telnyx.voice_out_us", valid_from=SOON)
    assert (new.per, new.increment, new.minimum, new.currency, new.in_carrier_price) == (60, 1, 30, "EUR", False)


def test_a_price_may_begin_this_instant_and_a_key_may_be_new() -> None:
    put("0.01", at=NOW)
    assert prices() == [("0.0075", BEGIN, NOW), ("0.01", NOW, None)]
    new = put("0.2", "voice.of_ours", kind="tts", unit="char", per=1000)
    assert prices("voice.of_ours") == [("0.2", SOON, None)]
    assert (new.before, new.rate.currency, new.rate.increment) == (None, "USD", 0)


def test_each_instant_has_the_price_of_its_time() -> None:
    put("0.01", at=SOON)
    put("0.02", at=LATER)
    moment = timedelta(microseconds=1)
    seen = [card.card_at(at)[AMD].price for at in (NOW, SOON - moment, SOON, LATER - moment, LATER)]
    assert seen == [Decimal(text) for text in ("0.0075", "0.0075", "0.01", "0.01", "0.02")]


def test_a_price_for_a_while_leaves_the_key_without_one_after_it() -> None:
    put("0.01", until_at=LATER)
    assert prices() == [("0.0075", BEGIN, SOON), ("0.01", SOON, LATER)]
    with pytest.raises(MissingRate, match=r"no rate 'twilio\.amd' at 2027-01-01 00:00 UTC"):
        card.card_at(LATER)[AMD]


def test_a_call_keeps_the_price_of_the_instant_of_its_hold() -> None:
    """Held at the old price, settled after the change."""
    budget = Budget.objects.create(name="November", limit=Decimal(1))
    before, after = uuid4(), uuid4()
    ledger.hold(before, [budget.pk], Decimal("0.25"), currency="USD", at=SOON - timedelta(seconds=1))
    ledger.hold(after, [budget.pk], Decimal("0.25"), currency="USD", at=SOON)
    put("0.01")
    for call in (before, after):
        settle(call, Ending(answered_s=60), at=SOON + timedelta(minutes=2))
    amd = {
        cost.reference: line["amount"]
        for cost in CallCost.objects.all()
        for line in cost.lines
        if line["component"] == AMD
    }
    assert {key: Decimal(amount) for key, amount in amd.items()} == {
        before: Decimal("0.0075"),
        after: Decimal("0.01"),
    }


@pytest.mark.parametrize(
    ("price", "terms", "field", "said"),
    [
        ("-0.01", {}, "price", "twilio.amd: price is -0.01: it must be at least 0."),
        ("NaN", {}, "price", "input should be a finite number"),
        ("0.0000000001", {}, "price", "no more than 9 decimal places"),
        ("1e12", {}, "price", "no more than 9 digits before the decimal point"),
        ("0.01", {"unit": "min"}, "unit", "unit is 'min', which is unknown: use 's', 'call', 'char', 'token'"),
        ("0.01", {"unit": "s"}, "unit", "'twilio.amd' is counted per 'call', by the calls that use it as well"),
        ("0.01", {"kind": "friend"}, "kind", "kind is 'friend', which is unknown: use 'carrier', 'stt'"),
        ("0.01", {"kind": "tax"}, "", "A tax has the unit 'share', and nothing else has"),
        ("0.01", {"currency": "usd"}, "currency", "currency is 'usd': use three capital letters, such as USD."),
        ("0.01", {"per": 0}, "per", "per is 0: it must be at least 1."),
        ("0.01", {"increment": -6}, "increment", "increment is -6: it must be at least 0."),
        ("0.01", {"minimum": 2**31}, "minimum", "less than or equal to 2147483647"),
        ("0.01", {"until_at": SOON}, "valid_until", "would end at 2026-12-01 00:00 UTC and begin at 2026-12-01"),
    ],
)
def test_what_is_no_price_is_refused(
    price: str, terms: dict[str, Any], field: str, said: str, untouched: Callable[[], bool]
) -> None:
    with pytest.raises(BadRate) as refused:
        put(price, **terms)
    assert said in str(refused.value)
    assert refused.value.field == field
    assert untouched()


def test_a_new_key_says_all_that_it_needs(untouched: Callable[[], bool]) -> None:
    with pytest.raises(BadRate) as refused:
        put("0.01", "voice.of_ours")
    assert str(refused.value) == "voice.of_ours: kind is missing: add it; unit is missing: add it."
    with pytest.raises(BadRate, match=r"^Voice of ours: key is 'Voice of ours': use at most 60 small letters"):
        put("0.01", "Voice of ours", kind="tts", unit="char")
    with pytest.raises(BadRate, match="use at most 60 small letters"):
        put("0.01", "a" * 61, kind="tts", unit="char")
    assert untouched()


def test_history_is_not_repriced(untouched: Callable[[], bool]) -> None:
    with pytest.raises(PastRate) as refused:
        put(at=NOW - timedelta(seconds=1))
    assert str(refused.value) == (
        "The price of 'twilio.amd' was another after 2026-11-20 11:59 UTC, and calls were priced by it: "
        "let the new one begin now or later."
    )
    with pytest.raises(PastRate):  # its begin lies before the first price, its reach does not
        put(at=BEGIN - timedelta(days=1))
    assert untouched()


def test_a_time_without_a_price_may_be_filled() -> None:
    Rate.objects.filter(key=AMD).update(valid_until=BEGIN + timedelta(days=5))
    gap = BEGIN + timedelta(days=5)
    with pytest.raises(PastRate):
        put(at=gap - timedelta(seconds=1))
    assert put(at=gap).before is None
    assert prices() == [("0.0075", BEGIN, gap), ("0.01", gap, None)]


def test_a_time_before_a_coming_price_is_filled_only_until_then() -> None:
    Rate.objects.filter(key=AMD).update(valid_from=SOON)
    with pytest.raises(OverlappingRates) as refused:
        put(at=BEGIN)
    assert str(refused.value) == (
        "Another price of 'twilio.amd' begins at 2026-12-01 00:00 UTC: withdraw it first, or let this one hold only "
        "until then."
    )
    put(at=BEGIN, until_at=SOON)
    assert prices() == [("0.01", BEGIN, SOON), ("0.0075", SOON, None)]


@pytest.mark.parametrize("at", [NOW, SOON])
def test_a_price_does_not_run_into_a_later_one(at: datetime) -> None:
    put("0.02", at=SOON)
    with pytest.raises(OverlappingRates, match=r"^Another price of 'twilio\.amd' begins at 2026-12-01 00:00 UTC"):
        put("0.03", at=at)
    assert prices() == [("0.0075", BEGIN, SOON), ("0.02", SOON, None)]


def test_looking_at_a_price_changes_nothing(untouched: Callable[[], bool]) -> None:
    seen = card.new_price(AMD, Decimal("0.01"), from_at=SOON, now=NOW, source="by hand")
    assert (seen.rate.price, seen.rate.valid_from) == (Decimal("0.01"), SOON)
    assert untouched()


# ---------------------------------------------------------------- an end, and a price that never was


def test_a_price_ends_now_or_later() -> None:
    assert card.end_rate(AMD, LATER, now=NOW).valid_until == LATER
    card.end_rate(AMD, NOW, now=NOW)
    assert prices() == [("0.0075", BEGIN, NOW)]
    assert card.card_at(NOW).get(AMD) is None


def test_an_end_may_be_taken_back_before_it_comes() -> None:
    pk = Rate.objects.get(key=AMD).pk
    card.change_end(pk, SOON, now=NOW)
    card.change_end(pk, None, now=NOW)
    assert prices() == [("0.0075", BEGIN, None)]


def test_an_end_that_cannot_be_is_refused() -> None:
    put("0.02", at=SOON)
    old, new = Rate.objects.filter(key=AMD).order_by("valid_from")
    refusals: list[tuple[int, datetime | None, datetime, type[RateError], str]] = [
        (old.pk, NOW - timedelta(minutes=1), NOW, PastRate, "let it end now or later"),
        (old.pk, None, NOW, OverlappingRates, "begins at 2026-12-01 00:00 UTC"),
        (old.pk, LATER, NOW, OverlappingRates, "begins at 2026-12-01 00:00 UTC"),
        (old.pk, None, LATER, PastRate, "This price of 'twilio.amd' ended at 2026-12-01 00:00 UTC: set a new one"),
        (new.pk, SOON, NOW, BadRate, "choose a later end"),
    ]
    for pk, until_at, now, kind, said in refusals:
        with pytest.raises(kind) as refused:
            card.change_end(pk, until_at, now=now)
        assert said in str(refused.value)
    with pytest.raises(MissingRate, match=r"no rate 'no\.such' at"):
        card.end_rate("no.such", SOON, now=NOW)
    assert prices() == [("0.0075", BEGIN, SOON), ("0.02", SOON, None)]


def test_a_price_that_has_not_begun_is_withdrawn_and_the_one_before_goes_on() -> None:
    put("0.02", at=SOON)
    put("0.03", at=LATER)
    coming = Rate.objects.get(key=AMD, valid_from=SOON)
    before = card.withdraw(coming.pk, now=NOW)
    assert before is not None
    assert (before.price, before.valid_until) == (Decimal("0.0075"), LATER)
    assert prices() == [("0.0075", BEGIN, LATER), ("0.03", LATER, None)]
    put("0.1", "voice.of_ours", kind="tts", unit="char")
    assert card.withdraw(Rate.objects.get(key="voice.of_ours").pk, now=NOW) is None
    assert prices("voice.of_ours") == []


def test_a_price_that_began_is_not_deleted(untouched: Callable[[], bool]) -> None:
    for now in (NOW, BEGIN):
        with pytest.raises(PastRate, match=r"^This price of 'twilio\.amd' began at 2026-11-01 00:00 UTC, and calls"):
            card.withdraw(Rate.objects.get(key=AMD).pk, now=now)
    assert untouched()


HOURS = st.integers(-60, 60)
STEPS = st.tuples(
    st.sampled_from(["set", "set", "set", "end", "withdraw"]), HOURS, st.none() | HOURS, st.integers(0, 30)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_whatever_is_done_no_price_of_the_past_changes(steps: list[tuple[str, int, int | None, int]]) -> None:
    """Every hour of the past keeps its price through all that people try; one that had none may be given one."""
    now, hour = NOW, timedelta(hours=1)
    with transaction.atomic():
        Rate.objects.filter(key=AMD).delete()
        for number, (what, begin, end, passes) in enumerate(steps):
            before = _past(now)
            with suppress(RateError):
                _try(what, f"0.{number:03}", now + hour * begin, None if end is None else now + hour * end, now)
            after = _past(now)
            assert {at: after[at] for at in before} == before
            now += hour * passes
        transaction.set_rollback(True)


def _past(now: datetime) -> dict[datetime, Decimal]:
    """The price at each hour of the last five days that had one."""
    hours = [now - timedelta(hours=ago) for ago in range(1, 120)]
    rates = [row.as_domain() for row in Rate.objects.filter(key=AMD)]
    return {at: rate.price for at in hours for rate in rates if rate.valid_at(at)}


def _try(what: str, price: str, begin: datetime, end: datetime | None, now: datetime) -> None:
    if what == "set":
        terms = {"kind": "carrier", "unit": "call", "source": "by hand"}
        card.set_price(AMD, Decimal(price), from_at=begin, until_at=end, now=now, **terms)  # type: ignore[arg-type]
    elif what == "end":
        card.end_rate(AMD, begin, now=now)
    elif (last := Rate.objects.filter(key=AMD).order_by("valid_from").last()) is not None:
        card.withdraw(last.pk, now=now)


# ---------------------------------------------------------------- two people at once


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [AMD, "voice.of_ours"])
def test_of_many_who_set_a_price_for_one_instant_one_does(key: str) -> None:
    people = 8
    start = threading.Barrier(people)

    def one(number: int) -> str:
        try:
            start.wait(timeout=30)
            put(f"0.0{number + 1}", key, kind="carrier", unit="call")
        except OverlappingRates as error:
            return str(error)
        else:
            return "set"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(people) as pool:
        done = sorted(pool.map(one, range(people)))
    assert done[-1] == "set"
    assert set(done[:-1]) == {
        f"Another price of {key!r} begins at 2026-12-01 00:00 UTC: withdraw it first, or let this one hold only "
        f"until then."
    }
    assert Rate.objects.filter(key=key, valid_from=SOON).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_row_that_came_another_way_is_a_sentence() -> None:
    """Written by hand, and committed only while the price is being set: the database's constraint finds it."""
    written, waiting = threading.Event(), threading.Event()

    def by_hand() -> None:
        try:
            with transaction.atomic():
                Rate.objects.create(
                    key="voice.of_ours", kind="tts", unit="char", price=1, source="x", valid_from=SOON
                )
                written.set()
                assert waiting.wait(timeout=30)
        finally:
            connections.close_all()

    def wait_for_it(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if sql.startswith("INSERT"):
            waiting.set()
        return execute(sql, *rest)

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(by_hand)
        assert written.wait(timeout=30)
        with (
            connections["default"].execute_wrapper(wait_for_it),
            pytest.raises(OverlappingRates) as refused,
        ):
            put("0.2", "voice.of_ours", kind="tts", unit="char")
        other.result(timeout=30)
    assert str(refused.value) == (
        "Somebody else changed the price of 'voice.of_ours' at the same moment: look at it again."
    )
    assert prices("voice.of_ours") == [("1", SOON, None)]
