"""Who may have asked not to be called again is asked, once, in one short question; nobody else is."""

import json
import re
from pathlib import Path

import pytest

from agents.dialogue import OPT_OUT_TEXT
from agents.domain.opt_out import may_opt_out, opts_out
from agents.domain.types import Disposition, EndCall, Heard, HeardKind, OptOut
from agents.opting_out import wants_removal
from bench.hearing import opt_outs
from tests.agents.people import FACTORY, NOW, SELLER, Line, heard, talk

SET = Path(__file__).with_name("opt_outs.toml")
SGD = Path(__file__).resolve().parents[3] / "shared" / "dialogue" / "sgd_homes.jsonl"
ASKED = "Let me make sure. Shall I take your number off our list?"
DOUBTFUL = "My patience for these conversations has run out."
INTEREST = "Is selling your home something you are considering?"

IN_DOUBT = [
    "Put me in the never pile.",
    "You're barking up the wrong tree, go bark somewhere else.",
    "You and I are finished.",
    "This phone line is closed to your business.",
    "My phone is for family only.",
    "You've worn out your welcome.",
    "Is there no end to this?",
    "I'm begging you, enough.",
    "I want nothing more to do with you.",
    "My digits are not yours to use.",
    "We don't entertain salespeople on this line.",
    "The ringing upsets my husband, who is very ill.",
    "Can't you take a hint?",
    "Close my file.",
    "I want radio silence from you.",
    "I'd be happiest if this were our last chat.",
    "We shall not speak again.",
    "What part of no do you people not get?",
    "Undo whatever got me on here.",
]
PLAIN = """
no, my name is John|I don't have a number in mind|my agent doesn't answer the phone|you said you'd call and you didn't
I haven't heard from my lender yet|the number you gave me doesn't work|my phone is almost dead|please don't hang up
I've had enough of renting|we want out of the city|I'm done with this house|the last buyer backed out
I don't do email, call me|don't give up on me, call in spring|I got this phone number last week
I quit my job last month
we get calls from investors like every single day|I've been calling your office all week and no one picks up
hang on stop it Rex, sorry my dog|don't you folks like dogs|none of your business|I blocked out Thursday morning
"""


def _lines(table: str) -> list[str]:
    return [phrase for line in table.strip().splitlines() for phrase in line.split("|")]


@pytest.mark.parametrize("said", IN_DOUBT)
async def test_words_that_may_opt_out_are_asked_about(said: str) -> None:
    talked = await talk(SELLER, [said])

    assert not opts_out(said)
    assert talked.texts[-1] == ASKED
    assert talked.acts == ()


@pytest.mark.parametrize("said", _lines(PLAIN))
def test_what_people_say_of_calls_and_ends_is_no_doubt(said: str) -> None:
    assert not may_opt_out(said)


def test_few_of_the_sentences_that_sound_like_an_opt_out_are_asked_about() -> None:
    _, others = opt_outs.read(SET)

    assert len(others.asked) <= others.count // 50, others.asked


def test_hardly_any_of_peoples_own_sentences_is_asked_about() -> None:
    if not SGD.exists():
        pytest.skip(f"{SGD.name} is not here: it is measured on, and not part of the project")
    turns = [turn for line in SGD.read_text(encoding="utf-8").splitlines() for turn in json.loads(line)["turns"]]
    said = [turn["text"] for turn in turns if turn["speaker"] == "user"]

    assert len([text for text in said if may_opt_out(text)]) < len(said) / 200


@pytest.mark.parametrize(
    "said", ["Yes.", "Please.", "I wish you would.", "That's what I said.", "I'm not interested."]
)
async def test_whoever_agrees_is_taken_off_the_list_and_the_call_ends(said: str) -> None:
    talked = await talk(SELLER, [DOUBTFUL, said])

    assert talked.texts[1:] == [ASKED, OPT_OUT_TEXT]
    assert talked.acts == (OptOut(said), EndCall("opt_out"))
    assert talked.outcome.disposition is Disposition.DO_NOT_CALL


async def test_more_of_the_same_in_place_of_an_answer_is_an_opt_out() -> None:
    talked = await talk(SELLER, [DOUBTFUL, "You've worn out your welcome."])

    assert talked.acts == (OptOut("You've worn out your welcome."), EndCall("opt_out"))


