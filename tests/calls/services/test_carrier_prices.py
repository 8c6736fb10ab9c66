"""The carrier is asked what it charged: when, how often, and what becomes of its answer."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Event, Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection

from agents.domain.types import Disposition
from billing.models import CallCost, LedgerEntry, Review
from billing.services import auditing, carrier_price, deciding
from billing.services.card import load_defaults
from calls.domain.status import CallStatus
from calls.models import Call, CallEvent, CostEvent
from calls.services import carrier, carrier_prices
from calls.services.carrier_prices import ask_prices
from calls.services.costs import Question, per_day
from calls.services.database import alone
from calls.services.finishing import finish
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, report, update
from tests.calls.race.threads import at_once
from tests.simulator.world import SID, TOKEN, Socket, everybody, human, sockets
from tests.simulator.world import carrier as phone_company
from voice.adapters.twilio import TwilioDialer
from voice.domain.types import CarrierStatus, CarrierUpdate, DialRequest, StreamTarget
from voice.ports import DialUnknown

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
MINUTE = timedelta(minutes=1)
SETTLED = Decimal("0.048730")
"""USD for 61 s."""


def sid(number: int) -> str:
    return f"CA{number:032x}"


def finished(number: int = 1, *, at: datetime = NOW, answered: bool = True) -> Call:
    """A call that the carrier knows, over at ``at``, after 61 s of talk."""
    answered_at = at - timedelta(seconds=61) if answered else None
    call = make.call(
        status=CallStatus.LIVE, at=NOW - 5 * MINUTE, answered_at=answered_at, carrier_call_id=sid(number)
    )
    disposition = Disposition.QUALIFIED if answered else Disposition.NO_ANSWER
    finish(call.pk, report(disposition, answered_at=answered_at, ended_at=at), now=at)
    call.refresh_from_db()
    return call


def told(price: str | None, unit: str | None = "USD", *, number: int = 1) -> CarrierUpdate:
    news = update(CarrierStatus.COMPLETED, carrier_call_id=sid(number), duration_s=61)
    return replace(news, price=None if price is None else Decimal(price), price_unit=unit)


def ask(dialer: FakeDialer, *, after: timedelta = MINUTE) -> None:
    assert ask_prices(dialer=dialer, now=NOW + after)


def booked(call: Call) -> list[tuple[str, Decimal]]:
    entries = LedgerEntry.objects.filter(reference=call.pk, kind="correction").order_by("pk")
    return list(entries.values_list("cause", "amount"))


def figures() -> Decimal:
    """All that calls cost by the daily figures."""
    days = per_day(Question(NOW.date() - timedelta(days=1), NOW.date() + timedelta(days=1)))
    return sum((day.figures.cost for day in days), Decimal(0))


def test_an_answered_call_is_asked_about_a_minute_after_its_end() -> None:
    call, dialer = finished(), FakeDialer(knows=told("0.014"))
    finished(2, answered=False)
    ask(dialer, after=timedelta(seconds=59))
    assert dialer.asked == []
    ask(dialer)
    assert dialer.asked == [("fetch", sid(1))]
    call.refresh_from_db()
    assert call.cost == CallCost.objects.get(pk=call.pk).charged == Decimal("0.03333")
    assert booked(call) == [("carrier_price", Decimal("-0.0154"))]
    assert figures() == Decimal("0.03333")
    ask(dialer, after=timedelta(days=9))
    assert len(dialer.asked) == 1
    assert auditing.audit() == []


@pytest.mark.parametrize("knows", [told(None), None])
def test_without_a_price_it_is_asked_later(knows: CarrierUpdate | None) -> None:
    call, dialer = finished(), FakeDialer(knows=knows)
    asked_after = []
    for minute in range(1, 20):
        before = len(dialer.asked)
        ask(dialer, after=minute * MINUTE)
        if len(dialer.asked) > before:
            asked_after.append(minute)
    assert asked_after == [1, 3, 7, 15]
    dialer.knows = told("0.014")
    ask(dialer, after=timedelta(hours=1))
    assert booked(call) == [("carrier_price", Decimal("-0.0154"))]


def test_after_some_days_it_is_given_up_and_a_person_is_told() -> None:
    finished()
    dialer = FakeDialer(knows=told(None))
    for hours in range(0, 100):
        ask(dialer, after=MINUTE + timedelta(hours=hours))
    assert Review.objects.get().kind == "carrier_silent"
    asked = len(dialer.asked)
    assert 10 < asked < 25
    deciding.accept(Review.objects.get().pk, by="mia", at=NOW + timedelta(hours=101))
    dialer.knows = told("0.014")
    ask(dialer, after=timedelta(hours=101))
    assert len(dialer.asked) == asked + 1
    assert CallCost.objects.get().carrier_price == Decimal("0.014")


def test_a_price_in_another_currency_is_set_aside_once_however_often_it_is_asked() -> None:
    call, dialer = finished(), FakeDialer(knows=told("0.014", "EUR"))
    for hours in range(0, 100):
        ask(dialer, after=MINUTE + timedelta(hours=hours))
    assert (Review.objects.get().kind, booked(call)) == ("carrier_currency", [])
    call.refresh_from_db()
    assert call.cost == SETTLED


def test_a_price_without_a_currency_is_set_aside() -> None:
    call = finished()
    ask(FakeDialer(knows=told("0.014", None)))
    assert (Review.objects.get().kind, booked(call)) == ("carrier_currency", [])


def test_the_longest_waiting_are_asked_first_and_a_silent_carrier_ends_the_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrier_prices, "_AT_ONCE", 1)
    for number in range(1, 6):
        finished(number, at=NOW - number * timedelta(seconds=1))
    dialer = FakeDialer(knows=DialUnknown("Twilio gave no answer."))
    ask(dialer)
    assert dialer.asked == [("fetch", sid(number)) for number in (5, 4, 3)]
    ask(dialer, after=MINUTE + timedelta(seconds=1))
    assert dialer.asked[3:] == [("fetch", sid(number)) for number in (2, 1)]
    assert not Review.objects.exists()


def test_one_call_that_the_carrier_chokes_on_ends_no_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_prices, "_AT_ONCE", 1)
    for number in range(1, 10):
        finished(number, at=NOW + number * timedelta(seconds=1))
    dialer = FakeDialer()
    silent = {sid(1), sid(2), sid(4), sid(5), sid(7), sid(8)}

    def fetch(carrier_call_id: str) -> CarrierUpdate | None:
        dialer.asked.append(("fetch", carrier_call_id))
        if carrier_call_id in silent:
            raise DialUnknown("Twilio gave no answer.")
        return replace(told("0.014"), carrier_call_id=carrier_call_id)

    monkeypatch.setattr(dialer, "fetch", fetch)
    ask(dialer, after=2 * MINUTE)
    assert dialer.asked == [("fetch", sid(number)) for number in range(1, 10)]
    assert CallCost.objects.filter(carrier_price=Decimal("0.014")).count() == 3


class Slow(FakeDialer):
    """A carrier that takes its time, as long as ``wait`` does, over each question."""

    def __init__(self, wait: Callable[[], object]) -> None:
        super().__init__(knows=told("0.014"))
        self.wait = wait

    def fetch(self, carrier_call_id: str) -> CarrierUpdate | None:
        self.wait()
        return super().fetch(carrier_call_id)


def test_eight_questions_are_open_at_a_time() -> None:
    for number in range(1, 17):
        finished(number)
    together = Barrier(8)
    ask(Slow(lambda: together.wait(5)))
    assert not together.broken
    assert CallCost.objects.filter(carrier_price=Decimal("0.014")).count() == 16


def test_no_question_is_begun_when_the_round_has_lasted_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_prices, "_ROUND_S", 0)
    for number in range(1, 11):
        finished(number)
    dialer = FakeDialer(knows=told("0.014"))
    ask(dialer)
    assert (len(dialer.asked), len(set(dialer.asked))) == (8, 8)
    ask(dialer)
    assert (len(dialer.asked), len(set(dialer.asked))) == (10, 10)


@pytest.mark.slow
def test_one_round_asks_about_300_calls() -> None:
    for number in range(1, 301):
        finished(number)
    dialer = Slow(lambda: Event().wait(0.05))
    ask(dialer)
    assert len(dialer.asked) == 300
    assert CallCost.objects.filter(carrier_price=Decimal("0.014")).count() == 300
    assert auditing.audit() == []


def test_a_round_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_prices, "_BATCH", 2)
    for number in range(1, 4):
        finished(number)
    dialer = FakeDialer(knows=told("0.028"))
    ask(dialer)
    assert len(dialer.asked) == 2
    ask(dialer)
    assert len(dialer.asked) == 3


def test_one_calls_trouble_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = finished(1, at=NOW - MINUTE), finished(2)
    apply = carrier_price.apply

    def broken(reference: UUID, *rest: Any, **more: Any) -> bool:
        if reference == first.pk:
            raise RuntimeError("on purpose")
        return apply(reference, *rest, **more)

    monkeypatch.setattr(carrier_price, "apply", broken)
    ask(FakeDialer(knows=told("0.014")))
    assert (booked(first), len(booked(second))) == ([], 1)
    assert CallCost.objects.get(pk=first.pk).carrier_asks == 1


def test_a_database_that_is_away_ends_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    finished()

    def away(*_: Any, **__: Any) -> bool:
        raise OperationalError("on purpose")

    monkeypatch.setattr(carrier_price, "apply", away)
    with pytest.raises(OperationalError):
        ask(FakeDialer(knows=told("0.014")))


@pytest.mark.django_db(transaction=True)
def test_one_process_asks_at_a_time() -> None:
    finished()
    dialer = FakeDialer(knows=told("0.014"))
    done: list[bool] = []

    def other() -> None:
        done.append(ask_prices(dialer=dialer, now=NOW + MINUTE))
        connection.close()

    with alone(carrier_prices._LEADER_LOCK) as leading:
        assert leading
        thread = Thread(target=other)
        thread.start()
        thread.join(20)
    assert (done, dialer.asked) == ([False], [])


def test_a_call_that_the_carrier_never_named_is_not_asked_about() -> None:
    finished()
    Call.objects.update(carrier_call_id="")
    dialer = FakeDialer(knows=told("0.014"))
    ask(dialer)
    assert dialer.asked == []
    assert CallCost.objects.get().carrier_asks == 1


def test_a_price_in_a_callback_is_taken_once_the_call_is_over() -> None:
    call = make.call(status=CallStatus.LIVE, at=NOW - 5 * MINUTE, answered_at=NOW - timedelta(seconds=61))
    assert carrier.apply(call.pk, told("0.014"), now=NOW)
    assert not CallCost.objects.exists()
    assert not Review.objects.exists()
    finish(call.pk, report(answered_at=call.answered_at, ended_at=NOW), now=NOW)
    assert not carrier.apply(call.pk, told("0.014"), now=NOW)  # the news is old, its price is not
    assert booked(call) == [("carrier_price", Decimal("-0.0154"))]
    assert not carrier.apply(call.pk, told("0.014"), now=NOW)
    assert len(booked(call)) == 1


def test_a_call_that_nobody_answered_here_but_somebody_at_the_carrier_is_asked_about() -> None:
    before = finished(1, answered=False)
    after = make.call(status=CallStatus.DIALING, at=NOW - 5 * MINUTE, carrier_call_id=sid(2))
    carrier.apply(before.pk, told(None), now=NOW)
    carrier.apply(after.pk, told(None, number=2), now=NOW)
    finish(after.pk, report(Disposition.NO_ANSWER, ended_at=NOW), now=NOW)
    dialer = FakeDialer(knows=told("0.014"))
    ask(dialer)
    assert sorted(dialer.asked) == [("fetch", sid(1)), ("fetch", sid(2))]
    assert booked(before) == booked(after) == [("carrier_price", Decimal("0.0154"))]


def test_what_the_carrier_said_is_kept_together_with_the_request_for_its_price(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = finished(1, answered=False)

    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("on purpose")

    with monkeypatch.context() as broken:
        broken.setattr(carrier_price, "expect", crash)
        with pytest.raises(RuntimeError, match="on purpose"):
            carrier.apply(call.pk, told(None), now=NOW)
    assert not call.events.filter(kind="carrier.completed").exists()
    assert CallCost.objects.get().carrier_due_at is None
    assert carrier.apply(call.pk, told(None), now=NOW)
    assert CallCost.objects.get().carrier_due_at == NOW + MINUTE


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answered", [True, False])
def test_news_and_price_of_a_call_at_one_moment_wait_for_each_other(answered: bool) -> None:
    load_defaults()
    calls = [finished(number, answered=answered) for number in range(1, 9)]

    def act(number: int) -> None:
        call = calls[number // 2]
        if number % 2:
            carrier.apply(call.pk, told(None), now=NOW + MINUTE)
        else:
            carrier_prices.take(call.pk, told("0.014"), now=NOW + MINUTE)

    at_once(16, act)
    assert CallCost.objects.filter(carrier_price=Decimal("0.014")).count() == 8
    assert CallEvent.objects.filter(kind="carrier.completed").count() == 8
    assert auditing.audit() == []


def test_the_sweep_takes_the_price_that_it_is_told() -> None:
    call = make.call(
        status=CallStatus.UNKNOWN, at=NOW - 5 * MINUTE, answered_at=NOW - 2 * MINUTE, carrier_call_id=sid(1)
    )
    assert sweep(dialer=FakeDialer(knows=told("0.014")), now=NOW)
    call.refresh_from_db()
    assert (call.status, call.billed_s, call.cost) == ("done", 61, Decimal("0.03333"))
    assert booked(call) == [("carrier_price", Decimal("-0.0154"))]


def test_what_a_person_decides_follows_as_well() -> None:
    call = finished()
    ask(FakeDialer(knows=told("0.7")))
    call.refresh_from_db()
    assert call.cost == SETTLED
    deciding.accept(Review.objects.get().pk, by="mia", at=NOW + 2 * MINUTE)
    call.refresh_from_db()
    assert call.cost == SETTLED + Decimal("0.7392")
    assert figures() == SETTLED + Decimal("0.7392")


def test_a_call_from_before_the_figures_has_none_to_correct() -> None:
    call = finished()
    CostEvent.objects.all().delete()
    ask(FakeDialer(knows=told("0.014")))
    call.refresh_from_db()
    assert call.cost == Decimal("0.03333")
    assert not CostEvent.objects.exists()


@contextmanager
def simulated(*people: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The simulated carrier on a loop of its own: its address, and that of a media server which hangs up at once."""
    started, over, at = Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()

    async def hang_up(socket: Socket) -> None:
        await socket.connection.close()

    async def serve() -> None:
        async with (
            sockets(hang_up) as media,
            phone_company(everybody(*people), rest={"price_after_s": 0.5}) as company,
        ):
            at.extend([company.url, media.url])
            started.set()
            await over.wait()

    thread = Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    try:
        assert started.wait(20)
        yield at[0], at[1]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
        loop.close()


