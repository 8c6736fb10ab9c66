"""Each gate with what it should not be given, and with rules that an operator changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from calls.domain.compliance import CampaignFacts, ConsentScope, Dial, ListUse, OwnerCheck, ScrubFacts, Wait
from calls.domain.gates import ask_campaign, decide
from calls.domain.rules import OverlappingRules, RuleBook, Window
from tests.calls.domain.book import (
    ALWAYS,
    BOOK,
    NOON,
    SHIPPED,
    coloradan,
    replaced,
    stopped_by,
    verdict,
    without,
    written,
)

DAY = timedelta(days=1)
STRICT = replace(ALWAYS, lists=ListUse.ALWAYS)


def test_the_kill_switch_waits_and_says_why() -> None:
    decision = decide(coloradan(campaign=CampaignFacts(halted="wrong company")), now=NOON, rules=ALWAYS, book=BOOK)
    assert isinstance(decision, Wait)
    assert decision.reason == "All dialing is stopped: wrong company."
    assert decision.until == NOON + timedelta(minutes=5)


def test_without_rules_everybody_waits_and_nobody_is_closed() -> None:
    empty = RuleBook.of([], version="", at=NOON)
    decision = decide(coloradan(consents=()), now=NOON, rules=ALWAYS, book=empty)
    assert isinstance(decision, Wait)
    assert decision.reason.startswith("There are no calling rules: run manage.py migrate")


def test_what_stops_a_whole_campaign() -> None:
    stopped = coloradan(campaign=CampaignFacts(halted="x", answered=100, abandoned=3, others=1, max_concurrency=1))
    gates = [said.gate for said in ask_campaign(stopped, now=NOON, rules=ALWAYS, book=BOOK)]
    assert gates == ["kill switch", "abandonment"]
    assert ask_campaign(coloradan(), now=NOON, rules=ALWAYS, book=BOOK) == ()


@pytest.mark.parametrize(
    ("consent", "reason"),
    [
        (written(covers=False), "The consent was given for another campaign: it does not cover this campaign."),
        (
            written(covers=False, scope=ConsentScope.SELLER),
            "The consent was given for another seller: it does not cover this campaign.",
        ),
        (written(given_at=NOON + DAY), "The consent is dated 2026-11-11, which is in the future."),
        (written(revoked_at=NOON), "The consent was revoked on 2026-11-10."),
        (written(expires_at=NOON), "The consent expired on 2026-11-10."),
        (written(kind="oral"), "There is no written consent to calls by an artificial voice."),
    ],
)
def test_consents_that_are_not_enough(consent: object, reason: str) -> None:
    said = verdict("consent", coloradan(consents=(consent,)))
    assert (said.passed, said.until, said.reason) == (False, None, reason)
    assert verdict("consent", coloradan(consents=(consent, written()))).passed


def test_a_consent_that_is_yet_to_be_revoked_or_to_expire_holds() -> None:
    later = NOON + timedelta(seconds=1)
    assert verdict("consent", coloradan(consents=(written(revoked_at=later, expires_at=later),))).passed


def test_a_rule_may_let_consent_expire() -> None:
    book = replaced("consent.US", valid_days=30)
    assert verdict("consent", coloradan(consents=(written(given_at=NOON - 29 * DAY),)), book=book).passed
    said = verdict("consent", coloradan(consents=(written(given_at=NOON - 30 * DAY),)), book=book)
    assert said.reason == "The consent expired on 2026-11-10."


def test_a_rule_may_be_content_with_oral_consent() -> None:
    oral = coloradan(consents=(written(kind="oral"),))
    assert verdict("consent", oral, book=replaced("consent.US", needs="oral")).passed
    none = verdict("consent", coloradan(consents=()), book=replaced("consent.US", needs="oral"))
    assert none.reason == "There is no consent to calls by an artificial voice."


def test_where_no_rule_says_which_consent_it_must_be_written() -> None:
    assert not verdict("consent", coloradan(consents=(written(kind="oral"),)), book=without("consent.US")).passed


@pytest.mark.parametrize(
    ("whose", "reason"),
    [("*", "The number is on the do-not-call list."), ("Summit", "The number is on the do-not-call list of Summit.")],
)
def test_whose_list(whose: str, reason: str) -> None:
    assert verdict("do not call", coloradan(suppressed=whose)).reason == reason


LISTED = {"national": ScrubFacts(NOON - DAY, listed=True)}
OLD = {"national": ScrubFacts(NOON - 40 * DAY)}


def test_a_listed_number_is_closed_and_a_missing_scrub_waits() -> None:
    assert stopped_by(coloradan(scrubs=LISTED), rules=STRICT) == ["public lists: never"]
    assert stopped_by(coloradan(scrubs=OLD), rules=STRICT) == ["public lists: wait"]
    assert stopped_by(coloradan(), rules=STRICT) == ["public lists: wait"]
    said = verdict("public lists", coloradan(scrubs=OLD), rules=STRICT)
    assert said.reason == (
        "The scrub of the national do-not-call list is 40 days old and 31 are allowed: import a newer one with "
        "manage.py scrub import."
    )


def test_written_consent_cures_the_lists_unless_the_campaign_is_stricter() -> None:
    said = verdict("public lists", coloradan(scrubs=LISTED))
    assert (said.passed, said.saw["cured by"]) == (True, "written consent")
    assert not verdict("public lists", coloradan(scrubs=LISTED, consents=(written(kind="oral"),))).passed
    assert not verdict("public lists", coloradan(scrubs=LISTED, consents=(written(revoked_at=NOON),))).passed
    assert verdict("public lists", coloradan(scrubs=LISTED), rules=replace(ALWAYS, lists=ListUse.NEVER)).passed


def test_a_relationship_cures_the_lists_and_never_consent() -> None:
    facts = coloradan(scrubs=LISTED, consents=(), inquiry_at=NOON - DAY)
    assert verdict("public lists", facts, rules=STRICT).saw["cured by"] == "inquiry of 2026-11-09"
    assert stopped_by(facts, rules=STRICT) == ["consent: never"]
    ahead = coloradan(scrubs=LISTED, inquiry_at=NOON + DAY)
    assert stopped_by(ahead, rules=STRICT) == ["public lists: never"]


def test_a_check_of_the_owner_from_before_the_consent_says_nothing() -> None:
    old = OwnerCheck("yes", NOON - 10 * DAY)
    assert not verdict("reassigned", coloradan(owner_check=old)).passed
    assert verdict("reassigned", coloradan(owner_check=old, consents=(written(given_at=NOON - DAY),))).passed


def test_a_check_of_the_owner_may_be_a_duty() -> None:
    book = replaced("reassigned.US", required=True)
    assert stopped_by(coloradan(), book=book) == ["reassigned: wait"]
    assert stopped_by(coloradan(owner_check=OwnerCheck("no", NOON - 31 * DAY)), book=book) == []
    assert stopped_by(coloradan(owner_check=OwnerCheck("no", NOON - 32 * DAY)), book=book) == ["reassigned: wait"]


def test_abandonment_says_what_to_do() -> None:
    stop = verdict("abandonment", coloradan(campaign=CampaignFacts("", 100, 3, 0, 8)))
    assert stop.reason == (
        "3.0 % of the live answers of 30 days were abandoned; 3 % is the limit: find out why the voice starts late."
    )
    slow = verdict("abandonment", coloradan(campaign=CampaignFacts("", 100, 2, 4, 8)))
    assert slow.reason == (
        "2.0 % of the live answers of 30 days were abandoned; from 1.5 % on only 4 of 8 lines are used."
    )
    assert (stop.until, slow.until) == (NOON + timedelta(hours=1), NOON + timedelta(minutes=1))


def test_a_country_that_is_taken_off_the_list() -> None:
    assert stopped_by(coloradan(), book=without("country.US")) == ["country: never"]


def test_without_a_row_of_hours_a_country_has_everybodys() -> None:
    french = coloradan(country="FR", states=(), zones=("Europe/Paris",))
    midday, evening = datetime(2026, 11, 10, 12, tzinfo=UTC), datetime(2026, 11, 10, 17, tzinfo=UTC)
    assert verdict("hours", french, now=midday).passed
    assert not verdict("hours", french, now=evening).passed


def test_an_edited_window_is_the_law() -> None:
    book = replaced("hours.US", windows=["Mon-Sun 13:00-14:00"])
    said = verdict("hours", coloradan(), book=book)
    assert (said.passed, said.until) == (False, NOON + timedelta(hours=1))
    assert said.rules[0]["source"] == "a test"


def test_two_rules_of_one_key_make_no_book() -> None:
    with pytest.raises(OverlappingRules, match=r"Two rules 'hours\.US' hold at 2026-11-10"):
        RuleBook.of([*SHIPPED, next(rule for rule in SHIPPED if rule.key == "hours.US")], version="", at=NOON)


def test_a_rule_that_has_ended_or_not_begun_is_not_in_the_book() -> None:
    one = next(rule for rule in SHIPPED if rule.key == "hours.US-FL")
    for other in (replace(one, valid_until=NOON), replace(one, valid_from=NOON + DAY)):
        assert RuleBook.of([other], version="", at=NOON).rules == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Mon-Fri", "is no window"),
        ("Mox-Fri 09:00-18:00", "is no window"),
        ("Fri-Mon 09:00-18:00", "ends on a day before its first"),
        ("Mon-Fri 09:00-25:00", "an hour that does not exist"),
        ("Mon-Fri 18:00-09:00", "closes before it opens"),
        ("Mon-Fri 09:00-09:00", "closes before it opens"),
    ],
)
def test_windows_that_are_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Window.parse(text)


def test_all_open() -> None:
    assert isinstance(decide(coloradan(), now=NOON, rules=ALWAYS, book=BOOK), Dial)
