"""A test for every row of the shipped rules that is not one of hours; those are in ``test_compliance``."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from calls.domain.compliance import CampaignFacts, ListUse, OwnerCheck, ScrubFacts
from calls.domain.places import STATE_ZONES
from calls.domain.rules import Kind, Mark, legal_holidays
from tests.calls.domain.book import ALWAYS, BOOK, NOON, SHIPPED, coloradan, stopped_by, verdict, written

KEYS = {kind: sorted(rule.key for rule in SHIPPED if rule.kind is kind) for kind in Kind}


def test_every_row_is_one_of_these() -> None:
    assert {kind.value: len(keys) for kind, keys in KEYS.items()} == {
        "country": 3,
        "blocked_prefix": 4,
        "place": 1,
        "hours": 25,
        "overlay": 5,
        "holiday": 6,
        "frequency": 8,
        "consent": 10,
        "do_not_call_list": 2,
        "reassigned": 1,
        "abandonment": 1,
        "recording": 14,
        "disclosure": 3,
        "registration": 12,
        "voicemail": 1,
    }
    assert all(rule.source and rule.valid_from.tzinfo for rule in SHIPPED)
    assert {rule.mark for rule in SHIPPED} == set(Mark)


def test_the_calls_of_an_ai_need_written_consent_by_an_official_text() -> None:
    [rule] = [rule for rule in SHIPPED if rule.key == "consent.US"]
    assert (rule.mark, rule.valid_from.date()) == (Mark.PRIMARY, date(2024, 2, 8))


@pytest.mark.parametrize(
    ("country", "zone"), [("US", "America/Denver"), ("CA", "America/Toronto"), ("GB", "Europe/London")]
)
def test_countries(country: str, zone: str) -> None:
    facts = coloradan(country=country, states=(), zones=(zone,))
    assert verdict("country", facts).passed
    assert [rule["key"] for rule in verdict("country", facts).rules] == [f"country.{country}"]
    assert verdict("country", replace(facts, country="FR")).reason == "Calls to FR are not allowed."


PREFIXES = [
    ("+19005550142", "+1900"),
    ("+13039765014", "+1???976"),
    ("+449098790142", "+449"),
    ("+979123456789", "+979"),
    ("+448431234567", "+4484"),
    ("+448701234567", "+4487"),
    ("+447012345678", "+4470"),
    ("+447612345678", "+4476"),
    *[(f"+1{area}5550142", f"+1{area}") for area in (700, 500, 521, 522, 523, 524, 525, 526, 527, 528, 529)],
    *[(f"+1{area}5550142", f"+1{area}") for area in (533, 544, 566, 577, 588, 600, 622)],
    ("+870773111632", "+870"),
    ("+87810123456", "+878"),
    ("+881612345678", "+881"),
    ("+88216123456", "+882"),
    ("+883510012345", "+883"),
    ("+888123456789", "+888"),
]


@pytest.mark.parametrize(("number", "stopped"), PREFIXES)
def test_prefixes(number: str, stopped: str) -> None:
    said = verdict("prefix", coloradan(number=number))
    assert (said.passed, said.until, said.saw) == (False, None, {"prefix": stopped})


def test_every_prefix_is_in_the_table_above() -> None:
    shown = {prefix for rule in SHIPPED if rule.kind is Kind.PREFIX for prefix in rule.params["prefixes"]}
    assert {prefix for _, prefix in PREFIXES} == shown


@pytest.mark.parametrize("number", ["+13035550142", "+19075550142", "+447911123456", "+442079460142", "+1303555976"])
def test_other_numbers_have_no_such_prefix(number: str) -> None:
    assert verdict("prefix", coloradan(number=number)).passed


@pytest.mark.parametrize(
    ("state", "day"),
    [
        ("PA", date(2026, 4, 3)),
        ("PA", date(2026, 6, 14)),
        ("PA", date(2026, 11, 3)),
        ("PA", date(2022, 11, 8)),
        ("LA", date(2026, 11, 1)),
        ("LA", date(2026, 1, 8)),
        ("AL", date(2026, 2, 17)),
    ],
)
def test_holidays(state: str, day: date) -> None:
    assert day in legal_holidays(BOOK, f"US-{state}", day.year)
    assert day not in legal_holidays(BOOK, "US-CO", day.year)


@pytest.mark.parametrize(
    ("state", "calls", "hours"), [("FL", 3, 24), ("OK", 3, 24), ("MD", 3, 24), ("OR", 3, 24), ("ME", 1, 8)]
)
def test_a_states_cap(state: str, calls: int, hours: int) -> None:
    facts = coloradan(states=(state,), zones=STATE_ZONES[state][:1])
    minutes = [timedelta(minutes=n) for n in range(calls)]
    full = tuple(NOON - timedelta(hours=hours) + timedelta(seconds=1) + ago for ago in minutes)
    said = verdict("frequency", replace(facts, called_at=full))
    assert (said.passed, said.until) == (False, NOON + timedelta(seconds=1))
    assert said.saw[f"frequency.US-{state}"] == f"{calls} of {calls} in {hours} h"
    room = tuple(at - timedelta(seconds=1) for at in full)
    assert (
        verdict("frequency", replace(facts, called_at=room)).saw[f"frequency.US-{state}"].startswith(f"{calls - 1} ")
    )


def test_oregon_exempts_a_business_relationship() -> None:
    facts = coloradan(states=("OR",), zones=("America/Los_Angeles",))
    assert "frequency.US-OR" in verdict("frequency", facts).saw
    assert "frequency.US-OR" not in verdict("frequency", replace(facts, inquiry_at=NOON)).saw


@pytest.mark.parametrize("of", ["lead_called_at", "called_at", "household_called_at"])
def test_caps_everywhere(of: str) -> None:
    three = tuple(NOON - timedelta(hours=ago) for ago in (20, 3, 1))
    assert stopped_by(coloradan(**{of: three})) == ["frequency: wait"]
    assert stopped_by(coloradan(**{of: three[1:]})) == []


def test_where_the_state_is_not_known_every_cap_holds() -> None:
    facts = coloradan(states=(), called_at=(NOON - timedelta(hours=7),))
    assert verdict("frequency", facts).until == NOON + timedelta(hours=1)


@pytest.mark.parametrize("key", KEYS[Kind.CONSENT])
def test_consent(key: str) -> None:
    place = key.removeprefix("consent.")
    state = place[3:] if place.startswith("US-") else ""
    facts = coloradan(country=place[:2], states=(state,) if state else (), zones=("America/Denver",))
    assert key in [rule["key"] for rule in verdict("consent", facts).rules]
    assert verdict("consent", facts).passed
    for none in ((), (written(kind="oral"),)):
        assert verdict("consent", replace(facts, consents=none)).until is None
        assert not verdict("consent", replace(facts, consents=none)).passed


def test_the_national_list() -> None:
    strict = replace(ALWAYS, lists=ListUse.ALWAYS)
    for days, open_ in ((31, True), (31.01, False)):
        scrubs = {"national": ScrubFacts(NOON - timedelta(days=days))}
        assert verdict("public lists", coloradan(scrubs=scrubs), rules=strict).passed is open_
    for months, open_ in (("2025-05-10T19:01", True), ("2025-05-10T19:00", False)):
        at = datetime.fromisoformat(months).replace(tzinfo=UTC)
        assert verdict("public lists", coloradan(transaction_at=at), rules=strict).passed is open_
    for months, open_ in (("2026-08-10T19:01", True), ("2026-08-10T19:00", False)):
        at = datetime.fromisoformat(months).replace(tzinfo=UTC)
        assert verdict("public lists", coloradan(inquiry_at=at), rules=strict).passed is open_


def test_the_canadian_list() -> None:
    strict = replace(ALWAYS, lists=ListUse.ALWAYS)
    facts = coloradan(country="CA", states=(), zones=("America/Toronto",))
    assert verdict("public lists", facts, rules=strict).reason.startswith("No scrub of the canada do-not-call list")
    scrubs = {"canada": ScrubFacts(NOON - timedelta(days=31))}
    assert verdict("public lists", replace(facts, scrubs=scrubs), rules=strict).passed


def test_reassigned_numbers() -> None:
    assert verdict("reassigned", coloradan()).passed
    for answer, stops in (("no", []), ("yes", ["reassigned: never"]), ("no_data", ["reassigned: wait"])):
        assert stopped_by(coloradan(owner_check=OwnerCheck(answer, NOON))) == stops


def test_abandonment() -> None:
    def says(answered: int, abandoned: int, others: int = 4) -> list[str]:
        return stopped_by(coloradan(campaign=CampaignFacts("", answered, abandoned, others, 8)))

    assert says(1000, 14) == []
    assert says(1000, 15) == ["abandonment: wait"]
    assert says(1000, 15, others=3) == []
    assert says(1000, 29, others=3) == []
    assert says(1000, 30, others=0) == ["abandonment: wait"]
    assert says(29, 29) == []
    assert says(30, 1) == ["abandonment: wait"]


@pytest.mark.parametrize("key", [*KEYS[Kind.RECORDING], *KEYS[Kind.DISCLOSURE], *KEYS[Kind.REGISTRATION]])
def test_notices(key: str) -> None:
    said = verdict("notices", coloradan(states=(key[-2:],)))
    assert said.passed
    assert key in said.saw
    assert key in [rule["key"] for rule in said.rules] or len(said.saw) > 6


def test_zones() -> None:
    assert verdict("place", coloradan()).rules[0]["key"] == "place.zones"


def test_mississippi_is_on_central_time_wherever_the_person_is() -> None:
    facts = coloradan(states=("MS",), zones=("America/Los_Angeles",))
    evening = datetime(2026, 11, 11, 1, 59, 59, tzinfo=UTC)  # 19:59:59 in Jackson
    assert verdict("hours", facts, now=evening).passed
    assert not verdict("hours", facts, now=evening + timedelta(seconds=1)).passed
