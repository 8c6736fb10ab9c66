"""Minds of the evals behind the simulator's questions: asked often, moved only by what is carried out."""

# ruff: noqa: DTZ001 - a clock on the wall has no zone

import random
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from evals.mind import PersonsMind
from evals.noise import Noise
from evals.person import Person, load
from evals.voice.people import RECORDED, Role, SpokenMind, Surroundings, _Telephone, repairing
from simulator import audio
from simulator.speech import Voice

NOW = datetime(2026, 11, 10, 12, 0)
OFFER = "I have tomorrow at ten A M or Thursday at two P M. Which works better?"


def mind(**fields: Any) -> SpokenMind:
    person = Person.model_validate({"id": "somebody", "expects": {"disposition": "hung_up"}, **fields})
    return SpokenMind(PersonsMind(person, random.Random(3), Noise.CLEAN, again=2), lambda: NOW)


class Tones:
    """``Speech`` that says everything with one tone."""

    async def warm(self, lines: Iterable[tuple[str, Voice]]) -> None:
        del lines

    async def render(self, text: str, voice: Voice) -> bytes:
        del voice
        return audio.beep(0.1 * len(text.split()))

    async def understand(self, mulaw: bytes) -> str:
        raise AssertionError("Nobody has a recogniser here.")

    def close(self) -> None: ...


def test_asking_changes_nothing_and_carrying_out_does() -> None:
    one = mind(answers={"slot": {"second": ["{second_day}, please."]}})
    for _ in range(3):
        asked = one.hear(OFFER)
        assert asked is not None
        assert (asked.says, asked.after_s) == ("Thursday, please.", 0.3)
        assert one.told.taken is None
    reaction = one.hear(OFFER)
    assert reaction is not None
    one.commit(reaction)
    assert one.told.taken == datetime(2026, 11, 12, 14, 0)


def test_a_pause_of_the_agent_is_nothing_to_answer() -> None:
    assert mind(answers={"interest": {"yes": ["Yes."]}}).hear("") is None


def test_who_was_not_asked_waits_for_more() -> None:
    reaction = mind().hear("I am calling about your home.")
    assert reaction is not None
    assert (reaction.says, reaction.after_s) == ("Sorry?", 2.5)


def test_a_silence_is_kept_like_a_word() -> None:
    one = mind(answers={"interest": {"yes": ["Yes."]}}, lines=[{"turn": 1, "says": ""}])
    first = one.hear("Are you still thinking about selling?")
    assert first is not None
    assert (first.says, first.presses, first.hangs_up) == ("", "", False)
    one.commit(first)
    second = one.hear("Are you still thinking about selling?")
    assert second is not None
    assert second.says == "Yes."


def test_talking_over_the_agent_keys_and_leaving() -> None:
    stops = mind(lines=[{"barge_in": True, "after_s": 2, "says": ["Stop calling."]}])
    assert stops.interrupt(1.9, utterance=1) is None
    over = stops.interrupt(2.0, utterance=1)
    assert over is not None
    assert (over.says, over.after_s) == ("Stop calling.", 0.0)
    assert stops.interrupt(3.0, utterance=1) is None
    left = mind(leaves_at=2).interrupt(1.0, utterance=2)
    assert left is not None
    assert left.hangs_up
    pressed = mind(lines=[{"turn": 1, "presses": "9"}]).hear("Are you there?")
    assert pressed is not None
    assert pressed.presses == "9"


def test_nobody_stays_for_ever() -> None:
    one = mind()
    assert one.quiet(19.0) is None
    left = one.quiet(20.0)
    assert left is not None
    assert left.hangs_up


def test_who_is_not_understood_says_it_again_and_again() -> None:
    one = mind(lines=[{"turn": 1, "says": ["Call me on Friday."]}])
    said = []
    understood_nothing = ("Sorry, I did not get that.", "I am sorry, I have trouble understanding you.")
    for agent in ("Are you selling?", *understood_nothing, "Sorry?"):
        reaction = one.hear(agent)
        assert reaction is not None
        one.commit(reaction)
        said.append(reaction.says)
    assert said == [*["Call me on Friday."] * 3, "Sorry?"]


def test_who_said_yes_and_was_heard_to_say_no_says_so() -> None:
    eager, not_eager = (next(one for one in load() if one.id == name) for name in ("seller_books_first", "mumbles"))
    assert repairing(eager).answers["timing"] == "still"
    assert repairing(not_eager) is not_eager
    refuses = next(one for one in load() if one.id == "sells_it_himself")
    assert repairing(refuses) is refuses


def test_a_role_is_the_same_each_time() -> None:
    role, same = (Role(load()[0], 5, 142) for _ in range(2))
    assert role.phone() == same.phone()
    assert (role.phone().number, role.phone().greeting) == ("*0142", "Hello?")
    assert {Role(load()[0], seed, 142).noise for seed in range(20)} == {Noise.CLEAN, Noise.TALK}


def test_nobody_shares_a_household() -> None:
    seller = next(one for one in load() if one.id == "seller_books_first")
    lead = Role(seller, 1, 117).living_at("guam").lead
    assert (lead.place, lead.address, lead.name) == ("guam", "117 Maple St", "Maria Lopez")


async def test_words_are_heard_as_they_were_spoken_and_said_at_one_level() -> None:
    telephone = _Telephone(Tones())
    telephone.told("This is Ava.")
    telephone.told("Are you there?")
    assert await telephone.understand(b"") == "This is Ava. Are you there?"
    said = audio.to_samples(await telephone.render("Yes", Voice()), audio.RATE)
    assert abs(float(said.std()) - 0.1) < 0.01


async def test_the_rooms_of_a_run() -> None:
    rooms = await Surroundings(10.0, seed=2).rooms(Tones())
    assert list(rooms) == ["babble", "street", "pink"]
    assert {len(frames) for frames in rooms.values()} == {1000}
    recorded = await Surroundings(10.0, recording=audio.to_samples(audio.beep(2.0), audio.RATE)).rooms(Tones())
    assert list(recorded) == [RECORDED]
