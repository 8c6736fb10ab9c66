"""Numbers that must not stay in a record, as people say them and as a recogniser writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.recordings.sensitive import CARD, CODE, DETAIL, EXPIRY, SSN, Found, SensitiveWatch, luhn

VISA = "4111111111111111"


def heard(*turns: str, watch: SensitiveWatch | None = None) -> list[Found]:
    """What is found in each of the person's turns; one that begins with > is the agent's."""
    watch = watch or SensitiveWatch()
    found = []
    for place, text in enumerate(turns, start=1):
        if text.startswith(">"):
            watch.agent(text[1:])
            continue
        one = watch.lead(text, (float(place), place + 0.5))
        watch.numbered(one.text, place)
        found.append(one)
    return found


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("My card is 4111 1111 1111 1111.", "My card is [card number]."),
        ("4111-1111-1111-1111", "[card number]"),
        ("It's 4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1, okay?", "It's [card number], okay?"),
        (" ".join(["four"] + ["one"] * 15), "[card number]"),
        ("forty one eleven, eleven eleven, eleven eleven, uh, eleven eleven", "[card number]"),
        ("thirty seven eighty two, eight two two four six three, one zero oh oh five", "[card number]"),
        ("four triple one" + " double one" * 6, "[card number]"),
        ("my visa is 4111 1111 1111 1112", "my visa is [card number]"),  # one digit misheard
        ("123-45-6789", "[social security number]"),
        ("My social is one two three, four five, six seven eight nine.", "My social is [social security number]."),
        ("The last four of my social are 6789.", "The last four of my social are [social security number]."),
        ("the security code is 123", "the security code is [security code]"),
        ("it expires oh four twenty seven", "it expires [expiry date]"),
        ("expires April 2027", "expires [expiry date]"),
    ],
)
def test_masked(said: str, shown: str) -> None:
    [found] = heard(said)
    assert found.text == shown
    assert found.spans == ((1.0, 1.5),)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Call me at 303-555-0142.",
        "Three oh three, five five five, oh one four two.",
        "Between $450,000 and $475,000.",
        "450,000 or 475000, and 5 bedrooms since 1998.",
        "4111 1111 1111 1112",  # Luhn says no, and nobody spoke of a card
        "1234567890123456",
        "The zip is 80202 1234.",
        "We have 123 acres.",
        "four hundred fifty thousand",
    ],
)
def test_left_as_it_is(said: str) -> None:
    assert heard(said) == [Found(said)]


def test_over_several_turns_with_us_between() -> None:
    watch = SensitiveWatch()
    first, second, third = heard(
        "It is four one one one, one one one one",
        ">Mm-hm.",
        "one one one one",
        ">Yes.",
        "one one one one.",
        watch=watch,
    )
    assert (first.text, second.text) == ("It is four one one one, one one one one", "one one one one")
    assert third.text == "[card number]."
    assert third.earlier == {1: "It is [card number]", 3: "[card number]"}
    assert third.spans == ((1.0, 1.5), (3.0, 3.5), (5.0, 5.5))
    assert third.kinds == {CARD}


def test_what_belongs_to_a_card_follows_it() -> None:
    _, expiry, code, rooms, later = heard(
        f"My card is {VISA}",
        "oh four twenty seven",
        "and 123",
        "we have 350 square meters",
        "it has 350 square meters",
    )
    assert [one.kinds for one in (expiry, code)] == [{DETAIL}, {DETAIL}]
    assert rooms.kinds == {DETAIL}  # in doubt: a third number within three turns of a card
    assert later == Found("it has 350 square meters")


@pytest.mark.parametrize(
    ("asked", "answer", "kind"),
    [
        ("What is the security code?", "It's 123.", CODE),
        ("When does it expire?", "oh four twenty seven", EXPIRY),
        ("And your social security number?", "123 45 6789", SSN),
        ("What is the number of the card?", "4111 1111 1111 1112", CARD),
    ],
)
def test_where_it_was_asked_for(asked: str, answer: str, kind: str) -> None:
    [found] = heard(f">{asked}", answer)
    assert found.kinds == {kind}
    assert heard(f">{asked}", ">And how many rooms does your home have today?", answer)[0].kinds == frozenset()


def test_it_remembers_no_more_than_it_needs() -> None:
    watch = SensitiveWatch()
    heard(*(["hello there"] * 50), watch=watch)
    assert len(watch._said) == 6


@given(st.integers(10**11, 10**17 - 1))
def test_every_card_that_passes_the_check_is_masked(number: int) -> None:
    digits = "4" + str(number)
    check = next(str(one) for one in range(10) if luhn(digits + str(one)))
    whole = digits + check
    [found] = heard(" ".join(whole))
    assert found.kinds == {CARD}
    assert whole not in found.text.replace(" ", "")


@given(st.text(max_size=200).filter(lambda said: not said.startswith(">")))
def test_whatever_was_said_it_does_not_break(said: str) -> None:
    [found] = heard(said)
    assert (found.text == said) == (not found.spans)
