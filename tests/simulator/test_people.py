"""People: the file, and what they make of what they hear."""

from pathlib import Path

import pytest

from simulator.domain.mind import GREETING, CannedMind, Reaction, RuleMind, last_question
from simulator.domain.people import People, PeopleError, Person, load, parse

DEMO = Path(__file__).parents[2] / "demo" / "people.yaml"
OPENING = (
    "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a recorded line. You can say stop or press "
    "nine at any time. I am calling about your home on Maple Street. Are you still thinking about selling?"
)
BUYER_OPENING = OPENING.replace(
    "your home on Maple Street. Are you still thinking about selling?",
    "the home search you asked us about. Are you still looking to buy?",
)
SLOTS = "I have Tuesday at 10am or Wednesday at 2pm. Which works better?"


def person(*rules: dict[str, object], **more: object) -> Person:
    data = {"id": "maria", "number": "*0101", "rules": list(rules), **more}
    return parse({"people": [data]}).people[0]


def mind(*rules: dict[str, object], **more: object) -> RuleMind:
    return RuleMind(person(*rules, **more))


def said(mind: RuleMind, heard: str) -> str:
    reaction = mind.hear(heard)
    if reaction is None:
        return ""
    mind.commit(reaction)
    return reaction.says


def test_the_first_rule_that_fits_answers_with_its_keys_and_its_end() -> None:
    maria = mind(
        {"hears": "selling", "says": "Yes.", "presses": "9", "then": "hang_up", "after_s": 1},
        {"hears": "selling", "says": "Never."},
    )
    assert maria.hear("Still SELLING?") == Reaction("Yes.", presses="9", hangs_up=True, after_s=1, rule=0)


def test_asking_changes_nothing_until_it_is_carried_out() -> None:
    maria = mind({"hears": "how", "says": "Once.", "once": True})
    assert maria.hear("How?") == maria.hear("How?") == Reaction("Once.", rule=0)
    maria.commit(Reaction("Once.", rule=0))
    assert maria.hear("How?") == Reaction("Sorry, could you say that again?", after_s=0.8)


def test_a_list_is_said_one_entry_a_time_and_the_last_one_again() -> None:
    maria = mind({"hears": ".", "says": ["One.", "Two."]})
    assert [said(maria, "Well?") for _ in range(4)] == ["One.", "Two.", "Two.", "Two."]


def test_the_question_asked_last_counts_before_what_was_said_ahead_of_it() -> None:
    maria = mind({"hears": "price", "says": "450."}, {"hears": "agent", "says": "No agent."})
    assert said(maria, "That price is good to know. Do you have an agent?") == "No agent."
    assert said(maria, "What price? Our agents know. Shall we go on?") == "450."


def test_the_fallback_is_said_twice_at_most() -> None:
    maria = mind()
    assert [said(maria, "Blah blah?") for _ in range(4)] == [
        "Sorry, could you say that again?",
        "I did not catch that.",
        "",
        "",
    ]


def test_a_statement_that_fits_nothing_is_given_time_to_go_on() -> None:
    reaction = mind().hear("Let me see.")
    assert reaction is not None
    assert reaction.after_s == 2.5


def test_the_greeting_is_not_a_fallback() -> None:
    maria = mind()
    maria.commit(Reaction("Hello?", rule=GREETING))
    assert [said(maria, "Blah?") for _ in range(3)].count("") == 1


def test_nobody_goes_on_for_ever() -> None:
    maria = mind({"hears": ".", "says": "Go on."})
    assert [said(maria, "Well?") for _ in range(30)] == ["Go on."] * 30
    assert maria.hear("Well?") == Reaction(hangs_up=True)


def test_silence_has_its_rules_and_then_the_person_hangs_up() -> None:
    maria = mind({"silence_s": 5, "says": "Hello?", "once": True}, gives_up_s=12)
    assert maria.quiet(4.9) is None
    assert maria.quiet(5) == Reaction("Hello?", rule=0)
    maria.commit(Reaction("Hello?", rule=0))
    assert maria.quiet(11.9) is None
    assert maria.quiet(12) == Reaction(hangs_up=True, after_s=0)


def test_a_barge_in_goes_by_the_time_the_agent_has_talked() -> None:
    maria = mind({"barge_in": True, "after_s": 2, "says": "Stop.", "once": True})
    assert maria.hear("stop") == Reaction("Sorry, could you say that again?", after_s=2.5)
    assert maria.interrupt(1.9, utterance=1) is None
    assert maria.interrupt(2, utterance=1) == Reaction("Stop.", after_s=0, rule=0)
    maria.commit(Reaction("Stop.", rule=0))
    assert maria.interrupt(9, utterance=1) is None


