"""What a conversation does off the straight way."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from agents.dialogue import MAX_TURNS, OPT_OUT_TEXT, start
from agents.domain.intents import Objection
from agents.domain.objections import FAIR_HOUSING_REFUSAL, HANDLINGS
from agents.domain.questions import Question
from agents.domain.script import DEFAULT_SCRIPT
from agents.domain.standing import CUT_OFF
from agents.domain.types import (
    BookAppointment,
    Disposition,
    EndCall,
    EndedBy,
    Heard,
    HeardKind,
    MarkWrongNumber,
    OptOut,
    Reply,
    ScheduleCallback,
)
from agents.graph import conversation_graph
from agents.state import UnknownSnapshot
from tests.agents.people import BUYER, BYE, FRIDAY_9, NOW, SELLER, TUESDAY_10, WEDNESDAY_14, heard, talk

WORDED_ELSEWHERE = (Question.SLOT, Question.OBJECTION, Question.OWN)
ASKS_INTEREST = "Are you still thinking about selling?"
ALL_ANSWERED = ["Yes.", "New job.", "two months", "450", "no", "paid off"]


def test_the_graph_is_compiled_once() -> None:
    assert conversation_graph() is conversation_graph()


async def test_unclear_turns_get_other_words_then_an_offer_then_an_end() -> None:
    held = await talk(SELLER, ["purple monkey", "dishwasher green", "what the fox", "blue"])

    again = "Sorry, I did not get that. Is selling your home something you are considering?"
    assert held.texts[1:] == [
        again,
        again,
        "I am sorry, I have trouble understanding you. May we call you another day instead?",
        f"I am sorry for the trouble. {BYE}",
    ]
    assert held.acts == (EndCall("unclear"),)
    assert held.outcome.disposition is Disposition.HUNG_UP


async def test_the_offer_after_unclear_turns_is_taken() -> None:
    monday_10 = TUESDAY_10 - timedelta(days=1)
    held = await talk(SELLER, ["purple monkey", "green", "what the fox", "sure"])

    assert held.acts == (ScheduleCallback(monday_10, "sure"), EndCall("callback"))
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED


async def test_an_understood_turn_forgives_the_unclear_ones() -> None:
    held = await talk(SELLER, ["purple", "green", "yes", "purple", "green"])

    assert held.texts[-1] == "Sorry, I did not get that. In a few words, why now?"


async def test_silence_is_forgiven_by_speech_and_a_yes_then_answers_no_question() -> None:
    held = await talk(SELLER, [None, "Yes.", None, "Yes, I want to sell, new job"])

    assert held.texts[1:4] == [
        "Are you still there?",
        "Good. Is selling your home something you are considering?",
        "Are you still there?",
    ]
    assert held.texts[4].endswith("How soon would you like to move?")


async def test_how_did_you_get_my_number_names_source_and_date_and_offers_removal() -> None:
    held = await talk(SELLER, ["How did you get my number?", "No, that's fine."])

    assert held.texts[1] == (
        "Your number came from the web form on March third, twenty twenty six. Shall I take your number off our list?"
    )
    assert held.texts[2] == "Thank you. Is selling your home something you are considering?"
    assert held.acts == ()


async def test_a_source_that_is_not_known_is_not_made_up() -> None:
    held = await talk(replace(SELLER, consent_source="", consent_at=None), ["where did you get my number"])
    undated = await talk(replace(SELLER, consent_at=None), ["where did you get my number"])

    assert held.texts[1] == "I do not have that in front of me. Shall I take your number off our list?"
    assert undated.texts[1] == "Your number came from the web form. Shall I take your number off our list?"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Who is this?", "This is Ava, an AI assistant from Summit Realty. I am calling about your home "
         "on Maple Street. " + ASKS_INTEREST),
        ("Hello?", "Hello. This is Ava, an AI assistant from Summit Realty. " + ASKS_INTEREST),
        ("Can you repeat that?", f"Of course. {ASKS_INTEREST}"),
        ("I'm looking to buy in areas with no immigrants", f"{FAIR_HOUSING_REFUSAL} {ASKS_INTEREST}"),
        ("what kind of people live there", f"{FAIR_HOUSING_REFUSAL} {ASKS_INTEREST}"),
        ("Hold on", "Of course, take your time."),
        ("She's not here right now", "Thank you. I would like to reach Maria. When is a good time to call you back?"),
        ("I don't speak English", "I am sorry, I only speak English. A colleague can call you. I can call back today "
         "at two P M, or Monday at ten A M. Which is better?"),
        ("I want to talk to a real person", "Of course, a person can call you. I can call back today at two P M, or "
         "Monday at ten A M. Which is better?"),
        ("I'm driving", "Sorry to catch you at a bad time. I can call back today at two P M, or Monday at ten A M. "
         "Which is better?"),
    ],
)  # fmt: skip
async def test_what_people_ask_about_the_call(said: str, text: str) -> None:
    held = await talk(SELLER, [said])

    assert held.texts[1] == text
    assert held.acts == ()


async def test_fair_housing_words_leave_no_fact() -> None:
    held = await talk(BUYER, ["yes", "we need more room in a neighborhood without muslims, Oakland"])

    assert held.texts[2].startswith(FAIR_HOUSING_REFUSAL)
    assert held.outcome.facts == {"interested": "yes", "side": "buy"}


async def test_a_goodbye_that_talks_on_with_an_answer_was_misheard() -> None:
    before = ["yes", "new job", "two months", "450", "no"]
    assert not (await talk(SELLER, [*before, "Bye! Yes. There is a loan with the bank."])).replies[-1].ends
    for said in ("there is a loan, bye", "Bye! There is a loan with the bank, goodbye.", "Bye! Thank you."):
        assert (await talk(SELLER, [*before, said])).replies[-1].ends


async def test_goodbye_ends() -> None:
    held = await talk(SELLER, ["yes", "I have to go, bye"])

    assert held.texts[-1] == f"Thank you for your time. {BYE}"
    assert held.acts == (EndCall("goodbye"),)
    assert held.outcome.disposition is Disposition.HUNG_UP


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        (["I'm busy", "tomorrow at ten"], WEDNESDAY_14 - timedelta(days=3, hours=4)),
        (["I'm busy", "the first one"], NOW + timedelta(hours=3)),
        (["I'm busy", "yes", "yes"], NOW + timedelta(hours=3)),
        (["I want to talk to a person", "later", "just call me later"], NOW + timedelta(hours=3)),
        (["not right now", "in two weeks"], TUESDAY_10 + timedelta(days=11)),
        (["not interested", "it's the timing", "in two weeks"], TUESDAY_10 + timedelta(days=11)),
        (["not interested", "call me in two weeks"], TUESDAY_10 + timedelta(days=11)),
    ],
)  # fmt: skip
async def test_calls_back_are_promised_once(lines: list[str], at: object) -> None:
    held = await talk(SELLER, lines)

    assert [type(act) for act in held.acts] == [ScheduleCallback, EndCall]
    callback = held.acts[0]
    assert isinstance(callback, ScheduleCallback)
    assert callback == ScheduleCallback(callback.at, lines[-1])
    assert callback.at == at
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED


async def test_a_call_back_declined_twice_ends_kindly() -> None:
    held = await talk(SELLER, ["I'm busy", "neither works", "no"])

    assert held.texts[2] == "Which day and time would suit you for a call?"
    assert held.acts == (EndCall("declined"),)
    assert held.outcome.disposition is Disposition.NOT_INTERESTED


async def test_without_slots_a_call_back_is_asked_for() -> None:
    for brief in (replace(SELLER, slots=()), replace(SELLER, slots=(NOW - timedelta(hours=1),))):
        held = await talk(brief, [*ALL_ANSWERED, "Monday at nine"])

        assert held.texts[-2] == "Thank you. When is a good time to call you back?"
        assert [type(act) for act in held.acts] == [ScheduleCallback, EndCall]


async def test_a_single_slot_is_offered_alone() -> None:
    held = await talk(replace(SELLER, slots=(FRIDAY_9,)), [*ALL_ANSWERED, "that works", "yes"])

    assert held.texts[-3] == "Thank you. I have Friday at nine A M. Does that work for you?"
    assert held.acts == (BookAppointment(FRIDAY_9), EndCall("appointment"))


async def test_a_time_that_is_not_free_gets_the_next_slot() -> None:
    held = await talk(SELLER, [*ALL_ANSWERED, "Saturday at six", "yes", "that is right"])

    assert held.texts[7:] == [
        "That time is not free. I have Friday at nine A M. Does that work for you?",
        "That is Friday, November twenty seventh, at nine A M, your time. Is that right?",
        f"Great. You are booked for Friday at nine A M. Thank you, Maria. {BYE}",
    ]
    assert held.acts == (BookAppointment(FRIDAY_9), EndCall("appointment"))


async def test_a_free_time_that_was_not_offered_is_offered() -> None:
    held = await talk(SELLER, [*ALL_ANSWERED, "What about Friday?", "yes", "yes"])

    assert held.texts[7] == "No problem. I have Friday at nine A M. Does that work for you?"
    assert held.acts == (BookAppointment(FRIDAY_9), EndCall("appointment"))


async def test_times_that_are_never_free_become_a_call_back() -> None:
    held = await talk(SELLER, [*ALL_ANSWERED, "Saturday at six", "Sunday at noon", "Monday at nine"])

    assert held.texts[8] == "That time is not free. When is a good time to call you back?"
    assert [type(act) for act in held.acts] == [ScheduleCallback, EndCall]


async def test_who_owns_nothing_is_the_wrong_seller_and_a_fine_buyer() -> None:
    seller = await talk(SELLER, ["I'm renting, I don't own it"])
    buyer = await talk(BUYER, ["yes", "I rent here, I don't own a house yet"])

    assert seller.acts == (MarkWrongNumber("I'm renting, I don't own it"), EndCall("wrong_number"))
    assert buyer.acts == ()
    assert buyer.outcome.facts["motivation"] == "own_home"


async def test_who_offers_a_visit_is_offered_a_slot() -> None:
    held = await talk(SELLER, ["yes", "just stop by the house", "ten works", "yes"])

    assert held.texts[2] == "Gladly. I have Tuesday at ten A M or Wednesday at two P M. Which works better?"
    assert held.acts == (BookAppointment(TUESDAY_10), EndCall("appointment"))


async def test_facts_told_in_place_of_a_choice_are_kept() -> None:
    held = await talk(SELLER, ["yes", "what's it worth", "yes", "I would want five hundred thousand", "inherited it"])

    assert held.texts[4] == "Understood. What is the main reason for the move?"
    assert held.outcome.facts["price"] == "500000"
    assert held.outcome.facts["motivation"] == "inherited"


async def test_an_unnamed_yes_to_two_slots_is_asked_again() -> None:
    held = await talk(SELLER, [*ALL_ANSWERED, "yes", "are you a bot?", "the later one", "yes"])

    assert held.texts[-4:] == [
        "Would Tuesday at ten A M suit you better, or Wednesday at two P M?",
        "Yes, I am an AI assistant. A person can call you instead. "
        "Would Tuesday at ten A M suit you better, or Wednesday at two P M?",
        "That is Wednesday, November twenty fifth, at two P M, your time. Is that right?",
        f"Great. You are booked for Wednesday at two P M. Thank you, Maria. {BYE}",
    ]


async def test_call_screening_is_told_who_calls_and_the_person_gets_the_opening() -> None:
    held = await talk(
        SELLER,
        ["Hi, if you record your name and reason for calling, I'll see if this person is available.",
         "Please stay on the line.", "Hello?", "Yes."],
    )  # fmt: skip

    assert held.texts[1] == (
        "Hi, this is Ava, an AI assistant with Summit Realty, calling Maria about the house on Maple Street."
    )
    assert held.texts[2] == ""
    assert "on a recorded line. You can say stop or press nine" in held.texts[3]
    assert held.texts[4] == "Great. What has you thinking about a move?"


SCREENED = "Hi, if you record your name and reason for calling, I'll see if this person is available."


async def test_call_screening_is_waited_out_in_silence_and_is_no_voicemail() -> None:
    machine = Heard("machine_start", NOW, HeardKind.MACHINE)
    held = await talk(SELLER, [SCREENED, machine, None, None, None, None, None])
    beeped = await talk(SELLER, [SCREENED, Heard("machine_end_beep", NOW, HeardKind.MACHINE)])

    assert held.texts[2:] == [""] * 5 + [f"I cannot hear you, so I will let you go. {BYE}"]
    assert held.acts == (EndCall("silence"),)
    assert beeped.outcome.disposition is Disposition.VOICEMAIL


async def test_speech_before_the_opening_is_answered_by_it() -> None:
    dialogue = start(SELLER)

    assert (await dialogue.reply(heard("Yes, hello?"), now=NOW)).text == start(SELLER).opening(now=NOW).text


async def test_a_machine_verdict_is_not_believed_once_the_person_told_us_something() -> None:
    machine = Heard("machine_start", NOW, HeardKind.MACHINE)
    held = await talk(SELLER, ["yes", Heard("human", NOW, HeardKind.MACHINE), machine, "new job"])

    assert held.texts[2] == ""
    assert held.acts == ()


async def test_voicemail_words_late_in_a_call_are_a_persons() -> None:
    held = await talk(SELLER, ["yes", "new job", "two months", "I'd rather you leave a message"])

    assert held.acts == ()


async def test_after_the_end_only_an_opt_out_still_counts() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    await dialogue.reply(heard("bye"), now=NOW)

    assert await dialogue.reply(heard("oh wait"), now=NOW) == Reply("", acts=(EndCall("over"),), agent="conversation")
    assert dialogue.opening(now=NOW).acts == (EndCall("over"),)
    assert (await dialogue.reply(heard("stop calling me"), now=NOW)).text == OPT_OUT_TEXT
    outcome = dialogue.wrap_up(ended_by=EndedBy.AGENT, now=NOW)
    assert outcome.disposition is Disposition.DO_NOT_CALL
    assert outcome.acts == (EndCall("goodbye"), OptOut("stop calling me"), EndCall("opt_out"))


async def test_a_call_never_goes_on_for_ever() -> None:
    dialogue = start(SELLER)
    reply = dialogue.opening(now=NOW)
    turns = 0
    while not reply.ends:
        reply = await dialogue.reply(heard("Who is this?"), now=NOW)
        turns += 1

    assert turns == MAX_TURNS + 1
    assert reply.acts == (EndCall("turn_limit"),)


async def test_a_yes_to_a_question_that_was_not_heard_answers_nothing() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    dialogue.interrupted(played="Hi Maria, this is Ava, an AI")

    assert (await dialogue.reply(heard("yes?"), now=NOW)).text == ASKS_INTEREST
    dialogue.interrupted(played="Are you still thinking")
    assert (await dialogue.reply(heard("yes"), now=NOW)).text == "Great. What has you thinking about a move?"


async def test_a_slot_is_not_taken_by_a_word_over_the_offer() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    for line in ALL_ANSWERED:
        await dialogue.reply(heard(line), now=NOW)
    dialogue.interrupted(played="Thank you. I")

    reply = await dialogue.reply(heard("yeah yeah"), now=NOW)

    assert reply.text == "I have Tuesday at ten A M or Wednesday at two P M. Which works better?"


async def test_another_process_takes_up_the_open_question() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    await dialogue.reply(heard("yes"), now=NOW)
    resumed = start(SELLER, snapshot=json.loads(json.dumps(dialogue.snapshot())))

    assert resumed.snapshot() == dialogue.snapshot()
    assert resumed.opening(now=NOW).text == f"{CUT_OFF} What has you thinking about a move?"


@pytest.mark.parametrize("change", [{"version": 2}, {"state": {"stage": "nowhere"}}, {"state": None}])
def test_a_snapshot_that_cannot_be_read(change: dict[str, object]) -> None:
    with pytest.raises(UnknownSnapshot):
        start(SELLER, snapshot={**start(SELLER).snapshot(), **change})


async def test_an_act_without_its_instant_is_a_damaged_snapshot() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    await dialogue.reply(heard("call me tomorrow"), now=NOW)
    data = json.loads(json.dumps(dialogue.snapshot()))
    data["state"]["acts"][0]["at"] = None

    with pytest.raises(UnknownSnapshot, match="no instant"):
        start(SELLER, snapshot=data).wrap_up(ended_by=EndedBy.AGENT, now=NOW)


@pytest.mark.parametrize("kind", [kind for kind in Objection if HANDLINGS[kind].tries])
def test_every_try_asks_at_most_one_question_in_25_words(kind: Objection) -> None:
    for attempt in HANDLINGS[kind].tries:
        assert attempt.text.count("?") == (0 if attempt.then else 1)
        assert len(attempt.text.split()) <= 25
    assert len(HANDLINGS[kind].tries) <= 2
    assert HANDLINGS[kind].exit.endswith("Goodbye.")


@pytest.mark.parametrize("question", [question for question in Question if question not in WORDED_ELSEWHERE])
def test_every_wording_is_one_short_question(question: Question) -> None:
    for side in ("sell", "buy"):
        for asked in range(4):
            text = DEFAULT_SCRIPT.wording(question, side=side, asked=asked)
            assert text.count("?") == 1 or text == "I cannot hear you. If you can hear me, please say yes."
            assert len(text.split()) <= 15


SAYS = {
    Objection.JUST_LOOKING: "we're just looking",
    Objection.NOT_READY: "we're not ready",
    Objection.SEND_INFORMATION: "just send me an email",
    Objection.WORTH: "what's my house worth",
    Objection.COMMISSION: "your commission is too high",
    Objection.RATES: "the rates are too high",
    Objection.SPOUSE: "I have to ask my wife",
    Objection.SELF_SELLING: "I'm selling it myself",
    Objection.WAIT_MARKET: "we're waiting for the market",
    Objection.SELL_FIRST: "we need to sell our condo first",
    Objection.NOWHERE_TO_GO: "I would have nowhere to go",
}


@pytest.mark.parametrize(("kind", "said"), SAYS.items())
async def test_an_objection_is_met_twice_and_then_let_be(kind: Objection, said: str) -> None:
    held = await talk(SELLER, ["yes", said, said, said])

    first, second = HANDLINGS[kind].tries
    assert held.texts[2].startswith(first.text)
    assert held.texts[3] == second.text
    assert held.texts[4] == HANDLINGS[kind].exit.replace("Goodbye.", BYE)
    assert held.acts == (EndCall("not_interested"),)
    assert held.outcome.disposition is Disposition.NOT_INTERESTED
    assert held.outcome.objections == {kind.value: 3}
    assert held.outcome.summary.endswith(" (3 times).")


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        (["yes", "what's it worth", "yes, that would help"],
         "Very well. I have Tuesday at ten A M or Wednesday at two P M. Which works better?"),
        (["yes", "I have to ask my wife", "yes"], "Very well. When is a good time to call you back?"),
        (["yes", "rates are too high", "yes it does"], "Very well. What is the main reason for the move?"),
        (["yes", "just looking", "a bigger kitchen and yard"], "I see. How soon would you like to move?"),
        (["yes", "waiting for the market", "lower"], "I see. What is the main reason for the move?"),
        (["no", "well I might sell in the spring"], "I see. What has you thinking about a move?"),
        (["yes", "send me an email", "in three months"], "Thank you. What is the main reason for the move?"),
    ],
)  # fmt: skip
async def test_an_answered_objection_leads_on(lines: list[str], last: str) -> None:
    held = await talk(SELLER, lines)

    assert held.texts[-1] == last
    assert held.acts == ()


async def test_a_check_in_that_was_agreed_is_promised() -> None:
    held = await talk(SELLER, ["yes", "I'm selling it myself", "no", "sure"])

    assert [type(act) for act in held.acts] == [ScheduleCallback, EndCall]
    assert held.texts[-1] == f"Very well. We will call you Monday, December twenty first at ten A M. Thank you. {BYE}"


async def test_help_without_slots_becomes_a_call_back() -> None:
    held = await talk(replace(SELLER, slots=()), ["yes", "what's it worth", "yes"])

    assert held.texts[-1] == "Very well. When is a good time to call you back?"


async def test_many_objections_end_in_the_exit() -> None:
    held = await talk(SELLER, ["yes", *[SAYS[kind] for kind in (
        Objection.JUST_LOOKING, Objection.WORTH, Objection.COMMISSION, Objection.RATES, Objection.SPOUSE,
        Objection.WAIT_MARKET)]])  # fmt: skip

    assert held.acts == (EndCall("not_interested"),)


@pytest.mark.parametrize(
    "lines", [ALL_ANSWERED, ["hello"], ["are you a robot"], ["just looking", "what is it worth"]]
)
async def test_replies_are_short_and_end_in_one_question(lines: list[str]) -> None:
    for reply in (await talk(SELLER, lines)).replies[1:]:
        assert len(reply.text.split()) <= 30
        assert reply.text.count("?") == 1


async def test_words_of_the_lead_alone_are_not_fixed() -> None:
    held = await talk(SELLER, ["who is this", *ALL_ANSWERED, "the first one"])

    assert [reply.fixed for reply in held.replies] == [False, False, True, True, True, True, True, False, False]
    assert [reply.agent for reply in held.replies] == ["conversation"] * 2 + ["qualification"] * 6 + ["scheduler"]


async def test_an_unknown_side_is_asked_for() -> None:
    brief = replace(SELLER, interest="", property_address="")
    buyer = await talk(brief, ["we're looking to buy"])
    seller = await talk(brief, ["I don't follow", "selling"])

    assert buyer.texts[1] == "Great. What has you thinking about a move?"
    assert buyer.outcome.facts == {"side": "buy", "interested": "yes"}
    assert seller.outcome.facts == {"side": "sell", "interested": "yes"}


async def test_summary_says_what_was_agreed() -> None:
    held = await talk(SELLER, [*ALL_ANSWERED, "Tuesday", "yes"])

    assert held.outcome.summary == (
        "Booked an appointment for Tuesday 24 November 2026, 10:00 (America/Denver). "
        "Maria wants to sell the home on Maple Street within 2 months for about $450,000. "
        "The reason is work, no other agent is involved and the home is paid off."
    )


@pytest.mark.parametrize(
    "text", ["Hello?", "Hi, this is Dan.", "Yes?", "Hello, who is it?", "Yes, speaking.", "Hmm."]
)
async def test_how_people_pick_up_is_no_answer_to_a_question_that_was_not_heard(text: str) -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    before = dialogue.snapshot()
    reply = await dialogue.reply(Heard(text, NOW, before_question=True), now=NOW)
    assert (reply.text, reply.acts) == ("", ())
    assert dialogue.snapshot() == before
    assert not dialogue.cannot_wait(Heard(text, NOW))


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("Stop calling me.", OptOut("Stop calling me.")),
        ("You have the wrong number.", MarkWrongNumber("You have the wrong number.")),
    ],
)
async def test_what_cannot_wait_counts_before_the_question_too(text: str, act: OptOut | MarkWrongNumber) -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    assert dialogue.cannot_wait(Heard(text, NOW))
    reply = await dialogue.reply(Heard(text, NOW, before_question=True), now=NOW)
    assert reply.acts[0] == act
    assert reply.ends


@pytest.mark.parametrize(
    ("heard", "stops"),
    [
        (Heard("9", NOW, HeardKind.KEY), True),
        (Heard("1", NOW, HeardKind.KEY), False),
        (Heard("machine_start", NOW, HeardKind.MACHINE), True),
        (Heard("human", NOW, HeardKind.MACHINE), False),
        (Heard("", NOW, HeardKind.SILENCE), False),
        (Heard("Please leave a message after the tone.", NOW), True),
    ],
)
def test_keys_machines_and_silence_that_stop_the_opening_or_not(heard: Heard, stops: bool) -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    assert dialogue.cannot_wait(heard) is stops


async def test_whoever_misses_the_same_words_twice_gets_others() -> None:
    held = await talk(SELLER, ["Yes.", "New job.", "Sorry, could you say that again?", "I did not catch that."])
    assert [text.partition(". ")[2] for text in held.texts[-3:]] == [
        "How soon would you like to move?",
        "How soon would you like to move?",
        "Roughly how many months from now would that be?",
    ]
