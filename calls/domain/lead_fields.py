"""What may be said of a lead: each field from its text, or a sentence that says what to change. Pure.

Nothing is guessed that could call a wrong person or claim a consent that was not given.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from zoneinfo import available_timezones

from calls.domain import phone
from calls.domain.compliance import ConsentScope

_LONGEST = {"name": 120, "email": 254, "address": 200, "source": 80, "consent_source": 200, "consent_seller": 80}
_SELL = frozenset({"sell", "seller", "sellers", "selling", "sale", "listing", "vendor", "s"})
_BUY = frozenset({"buy", "buyer", "buyers", "buying", "purchase", "purchaser", "b"})
_WRITTEN = frozenset({"written", "express written", "prior express written", "pewc", "web form", "signed"})
_ORAL = frozenset({"oral", "verbal", "spoken"})
_SCOPES = {
    ConsentScope.CAMPAIGN.value: frozenset({"campaign", "this campaign", "this campaign alone"}),
    ConsentScope.SELLER.value: frozenset({"seller", "this seller", "brand"}),
    ConsentScope.COMPANY.value: frozenset({"company", "all", "all campaigns", "everything"}),
}
_EMPTY = frozenset({"-", "--", "—", "n/a"})
_FORMULA = ("=", "+", "-", "@")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s.,;<>\"]{2,}")
_CONSENT = ("consent_kind", "consent_source", "consent_at")
_MORE_OF_CONSENT = ("consent_scope", "consent_seller", "consent_expires_at")


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """The person agreed in ``kind`` ("written" or "oral") at ``given_at``, an aware UTC instant.

    ``scope`` is a ``ConsentScope``; ``expires_at`` None: as the rules say.
    """

    kind: str
    source: str
    given_at: datetime
    scope: str = ConsentScope.CAMPAIGN.value
    seller: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFields:
    """One person; ``phone`` is E.164, ``interest`` is "sell", "buy" or ""."""

    phone: str
    name: str = ""
    email: str = ""
    interest: str = ""
    address: str = ""
    state: str = ""
    zone: str = ""
    source: str = ""
    priority: int = 5
    consent: ConsentGiven | None = None
    last_transaction_at: datetime | None = None
    last_inquiry_at: datetime | None = None


class BadField(ValueError):
    """The text is a reason for people; ``field`` is the field's name where it is one alone."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


def read(values: Mapping[str, str], *, region: str = "US") -> LeadFields:
    """The fields of a lead from their texts, each passed through ``clean``. Raises BadField."""
    name = values.get("name") or f"{values.get('first_name', '')} {values.get('last_name', '')}".strip()
    if len(name) > _LONGEST["name"]:
        raise BadField(
            f"The name has {len(name)} characters, at most {_LONGEST['name']} are kept: shorten it.", "name"
        )
    return LeadFields(
        phone=_phone(values.get("phone", ""), region),
        name=name,
        email=_email(values.get("email", "")),
        interest=_one_of("interest", values.get("interest", ""), sell=_SELL, buy=_BUY),
        address=values.get("address", ""),
        state=_state(values.get("state", "")),
        zone=_zone(values.get("zone", "")),
        source=values.get("source", ""),
        priority=_priority(values.get("priority", "")),
        consent=_consent(values),
        last_transaction_at=_instant("last_transaction_at", values.get("last_transaction_at", "")),
        last_inquiry_at=_instant("last_inquiry_at", values.get("last_inquiry_at", "")),
    )


def from_the_future(lead: LeadFields, latest: datetime) -> str:
    """A sentence where a date that must be past is after ``latest``; empty where none is."""
    consent = lead.consent
    if consent is not None and consent.given_at > latest:
        return f"The consent is dated {consent.given_at:%Y-%m-%d}, which is in the future: correct the date."
    for what, at in (("last transaction", lead.last_transaction_at), ("last inquiry", lead.last_inquiry_at)):
        if at is not None and at > latest:
            return f"The {what} is dated {at:%Y-%m-%d}, which is in the future: correct the date."
    return ""


def clean(field: str, cell: str) -> str:
    """The cell on one line. Raises BadField for what a spreadsheet would run, for what is unreadable and too long."""
    value = " ".join(cell.split())
    if value.lower() in _EMPTY:
        return ""
    label = _label(field)
    if "�" in value or any(unicodedata.category(char) == "Cc" for char in value):
        raise BadField(f"The {label} has characters that cannot be read: save the file as CSV UTF-8.", field)
    # OWASP, "CSV Injection": a cell that begins so is run as a formula where the leads are opened again.
    if field != "phone" and value.startswith(_FORMULA):
        raise BadField(
            f'The {label} begins with "{value[0]}", which a spreadsheet runs as a formula: remove it.', field
        )
    longest = _LONGEST.get(field)
    if longest is not None and len(value) > longest:
        raise BadField(f"The {label} has {len(value)} characters, at most {longest} are kept: shorten it.", field)
    return value