@pytest.mark.parametrize(
    "said", ["No.", "No thanks.", "No, don't remove it.", "Don't.", "I'd rather not.", "I'm still interested."]
)
async def test_whoever_wants_to_stay_is_asked_the_open_question(said: str) -> None:
    talked = await talk(SELLER, [DOUBTFUL, said])

    assert talked.texts[-1] == f"Thank you. {INTEREST}"
    assert talked.acts == ()


async def test_whoever_says_no_and_is_not_interested_is_let_go() -> None:
    talked = await talk(SELLER, [DOUBTFUL, "No, I'm just not interested."])

    assert talked.acts == (EndCall("not_interested"),)
    assert talked.outcome.disposition is Disposition.NOT_INTERESTED


async def test_whoever_speaks_of_something_else_stays_on_the_list() -> None:
    talked = await talk(SELLER, [DOUBTFUL, "I want four hundred fifty thousand for it."])

    assert talked.acts == ()
    assert talked.outcome.facts["price"] == "450000"


async def test_who_did_not_hear_the_question_hears_it_again() -> None:
    talked = await talk(SELLER, [DOUBTFUL, "What did you say?", "Yes."])

    assert talked.texts[2] == "Of course. Shall I take your number off our list?"
    assert talked.acts == (OptOut("Yes."), EndCall("opt_out"))


async def test_a_doubt_is_asked_about_once() -> None:
    talked = await talk(SELLER, [DOUBTFUL, "No.", DOUBTFUL])

    assert "off our list" not in talked.texts[-1]


async def test_nothing_of_a_doubtful_turn_is_kept_as_a_fact() -> None:
    talked = await talk(SELLER, ["Yes.", "The ringing upsets my husband, who is very ill.", "No."])

    assert talked.texts[2] == ASKED
    assert "motivation" not in talked.outcome.facts


async def test_a_refusal_in_doubt_gets_the_question_in_place_of_a_rebuttal() -> None:
    refusal = "Not interested. What part of that do you people not get?"
    talked = await talk(SELLER, [refusal, "No, that's fine."])

    assert talked.texts[1] == ASKED
    assert talked.texts[2].startswith("I understand. Thank you for your time.")
    assert talked.acts == (EndCall("not_interested"),)
    assert talked.outcome.disposition is Disposition.NOT_INTERESTED
    assert talked.outcome.objections == {"not_interested": 1}


async def test_a_refusal_that_is_taken_back_goes_on() -> None:
    talked = await talk(SELLER, ["Not interested, and no more of you people.", "Sorry, I'm still interested."])

    assert talked.texts[-1] == f"Thank you. {INTEREST}"


async def test_in_a_hurry_the_way_out_is_told_in_place_of_the_question() -> None:
    dialogue = FACTORY(SELLER)
    dialogue.opening(now=NOW)
    dialogue.hurry()

    reply = await dialogue.reply(heard(DOUBTFUL), now=NOW)

    assert reply.text.startswith("Let me make sure. If you say stop, we will not call again.")
    assert "?" not in reply.text
    assert reply.ends


@pytest.mark.parametrize("line", [None, Heard("1", NOW, HeardKind.KEY)])
async def test_silence_and_other_keys_agree_to_nothing(line: Line) -> None:
    assert (await talk(SELLER, [DOUBTFUL, line])).acts == ()


@pytest.mark.parametrize("said", ["", "...", "What list?", "Tuesday at ten.", "It's a three bedroom."])
def test_what_answers_nothing_removes_nothing(said: str) -> None:
    assert not wants_removal(said)


def test_our_own_question_is_no_opt_out_where_it_comes_back_as_an_echo() -> None:
    assert not opts_out(ASKED)


@pytest.mark.parametrize("text", ["", '[otherwise]\nplain = ["yes"]'])
def test_a_file_without_sentences_that_ask_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "blind.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=re.escape("blind.toml has no 'asks'")):
        opt_outs.read(path)


def test_a_file_is_measured_by_what_its_sentences_lead_to(tmp_path: Path) -> None:
    path = tmp_path / "blind.toml"
    path.write_text(
        'asks = ["stop calling", "take a hint", "yes"]\nharmless = ["the bus stop", "yes"]', encoding="utf-8"
    )

    asks, others = opt_outs.read(path)

    assert (asks.ended, asks.asked, asks.neither) == (("stop calling",), ("take a hint",), ("yes",))
    assert list(opt_outs.told(asks, others)) == [
        "  recall at once            33.3%  (1 of 3)",
        "  recall with the question  66.7%  (2 of 3)",
        "  precision at once        100.0%  (1 of 1)",
        "  others that are asked      0.0%  (0 of 2)",
    ]
