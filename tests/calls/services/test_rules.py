"""Rules in the database: loaded once, historic, read anew when they change; and typed badly."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.domain.rules import BadRule, OverlappingRules, PastRule
from calls.models import Rule, RuleRevision
from calls.services import rules
from calls.services.rule_file import BadRules, parse_rules, read_rules, write_rules
from calls.services.rules import DEFAULT_RULES, book_at, change_end, load_defaults, set_rule, withdraw

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
SHIPPED = 96
COLORADO: dict[str, Any] = {
    "key": "hours.US-CO",
    "kind": "hours",
    "place": "US-CO",
    "mark": "P",
    "source": "C.R.S. 6-1-904",
    "windows": ["Mon-Sun 09:00-20:00"],
}


def colorado(**changes: Any) -> dict[str, Any]:
    return {**COLORADO, "effective_from": NOW, **changes}


def test_migrating_loads_the_shipped_rules_once() -> None:
    assert Rule.objects.count() == SHIPPED
    assert load_defaults() == 0
    Rule.objects.exclude(key="hours.US").delete()
    assert load_defaults() == 0
    Rule.objects.all().delete()
    assert load_defaults() == SHIPPED


def test_the_book_is_read_again_only_when_something_changed() -> None:
    book_at(NOW)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert book_at(NOW) is book_at(NOW + timedelta(days=1))
    assert len(queries) == 2
    before = book_at(NOW)
    set_rule(colorado(), now=NOW)
    after = book_at(NOW)
    assert before.version != after.version
    assert [rule.key for rule in after.hours("US", ("CO",))] == ["hours.US-CO"]
    assert [rule.key for rule in before.hours("US", ("CO",))] == ["hours.US"]


def test_a_rule_that_is_to_begin_begins_by_itself() -> None:
    later = NOW + timedelta(days=1)
    set_rule(colorado(effective_from=later), now=NOW)
    seen = [[rule.key for rule in book_at(at).hours("US", ("CO",))] for at in (NOW, later, NOW)]
    assert seen == [["hours.US"], ["hours.US-CO"], ["hours.US"]]


def test_a_rule_is_ended_and_replaced() -> None:
    set_rule(colorado(), now=NOW)
    later = NOW + timedelta(days=5)
    new = set_rule(colorado(effective_from=later, windows=["Mon-Fri 10:00-18:00"]), now=NOW)
    assert new.before is not None
    first, second = Rule.objects.filter(key="hours.US-CO").order_by("valid_from")
    assert (first.valid_from, first.valid_until, second.valid_from, second.valid_until) == (NOW, later, later, None)
    assert first.params == {"windows": ["Mon-Sun 09:00-20:00"]}


def test_history_is_not_rewritten() -> None:
    revision = RuleRevision.objects.get().token
    with pytest.raises(PastRule, match=r"'hours\.US-FL' was another after 2026-11-10 18:00 UTC"):
        set_rule(colorado(key="hours.US-FL", effective_from=NOW - timedelta(hours=1)), now=NOW)
    florida = Rule.objects.get(key="hours.US-FL")
    with pytest.raises(PastRule, match="let it end now or later"):
        change_end(florida.pk, NOW - timedelta(seconds=1), now=NOW)
    with pytest.raises(PastRule, match="people were called by it"):
        withdraw(florida.pk, now=NOW)
    assert (Rule.objects.count(), RuleRevision.objects.get().token) == (SHIPPED, revision)


def test_a_rule_ends_and_no_other_begins_inside_it() -> None:
    florida = Rule.objects.get(key="hours.US-FL")
    change_end(florida.pk, NOW + timedelta(days=1), now=NOW)
    set_rule(colorado(key="hours.US-FL", place="US-FL", effective_from=NOW + timedelta(days=2)), now=NOW)
    with pytest.raises(OverlappingRules, match=r"begins at 2026-11-12 19:00 UTC: withdraw it first"):
        change_end(florida.pk, None, now=NOW)
    with pytest.raises(BadRule, match="choose a later end"):
        set_rule(colorado(), now=NOW, until_at=NOW)
    with pytest.raises(PastRule, match="ended at 2026-11-11 19:00 UTC"):
        change_end(florida.pk, None, now=NOW + timedelta(days=1))


def test_a_rule_that_has_not_begun_is_withdrawn_and_the_one_before_goes_on() -> None:
    new = set_rule(colorado(key="hours.US-FL", place="US-FL", effective_from=NOW + timedelta(days=2)), now=NOW)
    coming = Rule.objects.get(key=new.rule.key, valid_from=new.rule.valid_from)
    withdraw(coming.pk, now=NOW)
    assert [row.valid_until for row in Rule.objects.filter(key="hours.US-FL")] == [None]


def test_a_key_keeps_its_kind() -> None:
    with pytest.raises(BadRule, match=r"'recording\.US-FL' is a rule of recording: choose another key"):
        set_rule(colorado(key="recording.US-FL"), now=NOW)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": ""}, "source is '': say in at most 300 letters where the rule was read."),
        ({"source": None}, "source is None: say in at most 300 letters where the rule was read."),
        ({"effective_from": "soon"}, "effective_from is 'soon', which is no instant with its zone"),
        ({"mark": "X"}, "mark is 'X', which is unknown: use 'P', 'S', 'U' or 'O'."),
        ({"kind": "hour"}, "kind is 'hour', which is unknown"),
        ({"key": "a b"}, "key is 'a b': use at most 60 letters, digits, dots, hyphens and underscores."),
        ({"place": "US-XX"}, "place is 'US-XX': use a country such as US, a state such as US-CO"),
        ({"place": "Colorado"}, "place is 'Colorado': use a country"),
        ({"windows": []}, "windows is []"),
        ({"windows": ["Mon-Fri 18:00-09:00"]}, "windows.0 'Mon-Fri 18:00-09:00' closes before it opens"),
        ({"windows": ["Mon 09:00-09:00"]}, "closes before it opens"),
        ({"zone": "Mars/Base"}, "zone is 'Mars/Base', which is no time zone"),
        ({"opens": "09:00"}, "opens is no field of a rule of this kind: remove it or correct its name."),
        ({"kind": "frequency", "windows": None}, "calls is missing: add it"),
    ],
)
def test_what_is_no_rule(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRule) as refused:
        set_rule(colorado(**changes), now=NOW)
    assert said in str(refused.value)
    assert Rule.objects.count() == SHIPPED


@pytest.mark.parametrize(
    ("kind", "terms", "said"),
    [
        ("frequency", {"calls": 0, "hours": 24}, "calls is 0"),
        ("frequency", {"calls": 3, "hours": 24, "of": "street"}, "of is 'street', which is unknown"),
        ("consent", {"needs": "none"}, "needs is 'none', which is unknown"),
        ("do_not_call_list", {"name": "National!", "max_age_days": 31}, "name is 'National!'"),
        ("blocked_prefix", {"prefixes": ["1900"], "what": "dear"}, "prefixes.0 is '1900': write beginnings such as"),
        ("blocked_prefix", {"prefixes": [], "what": "dear"}, "prefixes is []"),
        ("holiday", {"name": "x"}, "say one"),
        ("holiday", {"name": "x", "month": 2}, "say one"),
        ("holiday", {"name": "x", "month": 2, "day": 1, "easter": 1}, "say one"),
        ("holiday", {"name": "x", "month": 2, "day": 30}, "There is no day 30 in month 2"),
        (
            "abandonment",
            {"slow_percent": 4, "stop_percent": 3, "days": 30, "at_least": 1, "audio_within_ms": 2000},
            "slow_percent is above stop_percent",
        ),
        ("place", {"max_zones": 0}, "max_zones is 0"),
        ("country", {}, "note is missing"),
    ],
)
def test_terms_that_are_none(kind: str, terms: dict[str, Any], said: str) -> None:
    head = {name: COLORADO[name] for name in ("place", "mark", "source")}
    with pytest.raises(BadRule) as refused:
        set_rule({**head, "key": "new", "kind": kind, "effective_from": NOW, **terms}, now=NOW)
    assert said in str(refused.value)


def test_a_file_comes_back_as_it_was_written() -> None:
    shipped = read_rules(DEFAULT_RULES)
    assert parse_rules(write_rules(shipped, at=NOW)) == sorted(shipped, key=lambda rule: rule.key)
    assert parse_rules(write_rules([], at=NOW)) == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("[]", ["The file has no rules: it needs a list named rules."]),
        ("rules: {", ["Line 1 cannot be read"]),
        ("version: x", ["The file's rules is missing: add it."]),
        (
            "rules:\n  - hello\n",
            ["Line 2: 'hello' is no rule: give it key, kind, place, effective_from, mark, source"],
        ),
        ("rules:\n  - {kind: hours}\n", ["Line 2, a rule without key: key is missing: add it; place is missing"]),
        ("rules:\n  - {key: a, key: b}\n", ["Line 2 cannot be read: key is there twice."]),
    ],
)
def test_files_that_hold_no_rules(text: str, problems: list[str]) -> None:
    with pytest.raises(BadRules) as refused:
        parse_rules(text)
    assert len(refused.value.problems) == len(problems)
    for said, begin in zip(refused.value.problems, problems, strict=True):
        assert said.startswith(begin)


def test_a_key_twice_in_a_file_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    row = "{key: a, kind: country, place: US, effective_from: 2026-01-01T00:00:00Z, mark: O, note: n, source: s}"
    with pytest.raises(BadRules, match=r"Line 3, a: line 2 has this key already: remove one of them\."):
        parse_rules(f"rules:\n  - {row}\n  - {row}\n")
    with pytest.raises(BadRules, match="cannot be read: No such file"):
        read_rules(tmp_path / "none.yaml")


def test_a_table_that_is_not_there_yet_is_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rule._meta, "db_table", "calls_not_there")
    assert rules.load_defaults() == 0
