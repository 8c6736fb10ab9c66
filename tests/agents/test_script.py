"""A script that was edited: its questions, answers and weights are those of the call, and nothing else changes."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from agents.dialogue import start
from agents.domain.answer_points import reasons
from agents.domain.intents import Objection
from agents.domain.scoring import Reason, rating, score_reasons
from agents.domain.script import DEFAULT_SCRIPT, Script
from agents.domain.standing import phrases_of, standing_phrases
from agents.domain.types import Brief, Disposition, EndCall, Expect, History, ScheduleCallback
from agents.script_document import document_of, of_document, read, written
from tests.agents.people import BUYER, BYE, NOW, SELLER, heard, talk

Document = dict[str, Any]


def edited(**changes: Any) -> Script:
    """The built-in script with parts of its document replaced: ``questions__sell`` is that list."""
    document = document_of(DEFAULT_SCRIPT)
    for path, value in changes.items():
        *way, last = path.split("__")
        part = document
        for name in way:
            part = part[name]
        part[last] = value
    return of_document(document)


def with_script(script: Script, brief: Brief = SELLER) -> Brief:
    return replace(brief, script=script)


def planned(*more: Document, side: str = "sell", last: str = "slot") -> list[Document]:
    """A short plan: interest, motivation, agent, what is given, and the end."""
    return [{"ask": "interest"}, {"ask": "motivation"}, *more, {"ask": "agent"}, {"ask": last}]


LENIENT = {"hot_from": 30, "warm_from": 20, "qualified_from": 25}
"""Of plans that ask for little."""


def score_of(**changes: Any) -> Document:
    return {**document_of(DEFAULT_SCRIPT)["score"], **LENIENT, **changes}


def own(kind: str, *, name: str = "solar_panels", **more: Any) -> Document:
    return {
        "ask": name,
        "kind": kind,
        "wordings": ["Are there solar panels on it?", "Solar panels, yes or no?"],
        **more,
    }


class TestDocument:
    def test_the_built_in_script_comes_back_whole_from_its_document(self) -> None:
        text = written(DEFAULT_SCRIPT)
        script = read(text)
        assert replace(script, version="") == DEFAULT_SCRIPT
        assert (DEFAULT_SCRIPT.version, len(script.version), int(script.version, 16) > 0) == ("", 8, True)
        assert written(script) == text
        assert read(text).version == script.version

    def test_the_same_content_is_the_same_version_however_it_is_written(self) -> None:
        document = document_of(DEFAULT_SCRIPT)
        spread = yaml.safe_dump(dict(reversed(document.items())), width=30)
        assert read(spread).version == read(written(DEFAULT_SCRIPT)).version
        document["lines"]["bad_time"] = "Sorry to disturb you."
        assert of_document(document).version != read(spread).version

    def test_what_is_left_out_of_a_step_is_as_built_in(self) -> None:
        script = edited(questions__sell=planned({"ask": "payoff"}), score=score_of())
        assert [step.name for step in script.sell] == ["interest", "motivation", "payoff", "agent", "slot"]
        assert [(step.wordings, step.most) for step in script.sell if step.name in ("interest", "agent")] == [
            (DEFAULT_SCRIPT.sell[0].wordings, 3),
            (DEFAULT_SCRIPT.sell[4].wordings, 3),
        ]
        assert script.sell[2].wordings[0] == "About how much is left to pay on the home?"


class TestPlan:
    async def test_it_is_asked_in_its_order_and_words(self) -> None:
        steps = planned({"ask": "timeline", "wordings": ["When would you like to be moved?"]})
        steps[0] = {"ask": "interest", "wordings": ["Is a sale still on your mind?"]}
        held = await talk(with_script(edited(questions__sell=steps, score=score_of())), ["yes", "new job", "in May"])

        assert held.texts == [
            "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a recorded line. You can say stop "
            "or press nine at any time. I am calling about your home on Maple Street. Is a sale still on your mind?",
            "Great. What has you thinking about a move?",
            "Got it. When would you like to be moved?",
            "Thank you. Are you already working with another agent?",
        ]

    async def test_a_plan_may_end_with_a_call_back(self) -> None:
        script = edited(questions__sell=planned(last="callback"), score=score_of(qualified_from=20, warm_from=15))
        held = await talk(with_script(script), ["yes", "new job", "no", "tomorrow at two"])

        assert held.texts[3] == "Thank you. When is a good time to call you back?"
        assert [type(act) for act in held.acts] == [ScheduleCallback, EndCall]

    async def test_a_question_is_asked_no_more_often_than_it_may_be(self) -> None:
        script = edited(questions__sell=planned({"ask": "timeline", "most": 1}), score=score_of())
        held = await talk(with_script(script), ["yes", "new job", "purple", "purple"])

        assert held.texts[2:4] == [
            "Got it. How soon would you like to move?",
            "Sorry, I did not get that. Are you already working with another agent?",
        ]

    @pytest.mark.parametrize(("required", "expected"), [(True, False), (False, True)])
    async def test_nobody_is_qualified_without_a_required_answer(self, required: bool, expected: bool) -> None:
        steps = planned({"ask": "timeline"}, {"ask": "price", "required": required})
        script = edited(questions__sell=steps, score=score_of())
        lines = ["yes", "new job", "two months", "I don't know", "no", "no thanks"]
        held = await talk(with_script(script), lines)

        assert held.outcome.facts["price"] == "unknown"
        qualified = held.outcome.disposition is Disposition.QUALIFIED
        assert (qualified, held.outcome.disposition) == (
            expected,
            Disposition.QUALIFIED if expected else Disposition.NOT_INTERESTED,
        )

    async def test_the_built_in_script_read_from_its_document_holds_the_same_call(self) -> None:
        lines = ["yes", "just looking", "new job", "two months", "450", "no", "paid off", "Tuesday at ten"]
        for brief in (SELLER, BUYER):
            held = await talk(brief, lines)
            assert await talk(with_script(read(written(DEFAULT_SCRIPT)), brief), lines) == held


class TestOwnQuestions:
    @pytest.mark.parametrize(
        ("kind", "said", "fact"),
        [
            ("yes_no", "yes, since last year", "yes"), ("yes_no", "no", "no"), ("yes_no", "not yet", "no"),
            ("number", "there are twelve of them", "12"), ("number", "I'd say 3 or 4", "3"),
            ("money", "about two hundred thousand", "200000"), ("money", "around 80", "80000"),
            ("timeline", "in about six months", "6"), ("timeline", "some day", "open"),
            ("text", "They are old, my wife decides on that", "They are old, my wife decides"),
            ("text", "Call 303 555 0100 for that", "Call ... for that"),
            ("text", "I don't know", "unknown"),
        ],
    )  # fmt: skip
    async def test_an_answer_is_read_by_its_kind(self, kind: str, said: str, fact: str) -> None:
        more: Document = {"words": 6} if kind == "text" else {}
        script = edited(questions__sell=planned(own(kind, **more)), score=score_of())
        held = await talk(with_script(script), ["yes", "new job", said])

        assert held.texts[2:] == [
            "Got it. Are there solar panels on it?",
            "Thank you. Are you already working with another agent?",
        ]
        facts = dict(held.outcome.facts)
        assert facts.pop("decision_makers", "") == ("joint" if "wife" in said else "")
        assert facts == {
            "area": "Maple Street", "side": "sell", "interested": "yes", "motivation": "job", "solar_panels": fact,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("kind", "said", "reply"),
        [
            ("yes_no", "purple", "Sorry, I did not get that. Solar panels, yes or no?"),
            ("yes_no", "what's my house worth", "I cannot give a figure. An agent can look at the home and value it. "
             "Would that help?"),
            ("text", "are you a robot", "Yes, I am an AI assistant. A person can call you instead. "
             "Are there solar panels on it?"),
            ("text", "what neighborhoods have no gays", "Fair housing law does not let me help with that. I can look "
             "by price, size and place. Are there solar panels on it?"),
        ],
    )  # fmt: skip
    async def test_what_is_no_answer_is_not_kept(self, kind: str, said: str, reply: str) -> None:
        script = edited(questions__sell=planned(own(kind)), score=score_of())
        held = await talk(with_script(script), ["yes", "new job", said])

        assert held.texts[3] == reply
        assert "solar_panels" not in held.outcome.facts

    async def test_it_is_left_after_its_tries(self) -> None:
        script = edited(questions__sell=planned(own("yes_no", most=2)), score=score_of())
        held = await talk(with_script(script), ["yes", "new job", "purple", "purple"])
        assert held.texts[4] == "Sorry, I did not get that. Are you already working with another agent?"

    async def test_after_a_silence_it_is_asked_again_and_answered(self) -> None:
        script = edited(questions__sell=planned(own("yes_no")), score=score_of())
        held = await talk(with_script(script), ["yes", "new job", None, "yes", "no"])

        assert held.texts[3:] == [
            "Are you still there?",
            "Good. Solar panels, yes or no?",
            "Got it. Are you already working with another agent?",
        ]
        assert held.outcome.facts["solar_panels"] == "no"

    @pytest.mark.parametrize(
        ("kind", "expects"),
        [
            ("yes_no", None),
            ("number", Expect.NUMBER),
            ("money", Expect.NUMBER),
            ("timeline", Expect.DATE),
            ("text", None),
        ],
    )
    async def test_an_answer_that_comes_in_pieces_is_waited_for(self, kind: str, expects: Expect | None) -> None:
        script = edited(questions__sell=planned(own(kind)), score=score_of())
        held = await talk(with_script(script), ["yes", "new job"])
        assert held.replies[-1].expects is expects

    async def test_a_sum_that_was_asked_for_is_no_price(self) -> None:
        steps = planned({"ask": "payoff"}, {"ask": "price"})
        held = await talk(
            with_script(edited(questions__sell=steps, score=score_of())), ["yes", "new job", "150 thousand dollars"]
        )
        assert (held.outcome.facts["payoff"], held.outcome.facts.get("price")) == ("150000", None)
        assert held.texts[3] == "Thank you. What price do you have in mind?"

    async def test_what_an_earlier_call_told_is_not_asked_again(self) -> None:
        script = edited(questions__sell=planned(own("yes_no")), score=score_of())
        known = {"interested": "yes", "motivation": "job", "solar_panels": "yes"}
        brief = replace(with_script(script), inbound=True, history=History(facts=known))
        held = await talk(brief, [])
        assert held.texts[0].endswith("Are you already working with another agent?")

    async def test_in_a_hurry_nothing_of_it_is_asked(self) -> None:
        dialogue = start(with_script(edited(questions__sell=planned(own("yes_no")), score=score_of())))
        dialogue.opening(now=NOW)
        dialogue.hurry()
        reply = await dialogue.reply(heard("yes"), now=NOW)
        assert "solar" not in reply.text
        assert reply.ends


class TestPlaybook:
    async def test_its_tries_and_exit_are_said(self) -> None:
        handling = {
            "tries": [{"say": "Looking is fun. Shall an agent look with you?", "on_yes": "slot"}],
            "exit": "Have fun looking. Goodbye.",
        }
        brief = with_script(edited(objections__just_looking=handling))
        agreed = await talk(brief, ["yes", "just looking", "yes"])
        refused = await talk(brief, ["yes", "just looking", "no"])

        assert agreed.texts[2:] == [
            "Looking is fun. Shall an agent look with you?",
            "Very well. I have Tuesday at ten A M or Wednesday at two P M. Which works better?",
        ]
        assert refused.texts[3] == f"Have fun looking. {BYE}"

    async def test_a_try_may_lead_to_a_question_and_a_yes_to_a_promise(self) -> None:
        later = {"tries": [{"say": "Gladly.", "then": "price"}], "exit": "Goodbye."}
        clarify = {
            "tries": [{"say": "Shall we talk next month instead?", "callback_days": 30}],
            "exit": "I understand. Goodbye.",
        }
        brief = with_script(edited(objections__send_information=later, objections__not_interested=clarify))
        assert (await talk(brief, ["yes", "send me an email"])).texts[2] == "Gladly. What price do you have in mind?"
        held = await talk(brief, ["not interested", "yes"])
        assert (
            held.texts[2] == f"Very well. We will call you Monday, December twenty first at ten A M. Thank you. {BYE}"
        )

    async def test_the_answers_that_code_gives_have_words_of_their_own(self) -> None:
        lines = {"bad_time": "I see you are busy.", "has_agent": "Then I wish you luck with them. Goodbye."}
        brief = with_script(edited(lines=lines))
        assert (await talk(brief, ["I'm driving"])).texts[1].startswith("I see you are busy. I can call back ")
        held = await talk(brief, ["yes", "I've signed with an agent"])
        assert held.texts[2] == f"Then I wish you luck with them. {BYE}"


class TestVariables:
    HANDLING = {"tries": [], "exit": "All the best with {street}, {lead_first_name}, from {company}. Goodbye."}

    async def test_they_are_filled_in_and_the_words_are_the_leads_alone(self) -> None:
        brief = with_script(edited(objections__already_done=self.HANDLING))
        held = await talk(brief, ["we already sold it"])
        assert held.texts[1] == f"All the best with Maple Street, Maria, from Summit Realty. {BYE}"
        assert held.replies[1].fixed is False

    async def test_what_is_not_known_leaves_no_gap(self) -> None:
        brief = with_script(edited(objections__already_done=self.HANDLING))
        held = await talk(replace(brief, lead_name="", property_address=""), ["we already sold it"])
        assert held.texts[1] == f"All the best with your street, from Summit Realty. {BYE}"

    def test_a_voice_may_keep_what_is_the_same_in_every_call(self) -> None:
        lines = {"bad_time": "Sorry, {lead_first_name}.", "has_agent": "Goodbye from {agent_name} of {company}."}
        phrases = phrases_of(with_script(edited(lines=lines)))
        assert "Goodbye from Ava of Summit Realty." in phrases
        assert set(phrases) - set(standing_phrases()) == {"Goodbye from Ava of Summit Realty."}
        assert phrases_of(SELLER) == ()


class TestScore:
    async def test_its_weights_and_thresholds_are_the_calls(self) -> None:
        weights = {**document_of(DEFAULT_SCRIPT)["score"]["weights"], "motivation_urgent": 30, "finance_ready": 10}
        script = edited(score={"weights": weights, "hot_from": 50, "warm_from": 30, "qualified_from": 45})
        held = await talk(with_script(script), ["yes", "new job", "two months"])

        assert held.outcome.score == 60  # 25 and 30, and 5 for the street
        assert [one.points for one in held.outcome.reasons] == [25, 30, 0, 0, 5, 0]
        assert rating(held.outcome.score, script.scoring) == "hot"

    WEIGHTS = {**document_of(DEFAULT_SCRIPT)["score"]["weights"], "unrepresented": 5}

    async def test_an_answer_to_its_own_question_brings_points_with_their_reason(self) -> None:
        plan = planned(own("yes_no", points={"yes": 7, "no": 3}))
        script = edited(questions__sell=plan, score=score_of(weights=self.WEIGHTS))
        said = ["yes", "new job"]
        before = (await talk(with_script(script), said)).outcome
        yes, no, unknown = [
            (await talk(with_script(script), [*said, one])).outcome for one in ("yes it has", "no", "I don't know")
        ]

        assert (before.score, before.reasons[-1]) == (25, Reason("solar_panels", "Solar panels: not told", 0, 7))
        assert (yes.score, yes.reasons[-1]) == (32, Reason("solar_panels", "Solar panels: yes", 7, 7))
        assert (no.score, no.reasons[-1]) == (28, Reason("solar_panels", "Solar panels: no", 3, 7))
        assert (unknown.score, unknown.reasons[-1].why) == (25, "Solar panels: not known")
        assert [one.part for one in yes.reasons[:-1]] == [one.part for one in score_reasons({}, booked=False)]

    async def test_the_other_sides_questions_bring_nothing(self) -> None:
        plan = planned(own("yes_no", points={"yes": 7}))
        script = edited(questions__sell=plan, score=score_of(weights=self.WEIGHTS))
        held = await talk(with_script(script, BUYER), ["yes"])
        assert [one.part for one in held.outcome.reasons] == [one.part for one in score_reasons({}, booked=False)]

    @pytest.mark.parametrize(
        ("kind", "points", "value", "brings", "shown"),
        [
            ("number", {"up_to_2": 1, "from_3": 4}, "2", 1, "2"),
            ("number", {"up_to_2": 1, "from_3": 4}, "3", 4, "3"),
            ("number", {"told": 2, "from_3": 4}, "1", 2, "1"),
            ("money", {"up_to_100000": 5}, "100000", 5, "$100,000"),
            ("money", {"up_to_100000": 5}, "100001", 0, "$100,001"),
            ("timeline", {"up_to_6": 5, "open": 1}, "6", 5, "within 6 months"),
            ("timeline", {"up_to_6": 5, "open": 1}, "open", 1, "open"),
            ("timeline", {"told": 3}, "open", 3, "open"),
            ("text", {"told": 3}, "A large pond", 3, "told"),
            ("text", {"told": 3}, "unknown", 0, "not known"),
            ("text", {"told": 3}, "", 0, "not told"),
        ],
    )
    def test_of_the_answers_that_fit_the_best_counts(
        self, kind: str, points: dict[str, int], value: str, brings: int, shown: str
    ) -> None:
        plan = planned(own(kind, points=points))
        script = edited(questions__sell=plan, score=score_of(weights=self.WEIGHTS))
        found = reasons(script.sell, {"solar_panels": value})
        assert found == (Reason("solar_panels", f"Solar panels: {shown}", brings, max(points.values())),)

    def test_points_are_part_of_the_document_and_its_version(self) -> None:
        score = score_of(weights=self.WEIGHTS)
        without = edited(questions__sell=planned(own("yes_no")), score=score)
        with_points = edited(questions__sell=planned(own("yes_no", points={"yes": 7})), score=score)
        assert read(written(with_points)) == with_points
        assert with_points.version != without.version
        assert "points" not in written(without)

    def test_a_bare_yes_of_yaml_is_an_answer(self) -> None:
        document = document_of(edited(score=score_of(weights=self.WEIGHTS)))
        document["questions"]["sell"] = planned(own("yes_no"))
        text = yaml.safe_dump(document).replace("ask: solar_panels", "ask: solar_panels\n    points: {yes: 7, no: 1}")
        step = read(text).step("solar_panels", "sell")
        assert step is not None
        assert step.points == {"yes": 7, "no": 1}


def test_every_objection_of_the_playbook_has_an_answer() -> None:
    assert set(DEFAULT_SCRIPT.playbook) == set(Objection)


class TestAnotherScript:
    """Where a stored script cannot be read any more, a call under way goes on by the built-in one."""

    async def test_an_open_question_of_its_own_gives_way_to_the_next(self) -> None:
        dialogue = start(with_script(edited(questions__sell=planned(own("yes_no")), score=score_of())))
        dialogue.opening(now=NOW)
        for said in ("yes", "new job"):
            await dialogue.reply(heard(said), now=NOW)
        resumed = start(SELLER, snapshot=dialogue.snapshot())
        assert resumed.opening(now=NOW).text == (
            "I'm sorry, we were cut off for a moment. How soon would you like to move?"
        )

    async def test_a_side_that_changes_leaves_the_other_sides_question(self) -> None:
        dialogue = start(with_script(edited(questions__sell=planned(own("yes_no")), score=score_of())))
        dialogue.opening(now=NOW)
        for said in ("yes", "new job"):
            await dialogue.reply(heard(said), now=NOW)
        snapshot = dialogue.snapshot()
        other = replace(with_script(edited(questions__sell=planned(own("yes_no")), score=score_of())), interest="buy")
        resumed = start(other, snapshot=snapshot)
        assert "solar" not in resumed.opening(now=NOW).text.lower()

    @pytest.mark.parametrize("kind", [Objection.ALREADY_DONE, Objection.NOT_INTERESTED])
    async def test_an_open_try_that_it_lacks_is_no_error(self, kind: Objection) -> None:
        two = {"tries": [{"say": "Is it so?"}, {"say": "Really?"}], "exit": "Goodbye."}
        dialogue = start(with_script(edited(**{f"objections__{kind.value}": two})))
        dialogue.opening(now=NOW)
        said = "we already sold it" if kind is Objection.ALREADY_DONE else "not interested"
        assert (await dialogue.reply(heard(said), now=NOW)).text == "Is it so?"
        await dialogue.reply(heard(said), now=NOW)
        resumed = start(SELLER, snapshot=dialogue.snapshot())
        assert (await resumed.reply(heard("yes"), now=NOW)).text
