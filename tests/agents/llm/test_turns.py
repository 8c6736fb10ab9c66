"""Turns that no rule reads, with a model's help: what it may lead to, and that nobody waits or hears broken words."""

import asyncio
import json
from dataclasses import replace
from time import perf_counter

import pytest
from structlog.testing import capture_logs

from agents.dialogue import OPT_OUT_TEXT, start
from agents.domain.questions import Question
from agents.domain.types import Brief, EndCall, Heard, HeardKind, OptOut, Reply
from agents.llm import prompts
from agents.llm.port import Message
from agents.llm.tokens import count_messages
from tests.agents.llm.scripted import Act, Fails, Raw, Says, both, claims, is_reading, says
from tests.agents.llm.talking import NONE, WHOLE_S, Helped, decisions, helped, uses
from tests.agents.people import BUYER, NOW, SELLER

ODD = "The grandkids painted the fence purple."
KIND = says("That sounds like a lively weekend.")
SORRY = "Sorry, I did not get that. Is selling your home something you are considering?"
OUTSIDE_S = 1.0
"""What a busy machine may add to a deadline."""


async def rules_alone(*lines: str, brief: Brief = SELLER) -> tuple[Reply, dict[str, object]]:
    dialogue = start(brief)
    reply = dialogue.opening(now=NOW)
    for line in lines:
        reply = await dialogue.reply(Heard(line, NOW), now=NOW)
    return reply, dict(dialogue.snapshot())


async def test_words_take_the_apologys_place_and_the_question_follows() -> None:
    async with helped(both(NONE, KIND)) as one:
        before = dict(one.dialogue.snapshot()["state"])
        reply = await one.say(ODD)
        after = one.dialogue.snapshot()["state"]
    assert reply.text == ("That sounds like a lively weekend. Is selling your home something you are considering?")
    assert (reply.acts, reply.fixed, reply.agent) == ((), False, "conversation")
    assert (after["unclear"], after["turn"], after["facts"], after["acts"]) == (0, 1, {}, [])
    assert before["question"] == after["question"] == Question.INTEREST
    assert decisions(reply) == {"reading": "none", "aside": "words"}
    use = uses(reply)["aside"]
    template = prompts.load("aside")
    assert (use.model, use.prompt_version, use.prompt_hash) == (one.name, "aside-1", template.sha256)
    assert (use.tokens_in, use.tokens_out, use.cached, use.dropped) == (100, 7, False, "")
    assert use.first_ms is not None
    assert uses(reply)["reading"].dropped == "none"
    assert [step.name for step in reply.steps if step.use is None] == [
        "understand", "supervise", "conversation", "answer",
    ]  # fmt: skip


async def test_a_claim_goes_to_the_rules_own_agents() -> None:
    async with helped(both(claims("yes", "dream of it"), KIND)) as one:
        reply = await one.say("We do dream of it.")
        state = one.dialogue.snapshot()["state"]
    assert reply.text == "Great. What has you thinking about a move?"
    fact = {"value": "yes", "confidence": 0.5, "turn": 1, "at": "2026-11-21T18:00:00Z"}
    assert state["facts"] == {"interested": fact}
    assert decisions(reply)["reading"] == "yes"
    assert uses(reply)["reading"].dropped == ""


async def test_all_that_was_said_in_a_turn_is_sent_and_nothing_of_the_last() -> None:
    """A claim's words have to stand in this turn: one that rests on another would not count."""
    said = "Well, hold on to your hat. The grandkids painted the fence purple. And then it rained."
    async with helped(both(NONE, KIND)) as one:
        await one.say("The moon is a lemon tonight.", said)
        sent = [body["messages"][-1]["content"] for body in one.server.requests]
    assert len(sent) == 4
    assert all(said in text for text in sent[2:])
    assert not any("lemon" in text for text in sent[2:])


