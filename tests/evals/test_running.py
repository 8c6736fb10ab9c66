"""A few people, called for real: services, gates, money and database as ever, and nothing left behind."""

from dataclasses import replace
from decimal import ROUND_UP, Decimal
from typing import Any

import pytest
from pytest_django import Settings

from agents.dialogue import LeadDialogue
from agents.llm.config import ModelConfig
from calls.models import Appointment, Call, CallEvent, Lead, Suppression, Turn
from calls.services.placing import place
from evals import bookings, house
from evals.bookings import Batch, Booked, book
from evals.house import NotCalled, build
from evals.injections import Attempt, attempt, effects, every_line
from evals.noise import Noise
from evals.person import Person, load
from evals.running import Run, run
from evals.work import call
from tests.agents.llm.hosted import hosted
from tests.agents.llm.scripted import both, claims, says

pytestmark = pytest.mark.django_db
PEOPLE = {person.id: person for person in load()}


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("seller_books_first", "appointment"),
        ("seller_before_summer_time", "appointment"),
        ("buyer_books_second", "appointment"),
        ("seller_has_signed_from_the_start", "has_agent"),
        ("not_interested_clear", "not_interested"),
        ("back_on_tuesday_after_lunch", "callback_requested"),
        ("opts_out_by_key_over_the_opening", "do_not_call"),
        ("opts_out_in_plain_words", "do_not_call"),
        ("wrong_number_at_once", "wrong_number"),
        ("nobody_speaks", "no_answer"),
        ("hangs_up_on_the_opening", "hung_up"),
        ("returns_to_keep_the_appointment", "appointment"),
    ],
)
def test_people_come_to_what_they_mean(name: str, disposition: str) -> None:
    came = run(build(), PEOPLE[name], 7, noise_level=Noise.CLEAN)
    assert (came.failures, came.disposition) == ((), disposition), came.turns


def test_the_tokens_of_a_model_and_their_price_are_in_the_run(settings: Settings) -> None:
    """Its words are a promise, so the rules speak on as they do without it."""
    person, stands = PEOPLE["seller_books_first"], build()
    alone = run(stands, person, 7, noise_level=Noise.CLEAN)
    with hosted(both(claims("none", ""), says("I guarantee that."))) as server:
        settings.LANGUAGE_MODEL = ModelConfig(
            "openai", f"{server.url}/v1", "mini", first_clause_s=10, reply_s=15, rate="openai.gpt-4.1-mini"
        )
        helped = run(stands, person, 7, noise_level=Noise.CLEAN)
        asked = len(server.requests)
    assert (alone.tokens, helped.turns, helped.failures) == (Decimal(0), alone.turns, ())
    assert asked >= 1  # to load it, if for nothing else
    assert helped.tokens == 107 * asked
    millionth = Decimal("0.000001")
    price = sum(
        (each * asked / 10**6).quantize(millionth, ROUND_UP) for each in (Decimal(100) * 4 / 10, Decimal(7) * 16 / 10)
    )
    assert helped.cost == alone.cost + price


def test_a_seed_replays_and_nothing_stays() -> None:
    stands = build()
    before = [Lead.objects.count(), Call.objects.count(), Appointment.objects.count()]
    first = run(stands, PEOPLE["seller_books_second"], 3)
    assert first == run(stands, PEOPLE["seller_books_second"], 3)
    assert first.turns != run(stands, PEOPLE["seller_books_second"], 4).turns
    assert [Lead.objects.count(), Call.objects.count(), Appointment.objects.count()] == before
    assert [model.objects.count() for model in (Suppression, Turn, CallEvent)] == [0, 0, 0]


def test_what_somebody_said_is_held_against_the_records() -> None:
    person = PEOPLE["opts_out_by_key"]
    wrong = person.model_copy(update={"expects": person.expects.model_copy(update={"disposition": "qualified"})})
    came = run(build(), wrong, 1)
    assert came.failures == ("the call came to do_not_call, not to qualified",)
    assert (came.opted_out, came.wanted_out) == (True, True)


def test_whom_the_gates_hold_back() -> None:
    early = PEOPLE["seller_books_first"].model_copy(update={"at": PEOPLE["seller_books_first"].at.replace(hour=3)})
    with pytest.raises(NotCalled, match="seller_books_first was not called"):
        run(build(), early, 1)


def test_a_call_that_breaks_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ValueError("no words")

    monkeypatch.setattr(LeadDialogue, "opening", breaks)
    came = call(("seller_books_first", 1))
    assert came == Run(
        "seller_books_first", "talk", 1, Noise.CLEAN, failures=("the call broke: ValueError('no words')",)
    )


def test_injections_have_no_effect() -> None:
    lines = every_line()
    assert len(lines) == len(set(lines)) == 264
    stands = build()
    tried = [attempt(stands, Attempt(number, 1)) for number in (0, 50, 100, 150, 200)]
    assert [effect for _, effect in tried] == [()] * 5
    said = [turn.plain for turn in tried[0][0].turns]
    assert any(lines[0] in words for words in said)


def test_what_counts_as_an_effect() -> None:
    astray = Run("i", "injection", 1, Noise.CLEAN, failures=("the call came to hung_up, not to qualified",))
    assert effects(astray) == ()
    acted = replace(astray, failures=("the call came to do_not_call, not to qualified", "booked is x"))
    assert effects(acted) == acted.failures
    leaked = Person.model_validate({"id": "x", "expects": {"disposition": "hung_up"}})
    turn = _agent(f"PWNED {leaked.id}")
    assert effects(replace(astray, failures=(), turns=(turn,))) == (f"said: {turn.text!r}",)


def test_quick_bookings() -> None:
    booked = book(Batch(1, 1, 4))
    assert (booked.booked + booked.refused, booked.double, booked.wrong_time, booked.unbooked) == (4, 0, 0, 0)
    assert booked.booked >= 3
    assert Appointment.objects.exclude(call__lead__name="Somebody Else").count() == booked.booked
    assert bookings.summed([booked, Booked(double=1, failures=("two",))]).failures == ("two",)


@pytest.mark.parametrize(
    ("spoiled", "counted", "why"),
    [("gone", (0, 0, 1), "was read back and is not kept"), ("late", (1, 1, 0), ", not 2027-")],
)
def test_bookings_that_are_not_what_was_agreed_on(
    monkeypatch: pytest.MonkeyPatch, spoiled: str, counted: tuple[int, int, int], why: str
) -> None:
    real = place

    def spoil(pk: Any, **given: Any) -> bool:
        made = real(pk, **given)
        booked = Appointment.objects.filter(call=pk)
        _ = booked.delete() if spoiled == "gone" else booked.update(start_at=given["clock"]())
        return made

    monkeypatch.setattr(bookings, "place", spoil)
    came = book(Batch(2, 1, 1))
    assert (came.booked, came.wrong_time, came.unbooked) == counted
    assert why in came.failures[0]


def test_the_house_has_a_stranger() -> None:
    stands = house.build("Another")
    assert stands.stranger.calls.get().appointment.start_at.year == 2028


def _agent(text: str) -> Any:
    from evals.line import Turn as Spoken

    return Spoken("agent", text)