@pytest.mark.django_db(transaction=True)
def test_the_whole_way_over_the_carriers_own_interface() -> None:
    people = (
        human("*0101"),
        human("*0102", charge={"times": 2}),
        human("*0103", charge={"currency": "EUR"}),
        human("*0104", charge={"times": 100}),
    )
    with simulated(*people) as (url, media):
        dialer = TwilioDialer(
            account_sid=SID, auth_token=TOKEN, api_base_url=url, callback_base_url="http://127.0.0.1:9"
        )
        calls = [_called(dialer, media, f"+1303555010{number}") for number in range(1, 5)]
        now = datetime.now(UTC)
        assert ask_prices(dialer=dialer, now=now + MINUTE)
        for minutes in (4, 9, 18):
            if CallCost.objects.filter(carrier_price__isnull=False).count() == 2 and Review.objects.count() == 2:
                break
            Event().wait(0.6)
            assert ask_prices(dialer=dialer, now=now + minutes * MINUTE)
    prices = [CallCost.objects.get(pk=call.pk).carrier_price for call in calls]
    assert prices == [Decimal("0.014"), Decimal("0.028"), None, None]
    assert [booked(call) for call in calls] == [[], [("carrier_price", Decimal("0.0154"))], [], []]
    aside = dict(Review.objects.values_list("reference", "kind"))
    assert aside == {calls[2].pk: "carrier_currency", calls[3].pk: "carrier_price"}
    costs = [Call.objects.get(pk=call.pk).cost for call in calls]
    assert costs == [costs[0], costs[0] + Decimal("0.0154"), costs[0], costs[0]]
    assert auditing.audit() == []


def _called(dialer: TwilioDialer, media: str, to: str) -> Call:
    """A call that the simulated carrier really carried, finished by what it says of it."""
    call = make.call(status=CallStatus.DIALING, at=datetime.now(UTC), to_number=to)
    carrier_call_id = dialer.place(
        DialRequest(str(call.pk), to, "+13035550000", StreamTarget(media, "token"), 10, 60, detect_machine=False)
    )
    Call.objects.filter(pk=call.pk).update(carrier_call_id=carrier_call_id)
    for _ in range(200):
        news = dialer.fetch(carrier_call_id)
        assert news is not None
        if news.status is CarrierStatus.COMPLETED:
            break
        Event().wait(0.05)
    assert news is not None
    assert (news.status, news.price) == (CarrierStatus.COMPLETED, None)
    assert news.duration_s in (1, 2)  # behind the media the carrier asks, in vain, who talks on
    ended_at = datetime.now(UTC)
    finish(call.pk, report(answered_at=ended_at - timedelta(seconds=1), ended_at=ended_at), now=ended_at)
    return call
