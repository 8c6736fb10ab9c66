import pytest

from calls.domain import phone


@pytest.mark.parametrize(
    ("typed", "e164"),
    [
        ("(303) 555-0100", "+13035550100"),
        ("303.555.0100", "+13035550100"),
        ("303.555.0000", "+13035550000"),
        ("1 303 555 0100", "+13035550100"),
        ("tel:+1-303-555-0100", "+13035550100"),
        ("3035550100.0", "+13035550100"),
        ("٣٠٣٥٥٥٠١٠٠", "+13035550100"),
        ("+44 20 7183 8750", "+442071838750"),
        ("624-555-0100", "+16245550100"),
        ("1-800-555-0100", "+18005550100"),
    ],
)
def test_what_people_type_becomes_e164(typed: str, e164: str) -> None:
    assert phone.parse(typed) == e164


def test_region_is_where_a_number_without_country_code_is() -> None:
    assert phone.parse("020 7183 8750", region="GB") == "+442071838750"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("  ", "The phone number is missing."),
        ("call me", "'call me' is not a phone number: write digits only"),
        ("303-555-0100 x5", "'303-555-0100 x5' is not a phone number"),
        ('="3035550100"', "is not a phone number: write digits only"),
        ("1-800-FLOWERS", "is not a phone number: write digits only"),
        ("1.21256E+10", "A spreadsheet has rounded the phone number to 1.21256E+10: format the column as text."),
        ("0", "0 is not a phone number: it has too few or too many digits."),
        ("5550100", "5550100 has no area code: write the whole number."),
        ("911", "911 is too short for a phone number: short codes cannot be called."),
        ("3035550100/3035550101", "it has too few or too many digits."),
        ("303555010099", "303555010099 is too long for a phone number"),
        ("+999123456", "+999123456 begins with a country code that does not exist."),
        ("+1 111 555 0100", "no North American number has that area code or exchange."),
        ("211-555-0100", "no North American number has that area code or exchange."),
        ("303-911-0100", "no North American number has that area code or exchange."),
        ("900-555-0100", "900-555-0100 is a premium-rate number, which is never called."),
        ("212-976-0100", "212-976-0100 is a premium-rate number, which is never called."),
        ("+44 909 879 1234", "+44 909 879 1234 is a premium-rate number, which is never called."),
        ("+44 60 0000 0000", "+44 60 0000 0000 does not exist in the numbering plan of +44."),
        ("x" * 500, f"'{'x' * 30}…' is not a phone number"),
    ],
)
def test_what_cannot_be_called_is_refused_with_a_sentence(typed: str, sentence: str) -> None:
    with pytest.raises(phone.BadNumber) as refused:
        phone.parse(typed)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("number", "country", "state", "zones"),
    [
        ("+13035550100", "US", "CO", ("America/Denver",)),
        ("+12125550101", "US", "NY", ("America/New_York",)),
        ("+12025550101", "US", "DC", ("America/New_York",)),
        ("+12065550101", "US", "WA", ("America/Los_Angeles",)),
        ("+19075550101", "US", "AK", ("America/Adak", "America/Anchorage")),
        ("+12087650101", "US", "ID", ("America/Los_Angeles",)),
        ("+16715550101", "US", "GU", ("Pacific/Guam",)),
        ("+17875550101", "US", "PR", ("America/Puerto_Rico",)),
        ("+13405550101", "US", "VI", ("America/St_Thomas",)),
        ("+16705550101", "US", "MP", ("Pacific/Saipan",)),
        ("+14165550101", "CA", "", ("America/Toronto",)),
        ("+442071838750", "GB", "", ("Europe/London",)),
        ("+16245550101", "", "", ()),
        ("+14575550101", "", "", ()),
    ],
)
def test_where_a_number_is(number: str, country: str, state: str, zones: tuple[str, ...]) -> None:
    assert (phone.country_of(number), phone.state_of(number), phone.zones_of(number)) == (country, state, zones)


def test_a_toll_free_number_is_everywhere_and_in_no_state() -> None:
    assert len(phone.zones_of("+18005550100")) >= 40
    assert phone.state_of("+18005550100") == ""


def test_every_state_is_told_by_some_number() -> None:
    """Washington, New York and Georgia share their names with a district, a city and a country."""
    numbers = ["+12065550101", "+12125550101", "+14045550101", "+12025550101"]
    assert [phone.state_of(number) for number in numbers] == ["WA", "NY", "GA", "DC"]
    assert len(phone.STATE_CODES) == 56


def test_shown_for_people() -> None:
    assert phone.shown("+13035550100") == "+1 303-555-0100"
    assert phone.shown("+442071838750") == "+44 20 7183 8750"
    assert phone.shown("client") == "client"