def _label(field: str) -> str:
    return field.removesuffix("_at").replace("_", " ") if field != "consent_at" else "consent date"


def _phone(text: str, region: str) -> str:
    try:
        return phone.parse(text, region=region)
    except phone.BadNumber as error:
        raise BadField(str(error), "phone") from None


def _email(value: str) -> str:
    if value and not _EMAIL.fullmatch(value):
        raise BadField(f"{_quoted(value)} is not an e-mail address: correct it or leave it empty.", "email")
    return value


def _one_of(field: str, value: str, **words_of: frozenset[str]) -> str:
    """The keyword among whose words ``value`` is; '' for an empty one."""
    word = re.sub(r"[^a-z]+", " ", value.lower()).strip()
    for meaning, words in words_of.items():
        if word in words:
            return meaning
    if not value:
        return ""
    raise BadField(f"The {_label(field)} is {_quoted(value)}: write {' or '.join(words_of)}.", field)


def _state(value: str) -> str:
    names = {**phone.STATES, **phone.TERRITORIES}
    code = next((names[name] for name in names if name.lower() == value.lower()), value.upper())
    if code and code not in phone.STATE_CODES:
        raise BadField(
            f"The state is {_quoted(value)}: write its two letters, such as CO, or leave it empty.", "state"
        )
    return code


@cache
def _zones() -> Mapping[str, str]:
    """Zones by their lower-case name. Only those of places: EST or Etc/GMT+5 know no summer time."""
    return {zone.lower(): zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")}


def _zone(value: str) -> str:
    if not value:
        return ""
    zone = _zones().get(value.lower().replace(" ", "_"))
    if zone is None:
        raise BadField(
            f"The time zone is {_quoted(value)}: write an IANA name, such as America/Denver, or none.", "zone"
        )
    return zone


def _priority(value: str) -> int:
    if not value:
        return 5
    if value not in {"1", "2", "3", "4", "5", "6", "7", "8", "9"}:
        raise BadField(f"The priority is {_quoted(value)}: write 1 (called first) to 9 (called last).", "priority")
    return int(value)


def _consent(values: Mapping[str, str]) -> ConsentGiven | None:
    """The consent where all three of its needed fields are filled, None where none of its fields is."""
    parts = {field: values.get(field, "") for field in (*_CONSENT, *_MORE_OF_CONSENT)}
    if not any(parts.values()):
        return None
    if missing := [field for field in _CONSENT if not parts[field]]:
        every = "all three cells" if not any(parts[field] for field in _MORE_OF_CONSENT) else "all of its cells"
        raise BadField(f"The consent is incomplete: fill {' and '.join(missing)}, or empty {every}.", missing[0])
    kind = _one_of("consent_kind", parts["consent_kind"], written=_WRITTEN, oral=_ORAL)
    given_at = _instant("consent_at", parts["consent_at"])
    assert given_at is not None  # it is not empty
    scope = _one_of("consent_scope", parts["consent_scope"], **_SCOPES) or ConsentScope.CAMPAIGN.value
    if scope == ConsentScope.SELLER.value and not parts["consent_seller"]:
        sentence = "The consent is for one seller and names none: fill consent_seller as the consent has it."
        raise BadField(sentence, "consent_seller")
    expires_at = _instant("consent_expires_at", parts["consent_expires_at"])
    if expires_at is not None and expires_at <= given_at:
        sentence = f"The consent expires on {expires_at:%Y-%m-%d}, before it was given: correct one of the dates."
        raise BadField(sentence, "consent_expires_at")
    return ConsentGiven(kind, parts["consent_source"], given_at, scope, parts["consent_seller"], expires_at)


def _instant(field: str, value: str) -> datetime | None:
    """An ISO date (its first moment in UTC) or an ISO instant with its zone; None for an empty one."""
    if not value:
        return None
    try:
        if len(value) == len("2026-03-04"):
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        at = datetime.fromisoformat(value)
        known = at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        known = None
    if known is None:
        raise BadField(
            f"The {_label(field)} is {_quoted(value)}: write it as 2026-03-04 or, with its zone, "
            f"as 2026-03-04T15:30:00-07:00.",
            field,
        )
    return known


def _quoted(value: str) -> str:
    return f'"{value}"' if len(value) <= 40 else f'"{value[:40]}…"'
