"""What machines say is told from what people say, and every machine is met as it should be."""

from dataclasses import replace

import pytest

from agents.dialogue import start
from agents.domain.machines import Spoken, key_to_a_person, picks_up, spoken_by
from agents.domain.types import Brief, Disposition, EndCall, EndedBy, Heard, HeardKind, OptOut, Reply
from agents.machines import purpose
from tests.agents.people import BUYER, BYE, NOW, SELLER, heard, talk

MESSAGE = (
    "Hi {lead_name}, this is {agent_name}, an AI assistant of {company}. Please call us back at {callback_number}. "
    "If you do not want more calls, say stop there."
)
WITH_MESSAGE = replace(SELLER, voicemail_message=MESSAGE, callback_number="+18005550100")
LEFT = (
    "Hi Maria, this is Ava, an AI assistant of Summit Realty. Please call us back at 800-555-0100. "
    "If you do not want more calls, say stop there."
)
PURPOSE = "Hi, this is Ava, an AI assistant with Summit Realty, calling Maria about the house on Maple Street."
GREETING = "Hi, you have reached the voicemail of Maria. Please leave a message after the beep."
IOS = "Hi, if you record your name and reason for calling, I'll see if this person is available."
GOOGLE = (
    "Hi, I'm Call Assist by Google, recording this call for the person you're trying to reach.",
    "Before I try to connect you, can I ask what you're calling about?",
)


def news(name: str) -> Heard:
    return Heard(name, NOW, HeardKind.MACHINE)


@pytest.mark.parametrize(
    ("said", "by"),
    [
        (GREETING, Spoken.VOICEMAIL),
        ("Your call has been forwarded to an automatic voice message system.", Spoken.VOICEMAIL),
        ("At the tone, please record your message. When you have finished recording, you may hang up or press one.",
         Spoken.VOICEMAIL),
        ("Hey it's Ann, sorry I missed you, I'll get back to you as soon as I can.", Spoken.VOICEMAIL),
        ("The mailbox is full and cannot accept any messages at this time.", Spoken.VOICEMAIL),
        ("The person you are trying to reach is not available.", Spoken.VOICEMAIL),
        (IOS, Spoken.SCREENING), *((said, Spoken.SCREENING) for said in GOOGLE),
        ("The person you're calling is using a screening service from Google, and will get a copy of this "
         "conversation. Go ahead and say your name and why you're calling.", Spoken.SCREENING),
        ("Please state your name after the tone and Google Voice will try to connect you.", Spoken.SCREENING),
        ("Thank you for calling Acme. For sales, press 1.", Spoken.IVR),
        ("If you know your party's extension, you may dial it at any time.", Spoken.IVR),
        ("Press 5 to leave a message.", Spoken.IVR),
        ("The number you have dialed is not in service.", Spoken.INTERCEPT),
        ("Your call cannot be completed as dialed. Please check the number and dial again.", Spoken.INTERCEPT),
        ("Hello?", None), ("I'm driving, I'll call you back.", None), ("Hello, this is Ann.", None),
        ("He's not here, would you like to leave a message?", None), ("Can I take a message for him?", None),
        ("Yes, I am still thinking about selling.", None), ("She's not available right now, who is this?", None),
        ("Please hold while I try to locate the person you are calling.", None),
        ("I have to go, have a good day.", None), ("", None), ("Do I have to press nine?", None),
        ("Press nine?", None), ("You can say stop or press nine at any time.", None),
        ("To speak with a person, press to you.", Spoken.IVR),
    ],
)  # fmt: skip
def test_whose_words_they_are(said: str, by: Spoken | None) -> None:
    assert spoken_by(said) is by