def test_hanging_up_in_the_middle_of_a_sentence() -> None:
    maria = mind(hangs_up_mid_sentence={"utterance": 2, "after_s": 1})
    assert maria.interrupt(5, utterance=1) is None
    assert maria.interrupt(0.9, utterance=2) is None
    assert maria.interrupt(1, utterance=2) == Reaction(hangs_up=True, after_s=0)


def test_load_mode_says_its_lines_and_leaves() -> None:
    canned = CannedMind(gives_up_s=3)
    canned.commit(Reaction("Hello?", rule=GREETING))
    reactions = []
    while reaction := canned.hear(""):
        canned.commit(reaction)
        reactions.append(reaction)
    assert tuple(reaction.says for reaction in reactions) == CannedMind.LINES
    assert [reaction.hangs_up for reaction in reactions] == [False] * 5 + [True]
    assert canned.interrupt(60, utterance=1) is None
    assert canned.quiet(2.9) is None
    assert canned.quiet(3) == Reaction(hangs_up=True, after_s=0)


@pytest.mark.parametrize(
    ("text", "question"),
    [("", ""), ("Fine.", ""), ("One? Two! Three? Four.", "Three?"), ("  How soon?  ", "How soon?")],
)
def test_last_question(text: str, question: str) -> None:
    assert last_question(text) == question


def test_a_number_finds_its_person_whole_number_first() -> None:
    data = [{"id": "end", "number": "*0101"}, {"id": "whole", "number": "+13035550101"}]
    people = parse({"people": data})
    assert [
        getattr(people.find(number), "id", None) for number in ("+13035550101", "+12125550101", "+12125550102")
    ] == [
        "whole",
        "end",
        None,
    ]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"number": "0101"}, r"people → maria → number: .*must be E\.164 such as \+13035550101, or an ending"),
        (
            {"rules": [{"hears": "(", "says": "x"}]},
            r"people → maria → rules → 0 → hears: .*is not a regular expression",
        ),
        ({"rules": [{"says": "x"}]}, r"people → maria → rules → 0: .*exactly one of hears, silence_s and barge_in"),
        ({"rules": [{"hears": "x"}]}, r"people → maria → rules → 0: .*a rule needs says, presses or then: hang_up"),
        ({"answers": {"how": "voicemail"}}, r"people → maria: .*voicemail: \{greeting: …\} go together"),
        ({"answers": {"how": "maybe"}}, r"people → maria → answers → how: "),
        ({"colour": "red"}, r"people → maria → colour: Extra inputs"),
    ],
)
def test_an_error_names_the_person_and_the_field(entry: dict[str, object], problem: str) -> None:
    with pytest.raises(PeopleError, match=problem):
        parse({"people": [{"id": "maria", "number": "*0101", **entry}]})


@pytest.mark.parametrize("data", [None, {"people": []}, {"people": 3}, {"people": ["x"]}, []])
def test_anything_else_is_refused_in_words(data: object) -> None:
    with pytest.raises(PeopleError, match=r"^people: "):
        parse(data)


def test_two_people_share_neither_id_nor_number() -> None:
    with pytest.raises(PeopleError, match=r"number used twice: \*0101"):
        parse({"people": [{"id": "a", "number": "*0101"}, {"id": "b", "number": "*0101"}]})


