"""The law, row by row: an instant just inside and just outside each window; and what each gate says."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calls.domain import compliance, gates
from calls.domain.compliance import ConsentFacts, ConsentScope, Dial, DialRules, LeadFacts, Never, Wait
from calls.domain.places import STATE_ZONES
from calls.domain.rules import EVERY_DAY, Kind, RuleBook, Window
from calls.services.rule_file import read_rules
from calls.services.rules import DEFAULT_RULES

BOOK = RuleBook.of(read_rules(DEFAULT_RULES), version="shipped", at=datetime(2026, 11, 10, tzinfo=UTC))
"""What is shipped, as it holds in November 2026."""
US_STATES = {rule.place[3:] for rule in BOOK.rules if rule.kind in (Kind.HOURS, Kind.OVERLAY) and len(rule.place) > 2}
ALWAYS = DialRules((Window(EVERY_DAY, time(0), time(23, 59, 59)),), max_attempts=6)
"""A campaign that narrows nothing, so that what is seen is the law."""
TUESDAY, SATURDAY, SUNDAY = "2026-11-10", "2026-11-14", "2026-11-15"
THANKSGIVING, CHRISTMAS = "2026-11-26", "2026-12-25"
ZONE = {state: zones[0] for state, zones in STATE_ZONES.items()}
QUARTER = timedelta(minutes=15)


def calling(weekdays: tuple[int, ...], opens: time, closes: time) -> DialRules:
    """A campaign with one window."""
    return DialRules((Window(weekdays, opens, closes),), max_attempts=6)


def person(
    *states: str,
    zones: tuple[str, ...] | None = None,
    country: str = "US",
    consent: str = "written",
    suppressed: bool = False,
    called_at: tuple[datetime, ...] = (),
    attempts: int = 0,
    promised: bool = False,
) -> LeadFacts:
    """Somebody in ``states``, each with its own first zone unless ``zones`` are named."""
    where = tuple(ZONE[state] for state in states) if zones is None else zones
    given = ConsentFacts(consent, ConsentScope.CAMPAIGN, datetime(2026, 1, 1, tzinfo=UTC))
    return LeadFacts(
        country,
        states,
        where,
        number="+13035550142",
        suppressed="*" if suppressed else "",
        consents=(given,) if consent else (),
        called_at=called_at,
        attempts=attempts,
        promised=promised,
    )


def allowed(facts: LeadFacts, at: datetime, rules: DialRules) -> bool:
    return compliance.allowed(facts, at, rules, BOOK)


def decide(facts: LeadFacts, *, now: datetime, rules: DialRules) -> Dial | Wait | Never:
    return gates.decide(facts, now=now, rules=rules, book=BOOK)


def local(day: str, clock: str, zone: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def in_state(state: str, day: str, clock: str) -> bool:
    return allowed(person(state), local(day, clock, ZONE[state]), ALWAYS)


def assert_window(state: str, day: str, opens: str, closes: str) -> None:
    """Inside from ``opens`` to the second before ``closes``, outside a second before and from ``closes`` on."""
    at = [datetime.fromisoformat(f"{day}T{clock}") for clock in (opens, closes)]
    second = timedelta(seconds=1)
    edges = [at[0] - second, at[0], at[1] - second, at[1]]
    zone = ZoneInfo(ZONE[state])
    seen = [allowed(person(state), edge.replace(tzinfo=zone), ALWAYS) for edge in edges]
    assert seen == [False, True, True, False], f"{state} on {day}"


WEEKDAYS = [
    *[(state, "08:00", "20:00") for state in ("FL", "OK", "MD", "OR", "MA", "WA", "WY", "AL", "LA", "MS")],
    *[(state, "09:00", "20:00") for state in ("CT", "NV", "IN")],
    *[(state, "09:00", "21:00") for state in ("MI", "MN", "NM", "TX", "SD", "CA", "IL")],
    ("KY", "10:00", "21:00"),
    ("NY", "08:00", "21:00"),
    ("UT", "08:00", "21:00"),
    ("NE", "08:00", "21:00"),
    ("RI", "09:00", "18:00"),
    ("PA", "09:00", "19:00"),
    ("ME", "09:00", "17:00"),
]


@pytest.mark.parametrize(("state", "opens", "closes"), WEEKDAYS)
def test_a_states_row_on_a_weekday(state: str, opens: str, closes: str) -> None:
    assert_window(state, TUESDAY, opens, closes)


def test_every_row_is_in_the_table_above() -> None:
    assert {state for state, _, _ in WEEKDAYS} == US_STATES


@pytest.mark.parametrize("state", ["CO", "GA", "AK", "HI", "PR", "GU", "DC"])
@pytest.mark.parametrize("day", [TUESDAY, SATURDAY, SUNDAY, THANKSGIVING])
def test_a_state_without_a_row_has_the_federal_hours_every_day(state: str, day: str) -> None:
    assert_window(state, day, "08:00", "21:00")


@pytest.mark.parametrize("state", sorted(US_STATES - {"RI", "ME"}))
def test_saturdays_are_as_weekdays(state: str) -> None:
    opens, closes = next(row[1:] for row in WEEKDAYS if row[0] == state)
    assert_window(state, SATURDAY, opens, closes)


def test_saturdays_that_are_not() -> None:
    assert_window("RI", SATURDAY, "10:00", "17:00")
    assert not in_state("ME", SATURDAY, "12:00")


@pytest.mark.parametrize("state", ["AL", "LA", "MS", "SD", "UT", "RI", "PA", "ME"])
def test_no_call_on_a_sunday(state: str) -> None:
    assert not any(in_state(state, SUNDAY, f"{hour:02}:30") for hour in range(24))


def test_late_sundays() -> None:
    assert_window("TX", SUNDAY, "12:00", "21:00")
    assert_window("NE", SUNDAY, "13:00", "21:00")


@pytest.mark.parametrize("state", sorted(US_STATES - {"AL", "LA", "MS", "SD", "UT", "RI", "PA", "ME", "TX", "NE"}))
def test_other_sundays_are_as_weekdays(state: str) -> None:
    opens, closes = next(row[1:] for row in WEEKDAYS if row[0] == state)
    assert_window(state, SUNDAY, opens, closes)


@pytest.mark.parametrize("day", [THANKSGIVING, CHRISTMAS])
@pytest.mark.parametrize("state", ["AL", "LA", "UT", "RI", "PA"])
def test_no_call_on_a_legal_holiday(state: str, day: str) -> None:
    assert not in_state(state, day, "12:00")


def test_a_late_holiday() -> None:
    assert_window("NE", THANKSGIVING, "13:00", "21:00")


@pytest.mark.parametrize("state", ["MS", "SD", "FL", "TX"])
def test_a_holiday_is_a_day_like_others_elsewhere(state: str) -> None:
    assert in_state(state, THANKSGIVING, "12:00")


@pytest.mark.parametrize(
    ("state", "day"),
    [
        ("PA", "2026-04-03"),  # Good Friday
        ("PA", "2027-06-14"),  # Flag Day
        ("PA", "2026-11-03"),  # Election Day
        ("PA", "2027-11-02"),
        ("LA", "2026-01-08"),  # Battle of New Orleans
        ("LA", "2027-11-01"),  # All Saints' Day
        ("AL", "2026-02-17"),  # Mardi Gras
        ("UT", "2026-07-24"),  # Pioneer Day
        ("RI", "2026-08-10"),  # Victory Day
        ("AL", "2026-07-03"),  # Independence Day, observed
    ],
)
def test_a_states_own_holidays(state: str, day: str) -> None:
    assert not in_state(state, day, "12:00")


def test_anothers_holidays_do_not_count() -> None:
    assert in_state("PA", "2026-07-24", "12:00")
    assert in_state("UT", "2026-11-03", "12:00")


@pytest.mark.parametrize("unknown", [(), ("XX",)], ids=["no state", "no such state"])
def test_an_unknown_state_has_the_hours_that_all_states_allow(unknown: tuple[str, ...]) -> None:
    facts = person(*unknown, zones=("America/Denver",))
    hours = {
        day: [hour for hour in range(24) if allowed(facts, local(day, f"{hour:02}:00", "America/Denver"), ALWAYS)]
        for day in (TUESDAY, SATURDAY, SUNDAY, THANKSGIVING, "2026-07-24", "2026-11-03")
    }
    assert hours == {
        TUESDAY: [10, 11, 12, 13, 14, 15, 16],
        SATURDAY: [],
        SUNDAY: [],
        THANKSGIVING: [],
        "2026-07-24": [],  # a holiday of Utah
        "2026-11-03": [],  # of Pennsylvania
    }


@pytest.mark.parametrize(
    ("country", "zone", "day", "opens", "closes"),
    [
        ("CA", "America/Toronto", TUESDAY, "09:00", "21:30"),
        ("CA", "America/Toronto", SATURDAY, "10:00", "18:00"),
        ("CA", "America/Toronto", SUNDAY, "10:00", "18:00"),
        ("GB", "Europe/London", TUESDAY, "09:00", "20:00"),
        ("GB", "Europe/London", SATURDAY, "10:00", "17:00"),
        ("GB", "Europe/London", SUNDAY, "10:00", "17:00"),
    ],
)
def test_other_countries(country: str, zone: str, day: str, opens: str, closes: str) -> None:
    facts = person(country=country, zones=(zone,))
    second = timedelta(seconds=1)
    first, last = local(day, opens, zone), local(day, closes, zone)
    seen = [allowed(facts, at, ALWAYS) for at in (first - second, first, last - second, last)]
    assert seen == [False, True, True, False]


def test_a_canadian_number_at_an_address_in_the_states_keeps_both_laws() -> None:
    facts = person("KY", country="CA", zones=("America/New_York",))
    assert [rule.place for rule in BOOK.hours("CA", ("KY",))] == ["US-KY", "CA"]
    assert not allowed(facts, local(TUESDAY, "09:30", "America/New_York"), ALWAYS)  # Kentucky opens at 10
    assert not allowed(facts, local(SATURDAY, "18:30", "America/New_York"), ALWAYS)  # Canada closes at 18
    assert allowed(facts, local(SATURDAY, "17:30", "America/New_York"), ALWAYS)


def test_a_province_is_no_state() -> None:
    assert [rule.place for rule in BOOK.hours("CA", ("ON",))] == ["CA"]


def test_a_call_must_be_legal_in_every_zone_under_every_row() -> None:
    facts = person("FL", "CA")  # 8 to 20 and 9 to 21, in New York's and in Los Angeles's time
    pacific = "America/Los_Angeles"
    seen = {hour: allowed(facts, local(TUESDAY, f"{hour:02}:00", pacific), ALWAYS) for hour in range(24)}
    assert [hour for hour, legal in seen.items() if legal] == [9, 10, 11, 12, 13, 14, 15, 16]


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        ("2026-03-08", "2026-03-07T15:00+00:00", "2026-03-08T14:00+00:00"),  # the clock goes forward
        ("2026-11-01", "2026-10-31T14:00+00:00", "2026-11-01T15:00+00:00"),  # and back
    ],
)
def test_eight_oclock_follows_the_clock(day: str, before: str, after: str) -> None:
    facts, second = person("CO"), timedelta(seconds=1)
    for opening in map(datetime.fromisoformat, (before, after)):
        assert allowed(facts, opening, ALWAYS)
        assert not allowed(facts, opening - second, ALWAYS)
    night = datetime.fromisoformat(f"{day}T06:59:00+00:00")  # before either change
    waiting = decide(facts, now=night, rules=ALWAYS)
    assert isinstance(waiting, Wait)
    assert waiting.until == datetime.fromisoformat(after)


NOON = local(TUESDAY, "12:00", "America/Denver")


def test_all_gates_open() -> None:
    decision = decide(person("CO"), now=NOON, rules=ALWAYS)
    assert isinstance(decision, Dial)
    assert [(verdict.gate, verdict.passed) for verdict in decision.verdicts] == [
        (gate, True)
        for gate in (
            "kill switch",
            "rules",
            "do not call",
            "consent",
            "public lists",
            "reassigned",
            "country",
            "prefix",
            "attempts",
            "place",
            "frequency",
            "abandonment",
            "hours",
            "notices",
        )
    ]


NO_CONSENT = "There is no written consent to calls by an artificial voice."
NO_PLACE = "Where the person lives is not known: add an address or a time zone."


@pytest.mark.parametrize(
    ("facts", "gate", "reason"),
    [
        (person("CO", suppressed=True), "do not call", "The number is on the do-not-call list."),
        (person("CO", consent=""), "consent", NO_CONSENT),
        (person("CO", consent="oral"), "consent", NO_CONSENT),
        (person("CO", country="FR"), "country", "Calls to FR are not allowed."),
        (person("CO", country=""), "country", "Calls to an unknown country are not allowed."),
        (person("CO", attempts=6), "attempts", "All 6 attempts are used."),
        (person("CO", zones=()), "place", NO_PLACE),
        (person(zones=tuple(sorted(set(ZONE.values()))[:5])), "place", NO_PLACE),
        (person("CO", zones=("Mars/Olympus_Mons",)), "place", NO_PLACE),
    ],
)
def test_a_gate_that_never_opens_closes_the_lead(facts: LeadFacts, gate: str, reason: str) -> None:
    decision = decide(facts, now=NOON, rules=ALWAYS)
    assert isinstance(decision, Never)
    assert decision.reason == reason
    asked = [verdict for verdict in decision.verdicts if verdict.gate != "public lists"]  # cured by written consent
    assert [verdict.gate for verdict in asked if not verdict.passed] == [gate]


def test_never_goes_before_later() -> None:
    midnight = local(TUESDAY, "00:30", "America/Denver")
    decision = decide(person("CO", consent=""), now=midnight, rules=ALWAYS)
    assert isinstance(decision, Never)
    assert decision.reason == NO_CONSENT


def test_four_zones_are_a_place() -> None:
    zones = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
    assert isinstance(decide(person("CO", zones=zones), now=NOON, rules=ALWAYS), Dial)


def test_a_promise_goes_before_the_count_of_attempts() -> None:
    assert isinstance(decide(person("CO", attempts=6, promised=True), now=NOON, rules=ALWAYS), Dial)


def hours_ago(*hours: float) -> tuple[datetime, ...]:
    return tuple(NOON - timedelta(hours=ago) for ago in hours)


@pytest.mark.parametrize(
    ("state", "called_at", "until"),
    [
        ("FL", hours_ago(3, 2), None),
        ("FL", hours_ago(3, 2, 1), NOON + timedelta(hours=21)),
        ("FL", hours_ago(4, 3, 2, 1), NOON + timedelta(hours=21)),
        ("FL", hours_ago(24, 2, 1), None),
        ("ME", (), None),
        ("ME", hours_ago(8), None),
        ("ME", hours_ago(7.5), NOON + timedelta(hours=0.5)),
        ("CO", hours_ago(23.9, 23, 22.5), NOON + timedelta(hours=0.1)),
    ],
)
def test_calls_are_counted_over_any_24_hours(
    state: str, called_at: tuple[datetime, ...], until: datetime | None
) -> None:
    decision = decide(person(state, called_at=called_at), now=NOON, rules=ALWAYS)
    if until is None:
        assert isinstance(decision, Dial)
    else:
        assert isinstance(decision, Wait)
        assert decision.until == until


def test_what_the_count_says() -> None:
    decision = decide(person("FL", called_at=hours_ago(3, 2, 1)), now=NOON, rules=ALWAYS)
    assert isinstance(decision, Wait)
    assert decision.reason == "3 calls in 24 hours to this number; 3 allowed."
    verdict = next(verdict for verdict in decision.verdicts if verdict.gate == "frequency")
    assert verdict.saw == {
        "frequency.household": "0 of 3 in 24 h",
        "frequency.lead": "0 of 3 in 24 h",
        "frequency.number": "3 of 3 in 24 h",
        "frequency.US-FL": "3 of 3 in 24 h",
    }


def test_waiting_for_the_count_ends_in_an_allowed_hour() -> None:
    evening = local(TUESDAY, "19:30", "America/New_York")
    facts = person("ME", called_at=(evening - timedelta(hours=4),))
    decision = decide(facts, now=evening, rules=ALWAYS)
    assert isinstance(decision, Wait)
    assert decision.until == local("2026-11-11", "09:00", "America/New_York")
    late = person("ME", called_at=(evening - timedelta(minutes=1),))
    decision = decide(late, now=evening, rules=ALWAYS)
    assert isinstance(decision, Wait)
    assert decision.until == local("2026-11-11", "09:00", "America/New_York")


def test_a_campaign_narrows_the_hours() -> None:
    rules = calling((0, 2), time(10), time(16))
    facts, denver = person("CO"), "America/Denver"
    decision = decide(facts, now=local(TUESDAY, "12:00", denver), rules=rules)
    assert isinstance(decision, Wait)
    assert (decision.until, decision.reason) == (local("2026-11-11", "10:00", denver), "Outside the allowed hours.")
    assert isinstance(decide(facts, now=local("2026-11-11", "15:59", denver), rules=rules), Dial)


@pytest.mark.parametrize("clock", ["00:00", "07:59", "21:00", "23:59"])
def test_a_campaign_never_widens_the_law(clock: str) -> None:
    assert not allowed(person("CO"), local(TUESDAY, clock, "America/Denver"), ALWAYS)


def test_a_campaign_whose_hours_are_never_legal_says_what_to_change() -> None:
    decision = decide(person("CO"), now=NOON, rules=calling((0, 1, 2, 3, 4), time(6), time(8)))
    assert isinstance(decision, Never)
    assert decision.reason == "No hour of the next four weeks is allowed: widen the campaign's hours."


def test_waiting_for_the_count_may_miss_the_weeks_only_hour() -> None:
    facts = person("CO", called_at=hours_ago(3, 2, 1))
    rules = calling((1,), time(12), time(12, 10))
    waiting = decide(facts, now=NOON, rules=rules)
    assert isinstance(waiting, Wait)
    assert waiting.until == NOON + timedelta(days=7)


def test_two_holidays_on_end_close_no_lead() -> None:
    """Fridays only, in Pennsylvania: Christmas and New Year's Day of this winter are both one."""
    decision = decide(
        person("PA"),
        now=local("2026-12-19", "12:00", "America/New_York"),
        rules=calling((4,), time(9), time(19)),
    )
    assert isinstance(decision, Wait)
    assert decision.until == local("2027-01-08", "09:00", "America/New_York")