@pytest.mark.parametrize(
    ("menu", "key"),
    [
        ("For sales, press 1. To speak with an operator, press 0.", "0"),
        ("Press 1 to be connected to Pat, or press 2 to leave a message.", "1"),
        ("for english press one for spanish press two", "1"),
        ("Press 1 to accept the charges. Press 2 to be connected.", "2"),
        ("Press 1 to accept the charges and be connected.", ""),
        ("To agree to the terms and speak to someone, press 5.", ""),
        ("Press 1 to be connected. If you want to be charged, press 1.", ""),
        ("Press 9 to be removed from our list and talk to nobody.", ""),
        ("For sales, press 1. For support, press 2.", ""),
        ("Dial one for sales.", ""),
        ("To speak with a person, press to you.", "2"),
        ("to talk to an agent pressed for", "4"),
        ("Hello?", ""),
    ],
)
def test_the_key_that_leads_to_a_person(menu: str, key: str) -> None:
    assert key_to_a_person(menu) == key
    assert key_to_a_person(menu, {key}) != key or not key


@pytest.mark.parametrize(
    ("said", "live"),
    [("Hello?", True), ("Yes, who is this?", True), ("I'm here, I'm here.", True), (GREETING, False),
     ("Howdy, we are out catching fish and you know what that means.", False), ("", False)],
)  # fmt: skip
def test_who_picks_up(said: str, live: bool) -> None:
    assert picks_up(said) is live


@pytest.mark.parametrize(
    ("brief", "matter"),
    [
        (replace(BUYER, company="Summit"),
         "Hi, this is Ava, an AI assistant with Summit, calling Tom about the home search they asked us about."),
        (replace(SELLER, property_address=""),
         "Hi, this is Ava, an AI assistant with Summit Realty, calling Maria about their house."),
        (replace(SELLER, interest="", lead_name="", agent_name=""),
         "Hi, this is an AI assistant with Summit Realty, calling about their real estate plans."),
    ],
)  # fmt: skip
def test_the_purpose_of_a_call(brief: Brief, matter: str) -> None:
    assert purpose(brief) == matter


@pytest.mark.parametrize("greeted", [[GREETING], [news("machine_start")], [GREETING, news("machine_start")]])
@pytest.mark.parametrize("end", [news("machine_end_beep"), news("machine_end_silence"), None])
async def test_the_message_waits_for_the_end_of_the_greeting(greeted: list[str | Heard], end: Heard | None) -> None:
    held = await talk(WITH_MESSAGE, [*greeted, end, news("message_played")], ended_by=EndedBy.AGENT)

    assert held.texts[1:] == ["" for _ in greeted] + [LEFT, ""]
    said = held.replies[-2]
    assert (said.is_message, said.fixed, said.interruptible, said.acts) == (True, True, True, ())
    assert held.acts == (EndCall("message_left"),)
    assert held.outcome.disposition is Disposition.VOICEMAIL
    assert held.outcome.facts["voicemail_message"] == "left"
    assert held.outcome.summary.startswith("Left a message on a voicemail.")


async def test_no_message_to_a_mailbox_that_takes_none() -> None:
    held = await talk(WITH_MESSAGE, ["The mailbox is full and cannot accept any messages at this time. Goodbye."])

    assert held.texts[1:] == [""]
    assert held.acts == (EndCall("voicemail"),)
    assert "voicemail_message" not in held.outcome.facts


async def test_a_message_cut_by_the_greeting_is_begun_once_more() -> None:
    beep = news("machine_end_beep")
    held = await talk(WITH_MESSAGE, [GREETING, beep, GREETING, beep, GREETING])

    assert held.texts[1:] == ["", LEFT, "", LEFT, ""]
    assert held.acts == (EndCall("voicemail"),)
    assert "voicemail_message" not in held.outcome.facts


@pytest.mark.parametrize("before", [[], [GREETING]])
async def test_a_machine_that_hangs_up_was_a_voicemail_without_a_message(before: list[str]) -> None:
    held = await talk(WITH_MESSAGE, [GREETING, news("machine_end_beep"), *before], ended_by=EndedBy.LEAD)

    assert held.outcome.disposition is Disposition.VOICEMAIL
    assert "voicemail_message" not in held.outcome.facts


