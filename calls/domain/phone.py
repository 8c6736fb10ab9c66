"""Phone numbers: what is typed to E.164, and what a number tells of its place.

Google's metadata through ``phonenumbers``. A North American area code may be younger than the metadata, so a number
of the plan's shape is accepted there; its zones and state are then unknown.
"""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, geocoder, timezone

_TYPED = re.compile(r"(?:tel:)?\+?[\d\s().\-/‐-―·]+", re.IGNORECASE)
_FLOAT = re.compile(r"(\+?\d{10,15})\.0+")
_ROUNDED = re.compile(r"\+?\d+(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)
_NANP = re.compile(r"[2-9](?!11)\d{2}[2-9](?!11)\d{6}")
_REFUSED_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.UAN: "a company-wide service number",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}
_NO_PLACE = frozenset({"Etc/Unknown"})

STATES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "District of Columbia": "DC", "Florida": "FL", "Georgia": "GA",
    "Hawaii": "HI", "Idaho": "ID", "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS",
    "Kentucky": "KY", "Louisiana": "LA", "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI",
    "Minnesota": "MN", "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV",
    "New Hampshire": "NH", "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC",
    "North Dakota": "ND", "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA",
    "Rhode Island": "RI", "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN", "Texas": "TX",
    "Utah": "UT", "Vermont": "VT", "Virginia": "VA", "Washington": "WA", "West Virginia": "WV",
    "Wisconsin": "WI", "Wyoming": "WY",
}  # fmt: skip
"""The states of the United States and the District of Columbia by name, with their postal codes."""

TERRITORIES = {
    "American Samoa": "AS",
    "Guam": "GU",
    "Northern Mariana Islands": "MP",
    "Puerto Rico": "PR",
    "U.S. Virgin Islands": "VI",
}
"""The territories, whose numbers have regions of their own in the metadata under these same codes."""

STATE_CODES = frozenset(STATES.values()) | frozenset(TERRITORIES.values())
_GEOCODED = {**STATES, "Washington D.C.": "DC", "Washington State": "WA"}


class BadNumber(ValueError):
    """The text is no number that may be called; the text of the error is a sentence that says why."""


def parse(text: str, *, region: str = "US") -> str:
    """``text`` as E.164, such as ``+13035550100``. ``region`` is where a number without a country code is.

    Raises BadNumber for what is no number, cannot exist, has an extension, or is a premium, emergency or short code.
    """
    typed = text.strip()
    if not typed:
        raise BadNumber("The phone number is missing.")
    shown = typed if len(typed) <= 30 else f"{typed[:30]}…"
    if _ROUNDED.fullmatch(typed):
        raise BadNumber(f"A spreadsheet has rounded the phone number to {shown}: format the column as text.")
    if number_as_float := _FLOAT.fullmatch(typed):
        typed = number_as_float[1]
    if not _TYPED.fullmatch(typed):
        raise BadNumber(f"{shown!r} is not a phone number: write digits only, such as 303-555-0100 or +13035550100.")
    number = _parsed(typed, shown, region)
    _refuse_service(number, shown)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _parsed(typed: str, shown: str, region: str) -> PhoneNumber:
    try:
        number = phonenumbers.parse(typed, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            raise BadNumber(f"{shown} begins with a country code that does not exist.") from None
        raise BadNumber(f"{shown} is not a phone number: it has too few or too many digits.") from None
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        raise BadNumber(f"{shown} has no area code: write the whole number.")
    if reason == phonenumbers.ValidationResult.TOO_SHORT:
        raise BadNumber(f"{shown} is too short for a phone number: short codes cannot be called.")
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise BadNumber(f"{shown} is too long for a phone number, or its length does not exist.")
    return number


def _refuse_service(number: PhoneNumber, shown: str) -> None:
    national = phonenumbers.national_significant_number(number)
    if number.country_code == 1 and not _NANP.fullmatch(national):
        raise BadNumber(f"{shown} cannot exist: no North American number has that area code or exchange.")
    kind = phonenumbers.number_type(number)
    # Not every 900 and 976 number is in the metadata, but every one of them is billed to whoever calls.
    if number.country_code == 1 and (national[:3] == "900" or national[3:6] == "976"):
        kind = PhoneNumberType.PREMIUM_RATE
    if kind in _REFUSED_TYPES:
        raise BadNumber(f"{shown} is {_REFUSED_TYPES[kind]}, which is never called.")
    if number.country_code != 1 and not phonenumbers.is_valid_number(number):
        raise BadNumber(f"{shown} does not exist in the numbering plan of +{number.country_code}.")


def zones_of(number: str) -> tuple[str, ...]:
    """IANA time zones in which the E.164 ``number`` may be; none where unknown.

    A toll-free number is everywhere, which comes out as 40 zones and more.
    """
    zones = timezone.time_zones_for_number(phonenumbers.parse(number, None))
    return tuple(zone for zone in zones if zone not in _NO_PLACE)


def country_of(number: str) -> str:
    """Two-letter country of the E.164 ``number``, US for the territories too; '' unknown."""
    region = _region_of(number)
    return "US" if region in TERRITORIES.values() else region


def _region_of(number: str) -> str:
    return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or ""


def state_of(number: str) -> str:
    """Two-letter code of the US state or territory of the E.164 ``number``; '' abroad and where unknown."""
    region = _region_of(number)
    if region in TERRITORIES.values():
        return region
    if region != "US":
        return ""
    place = geocoder.description_for_valid_number(phonenumbers.parse(number, None), "en")
    code = place.rsplit(", ", 1)[-1]
    return code if code in STATE_CODES else _GEOCODED.get(place, "")


def shown(number: str) -> str:
    """The E.164 ``number`` as people read it, such as ``+1 303-555-0100``; as it is where it cannot be parsed."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(number, None), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return number
