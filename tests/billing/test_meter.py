"""What components used counts once, and what cannot be counted waits for a person."""

from decimal import Decimal

import pytest

from billing.models import Balance, LedgerEntry, Review, UsageReport
from billing.services import ledger, meter
from billing.services.meter import Measured
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, hold

pytestmark = pytest.mark.django_db
NAN = Decimal("NaN")


def characters(
    quantity: str | Decimal = "120", seq: int = 1, component: str = "tts.local", unit: str = "char"
) -> Measured:
    return Measured(component, unit, Decimal(quantity), seq)


def record(*reports: Measured, reporter: str = "claim 1") -> None:
    meter.record(CALL, reports, reporter=reporter, at=AT)


def reviews() -> list[tuple[str, str]]:
    return list(Review.objects.order_by("pk").values_list("kind", "text"))


@pytest.fixture
def held() -> None:
    hold(CALL, make.budget())


@pytest.mark.usefixtures("held")
def test_reports_add_up_by_component_and_unit() -> None:
    record(characters(), characters("30", 2), characters("2.5", component="call", unit="s"))
    record(characters("7", 1), reporter="claim 2")
    record(
        characters("1", 1, component="llm.local", unit="token"), characters("2", 2, component="llm.local", unit="s")
    )
    assert meter.used_by(CALL) == {
        ("call", "s"): Decimal("2.5"),
        ("llm.local", "s"): Decimal(2),
        ("llm.local", "token"): Decimal(1),
        ("tts.local", "char"): Decimal(157),
    }
    assert meter.used_by(OTHER) == {}
    row = UsageReport.objects.get(component="call")
    assert (row.reference, row.reporter, row.seq, row.at) == (CALL, "claim 1", 1, AT)


@pytest.mark.usefixtures("held")
def test_a_report_that_comes_twice_counts_once() -> None:
    record(characters(), characters())
    record(characters("999"), characters("30", 2))
    assert meter.used_by(CALL) == {("tts.local", "char"): Decimal(150)}
    assert reviews() == []


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("report", "said"),
    [
        (characters("-1"), "-1 char of tts.local"),
        (characters(NAN), "NaN char of tts.local"),
        (characters("Infinity"), "Infinity char of tts.local"),
        (characters("1000000000.000001"), "1000000000.000001 char of tts.local"),
        (characters(seq=0), "120 char of tts.local"),
        (characters(seq=2**31), "120 char of tts.local"),
        (characters(component=""), "120 char of "),
        (characters(component="m" * 61), f"120 char of {'m' * 61}"),
        (characters(component="m" * 600), f"120 char of {'m' * 80}"),
        (characters(component="a\0b"), r"120 char of a\x00b"),
        (characters(unit="characters"), "120 characters of tts.local"),
        (characters(unit=""), "120  of tts.local"),
    ],
)
def test_what_cannot_have_been_used_is_set_aside_and_the_rest_counts(report: Measured, said: str) -> None:
    for _ in range(2):
        record(report, characters("5", 7))
    assert reviews() == [
        (
            "bad_usage",
            f"{said} cannot have been used: a quantity is from 0 to a thousand million, a component has at most 60 "
            f"characters and a unit 8, and reports count from 1. Correct what reported it.",
        )
    ]
    assert meter.used_by(CALL) == {("tts.local", "char"): Decimal(5)}


@pytest.mark.usefixtures("held")
def test_the_largest_report_is_taken() -> None:
    record(Measured("m" * 60, "u" * 8, Decimal(1_000_000_000), 2**31 - 1), reporter="r" * 40)
    assert meter.used_by(CALL) == {("m" * 60, "u" * 8): Decimal(1_000_000_000)}
    assert reviews() == []


def test_use_of_a_call_that_nothing_was_held_for_is_set_aside_once() -> None:
    for _ in range(2):
        record(characters(), characters("30", 2))
    assert [kind for kind, _ in reviews()] == ["unknown_usage"] * 2
    assert reviews()[0][1] == (
        "120 char of tts.local was reported for a call that nothing was held for: find out who reported it. "
        "It was not charged."
    )
    assert not UsageReport.objects.exists()
    assert not LedgerEntry.objects.exists()


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("end", ["charge", "release"])
def test_use_that_comes_after_the_end_is_set_aside_and_changes_no_balance(end: str) -> None:
    record(characters())
    if end == "charge":
        ledger.charge(CALL, Decimal("0.1"), at=AT)
    else:
        ledger.release(CALL, at=AT)
    before = list(Balance.objects.order_by("pk").values())
    record(characters(), characters("30", 2))
    record(characters("30", 2))
    late = Review.objects.get()
    assert (late.kind, late.reference, late.opened_at, late.decision) == ("late_usage", CALL, AT, "")
    assert late.text == (
        "30 char of tts.local was reported after the call had been settled: accept it to charge it as a correction, "
        "or dismiss it."
    )
    assert late.data == {
        "component": "tts.local",
        "unit": "char",
        "quantity": "30",
        "reports": {"claim 1": [2]},
    }
    assert meter.used_by(CALL) == {("tts.local", "char"): Decimal(120)}
    assert list(Balance.objects.order_by("pk").values()) == before


@pytest.mark.usefixtures("held")
def test_late_use_is_one_review_for_each_component_until_it_is_decided() -> None:
    record(characters())
    ledger.charge(CALL, Decimal("0.1"), at=AT)
    for seq in range(1, 200):
        record(
            characters("30", seq),
            characters("0.5", seq, component="call", unit="s"),
            characters("30", seq),
        )
    record(characters("1.5", 2), reporter="claim 2")
    record(characters("4", 300, unit="token"))
    sums = [
        (one["component"], one["unit"], one["quantity"])
        for one in Review.objects.order_by("pk").values_list("data", flat=True)
    ]
    assert sums == [("call", "s", "99.5"), ("tts.local", "char", "5941.5"), ("tts.local", "token", "4")]
    assert [text.split(" was ")[0] for _, text in reviews()] == [
        "99.5 s of call",
        "5941.5 char of tts.local",
        "4 token of tts.local",
    ]
    Review.objects.update(decision="dismissed")
    record(characters("30", 7), characters("30", 300), characters("7", 201))
    assert [text.split(" was ")[0] for _, text in reviews()][3:] == ["7 char of tts.local"]
    assert meter.used_by(CALL) == {("tts.local", "char"): Decimal(120)}


@pytest.mark.usefixtures("held")
def test_findings_with_long_names_stay_apart() -> None:
    ledger.release(CALL, at=AT)
    for last in "ab":
        record(characters(component="m" * 59 + last), reporter="r" * 40)
        record(characters(component="m" * 59 + last), reporter="r" * 40)
    assert [kind for kind, _ in reviews()] == ["late_usage"] * 2
    assert {len(key) for key in Review.objects.values_list("key", flat=True)} == {120}