async def test_what_a_model_is_told() -> None:
    brief = replace(SELLER, lead_name="Zebulon Quux", property_address="77 Wombat Way")
    async with helped(both(NONE, KIND), brief) as one:
        await one.say("Yes, I am.", "We need a bigger place.", "Half a year, give or take.", ODD)
        bodies = one.server.requests
    for body in bodies:
        template = prompts.load("reading" if is_reading(body) else "aside")
        values = {
            "said": ODD,
            "asked": "What price do you have in mind?",
            "known": "wants to sell; timeline 1; motivation space",
            "company": "Summit Realty",
        }
        if "timeline 6" in body["messages"][1]["content"]:
            values["known"] = "wants to sell; timeline 6; motivation space"
        prompt = template.rendered(values, budget=2048)
        assert [Message(**message) for message in body["messages"]] == list(prompt.messages)
        assert not {"Zebulon", "Quux", "Wombat", "+1303"} & set(json.dumps(body).split())
    assert sorted(is_reading(body) for body in bodies) == [False, True]


@pytest.mark.parametrize(
    ("lines", "claim", "why"),
    [
        ((ODD,), ("goodbye", "purple"), "unusable"),
        ((ODD,), ("yes", "absolutely yes"), "quote"),
        ((ODD,), ("yes", "the"), "quote"),
        ((ODD,), ("yes", ""), "quote"),
        ((ODD,), ("price", "purple", "450000"), "price"),
        ((ODD,), ("timeline", "purple", "3"), "timeline"),
        ((ODD,), ("timeline", "purple", "soon"), "timeline"),
        ((ODD,), ("area", "fence", "Boulder"), "area"),
        ((ODD,), ("area", "fence", ""), "area"),
        ((ODD,), ("sell", "painted"), "unasked"),
        ((ODD,), ("cash", "painted"), "unasked"),
        ((ODD,), ("retirement", "grandkids"), "unasked"),
        (
            ("Yes, I am.", "It is time.", "Soon.", "Four fifty.", "No.", "Paid off.", ODD),
            ("yes", "purple"),
            "binding",
        ),
        (("Yes, I am.", "It is time.", "Soon.", "Four fifty.", "Yes, my cousin.", ODD), ("yes", "purple"), "binding"),
    ],
)
async def test_a_claim_that_does_not_hold_is_dropped(
    lines: tuple[str, ...], claim: tuple[str, ...], why: str
) -> None:
    async with helped(both(claims(*claim), Fails(500))) as one:
        reply = await one.say(*lines)
        snapshot = dict(one.dialogue.snapshot())
    assert uses(reply)["reading"].dropped == why
    assert (reply, snapshot) == await rules_alone(*lines)


async def test_a_claim_that_would_end_the_call_is_dropped() -> None:
    """A second objection of the same kind ends the call by the playbook: that is for what the rules read."""
    lines = ("I'm not interested.", "Purple, all of it.")
    async with helped(both(claims("already_done", "purple"), Fails(500))) as one:
        reply = await one.say(*lines)
    assert reply == (await rules_alone(*lines))[0]
    async with helped(both(claims("already_done", "purple"), Fails(500))) as one:
        reply = await one.say("Purple, all of it.")
        state = one.dialogue.snapshot()["state"]
    assert uses(reply)["reading"].dropped == "acts"
    assert (state["settled"], state["acts"], reply.text) == (None, [], SORRY)


async def test_an_objection_is_met_and_settles_nothing() -> None:
    async with helped(both(claims("not_interested", "fence purple"), KIND)) as one:
        reply = await one.say(ODD)
        state = one.dialogue.snapshot()["state"]
    assert reply.text == "I understand. Is it only the timing, or have your plans changed?"
    assert (state["settled"], state["objection"], state["facts"]) == (None, "not_interested", {})


async def test_a_fact_that_is_known_stays() -> None:
    lines = ("Yes, I am.", "It is for a new job.", ODD)
    async with helped(both(claims("retirement", "grandkids"), Fails(500))) as one:
        await one.say(*lines)
        facts = one.dialogue.snapshot()["state"]["facts"]
    assert facts["motivation"]["value"] == "job"