@pytest.mark.parametrize("into", [[GREETING], [GREETING, news("machine_end_beep")]])
async def test_a_person_who_picks_up_a_voicemail_gets_the_opening(into: list[str | Heard]) -> None:
    held = await talk(WITH_MESSAGE, [*into, "Hello? I'm here.", "yes"])

    assert held.replies[-2] == start(SELLER).opening(now=NOW)
    assert held.texts[-1] == "Great. What has you thinking about a move?"
    assert held.outcome.disposition is not Disposition.VOICEMAIL


async def test_the_mailboxs_own_menu_is_the_end_of_the_message() -> None:
    held = await talk(WITH_MESSAGE, [GREETING, news("machine_end_beep"), "To send your message, press 1."])

    assert held.acts == (EndCall("message_left"),)
    assert held.replies[-1].keys == ""


async def test_held_until_it_is_known_to_be_a_person() -> None:
    held = await talk(SELLER, [news("machine_likely"), "so there we were in the middle of nowhere", news("person")])

    assert held.texts[1:3] == ["", ""]
    assert held.replies[3] == start(SELLER).opening(now=NOW)


@pytest.mark.parametrize("then", ["Hello?", None, news("person")])
async def test_whoever_is_held_for_nothing_gets_the_whole_opening(then: str | Heard | None) -> None:
    held = await talk(SELLER, [news("machine_likely"), then])

    assert held.replies[-1] == start(SELLER).opening(now=NOW)
    assert (held.replies[-1].discloses, held.replies[-1].interruptible) == (True, False)


@pytest.mark.parametrize(
    "name", ["machine_likely", "machine_start", "machine_end_beep", "screening", "ivr", "fax", "intercept", "person"]
)
async def test_no_news_of_machines_ends_or_holds_a_person_who_told_us_something(name: str) -> None:
    held = await talk(SELLER, ["yes", news(name), "new job"])

    assert held.texts[2] == ""
    assert held.texts[3].endswith(" How soon would you like to move?")
    assert held.acts == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [(news("fax"), "fax"), (news("intercept"), "out_of_service"),
     ("The number you have dialed is not in service.", "out_of_service")],
)  # fmt: skip
async def test_a_number_without_people_is_bad(line: str | Heard, reason: str) -> None:
    held = await talk(WITH_MESSAGE, [line])

    assert held.texts[1:] == [""]
    assert held.acts == (EndCall(reason),)
    assert held.outcome.disposition is Disposition.BAD_NUMBER
    assert held.outcome.summary.startswith("No person can be reached at this number.")


async def test_google_is_answered_when_it_asks() -> None:
    held = await talk(SELLER, [*GOOGLE, "Thanks. Please stay on the line.", "Hello, this is Maria."])

    assert held.texts[1:] == ["", PURPOSE, "", start(SELLER).opening(now=NOW).text]


@pytest.mark.parametrize("said", ["Thanks.", "Please stay on the lines.", "Okay, thank you.", "Connecting you now."])
async def test_screening_that_keeps_us_waiting_is_waited_for(said: str) -> None:
    held = await talk(SELLER, [IOS, said, "Yes, this is Maria, what is it?"])

    assert held.texts[1:] == [PURPOSE, "", start(SELLER).opening(now=NOW).text]


async def test_a_person_heard_in_one_turn_with_the_service_gets_the_opening() -> None:
    held = await talk(SELLER, [IOS, "Please stay on the line. Hello?"])

    assert held.texts[1:] == [PURPOSE, start(SELLER).opening(now=NOW).text]


async def test_screening_that_does_not_ask_is_told_after_a_while() -> None:
    held = await talk(SELLER, [news("screening"), None])

    assert held.texts[1:] == ["", PURPOSE]


async def test_screening_that_asks_again_is_told_once_more() -> None:
    held = await talk(SELLER, [IOS, IOS, IOS])

    assert held.texts[1:] == [PURPOSE, PURPOSE, ""]


