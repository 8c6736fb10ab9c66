"""What waits for a person: accepted or dismissed, once, and what each does to the books."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from html import unescape
from threading import Barrier
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from billing.domain.card import BadRate
from billing.models import Budget, CallCost, LedgerEntry, Rate, Review
from billing.services import auditing, carrier_price, deciding, ledger, meter, settling
from billing.services.budgets import Limits, change_limits
from billing.services.card import load_defaults, set_price
from billing.services.deciding import ReviewError
from billing.services.settling import Ending
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, ZERO, sums
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db
ENDED = AT + timedelta(minutes=2)
LATER = AT + timedelta(minutes=10)
SETTLED = Decimal("0.048730")
LIST = "/admin/billing/review/"


def use(component: str, quantity: str, *, unit: str = "char", seq: int = 1, of: UUID = CALL) -> None:
    meter.record(of, [meter.Measured(component, unit, Decimal(quantity), seq)], reporter="claim 1", at=LATER)


def settled(of: UUID = CALL, budget: Budget | None = None, *, held: str = "0.25") -> Budget:
    paying = budget or make.budget()
    make.hold(of, paying, amount=held)
    settling.settle(of, Ending(61), at=ENDED)
    return paying


def accept(review: Review | None = None, by: str = "mia") -> str:
    return deciding.accept((review or Review.objects.get()).pk, by=by, at=LATER)


def refused(review: Review | None = None) -> str:
    """What is said where it cannot be accepted; nothing has changed then."""
    before = list(LedgerEntry.objects.values_list("pk", flat=True))
    with pytest.raises(ReviewError) as error:
        accept(review)
    assert list(LedgerEntry.objects.values_list("pk", flat=True)) == before
    assert (review or Review.objects.get()).decision == ""
    return str(error.value)


def corrections(of: UUID = CALL) -> list[Decimal]:
    return list(
        LedgerEntry.objects.filter(reference=of, kind="correction").order_by("pk").values_list("amount", flat=True)
    )


def rate(key: str, *, price: str = "0.05", unit: str = "char", currency: str = "USD") -> None:
    Rate.objects.create(
        key=key,
        kind="tts",
        price=Decimal(price),
        currency=currency,
        unit=unit,
        per=1000,
        valid_from=AT,
        source="test",
    )


def decided(review: Review | None = None) -> tuple[str, str, object]:
    review = Review.objects.get(pk=(review or Review.objects.get()).pk)
    return review.decision, review.decided_by, review.decided_at


def test_late_use_is_charged_once() -> None:
    budget = settled()
    use("elevenlabs.flash_v2_5", "900")
    assert sums(budget) == (SETTLED, ZERO)
    assert accept() == "0.045 USD was charged."
    assert sums(budget) == (SETTLED + Decimal("0.045"), ZERO)
    assert corrections() == [Decimal("0.045")]
    assert decided() == ("accepted", "mia", LATER)
    cost = CallCost.objects.get()
    assert (cost.charged, cost.estimated, cost.excess) == (
        SETTLED + Decimal("0.045"),
        SETTLED + Decimal("0.045"),
        ZERO,
    )
    assert {"component": "elevenlabs.flash_v2_5", "unit": "char", "quantity": "900", "billed": "900"}.items() <= next(
        line for line in cost.lines if line["component"] == "elevenlabs.flash_v2_5"
    ).items()
    with pytest.raises(ReviewError, match=r"^mia has accepted this already, at 17:10 UTC\.$"):
        accept(by="ben")
    with pytest.raises(ReviewError, match=r"^mia has accepted this already"):
        deciding.dismiss(Review.objects.get().pk, by="ben", at=LATER)
    assert corrections() == [Decimal("0.045")]
    assert auditing.audit() == []


def test_late_use_joins_the_use_before_it_in_its_increments() -> None:
    budget = settled()
    use("twilio.voice_out_us", "59", unit="s")
    assert accept() == "0.00 USD was charged."
    use("twilio.voice_out_us", "1", unit="s", seq=2)
    assert accept(Review.objects.get(decision="")) == "0.0154 USD was charged."
    assert sums(budget) == (SETTLED + Decimal("0.0154"), ZERO)


def test_late_use_of_many_reports_is_charged_as_their_sum() -> None:
    budget = settled()
    for seq in range(1, 10):
        use("elevenlabs.flash_v2_5", "100", seq=seq)
    assert accept() == "0.045 USD was charged."
    use("elevenlabs.flash_v2_5", "100", seq=9)
    use("elevenlabs.flash_v2_5", "20", seq=10)
    assert accept(Review.objects.get(decision="")) == "0.001 USD was charged."
    assert sums(budget) == (SETTLED + Decimal("0.046"), ZERO)
    assert corrections() == [Decimal("0.045"), Decimal("0.001")]


@pytest.mark.django_db(transaction=True)
def test_no_late_use_is_lost_while_a_person_decides() -> None:
    load_defaults()
    settled(budget=make.budget("10"))
    use("elevenlabs.flash_v2_5", "100", seq=1)

    def act(number: int) -> None:
        if number % 4:
            use("elevenlabs.flash_v2_5", "100", seq=number + 1)
        else:
            for review in Review.objects.filter(decision=""):
                with suppress(ReviewError):  # another was first
                    accept(review, by=f"person {number}")

    at_once(16, act)
    for review in Review.objects.filter(decision=""):
        accept(review)
    assert sum(corrections()) == Decimal("0.065")  # of 1,300 characters
    assert auditing.audit() == []


def test_late_use_keeps_the_carriers_price() -> None:
    budget = settled()
    carrier_price.apply(CALL, Decimal("0.014"), "USD", at=LATER)
    use("elevenlabs.flash_v2_5", "900")
    accept()
    assert sums(budget) == (Decimal("0.03333") + Decimal("0.045"), ZERO)
    assert CallCost.objects.get().estimated == SETTLED + Decimal("0.045")
    carrier_price.apply(CALL, Decimal("0.028"), "USD", at=LATER)
    assert sums(budget) == (SETTLED + Decimal("0.045"), ZERO)


def test_use_without_a_rate_is_charged_when_there_is_one() -> None:
    budget = make.budget()
    make.hold(CALL, budget)
    use("acme.voice", "1000")
    settling.settle(CALL, Ending(61), at=ENDED)
    assert sums(budget) == (SETTLED, ZERO)
    assert refused() == (
        "There is no rate 'acme.voice' at 2026-11-03 17:00 UTC: add one to the rate card that begins by then."
    )
    rate("acme.voice")
    assert accept() == "0.05 USD was charged."
    assert sums(budget) == (SETTLED + Decimal("0.05"), ZERO)
    assert decided()[0] == "accepted"


@pytest.mark.parametrize(
    ("unit", "currency", "why"),
    [
        (
            "token",
            "USD",
            "The rate card has 'acme.voice' per 'token', and a key keeps its unit: dismiss this, and let what "
            "reports it count in 'token', or under another key that has a rate per 'char'.",
        ),
        (
            "char",
            "EUR",
            "The rate card has 'acme.voice' in EUR, and this call is paid in USD: dismiss this, and set a price in "
            "USD for the calls to come.",
        ),
    ],
)
def test_a_rate_that_does_not_fit_is_none(unit: str, currency: str, why: str) -> None:
    settled()
    use("acme.voice", "1000")
    rate("acme.voice", unit=unit, currency=currency)
    assert refused() == why


def test_what_is_advised_for_use_in_another_unit_can_be_done() -> None:
    rate("acme.voice", unit="token")
    make.hold(CALL, make.budget("10"))
    use("acme.voice", "1000")
    settling.settle(CALL, Ending(61), at=ENDED)
    review = Review.objects.get()
    assert refused() in review.text
    with pytest.raises(BadRate, match="keep that unit, or choose another key"):
        set_price("acme.voice", Decimal(1), from_at=AT, now=LATER, source="test", unit="char")
    set_price("acme.characters", Decimal(1), from_at=AT, now=LATER, source="test", unit="char", kind="tts")
    deciding.dismiss(review.pk, by="mia", at=LATER)
    use("acme.characters", "2")
    assert accept(Review.objects.get(decision="")) == "2.00 USD was charged."
    use("acme.voice", "1000", unit="token", seq=2)
    assert accept(Review.objects.get(decision="")) == "0.05 USD was charged."


def test_accepting_use_for_which_there_is_no_room_leaves_an_excess_to_review() -> None:
    budget = settled(budget=make.budget("0.25"))
    change_limits(budget.pk, Limits(Decimal("0.06")), at=LATER)
    use("elevenlabs.flash_v2_5", "900")
    assert accept() == "0.01127 USD was charged."
    assert sums(budget) == (Decimal("0.06"), ZERO)
    excess = Review.objects.get(decision="")
    assert (excess.kind, excess.data) == ("excess", {"excess": "0.033730"})


def test_an_excess_is_charged_as_there_is_room_and_stays_open_for_the_rest() -> None:
    budget = settled(budget=make.budget("0.04"), held="0.04")
    assert sums(budget) == (Decimal("0.04"), ZERO)
    assert (
        refused()
        == "The budgets of this call have no room for it: raise their limits by 0.00873 USD, or dismiss this."
    )
    change_limits(budget.pk, Limits(Decimal("0.045")), at=LATER)
    assert accept() == "0.005 USD was charged; for 0.00373 USD there is no room, and it stays open."
    assert decided() == ("", "", None)
    assert (sums(budget), CallCost.objects.get().excess) == ((Decimal("0.045"), ZERO), Decimal("0.00373"))
    assert refused().endswith("raise their limits by 0.00373 USD, or dismiss this.")
    change_limits(budget.pk, Limits(None), at=LATER)
    assert accept() == "0.00373 USD was charged."
    assert decided() == ("accepted", "mia", LATER)
    assert (sums(budget), CallCost.objects.get().excess) == ((SETTLED, ZERO), ZERO)
    assert corrections() == [Decimal("0.005"), Decimal("0.00373")]
    assert auditing.audit() == []


def test_an_excess_that_the_carriers_price_took_away_is_closed() -> None:
    budget = settled(budget=make.budget("1"), held="0.04")
    carrier_price.apply(CALL, Decimal("0.014"), "USD", at=LATER)
    assert accept() == "Nothing is left of it: the carrier's price was lower."
    assert decided()[0] == "accepted"
    assert sums(budget) == (Decimal("0.03333"), ZERO)


def test_a_far_price_is_taken_by_a_person() -> None:
    budget = settled(budget=make.budget("9"))
    carrier_price.apply(CALL, Decimal("2.8"), "USD", at=LATER)
    assert accept() == "The carrier's price was taken; the charge changed by 3.0492 USD."
    assert sums(budget) == (SETTLED + Decimal("3.0492"), ZERO)
    assert CallCost.objects.get().carrier_price == Decimal("2.8")


def test_a_far_price_that_the_carrier_corrected_is_only_dismissed() -> None:
    settled()
    carrier_price.apply(CALL, Decimal("2.8"), "USD", at=ENDED)
    carrier_price.apply(CALL, Decimal("0.014"), "USD", at=LATER)
    assert refused() == "The carrier has reported 0.014 USD since: dismiss this."
    deciding.dismiss(Review.objects.get().pk, by="mia", at=LATER)
    assert decided() == ("dismissed", "mia", LATER)
    assert CallCost.objects.get().carrier_price == Decimal("0.014")


def test_a_price_that_came_before_the_settlement_is_taken_after_it() -> None:
    budget = make.budget()
    make.hold(CALL, budget)
    carrier_price.apply(CALL, Decimal("0.014"), "USD", at=ENDED)
    assert refused() == "Nothing was charged for this call, so nothing can be added to it: dismiss this."
    settling.settle(CALL, Ending(61), at=ENDED)
    accept()
    assert sums(budget) == (Decimal("0.03333"), ZERO)


def test_what_can_only_be_dismissed_says_why() -> None:
    settled()
    carrier_price.apply(CALL, Decimal("0.014"), "EUR", at=LATER)
    use("a", "1", of=OTHER)
    use("a", "-1")
    carrier_price.apply(CALL, Decimal(-1), "USD", at=LATER)
    sentences = {review.kind: refused(review) for review in Review.objects.all()}
    assert sentences == {
        "carrier_currency": "An amount in another currency cannot be charged, since nothing is converted here: "
        "dismiss this. The estimate stands.",
        "unknown_usage": "Nothing was held for this call, so no budget can be charged: dismiss this.",
        "bad_usage": "This cannot be counted, so it cannot be charged: dismiss this.",
        "carrier_price": "This is no price: look the call up at the carrier, and dismiss this.",
    }
    for review in Review.objects.all():
        deciding.dismiss(review.pk, by="mia", at=LATER)
    assert set(Review.objects.values_list("decision", flat=True)) == {"dismissed"}
    assert corrections() == []


def test_late_use_of_a_call_that_never_rang_can_only_be_dismissed() -> None:
    make.hold(CALL, make.budget())
    ledger.release(CALL, at=AT)
    use("elevenlabs.flash_v2_5", "900")
    assert refused() == "Nothing was charged for this call, so nothing can be added to it: dismiss this."


def test_a_price_in_another_currency_of_a_call_that_was_not_charged_stays_one() -> None:
    make.hold(CALL, make.budget())
    carrier_price.apply(CALL, Decimal("0.014"), "EUR", at=ENDED)
    settling.settle(CALL, Ending(61), at=ENDED)
    assert refused().startswith("An amount in another currency cannot be charged")


def test_silence_is_asked_about_again() -> None:
    settled()
    carrier_price.ask_later(CALL, at=ENDED + timedelta(days=4))
    assert accept() == "The carrier is asked once more, within a minute."
    assert carrier_price.due(at=LATER, limit=9) == [CALL]


@pytest.mark.django_db(transaction=True)
def test_of_many_people_one_decides() -> None:
    budget = settled()
    use("elevenlabs.flash_v2_5", "900")
    review, start = Review.objects.get(), Barrier(8)

    def press(number: int) -> str:
        start.wait(10)
        try:
            if number % 2:
                return accept(review, by=f"person {number}")
            deciding.dismiss(review.pk, by=f"person {number}", at=LATER)
            return "dismissed"
        except ReviewError:
            return "late"
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        said = sorted(pool.map(press, range(8)))
    assert said in (["0.045 USD was charged."] + ["late"] * 7, ["dismissed"] + ["late"] * 7)
    charged = said[0] != "dismissed"
    assert sums(budget) == (SETTLED + charged * Decimal("0.045"), ZERO)
    assert Review.objects.get().decision == ("accepted" if charged else "dismissed")


def text(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def press(client: Client, action: str, *reviews: Review) -> list[str]:
    reply = client.post(
        f"{LIST}?decision=all", {"action": action, "_selected_action": [review.pk for review in reviews]}, follow=True
    )
    return [str(message) for message in reply.context["messages"]]


def test_the_list_shows_open_ones_first_and_the_buttons_decide(admin_client: Client) -> None:
    settled()
    use("elevenlabs.flash_v2_5", "900")
    use("acme.voice", "5", seq=2)
    good, bad = Review.objects.order_by("pk")
    page = text(admin_client, LIST)
    assert "900 char of elevenlabs.flash_v2_5 was reported after the call had been settled: accept it" in page
    assert f'<a href="/admin/calls/call/{CALL}/change/">6f1c2f0e</a>' in admin_client.get(LIST).content.decode()
    assert press(admin_client, "accept_selected", good, bad) == [
        "Call 6f1c2f0e, use of a finished call: 0.045 USD was charged.",
        "Call 6f1c2f0e, use of a finished call: There is no rate 'acme.voice' at 2026-11-03 17:00 UTC: add one to "
        "the rate card that begins by then.",
    ]
    assert press(admin_client, "dismiss_selected", bad) == ["1 dismissed; no balance was changed."]
    assert "There is nothing to review: every cost and every price fits." in text(admin_client, LIST)
    found = {
        word: admin_client.get(LIST, {"decision": word}).context["cl"].result_count
        for word in ("accepted", "dismissed", "all", "")
    }
    assert found == {"accepted": 1, "dismissed": 1, "all": 2, "": 0}
    assert "accepted admin, 20" in text(admin_client, f"{LIST}?decision=accepted&q=6f1c2f0e")
    assert "accepted admin" in text(admin_client, f"{LIST}{good.pk}/change/")
    [again] = press(admin_client, "dismiss_selected", good)
    assert again.startswith("Call 6f1c2f0e, use of a finished call: admin has accepted this already, at ")


@pytest.mark.parametrize(("button", "decision"), [("Accept", "accepted"), ("Dismiss", "dismissed")])
def test_a_review_is_decided_on_its_own_page(admin_client: Client, button: str, decision: str) -> None:
    settled()
    use("elevenlabs.flash_v2_5", "900")
    url = f"{LIST}{Review.objects.get().pk}/change/"
    page = admin_client.get(url).content.decode()
    [action] = re.findall(rf'name="action" value="(\w+)">{button}<', page)
    [pk] = set(re.findall(r'name="_selected_action" value="(\d+)"', page))
    assert admin_client.post(LIST, {"action": action, "_selected_action": pk}).status_code == 302
    assert decided()[0] == decision
    assert f">{button}<" not in admin_client.get(url).content.decode()


def test_who_may_only_look_decides_nothing(client: Client) -> None:
    settled()
    use("elevenlabs.flash_v2_5", "900")
    user = User.objects.create_user("ben", password="correct horse", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_review"))
    client.force_login(user)
    assert "accept_selected" not in client.get(LIST).content.decode()
    assert ">Accept</button>" not in client.get(f"{LIST}{Review.objects.get().pk}/change/").content.decode()
    press(client, "accept_selected", Review.objects.get())
    assert decided() == ("", "", None)
    user.user_permissions.add(Permission.objects.get(codename="change_review"))
    press(client, "accept_selected", Review.objects.get())
    assert decided()[:2] == ("accepted", "ben")
