"""A card as a file: read rate by rate, with a sentence and a line for each mistake, and written back."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.rates import Kind, Rate, Unit
from billing.services.card import DEFAULT_CARD
from billing.services.card_file import BadCard, parse_card, read_card, write_card

BEGIN, LATER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, 6, tzinfo=UTC)
HEAD = "effective_from: 2026-11-01T00:00:00Z\ncurrency: USD\nrates:\n"
GOOD = '  - {key: a.b, kind: tts, price: "0.05", unit: char, per: 1000, source: by hand}\n'


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(BadCard) as refused:
        parse_card(text)
    assert str(refused.value) == "\n".join(refused.value.problems)
    return refused.value.problems


def test_a_card_is_read() -> None:
    assert parse_card(
        HEAD
        + GOOD
        + '  - {key: c, kind: carrier, price: "1", currency: EUR, unit: s, increment: 6, minimum: 30, '
        + "in_carrier_price: true, effective_from: 2026-12-01T08:00:00+02:00, source: x}\n"
    ) == [
        Rate("a.b", Kind.TTS, Decimal("0.05"), "USD", Unit.CHARACTER, 1000, BEGIN, "by hand"),
        Rate(
            "c",
            Kind.CARRIER,
            Decimal(1),
            "EUR",
            Unit.SECOND,
            1,
            LATER,
            "x",
            increment=6,
            minimum=30,
            in_carrier_price=True,
        ),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            '{key: c, kind: tts, price: "-0.05", unit: char, source: x}',
            "Line 5, c: price is -0.05: it must be at least 0.",
        ),
        (
            "{key: c, kind: tts, price: 0.05, unit: char, source: x}",
            'Line 5, c: price is not in quotes: write "0.05", since a number without them loses digits.',
        ),
        (
            "{key: c, kind: tts, price: [1], unit: char, source: x}",
            'Line 5, c: price is not in quotes: write "[1]", since a number without them loses digits.',
        ),
        (
            '{key: c, kind: tts, price: "five", unit: char, source: x}',
            "Line 5, c: price is 'five': input should be a valid decimal.",
        ),
        (
            '{key: c, kind: tts, price: "1", unit: minute, source: x}',
            "Line 5, c: unit is 'minute', which is unknown: "
            "use 's', 'call', 'char', 'token', 'month', 's-month' or 'share'.",
        ),
        ('{key: c, kind: tts, price: "1", unit: char}', "Line 5, c: source is missing: add it."),
        (
            "{key: c}",
            "Line 5, c: kind is missing: add it; price is missing: add it; unit is missing: add it; "
            "source is missing: add it.",
        ),
        (
            '{kind: tts, price: "1", unit: char, source: x}',
            "Line 5, a rate without key: key is missing: add it.",
        ),
        (
            '{key: c, kind: tts, price: "1", unit: char, source: x, prize: 1}',
            "Line 5, c: prize is no field of a rate: remove it or correct its name.",
        ),
        (
            '{key: c, kind: tts, price: "1", unit: char, source: x, per: "60"}',
            "Line 5, c: per is '60': input should be a valid integer.",
        ),
        (
            '{key: c, kind: tts, price: "1", unit: char, source: x, effective_from: 2026-02-30T00:00:00Z}',
            "Line 5, c: effective_from is '2026-02-30T00:00:00Z', which is no instant with its zone: "
            "write it as 2026-11-01T00:00:00Z.",
        ),
        (
            '{key: c, kind: tts, price: "1", unit: char, source: x, effective_from: 2026-12-01}',
            "Line 5, c: effective_from is '2026-12-01', which is no instant with its zone: "
            "write it as 2026-11-01T00:00:00Z.",
        ),
        (
            '{key: c, kind: tts, price: "1", unit: char, source: x, in_carrier_price: 1}',
            "Line 5, c: in_carrier_price is 1: use true or false.",
        ),
        (
            '{key: c, kind: tts, price: "1", unit: share, source: x}',
            "Line 5, c: A tax has the unit 'share', and nothing else has: change kind or unit.",
        ),
        (
            '{key: a.b, kind: tts, price: "1", unit: char, source: x}',
            "Line 5, a.b: line 4 has a price for it already: remove one of them.",
        ),
        ("twilio", "Line 5: 'twilio' is no rate: give it at least key, kind, price, unit and source."),
    ],
)
def test_a_mistake_is_a_sentence_with_key_and_line(row: str, said: str) -> None:
    assert problems(f"{HEAD}{GOOD}  - {row}\n") == (said,)


def test_all_mistakes_are_told_at_once() -> None:
    rows = (
        '  - {key: c, kind: tts, price: 1, unit: char, source: x}\n\n  - {key: d, kind: tts, price: "1", unit: char}'
    )
    assert [said.split(":")[0] for said in problems(HEAD + GOOD + rows)] == ["Line 5, c", "Line 7, d"]


def test_a_list_that_is_merged_in_is_replaced_by_the_cards_own() -> None:
    assert [rate.key for rate in parse_card("<<: {rates: [1, 2, 3]}\n" + HEAD + GOOD)] == ["a.b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The file is no rate card: it needs effective_from, currency and rates."),
        ("- 1\n", "The file is no rate card: it needs effective_from, currency and rates."),
        ("rates: [\n", "Line 2 cannot be read: expected the node content, but found '<stream end>'."),
        (HEAD + GOOD + "currency: EUR\n", "Line 5 cannot be read: currency is there twice."),
        (
            HEAD + GOOD.replace("unit: char", 'unit: char, price: "1"'),
            "Line 4 cannot be read: price is there twice.",
        ),
        ("a: !!python/name:os.system x", "Line 1 cannot be read: could not determine a constructor for the tag"),
        ("a: !!timestamp 2026-13-01", "Line 1 cannot be read: could not determine a constructor for the tag"),
        ("a: !!int '0x'", "The file cannot be read: invalid literal for int() with base 16"),
        ("a: !!bool maybe", "The file cannot be read: 'maybe'."),
        ("[" * 5000, "The file cannot be read: maximum recursion depth exceeded"),
        ("a: \x00", "The file cannot be read: unacceptable character #x0000"),
        (HEAD, "The card's rates is None: input should be a valid list."),
        ("currency: USD\nrates: []\n", "The card's effective_from is missing: add it."),
        ("effective_from: soon\ncurrency: USD\nrates: []\n", "The card's effective_from is 'soon', which is no"),
        (
            "effective_from: 2026-11-01T00:00:00Z\ncurrency: dollars\nrates: []\n",
            "The card's currency is 'dollars': use three capital letters, such as USD.",
        ),
    ],
)
def test_what_is_no_card_is_a_sentence(text: str, said: str) -> None:
    assert problems(text)[0].startswith(said)


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadCard, match=r"no\.yaml cannot be read: No such file or directory\.$"):
        read_card(tmp_path / "no.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"source: caf\xe9\n")
    with pytest.raises(BadCard, match=r"latin\.yaml is not UTF-8 text: save it as that\.$"):
        read_card(tmp_path / "latin.yaml")


def test_the_shipped_card_comes_back_as_it_was_written() -> None:
    shipped = read_card(DEFAULT_CARD)
    assert parse_card(write_card(shipped, at=LATER)) == sorted(shipped, key=lambda rate: rate.key)


def test_an_empty_card_comes_back_empty() -> None:
    text = write_card([], at=LATER)
    assert text == ("version: '2026-12-01'\neffective_from: '2026-12-01T06:00:00+00:00'\ncurrency: USD\nrates: []\n")
    assert parse_card(text) == []


@st.composite
def any_rates(draw: st.DrawFn) -> Rate:
    return replace(
        Rate("a", Kind.LLM, Decimal(0), "USD", Unit.TOKEN, 1, BEGIN, "x"),
        key=draw(st.text("abz019._-", min_size=1, max_size=60)),
        price=draw(st.decimals(0, 999_999_999, places=9)),
        currency=draw(st.sampled_from(["USD", "EUR"])),
        per=draw(st.integers(1, 2**31 - 1)),
        increment=draw(st.integers(0, 2**31 - 1)),
        in_carrier_price=draw(st.booleans()),
        valid_from=draw(st.sampled_from([BEGIN, LATER])),
        source=draw(
            st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=200).map(str.strip).filter(bool)
        ),
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(any_rates(), unique_by=lambda rate: rate.key, max_size=4))
def test_any_card_comes_back_as_it_was_written(rates: list[Rate]) -> None:
    assert parse_card(write_card(rates, at=LATER)) == sorted(rates, key=lambda rate: rate.key)
