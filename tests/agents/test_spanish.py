"""Who speaks Spanish hears that we do not, in Spanish, and may name a time in Spanish."""

from datetime import UTC, datetime

import pytest

from agents.domain.intents import Intent, read
from agents.domain.spanish import in_english, is_spanish
from agents.domain.text import normalise
from agents.domain.types import Disposition, EndCall, ScheduleCallback
from tests.agents.people import SELLER, talk

OFFER = "I can call back today at two P M, or Monday at ten A M. Which is better?"
TODAY_14 = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)
TOMORROW_10 = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
TOMORROW_15 = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
MONDAY_9_30 = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "said", ["No hablo inglés.", "¿Habla español?", "No entiendo.", "Espanol, por favor.", "¿Quién habla?"]
)
async def test_spanish_is_answered_in_spanish(said: str) -> None:
    held = await talk(SELLER, [said])
    assert held.texts[1] == f"Lo siento, solo hablo inglés. Un colega puede llamarle. {OFFER}"


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        (["No hablo inglés.", "¿Mañana a las tres?"], TOMORROW_15),
        (["No hablo inglés.", "mañana a las tres de la tarde"], TOMORROW_15),
        (["¿Mañana a las tres?"], TOMORROW_15),
        (["¿Habla español?", "sí, la primera"], TODAY_14),
        (["¿Habla español?", "Mañana por la mañana.", "Sí, está bien."], TOMORROW_10),
        (["No hablo inglés, llámeme el lunes a las nueve y media."], MONDAY_9_30),
        (["No entiendo.", "No entiendo nada."], TODAY_14),
    ],
)
async def test_a_time_in_spanish_is_promised(lines: list[str], at: datetime) -> None:
    held = await talk(SELLER, lines)
    promise, end = held.acts
    assert isinstance(promise, ScheduleCallback)
    assert (promise.at, end) == (at, EndCall("callback"))
    assert held.texts[-1].startswith("Muy bien. We will call you ")
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED


async def test_who_thanks_and_wants_no_call_is_let_go() -> None:
    held = await talk(SELLER, ["No hablo inglés.", "No, gracias."])
    assert held.acts == (EndCall("declined"),)


@pytest.mark.parametrize(
    ("said", "english"),
    [
        ("Llámeme en veinte minutos", "call me in twenty minutes"),
        ("en media hora", "in 30 minutes"),
        ("a las once", "at eleven"),
        ("pasado mañana a la una", "day after tomorrow at one"),
        ("el jueves después del trabajo", "el thursday after work"),
        ("mañana por la mañana", "tomorrow in the morning"),
    ],
)
def test_words_of_a_time_are_put_into_english(said: str, english: str) -> None:
    assert in_english(said) == english


@pytest.mark.parametrize(
    "said",
    ["Call me at once.", "We keep llamas.", "San Domingo Street", "It's a Spanish style house.", "a nice casita", ""],
)
async def test_english_with_a_spanish_word_in_it_is_english(said: str) -> None:
    assert not is_spanish(said)
    assert Intent.OTHER_LANGUAGE not in read(normalise(said)).intents