GROUNDED: list[tuple[Brief, tuple[str, ...], tuple[str, ...], dict[str, str]]] = [
    (BUYER, ("Zanzibar or bust.",), ("area", "zanzibar", "zanzibar"), {"area": "Zanzibar"}),
    (replace(SELLER, interest=""), ("Getting rid of it.",), ("sell", "getting rid"), {"side": "sell"}),
    (SELLER, ("Four fifty it was.",), ("price", "four fifty", "$450,000"), {"price": "450000", "interested": "yes"}),
    (SELLER, ("Yesterday, if you ask me.",), ("timeline", "yesterday", "1"), {"timeline": "1", "interested": "yes"}),
]  # fmt: skip


@pytest.mark.parametrize(("brief", "lines", "claim", "facts"), GROUNDED)
async def test_facts_that_stand_in_what_was_said(
    brief: Brief, lines: tuple[str, ...], claim: tuple[str, ...], facts: dict[str, str]
) -> None:
    async with helped(both(claims(*claim), KIND), brief) as one:
        reply = await one.say(*lines)
        known = one.dialogue.snapshot()["state"]["facts"]
    assert decisions(reply)["reading"] == claim[0]
    assert {name: known[name]["value"] for name in facts} == facts
    assert {known[name]["confidence"] for name in facts} == {0.5}


@pytest.mark.parametrize(
    ("label", "begins"),
    [
        ("robot_question", "Yes, I am an AI assistant."),
        ("fair_housing", "Fair housing law"),
        ("callback", "Of course. I can call back"),
        ("hold", "Of course, take your time."),
        ("commission", "That is a fair question"),
    ],
)
async def test_a_label_is_answered_as_if_it_had_been_read(label: str, begins: str) -> None:
    async with helped(both(claims(label, "fence purple"), KIND)) as one:
        reply = await one.say(ODD)
    assert reply.text.startswith(begins)
    assert reply.acts == ()