def test_every_state_has_zones_and_every_zone_exists() -> None:
    assert len(STATE_ZONES) == 56
    assert set(STATE_ZONES) >= US_STATES
    for zones in STATE_ZONES.values():
        assert [ZoneInfo(zone).key for zone in zones] == list(zones)


instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
everywhere = st.one_of(
    st.lists(st.sampled_from(sorted(STATE_ZONES)), min_size=1, max_size=2, unique=True).map(lambda s: person(*s)),
    st.sampled_from([("CA", "America/Vancouver"), ("CA", "America/St_Johns"), ("GB", "Europe/London")]).map(
        lambda at: person(country=at[0], zones=(at[1],))
    ),
    st.sampled_from(sorted(set(ZONE.values()))).map(lambda zone: person(zones=(zone,))),
)
campaigns = st.builds(
    lambda opens, hours, days: calling(tuple(sorted(days)), time(opens), time(min(opens + hours, 23), 59)),
    st.integers(0, 22),
    st.integers(1, 23),
    st.sets(st.integers(0, 6), min_size=1),
)


@settings(max_examples=150, deadline=None)
@given(facts=everywhere, now=instants, rules=campaigns, calls=st.lists(st.integers(0, 30 * 60), max_size=4))
@example(facts=person("CO"), now=datetime(2026, 11, 1, 7, 59, tzinfo=UTC), rules=ALWAYS, calls=[])
def test_waiting_ends_at_the_first_allowed_quarter(
    facts: LeadFacts, now: datetime, rules: DialRules, calls: list[int]
) -> None:
    called_at = tuple(now - timedelta(minutes=ago) for ago in calls)
    facts = LeadFacts(**{**{name: getattr(facts, name) for name in facts.__slots__}, "called_at": called_at})
    decision = decide(facts, now=now, rules=rules)
    if isinstance(decision, Never):
        assert "No hour" in decision.reason
        end = now + timedelta(days=28)
    elif isinstance(decision, Wait):
        end = decision.until
        assert isinstance(decide(facts, now=end, rules=rules), Dial)
    else:
        assert allowed(facts, now, rules)
        return
    quarter = now.replace(minute=0, second=0, microsecond=0)
    frequency = next(verdict for verdict in decision.verdicts if verdict.gate == "frequency")
    not_before = max(now, frequency.until or now)
    while (quarter := quarter + QUARTER) < end:
        assert quarter <= not_before or not allowed(facts, quarter, rules)


@settings(max_examples=150, deadline=None)
@given(facts=everywhere, at=instants, rules=campaigns)
def test_a_campaigns_hours_are_a_part_of_the_laws(facts: LeadFacts, at: datetime, rules: DialRules) -> None:
    if allowed(facts, at, rules):
        assert allowed(facts, at, ALWAYS)
        for zone in facts.zones:
            clock = at.astimezone(ZoneInfo(zone))
            assert clock.weekday() in rules.windows[0].weekdays
            assert rules.windows[0].opens <= clock.time() < rules.windows[0].closes


def test_every_rule_says_where_it_comes_from() -> None:
    for rule in BOOK.rules:
        assert rule.source
        assert rule.valid_from <= NOON
