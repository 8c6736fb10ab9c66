"""What a model adds once a call is over: what the call bears out stays, everything else is left out."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from agents.after.addition import Addition, Point, dump, load
from agents.after.asking import Asked, add
from agents.after.grounding import Ground
from agents.after.material import Material, material
from agents.after.types import Mood, Said, UnknownAnalysis
from agents.domain.types import Disposition, ModelUse
from agents.llm import tokens
from agents.llm.assembly import language_model
from agents.llm.config import ModelConfig
from agents.llm.port import ModelDown, ModelError, ModelLate, ModelRefused, ModelUnusable, Patience
from tests.agents.after import OPENING, analysed, script
from tests.agents.llm.scripted import Act, Fails, Raw, Says, Script, ScriptedServer, says, scripted

TALK = script(
    f"A: {OPENING}",
    "L: Yes, we are, in about three months.",
    "A: What makes you want to move?",
    "L: I got a new job in Austin and we bought a place there.",
    "A: Did you have a price in mind?",
    "L: Four fifty would be great. How big is the yard next door?",
    "A: An agent can look at that. Would Tuesday at ten work?",
    "L: No, I do not like that. Call me on 303 555 0142 or maria@example.com.",
)
KNOWN = (
    "outcome: The call ended before anything was settled; price: $450,000; timeline: 3 months; "
    "next: The campaign calls again by its own plan."
)
SUMMARY = "The person wants to sell within three months because of a new job in Austin. They hope for about $450,000."
GOOD = {
    "summary": SUMMARY,
    "mood": "positive",
    "mood_quote": "would be great",
    "questions": [{"text": "How big is the yard next door?", "quote": "How big is the yard next door"}],
    "next_steps": [{"text": "Bring the size of the yard.", "quote": "How big is the yard"}],
    "findings": [{"text": "The agent did not answer the question.", "quote": "An agent can look at that."}],
}


def ground(disposition: Disposition = Disposition.HUNG_UP, known: str = KNOWN) -> Ground:
    return Ground(TALK, known, company="Summit Realty", disposition=disposition)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{SUMMARY} No appointment was booked.", ""),
        ("They want 450 thousand dollars. The agent offered Tuesday at 10.", ""),
        ("No one else was on the call.", ""),
        ("Summit Realty called. Austin is where they bought a place.", ""),
        ("", "empty"),
        ("They sell. " * 4, "long"),
        ("They sell " * 36, "long"),
        ("The person wants to sell within four months.", "number"),
        ("They want to sell in 3 years.", "number"),
        ("She wants $455,000 for it.", "number"),
        ("Sarah wants to sell.", "name"),
        ("The person likes Boulder.", "name"),
        ("They talked on Friday.", "date"),
        ("They move in June.", "date"),
        ("They agreed to sell.", "fact"),
        ("There is a mortgage on it.", "fact"),
        ("The person booked a visit.", "outcome"),
        ("The appointment is on Tuesday.", "outcome"),
        ("The person is not interested.", "outcome"),
        ("They asked never to be called.", "outcome"),
        ("They asked to be called back.", "outcome"),
        ("It was the wrong number.", "outcome"),
        ("The call was transferred.", "outcome"),
        ("The family is large.", "trait"),
        ("The person is stupid.", "rude"),
        ("They asked for an e-mail with a link.", "web"),
    ],
)
def test_a_summary_says_nothing_that_the_call_does_not(text: str, why: str) -> None:
    assert ground().refuses_summary(text) == why


@pytest.mark.parametrize(
    ("text", "disposition"),
    [
        ("The person booked a visit on Tuesday at 10.", Disposition.APPOINTMENT),
        ("They asked never to be called.", Disposition.DO_NOT_CALL),
        ("The person is not interested.", Disposition.DO_NOT_CALL),
        ("The person is no longer interested.", Disposition.NOT_INTERESTED),
        ("They asked to be called back.", Disposition.CALLBACK_REQUESTED),
        ("It was the wrong number.", Disposition.WRONG_NUMBER),
    ],
)
def test_an_end_may_be_told_that_the_call_had(text: str, disposition: Disposition) -> None:
    assert ground(disposition).refuses_summary(text) == ""


def test_a_point_is_one_sentence() -> None:
    assert ground().refuses_point("Bring the size of the yard.") == ""
    assert ground().refuses_point("Provide figures for Austin.") == ""
    assert ground().refuses_point("Bring the size. Call early.") == "long"
    assert ground().refuses_point("Offer 7 percent.") == "number"
    assert ground().refuses_point(" ") == "empty"


@pytest.mark.parametrize(
    ("quote", "theirs", "turn"),
    [
        ("how big is the YARD", True, 6),
        ("How big is the yard?", False, 6),
        ("an agent can look at that", False, 7),
        ("an agent can look at that", True, None),
        ("I would love to", False, None),
        ("we are", False, None),
        ("", False, None),
        ("...", False, None),
    ],
)
def test_a_quote_stands_in_a_turn(quote: str, theirs: bool, turn: int | None) -> None:
    assert ground().turn_of(quote, theirs=theirs) == turn


def test_a_turn_of_one_word_may_be_quoted_whole() -> None:
    said = script("A: Hello?", "L: No.")
    assert Ground(said, "", company="", disposition=Disposition.HUNG_UP).turn_of("no", theirs=True) == 2


def test_numbers_addresses_and_the_lead_s_name_are_not_sent() -> None:
    talk = [*TALK, Said(9, "lead", "[key 9]", 0, 0), Said(10, "lead", "[redacted]", 0, 0)]
    found = material(talk, analysed(TALK), name="Maria José Lopez")
    assert [said.seq for said in found.turns] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert found.turns[0].text.startswith("Hi [name], this is Ava,")
    assert found.turns[-1].text == "No, I do not like that. Call me on [number] or [email]."
    assert not {"Maria", "Lopez", "0142", "example"} & set(found.everything.split())
    assert material(TALK, analysed(TALK), name="").turns[0].text == TALK[0].text


def test_what_the_rules_know_is_told_in_words() -> None:
    from dataclasses import replace

    from agents.after.types import FactTold

    facts = (
        FactTold("price", "450000", 0.9, 6),
        FactTold("timeline", "3", 0.9, 2),
        FactTold("area", "near 3035550142", 0.9, 2),
        FactTold("lot", "7", 0.9, 2),
    )
    known = material(TALK, replace(analysed(TALK), facts=facts), name="").known
    assert known == (
        "outcome: The call ended before anything was settled; price: $450,000; timeline: 3 months; "
        "area: near [number]; lot: 7; next: The campaign calls again by its own plan."
    )


def talk_of(turns: int) -> Material:
    lines = [
        f"A: That is good to know, thank you for number {n}. And then, what else comes to mind about it all?"
        if n % 2
        else f"L: Well the thing with {n} is that it takes some time to tell you about it, and so it goes on."
        for n in range(1, turns + 1)
    ]
    return Material(tuple(script(*lines)), "")


@pytest.mark.parametrize(
    ("turns", "budget", "begins", "has"),
    [
        (4, 400, "AGENT: That is good to know, thank you for number 1. And", "PERSON: Well the thing with 4"),
        (12, 300, "AGENT: And then, what else comes to mind about it all? PERSON: Well", "thing with 12"),
        (20, 400, "PERSON: Well the thing with 2 is", "thing with 20"),
        (80, 400, "PERSON: Well the thing with 2 is", "turns left out"),
    ],
)
def test_a_long_call_is_shortened(turns: int, budget: int, begins: str, has: str) -> None:
    told = talk_of(turns).transcript(budget=budget)
    assert told.startswith(begins)
    assert has in told
    assert f"thing with {turns} " in told
    assert tokens.count(told) <= budget


def test_turns_in_the_middle_go_first() -> None:
    told = talk_of(80).transcript(budget=300)
    assert [n for n in range(2, 81, 2) if f"thing with {n} is" in told][:4] == [2, 4, 6, 8]
    assert "(" in told
    left_out = int(told.partition("(")[2].partition(" ")[0])
    assert left_out + told.count("PERSON:") == 40


def test_a_prompt_leaves_room_for_two_answers() -> None:
    asked = Asked(talk_of(400), "Summit Realty", Disposition.HUNG_UP)
    prompt = asked.prompt(context_tokens=2048)
    assert (prompt.versioned, prompt.max_tokens) == ("after-1", 320)
    assert 1000 < tokens.count_messages(prompt.messages) <= 2048 - 2 * 320
    assert tokens.count_messages(asked.prompt(context_tokens=1024).messages) <= 1024 - 320
    assert "PERSON: Well the thing with 400" in prompt.messages[1].content


async def answered(
    act: Act | Script, *, wait_s: float = 10.0, known: str = KNOWN, talk: Sequence[Said] = TALK
) -> tuple[Addition | ModelError, list[ModelUse], ScriptedServer]:
    uses = list[ModelUse]()
    asked = Asked(Material(tuple(talk), known), "Summit Realty", Disposition.HUNG_UP)
    async with scripted(act) as server:
        model = language_model(ModelConfig("ollama", server.url, "m"))
        assert model is not None
        try:
            found: Addition | ModelError = await add(
                model, asked, patience=Patience(wait_s, wait_s), context_tokens=2048, told=uses.append
            )
        except ModelError as error:
            found = error
        finally:
            await model.close()
    return found, uses, server


def told(**other: Any) -> Says:
    return says(json.dumps({**GOOD, **other}))


async def test_what_is_borne_out_is_added() -> None:
    found, uses, server = await answered(told())
    assert found == Addition(
        SUMMARY,
        Mood.POSITIVE,
        6,
        (Point("How big is the yard next door?", 6),),
        (Point("Bring the size of the yard.", 6),),
        (Point("The agent did not answer the question.", 7),),
    )
    assert isinstance(found, Addition)
    assert found.parts == ("summary", "mood", "questions", "hints", "findings")
    (use,) = uses
    assert (use.model, use.prompt_version, use.dropped) == ("m", "after-1", "")
    assert (use.tokens_in, use.tokens_out, len(use.prompt_hash)) == (100, 7, 64)
    (body,) = server.requests
    sent = body["messages"][1]["content"]
    assert "PERSON: Yes, we are, in about three months." in sent
    assert KNOWN in sent
    kept = dump(found)
    assert "yard next door?" not in {point["quote"] for point in kept["questions"]}
    again = load(kept, TALK)
    assert again.questions == (Point("How big is the yard next door?", 6, TALK[5].text),)


async def test_each_part_stands_by_itself() -> None:
    points = [
        {"text": "Bring the size of the yard.", "quote": "How big is the yard"},
        {"text": "Bring the size of the yard.", "quote": "How big is the yard"},
        {"text": "Offer 2 percent.", "quote": "How big is the yard"},
    ]
    found, uses, _ = await answered(
        told(
            summary="They sell in June.",
            mood_quote="I am thrilled",
            questions=[{"text": "What is it worth?", "quote": "An agent can look at that."}],
            next_steps=points,
        )
    )
    assert isinstance(found, Addition)
    assert (found.summary, found.mood, found.mood_turn, found.questions) == ("", None, None, ())
    assert found.hints == (Point("Bring the size of the yard.", 6),)
    assert found.dropped == ("summary: date", "mood: quote", "questions: quote", "hints: number")
    assert [use.dropped for use in uses] == [""]


async def test_nobody_who_opted_out_was_glad() -> None:
    asked = Asked(Material(tuple(TALK), KNOWN), "Summit", Disposition.DO_NOT_CALL)
    uses = list[ModelUse]()
    async with scripted(told()) as server:
        model = language_model(ModelConfig("ollama", server.url, "m"))
        assert model is not None
        found = await add(model, asked, patience=Patience(9, 9), context_tokens=2048, told=uses.append)
        await model.close()
    assert (found.mood, found.dropped) == (None, ("mood: outcome",))


async def test_a_neutral_mood_needs_no_quote() -> None:
    found, _, _ = await answered(told(mood="neutral", mood_quote=""))
    assert isinstance(found, Addition)
    assert (found.mood, found.mood_turn, found.dropped) == (Mood.NEUTRAL, None, ())


async def test_an_answer_of_which_nothing_stands_is_dropped() -> None:
    made_up = {"summary": "Bob and Sue sold it in June.", "mood": "negative", "mood_quote": "I hate you"}
    found, uses, _ = await answered(says(json.dumps(made_up)))
    assert isinstance(found, Addition)
    assert (found.parts, found.dropped) == ((), ("summary: name", "mood: quote"))
    assert [use.dropped for use in uses] == ["unfounded"]


async def test_a_form_that_does_not_fit_is_repaired_once() -> None:
    acts = iter([says('{"summary": "x"'), told()])
    found, uses, server = await answered(lambda _: next(acts))
    assert isinstance(found, Addition)
    assert found.summary == SUMMARY
    assert "That does not fit" in server.requests[1]["messages"][-1]["content"]
    assert [(use.tokens_in, use.tokens_out) for use in uses] == [(200, 14)]


@pytest.mark.parametrize(
    ("act", "wait_s", "error", "dropped"),
    [
        (says("I would rather not say."), 10.0, ModelUnusable, "unusable"),
        (Says(("{",), ends="never"), 0.2, ModelLate, "late"),
        (Says(('{"summary": ',), ends="cut"), 10.0, ModelDown, "failed"),
        (Fails(500), 10.0, ModelDown, "failed"),
        (Fails(404), 10.0, ModelRefused, "refused"),
        (Raw(b"<html>"), 10.0, ModelDown, "failed"),
    ],
)
async def test_what_goes_wrong_has_a_name(act: Act, wait_s: float, error: type[ModelError], dropped: str) -> None:
    found, uses, _ = await answered(act, wait_s=wait_s)
    assert type(found) is error
    assert [use.dropped for use in uses] == [dropped]


def test_data_of_an_unknown_form_is_told() -> None:
    with pytest.raises(UnknownAnalysis, match=r"The addition cannot be read: \d+ fields do not fit\."):
        load({"summary": 1, "mood": "odd"}, TALK)
