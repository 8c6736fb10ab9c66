"""A message is left on a voicemail only as the campaign wrote it, and only where the rules allow it."""

from datetime import timedelta
from typing import Any

import pytest

from agents.domain.voicemail import filled, names_toll_free, problems
from calls.models import Call, Rule
from calls.models.call import Direction
from calls.services.briefing import plan_of
from calls.services.rules import change_end, set_rule
from calls.services.voicemail import message_of, problem
from tests.agents.people import SELLER
from tests.calls import factories
from tests.calls.factories import NOON_IN_DENVER as NOW

TEXT = "Hi {lead_name}, this is {agent_name}, an AI assistant of {company}. Call us at {callback_number}."
TOLL_FREE = "+18005550142"
DB = pytest.mark.django_db


def call(text: str = TEXT, from_number: str = TOLL_FREE, **fields: Any) -> Call:
    lead = factories.lead(factories.campaign(voicemail_message=text))
    return factories.call(lead, held=None, from_number=from_number, **fields)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (TEXT, []),
        ("This is Acme Homes with its AI. Call 1-800-555-0142.", []),
        ("This is an AI of {company}.", ["Say how to reach you and to opt out: add {callback_number}, or a toll-free "
                                        "number."]),
        ("An AI here. Call {callback_number}.", ["Say who calls: add {company}."]),
        ("{company} here. Call {callback_number}.",
         ['Say that an AI assistant speaks, for example "this is {agent_name}, an AI assistant of {company}".']),
        ("Hi {first_name}!", ["{first_name} is not known: use {lead_name}, {agent_name}, {company}, "
                              "{callback_number}."]),
        ("Hi {lead_name!r}", ["{lead_name} is not known: use {lead_name}, {agent_name}, {company}, "
                              "{callback_number}."]),
        ("Hi {lead_name", ["A single brace is not known: use {lead_name}, {agent_name}, {company}, "
                           "{callback_number}."]),
        (TEXT + " We would like to talk with you about your house." * 7,
         ["It takes about 32 seconds to say: shorten it to 25 at most."]),
    ],
)  # fmt: skip
def test_what_a_message_must_say(text: str, missing: list[str]) -> None:
    assert problems(text, company="Acme Homes") == missing


def test_a_message_is_filled_in() -> None:
    assert filled(TEXT, SELLER) == (
        "Hi Maria, this is Ava, an AI assistant of Summit Realty. Call us at 303-555-0100."
    )


@pytest.mark.parametrize(
    ("text", "toll_free"),
    [("Call 800-555-0142.", True), ("Call +1 (888) 555 0142 now", True), ("Call 1-844-555-0142", True),
     ("Call 303-555-0142.", False), ("Since 1800 we sell 5550 homes", False), ("", False)],
)  # fmt: skip
def test_a_toll_free_number_in_the_words(text: str, toll_free: bool) -> None:
    assert names_toll_free(text) is toll_free


@DB
def test_a_message_that_may_be_left_is_in_the_plan() -> None:
    one = call()

    assert plan_of(one, now=NOW).voicemail_message == TEXT
    assert plan_of(one, now=NOW).machines


@DB
@pytest.mark.parametrize(
    ("text", "from_number", "why"),
    [
        (TEXT, "+12125550199", "The message names no toll-free number."),
        (TEXT.replace("{callback_number}", "800-555-0142"), "+12125550199", ""),
        (TEXT.replace("{callback_number}", "303-555-0142"), TOLL_FREE, "The message names no toll-free number."),
        ("Call {callback_number}.", TOLL_FREE, "Say who calls: add {company}."),
    ],
)
def test_the_rules_ask_for_a_toll_free_number(text: str, from_number: str, why: str) -> None:
    one = call(text, from_number)

    assert problem(text, one, now=NOW) == why
    assert message_of(one, now=NOW) == ("" if why else text)


@DB
def test_without_words_nothing_is_left() -> None:
    assert message_of(call(""), now=NOW) == ""


@DB
def test_a_caller_gets_no_message_and_is_no_machine() -> None:
    one = call(direction=Direction.INBOUND)

    assert message_of(one, now=NOW) == ""
    assert not plan_of(one, now=NOW).machines


RULE: dict[str, object] = {
    "key": "voicemail.US", "kind": "voicemail", "place": "US", "mark": "P", "source": "counsel", "allowed": True,
    "toll_free": True,
}  # fmt: skip


@DB
@pytest.mark.parametrize(
    ("change", "from_number", "why"),
    [
        ({"allowed": False}, TOLL_FREE, "A rule forbids messages on voicemails at the lead's place."),
        ({"toll_free": False}, "+12125550199", ""),
        (
            {"key": "voicemail.US-CO", "place": "US-CO", "allowed": False},
            TOLL_FREE,
            "A rule forbids messages on voicemails at the lead's place.",
        ),
        ({"key": "voicemail.US-FL", "place": "US-FL", "allowed": False}, TOLL_FREE, ""),
    ],
)
def test_a_rule_says_whether_and_how(change: dict[str, object], from_number: str, why: str) -> None:
    one = call(from_number=from_number)
    set_rule({**RULE, "effective_from": NOW, **change}, now=NOW)

    assert problem(TEXT, one, now=NOW) == why
    assert message_of(one, now=NOW) == ("" if why else TEXT)


@DB
def test_without_a_rule_nothing_is_left() -> None:
    one = call()
    ends = NOW + timedelta(days=1)
    change_end(Rule.objects.get(key="voicemail.US").pk, ends, now=NOW)

    assert problem(TEXT, one, now=NOW) == ""
    assert problem(TEXT, one, now=ends) == "No rule allows a message on a voicemail at the lead's place."
    assert message_of(one, now=ends) == ""