@pytest.mark.parametrize(("heard_of_it", "again"), [("", PURPOSE), ("Hi, this is Ava", PURPOSE), (PURPOSE, "")])
async def test_a_purpose_that_was_talked_over_is_said_again(heard_of_it: str, again: str) -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    for _ in range(2):
        assert (await dialogue.reply(heard(IOS), now=NOW)).text == PURPOSE
    dialogue.interrupted(played=heard_of_it)

    assert (await dialogue.reply(heard(IOS), now=NOW)).text == again


@pytest.mark.parametrize("said", ["Sorry, this person is not available. Goodbye.", "They can't take your call."])
async def test_a_declined_call_ends_kindly(said: str) -> None:
    held = await talk(SELLER, [IOS, said])

    assert held.texts[2] == f"Thank you. {BYE}"
    assert held.acts == (EndCall("declined"),)
    assert held.outcome.disposition is Disposition.NO_ANSWER
    assert held.outcome.summary.startswith("A screening service answered, and the person did not take the call.")


async def test_a_declined_call_may_go_to_voicemail() -> None:
    silent = await talk(SELLER, [IOS, GREETING])
    left = await talk(WITH_MESSAGE, [IOS, GREETING, news("machine_end_beep"), news("message_played")])

    assert (silent.acts, silent.outcome.disposition) == ((EndCall("voicemail"),), Disposition.VOICEMAIL)
    assert (left.texts[3], left.acts) == (LEFT, (EndCall("message_left"),))


async def test_somebody_who_hangs_up_while_screened_was_not_reached() -> None:
    held = await talk(SELLER, [IOS], ended_by=EndedBy.LEAD)

    assert held.outcome.disposition is Disposition.NO_ANSWER


MENU = "Thank you for calling Acme. For sales, press 1. To speak with a person, press 2."


async def test_a_menu_is_led_to_a_person() -> None:
    held = await talk(SELLER, [MENU, "Hello, this is Maria.", "yes"])

    assert held.replies[1] == Reply("", agent="conversation", keys="2")
    assert held.replies[2] == start(SELLER).opening(now=NOW)
    assert held.texts[3] == "Great. What has you thinking about a move?"


async def test_two_keys_at_most() -> None:
    held = await talk(SELLER, [MENU, MENU, None, MENU.replace("2", "3"), MENU.replace("2", "4")])

    assert [reply.keys for reply in held.replies[1:]] == ["2", "", "", "3", ""]
    assert held.acts == (EndCall("menu"),)
    assert held.outcome.disposition is Disposition.NO_ANSWER
    assert held.outcome.summary.startswith("A menu answered, and nobody was reached.")


async def test_a_menu_that_says_nothing_more_is_asked_for_the_operator_and_given_up() -> None:
    held = await talk(SELLER, ["Please listen carefully, our options have changed.", *[None] * 5])

    assert [reply.keys for reply in held.replies[1:]] == ["", "0", "", "", "", ""]
    assert held.acts == (EndCall("silence"),)
    assert held.outcome.disposition is Disposition.NO_ANSWER


async def test_an_opt_out_counts_while_a_machine_is_on_the_line() -> None:
    held = await talk(WITH_MESSAGE, [IOS, "Stop calling me."])

    assert held.acts == (OptOut("Stop calling me."), EndCall("opt_out"))


async def test_a_machine_that_never_ends_is_left() -> None:
    held = await talk(WITH_MESSAGE, [GREETING] * 26)

    assert held.acts == (EndCall("turn_limit"),)


@pytest.mark.parametrize(
    ("line", "stops"),
    [(news("machine_likely"), True), (news("screening"), True), (news("person"), False),
     (news("message_played"), False), (heard(IOS), True), (heard(MENU), True), (heard("Hello?"), False)],
)  # fmt: skip
def test_what_stops_the_opening(line: Heard, stops: bool) -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)

    assert dialogue.cannot_wait(line) is stops


async def test_a_caller_is_no_machine() -> None:
    inbound = replace(SELLER, inbound=True)
    held = await talk(inbound, [news("machine_start"), "Hi, your voicemail said to call. Press 1 to speak?"])

    assert held.acts == ()
    assert held.replies[-1].keys == ""