def test_a_file_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(PeopleError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("people: [")
    with pytest.raises(PeopleError, match=r"broken\.yaml"):
        load(broken)


@pytest.fixture(scope="module")
def demo() -> People:
    return load(DEMO)


def test_the_demo_has_its_twelve_people_in_order(demo: People) -> None:
    assert [(who.number, who.expects["disposition"]) for who in demo.people] == [
        ("*0101", "appointment"),
        ("*0102", "qualified"),
        ("*0103", "not_interested"),
        ("*0104", "do_not_call"),
        ("*0105", "do_not_call"),
        ("*0106", "wrong_number"),
        ("*0107", "has_agent"),
        ("*0108", "callback_requested"),
        ("*0109", "appointment"),
        ("*0110", "voicemail"),
        ("*0111", "busy"),
        ("*0112", "no_answer"),
    ]


SELLER = [
    (OPENING, "Yes, I am still thinking about selling."),
    ("What has you thinking about a move?", "I got a new job in Denver."),
    ("Got it. And how soon would you like to be moved?", "In the next two months."),
    ("Thanks. What price are you hoping to get for it?", "Around four hundred and fifty thousand dollars."),
    ("Which area are you moving to?", "The house is in Oak Park."),
    ("Are you already working with another agent?", "No, I do not have an agent."),
    ("Do you own it outright, or is there a mortgage?", "I own it outright."),
    (SLOTS, "The first one works for me."),
    ("So that is Tuesday at 10 am. Is that right?", "Yes, that works."),
    ("You are all set. Thanks and goodbye.", "Okay, bye."),
]
BUYER = [
    (BUYER_OPENING, "Yes, we are still looking."),
    ("What has you thinking about a move?", "We are having a second child."),
    ("How soon do you want to move?", "In about three months."),
    ("What is your budget?", "Up to six hundred thousand dollars."),
    ("And what area are you looking in?", "We like Lakewood, near the park."),
    ("Have you signed with an agent?", "No, I do not have an agent."),
    ("Are you pre-approved or paying cash?", "Yes, I am pre-approved."),
    (SLOTS, "No appointment for now. Please just send me listings."),
    ("No problem, we will send you some. Have a great day.", "Okay, bye."),
]
ROBOT = [(OPENING, "Wait, are you a robot?"), ("Yes, an AI. Are you still thinking about selling?", SELLER[0][1])]
TALKS = {
    "*0101": SELLER,
    "*0102": BUYER,
    "*0103": [(OPENING, "I am not interested, thank you."), ("May I ask why?", "No, I am really not interested.")],
    "*0104": [
        (OPENING, "Well, maybe this year."),
        ("What has you thinking about a move?", "The house has become too big for us."),
        ("How soon?", "You know what, please do not call me again."),
        ("I have taken you off our list. Goodbye.", "Okay, bye."),
    ],
    "*0106": [(OPENING, "I think you have the wrong number."), ("Sorry about that. Goodbye.", "Okay, bye.")],
    "*0107": [(OPENING, "We already signed with another agent."), ("Then take care.", "Okay, bye.")],
    "*0108": [
        (OPENING, "I am at work. Call me Tuesday after lunch."),
        ("I can call back Tuesday at one, or Tuesday at three. Which is better?", "Tuesday after lunch, please."),
        ("I will call on Tuesday at one, is that right?", "Yes, that is good."),
    ],
    "*0109": [*ROBOT, *SELLER[2:]],
}


@pytest.mark.parametrize("number", TALKS)
def test_the_demo_people_answer_what_an_agent_asks(demo: People, number: str) -> None:
    who = demo.find(f"+1303555{number[1:]}")
    assert who is not None
    thinking = RuleMind(who)
    assert [(heard, said(thinking, heard)) for heard, _ in TALKS[number]] == TALKS[number]


@pytest.mark.parametrize(
    ("number", "heard", "answer"),
    [
        ("*0101", "Is selling your home something you are considering?", "Yes, I am still thinking about selling."),
        ("*0101", "Would you like to buy a home, or to sell one?", "Yes, I am still thinking about selling."),
        ("*0101", "Would it be within three months, six months, or a year?", "In the next two months."),
        ("*0101", "In a few words, why now?", "I got a new job in Denver."),
        ("*0101", "Do you still owe anything on the home?", "I own it outright."),
        ("*0101", "Have you spoken with a lender, or would you pay cash?", "Yes, I am pre-approved."),
        ("*0101", "Is another real estate agent helping you, yes or no?", "No, I do not have an agent."),
        ("*0101", "I have Tuesday at 10am. Does that work for you?", "Yes, that works."),
        ("*0101", "Would Tuesday at ten suit you better, or Wednesday at two?", "The first one works for me."),
        (
            "*0102",
            "Would a short talk with an agent be useful?",
            "No appointment for now. Please just send me listings.",
        ),
        (
            "*0102",
            "Which area are you looking in, and what budget do you have in mind?",
            "Up to six hundred thousand dollars.",
        ),
        ("*0102", f"{BUYER_OPENING} Sorry, what was that?", "Yes, we are still looking."),
        ("*0101", f"{OPENING} Sorry, what was that?", "Yes, I am still thinking about selling."),
        ("*0102", "Roughly how many months from now would that be?", "In about three months."),
        ("*0102", "Is buying a home something you are considering?", "Yes, we are still looking."),
        ("*0102", "Is another real estate agent helping you, yes or no?", "No, I do not have an agent."),
    ],
)
def test_the_demo_people_understand_other_wordings(demo: People, number: str, heard: str, answer: str) -> None:
    who = demo.find(f"+1303555{number[1:]}")
    assert who is not None
    assert said(RuleMind(who), heard) == answer


def test_the_one_who_talks_over_the_agent(demo: People) -> None:
    who = demo.find("+13035550105")
    assert who is not None
    reaction = RuleMind(who).interrupt(1.8, utterance=1)
    assert reaction is not None
    assert (reaction.says, reaction.hangs_up) == ("Stop calling me.", False)


def test_only_those_who_speak_have_lines(demo: People) -> None:
    silent = {who.id for who in demo.people if not who.lines()}
    assert silent == {"busy", "never_answers"}
    machine = demo.find("+13035550110")
    assert machine is not None
    assert len(machine.lines()) == 1
