"""No "stop" may be missed; no seller may be lost to a bus stop."""

import json
import re
import tomllib
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.opt_out import opts_out

SENTENCES = tomllib.loads(Path(__file__).with_name("opt_outs.toml").read_text(encoding="utf-8"))
SGD = Path(__file__).resolve().parents[3] / "shared" / "dialogue" / "sgd_homes.jsonl"

PLAIN = """
stop|Stop.|Please stop|No, stop.|stop stop stop|I said stop|stop it|stop this|stop talking|stop wasting my time
Stop calling me.|stop calling|quit calling me|Stop calling this number|can you please stop calling
could you stop calling us
you have to stop calling|I asked you to stop|I'd like you to stop|I want you to stop|you guys keep calling, stop it
I'm not interested stop|Hello stop calling me|why don't you stop calling|you never stop calling
wish you would stop calling
cease and desist calling|no more calls|No calls please|enough calls|Stop the calls
don't call me again|do not call me anymore|never call me|never call this number again|Do not call.|Don't call.
don't ever call me|please don't call here again|don't call me at home again|not call me again
Don't bother calling back
don't contact me|Sorry but please do not call again thank you|You are not to call me again
I don't want you to call me|I don't want any more calls|I don't want these calls|I do not wish to be contacted
I don't want to be called|I'd rather you didn't call|I don't want to hear from you
stop the foreclosure calls|Stop. My foreclosure is my own affair.
take me off your list|Take me off your list please|Please remove me from this list|can you take my number off the list
remove my number|please delete my number|get me off this list|lose my number|forget my number
put me on your do not call list
I am on the do not call registry|unsubscribe|opt out|I want to opt out|opt me out
leave me alone|fuck off|This is harassment|I will report you|I revoke my consent|I never gave you permission to call
No me llame más|Deje de llamarme
"""
MISHEARD = """
stop coloring me|top calling me|Stop colin me|Stop falling me|stop collin this number|stopped calling me
don't cold me again|do not coal me anymore|never cold me again
take me of your lest|move me from your list|tak me off the lisp|loose my number|lose my lumber|lewis my number
remove my lumber|removed me from your list|opped out|on subscribe
"""
OTHERWISE = """
yes|no|not interested|no thanks|I'd stop renting|don't stop|please don't stop|You can stop by any time
stop by tomorrow
Delete all leads from the database.
Can you stop the foreclosure?|Is there a way to stop my foreclosure before the auction?
Could you stop by the house|the bus stop is near|there's a stop sign|non-stop|It is a bus stop|The train stop
I want to stop renting|we need to stop paying rent|I'd like to stop throwing money away|Stop renting, basically
I need a one stop shop|the market won't stop rising|I can't stop thinking about it|nothing would stop us
what would stop me is the price|Let's stop at noon|I'd have to stop working first|We stopped looking
call me tomorrow|don't call me before nine|don't call me until Tuesday|Don't call me now call me tomorrow|call me back
I don't call agents|they never call back|he never called me back|I am not calling about that|I never call anyone
I did not get the call|I missed your call|No, I didn't call you|no one called me|you didn't call me back
I have not been contacted by any agent|I do not want to call it a day|don't call it quits|I will call my agent
start calling my husband|keep calling me|shop around for me|shop calming things|I would not contact the lender yet
take me off speaker|take you off hold|my name is off the deed|put my house on the list
We want to take it off the market
leave me a message|can you remove the fence|We lost our number one agent|move me from Tuesday to Wednesday
How do I get it off the market|the house has two stops nearby|I don't have an agent|Don't worry|remove the carpet
You can say stop or press nine at any time
"""


def _lines(table: str) -> list[str]:
    return [phrase for line in table.strip().splitlines() for phrase in line.split("|")]


@pytest.mark.parametrize("said", _lines(PLAIN))
def test_plain_words_opt_out(said: str) -> None:
    assert opts_out(said)


@pytest.mark.parametrize("said", _lines(MISHEARD))
def test_misheard_words_opt_out(said: str) -> None:
    assert opts_out(said)


@pytest.mark.parametrize("said", _lines(OTHERWISE))
def test_other_words_do_not(said: str) -> None:
    assert not opts_out(said)


@pytest.mark.parametrize("kind", SENTENCES["asks"])
def test_in_whichever_words_it_is_heard(kind: str) -> None:
    assert [said for said in SENTENCES["asks"][kind] if not opts_out(said)] == []


@pytest.mark.parametrize("kind", SENTENCES["otherwise"])
def test_words_that_only_sound_like_it_are_not(kind: str) -> None:
    assert [said for said in SENTENCES["otherwise"][kind] if opts_out(said)] == []


def test_most_is_heard_without_any_punctuation() -> None:
    asks = [said for kind in SENTENCES["asks"].values() for said in kind]
    otherwise = [said for kind in SENTENCES["otherwise"].values() for said in kind]

    missed = [said for said in asks if not opts_out(_bare(said))]
    in_vain = [said for said in otherwise if opts_out(_bare(said))]

    assert len(missed) <= len(asks) // 50, missed
    assert len(in_vain) <= len(otherwise) // 50, in_vain


def _bare(said: str) -> str:
    return re.sub(r"[^\w\s'-]", "", said.lower())


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("don't call me before noon", False),
        ("don't call me before noon, don't call me at all anymore", True),
        ("don't call my office, call my cell", False),
        ("don't call my office, and don't call my cell", True),
        ("we want it off the market", False),
        ("we want it off the market and ourselves off your list", True),
        ("they stopped calling me", False),
        ("they stopped calling me and now you stop calling me", True),
        ("the bus stop", False),
        ("stop, hold on, my dog", False),
        ("stop, hold on, my dog. And take us off your list", True),
        ("my lawyer reads it first", False),
        ("my lawyer reads it first, and then my lawyer will be contacting you", True),
        ("I'm tired of calling agents", False),
        ("I'm tired of you calling", True),
        ("no one called me", False),
        ("no one may call me", True),
    ],
)
def test_a_benign_sense_takes_nothing_from_the_rest_of_the_turn(said: str, asked: bool) -> None:
    assert opts_out(said) is asked


def test_a_long_turn_is_read_at_once() -> None:
    turn = "We never thought that we would call it home, but my wife will not leave the garden, and so we stay. " * 10
    began = process_time()

    assert not opts_out(turn)

    assert process_time() - began < 0.1


POLITE_BEFORE = ("", "Hello, ", "Um, ", "I'm sorry, but ", "Thanks. ", "Look, I have no time. ", "Yes, hi. Well, ")
POLITE_AFTER = ("", ", please.", ". Thank you.", ", okay? Goodbye.", ". Have a nice day.", ", sir")


@given(
    st.sampled_from(POLITE_BEFORE),
    st.sampled_from(_lines(PLAIN)),
    st.sampled_from(POLITE_AFTER),
    st.sampled_from((str, str.upper, str.title)),
)
def test_an_opt_out_in_a_polite_sentence_is_heard(before: str, said: str, after: str, case: type[str]) -> None:
    assert opts_out(case(f"{before}{said.rstrip('.')}{after}"))


def test_no_false_opt_out_in_real_sentences() -> None:
    if not SGD.exists():
        pytest.skip(f"{SGD.name} is not here: it is measured on, and not part of the project")
    turns = [
        turn["text"]
        for line in SGD.read_text(encoding="utf-8").splitlines()
        for turn in json.loads(line)["turns"]
        if turn["speaker"] == "user"
    ]

    assert len(turns) == 7689
    assert [text for text in turns if opts_out(text)] == []
