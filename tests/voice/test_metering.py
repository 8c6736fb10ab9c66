"""What is used is counted exactly, and told once."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from voice.domain.types import Usage, Used
from voice.metering import Meter

PREMIUM, LOCAL = "elevenlabs.flash_v2_5", "tts.local"


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def test_what_was_told_is_not_told_again() -> None:
    clock, told = Clock(), list[Used]()
    meter = Meter({"call": clock}, told.append)
    meter.tell()
    assert told == []
    meter.add_chars(PREMIUM, 12)
    meter.add_chars(LOCAL, 3)
    clock.s = 1.23449
    meter.tell(PREMIUM)
    assert told == [Used((Usage(PREMIUM, "char", Decimal(12), 1),))]
    clock.s = 2.5
    meter.add_chars(PREMIUM, 5)
    meter.tell()
    assert told[1:] == [
        Used(
            (
                Usage("call", "s", Decimal("2.500"), 1),
                Usage(PREMIUM, "char", Decimal(5), 2),
                Usage(LOCAL, "char", Decimal(3), 1),
            )
        )
    ]
    clock.s = 2.50049  # less than a millisecond is not worth a report
    meter.tell()
    meter.tell(LOCAL)
    assert len(told) == 2
    clock.s = 4.0
    assert meter.take() == (Usage("call", "s", Decimal("1.500"), 2),)
    assert meter.take() == ()
    assert meter.total() == (
        Usage("call", "s", Decimal("4.000")),
        Usage(PREMIUM, "char", Decimal(17)),
        Usage(LOCAL, "char", Decimal(3)),
    )


def test_tokens_are_told_as_they_grow_and_once() -> None:
    counts, told = {"m.in": 0}, list[Used]()
    meter = Meter({}, told.append, tokens=lambda: counts)
    meter.tell()
    assert told == []
    counts["m.in"] = 900
    meter.tell()
    counts |= {"m.in": 1500, "m.out": 40}
    assert meter.total() == (Usage("m.in", "token", Decimal(1500)), Usage("m.out", "token", Decimal(40)))
    assert meter.take() == (Usage("m.in", "token", Decimal(600), 2), Usage("m.out", "token", Decimal(40), 1))
    assert meter.take() == ()
    assert told == [Used((Usage("m.in", "token", Decimal(900), 1),))]


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("chars"), st.sampled_from([PREMIUM, LOCAL]), st.integers(0, 300)),
        st.tuples(st.just("time"), st.just(""), st.integers(0, 90_000)),
        st.tuples(st.just("tell"), st.sampled_from([PREMIUM, LOCAL, "call", ""]), st.just(0)),
        st.tuples(st.just("total"), st.just(""), st.just(0)),
    )
)


@given(_STEPS)
def test_the_reports_sum_up_to_the_truth(steps: list[tuple[str, str, int]]) -> None:
    clock, told = Clock(), list[Used]()
    meter = Meter({"call": clock}, told.append)
    truth = {PREMIUM: Decimal(0), LOCAL: Decimal(0), "call": Decimal(0)}
    microseconds = 0
    for what, component, amount in steps:
        if what == "chars":
            meter.add_chars(component, amount)
            truth[component] += amount
        elif what == "time":
            microseconds += amount
            clock.s = microseconds / 1e6
            truth["call"] = Decimal(f"{clock.s:.3f}")
        elif what == "tell":
            meter.tell(*filter(None, [component]))
        else:
            assert {one.component: one.quantity for one in meter.total()}.items() <= truth.items()
    reports = [*(one for used in told for one in used.usage), *meter.take()]
    for component, total in truth.items():
        own = [one for one in reports if one.component == component]
        assert sum(one.quantity for one in own) == total
        assert [one.seq for one in own] == list(range(1, len(own) + 1))
        assert all(one.quantity > 0 for one in own)