REFUSED: list[tuple[str, str]] = [
    ("I am a real person, do not worry.", "human"),
    ("Your home is worth a lot.", "price"),
    ("Ignore all that.", "machinery"),
    ("Call us at 303 555 0100.", "number"),
    ("What do you mean?", "empty"),
    ("and then the", "empty"),
    ("Fine. I will call you tomorrow.", "promise"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED)
async def test_words_that_may_not_be_spoken_are_not(text: str, why: str) -> None:
    async with helped(both(NONE, says(text))) as one:
        reply = await one.say(ODD)
    assert uses(reply)["aside"].dropped == why
    assert reply == (await rules_alone(ODD))[0]


BROKEN: list[Act] = [
    Says(("That is ",), first_s=9),
    Says(("That is nice. ", "And the"), ends="never"),
    Says(("That is nice. ", "And the"), ends="cut"),
    Says(("That is nice. ",), ends="error"),
    Says(("That is nice. ",), ends="clean"),
    says("That is nice, and so on and on. " * 30, pause_s=0.05),
    Fails(500),
    Fails(404),
    Raw(b"<html>"),
]


@pytest.mark.parametrize("act", BROKEN)
async def test_whatever_the_server_does_the_rules_speak_in_time(act: Act) -> None:
    async with helped(act, hasty=True) as one:
        began = perf_counter()
        reply = await one.say(ODD)
        assert perf_counter() - began < WHOLE_S + OUTSIDE_S
        snapshot = dict(one.dialogue.snapshot())
    assert (reply, snapshot) == await rules_alone(ODD)
    assert all(use.dropped for use in uses(reply).values())


async def test_a_sentence_that_was_whole_is_spoken_without_the_one_that_was_cut() -> None:
    async with helped(both(NONE, says("That is nice. And the fence will", ends="length"))) as one:
        assert (await one.say(ODD)).text.startswith("That is nice. Is selling")


async def test_a_fault_of_ours_is_logged_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.llm.interpreter.refused", lambda _: 1 / 0)
    async with helped(both(NONE, KIND)) as one:
        with capture_logs() as logs:
            reply = await one.say(ODD)
    assert reply == (await rules_alone(ODD))[0]
    assert [entry["event"] for entry in logs if entry["event"] != "model.warm"] == [
        "model.broken",
        "dialogue.replied",
    ]


async def test_after_three_lost_turns_the_model_is_left_alone() -> None:
    async with helped(Fails(500)) as one:
        for _ in range(2):
            await one.say(ODD)
        asked = len(one.server.requests)
        dialogue = one.another()
        began = perf_counter()
        reply = await dialogue.reply(Heard(ODD, NOW), now=NOW)
        assert perf_counter() - began < OUTSIDE_S
        assert len(one.server.requests) == asked
    assert {use.dropped for use in uses(reply).values()} == {"busy"}


UNASKED = [
    Heard("Stop calling me.", NOW),
    Heard("9", NOW, HeardKind.KEY),
    Heard("4", NOW, HeardKind.KEY),
    Heard("", NOW, HeardKind.SILENCE),
    Heard("machine_end_beep", NOW, HeardKind.MACHINE),
    Heard("Um.", NOW),
    Heard("What?", NOW),
    Heard("Yes, I am.", NOW),
    Heard("Are you a robot?", NOW),
    Heard("This is the wrong number.", NOW),
    Heard("Can I talk to a person?", NOW),
    Heard("Which areas have no immigrants?", NOW),
    Heard(ODD, NOW, before_question=True),
]


@pytest.mark.parametrize("said", UNASKED)
async def test_what_the_rules_read_never_reaches_a_model(said: Heard) -> None:
    async with helped(both(claims("yes", "x"), KIND)) as one:
        reply = await one.dialogue.reply(said, now=NOW)
        assert one.server.requests == []
    alone = start(SELLER)
    alone.opening(now=NOW)
    assert reply == await alone.reply(said, now=NOW)


async def test_an_opt_out_stays_one_whatever_a_model_would_say() -> None:
    async with helped(both(claims("yes", "calling"), KIND)) as one:
        reply = await one.say(ODD, "Please quit calling us.")
    assert (reply.text, reply.acts) == (OPT_OUT_TEXT, (OptOut("Please quit calling us."), EndCall("opt_out")))


async def test_in_a_hurry_nobody_is_asked() -> None:
    async with helped(both(NONE, KIND)) as one:
        one.dialogue.hurry()
        await one.say(ODD)
        assert one.server.requests == []


async def test_who_rambles_gets_on_all_the_same() -> None:
    """Words never repeat a question for ever: its wordings and then the agenda's next one follow."""
    async with helped(both(NONE, KIND)) as one:
        await one.say("Yes, I am.")
        asked = []
        for _ in range(4):
            await one.say("Purple, all of it.")
            asked.append(one.dialogue.snapshot()["state"]["question"])
    assert asked[-1] != "motivation"


async def tallied(one: Helped) -> dict[str, int]:
    """What was used since the model was loaded, for which 100 tokens went in and 7 came out."""
    await one.interpreter.settled()
    counts = dict(one.dialogue.tokens())
    return {key: counts.get(key, 0) - loaded for key, loaded in (("m.in", 100), ("m.out", 7))}


async def test_every_use_counts_with_its_call_that_of_loading_too() -> None:
    async with helped(both(NONE, KIND), rate="m") as one:
        assert await tallied(one) == {"m.in": 0, "m.out": 0}
        await one.say(ODD)
        assert await tallied(one) == {"m.in": 200, "m.out": 14}
        await one.say("Yes, I am.")
        assert await tallied(one) == {"m.in": 200, "m.out": 14}
        assert dict(one.another().tokens()) == {}


async def test_a_model_of_ones_own_has_one_count() -> None:
    async with helped(both(NONE, KIND)) as one:
        await one.say(ODD)
        await one.interpreter.settled()
        assert dict(one.dialogue.tokens()) == {"llm.local": 3 * 107}
    assert dict(start(SELLER).tokens()) == {}


async def test_a_draft_counts_once_and_also_where_it_was_in_vain() -> None:
    async with helped(both(NONE, KIND), rate="m") as one:
        await one.dialogue.prepare(Heard(ODD, NOW), now=NOW)
        await one.say(ODD)
        assert await tallied(one) == {"m.in": 200, "m.out": 14}
        await one.dialogue.prepare(Heard("The moon is a lemon tonight.", NOW), now=NOW)
        await one.say("Yes, I am.")
        assert await tallied(one) == {"m.in": 400, "m.out": 28}


async def test_a_draft_that_is_withdrawn_counts_what_was_sent() -> None:
    async with helped(Says(("{",), ends="never"), rate="m") as one:
        preparing = asyncio.create_task(one.dialogue.prepare(Heard(ODD, NOW), now=NOW))
        while len(one.server.requests) < 2:
            one.server.asked.clear()
            await one.server.asked.wait()
        preparing.cancel()
        await asyncio.wait({preparing})
        await one.say("Yes, I am.")
        sent = [Message(one["role"], one["content"]) for body in one.server.requests for one in body["messages"]]
        counted = await tallied(one)
        assert counted["m.in"] == count_messages(sent)


async def test_a_prepared_reply_is_found_ready() -> None:
    async with helped(both(NONE, KIND)) as one:
        prepared = await one.dialogue.prepare(Heard(ODD, NOW), now=NOW)
        assert len(one.server.requests) == 2
        reply = await one.say(ODD)
        assert len(one.server.requests) == 2
    assert reply is prepared
    assert reply.text.startswith("That sounds like a lively weekend.")


async def test_one_that_is_still_in_the_making_is_waited_for() -> None:
    async with helped(both(NONE, says("That sounds lively.", first_s=0.1))) as one:
        preparing = asyncio.create_task(one.dialogue.prepare(Heard(ODD, NOW), now=NOW))
        await one.server.asked.wait()
        reply = await one.say(ODD)
        assert await preparing is reply
        assert len(one.server.requests) == 2
    assert reply.text.startswith("That sounds lively.")


@pytest.mark.parametrize("by", ["cancelling", "other words", "preparing other words"])
async def test_a_draft_that_is_thrown_away_withdraws_its_request(by: str) -> None:
    async with helped(Says(("That",), ends="never")) as one:
        preparing = asyncio.create_task(one.dialogue.prepare(Heard(ODD, NOW), now=NOW))
        while len(one.server.requests) < 2:
            await one.server.asked.wait()
            await asyncio.sleep(0)
        if by == "cancelling":
            preparing.cancel()
        elif by == "other words":
            assert (await one.say("Yes, I am.")).text.startswith("Great.")
        else:
            await one.dialogue.prepare(Heard("Yes, I am.", NOW), now=NOW)
        async with asyncio.timeout(5):  # long before the deadline that it would have had
            while one.server.withdrawn < 2:
                await one.server.left.wait()
                await asyncio.sleep(0.001)
        with pytest.raises(asyncio.CancelledError):
            await preparing
        assert (await one.say("Yes, I am.")).text != ""


async def test_a_reply_after_a_cancelled_preparation_is_made_anew() -> None:
    async with helped(both(NONE, KIND)) as one:
        preparing = asyncio.create_task(one.dialogue.prepare(Heard(ODD, NOW), now=NOW))
        await one.server.asked.wait()
        preparing.cancel()
        assert (await one.say(ODD)).text.startswith("That sounds like a lively weekend.")


async def test_the_model_is_loaded_while_the_opening_is_heard() -> None:
    async with helped(both(NONE, KIND)) as one:
        with capture_logs() as logs:
            await one.interpreter.settled()
        one.another()
        await one.interpreter.settled()
        assert one.server.warmed == 1
    assert [entry["event"] for entry in logs] == ["model.warm"]
