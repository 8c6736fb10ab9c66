"""What is told in one long answer is not asked again, and a price that is corrected among the times is taken."""

import pytest

from agents.domain.entities import money, timeline_months
from agents.domain.types import BookAppointment, Brief, EndCall
from tests.agents.people import BUYER, NOW, SELLER, TUESDAY_10, WEDNESDAY_14, talk

OFFER = "I have Tuesday at ten A M or Wednesday at two P M. Which works better?"
AGAIN = "Would Tuesday at ten A M suit you better, or Wednesday at two P M?"
QUALIFIED = ("yes", "new job", "three months", "four fifty", "no", "paid off")


@pytest.mark.parametrize(
    ("brief", "said", "told"),
    [
        (
            SELLER,
            "Yeah so we want to sell because my husband got a job in Texas, we'd like to move in about three months "
            "and we're hoping for four fifty, no agent yet, and the house is paid off.",
            {"motivation": "job", "timeline": "3", "price": "450000", "agent": "none", "financing": "paid_off"},
        ),
        (
            SELLER,
            "Yes, we've outgrown the place, want to be out by summer, we're thinking five twenty five, we haven't "
            "talked to any realtor and there's about two hundred left on the mortgage.",
            {"motivation": "space", "timeline": "8", "price": "525000", "owed": "200000", "financing": "mortgage"},
        ),
        (
            SELLER,
            "My mother passed and left it to me. I'd like to sell it within the next two months, hopefully for "
            "around three eighty, there's no mortgage, and I don't have an agent.",
            {"motivation": "inherited", "timeline": "2", "price": "380000", "agent": "none", "financing": "paid_off"},
        ),
        (
            SELLER,
            "Sure, I lost my job so as soon as possible, I need at least four hundred, the bank still has a mortgage "
            "on it and I'm not working with anybody.",
            {"motivation": "job", "timeline": "1", "price": "400000", "agent": "none", "financing": "mortgage"},
        ),
        (
            BUYER,
            "Yes, looking for a three bedroom in Littleton under four hundred, we got pre-approved last week, hoping "
            "to be in by March because our lease is up, and we don't have a realtor.",
            {"area": "Littleton", "timeline": "4", "budget": "400000", "bedrooms": "3", "financing": "pre_approved"},
        ),
        (
            BUYER,
            "We want a house in Denver for about five fifty before Christmas because of work, approved already, no "
            "agent.",
            {"area": "Denver", "timeline": "1", "budget": "550000", "motivation": "job", "agent": "none"},
        ),
    ],
)
async def test_one_long_answer_leads_to_the_appointment(brief: Brief, said: str, told: dict[str, str]) -> None:
    held = await talk(brief, [said])
    assert held.texts[1].endswith(OFFER)
    assert told.items() <= held.outcome.facts.items()


@pytest.mark.parametrize(
    ("said", "wished"),
    [
        ("we're hoping for four fifty", 450_000),
        ("I'd want at least six twenty five", 625_000),
        ("nothing under four hundred", 400_000),
        ("I would take three ninety", 390_000),
        ("we could list it at five twenty five", 525_000),
        ("seven hundred tops", 700_000),
        ("we want four bedrooms", None),
        ("I need 400 square feet more", None),
        ("give me at least 200 days", None),
        ("I want out of here by nine thirty a.m.", None),
        ("we bought it for three ten", None),
        ("thinking about it since 2019", None),
    ],
)
def test_a_price_that_is_hoped_for_by_the_way(said: str, wished: int | None) -> None:
    assert money(said, wished=True) == wished


@pytest.mark.parametrize("said", ["we're hoping for four fifty", "at least six twenty five", "thinking five thirty"])
def test_where_a_time_may_be_meant_a_bare_hope_is_no_price(said: str) -> None:
    assert money(said) is None


@pytest.mark.parametrize(
    ("said", "months"),
    [
        ("We lived here for ten years and want to move in March", 4),
        ("I got divorced, so in a month or two", 2),
        ("my dad died last year, we'd sell within six months", 6),
        ("as soon as possible, the bank is on my back", 1),
        ("we have lived here for ten years", None),
        ("our listing expired in June", None),
        ("she passed two years ago", None),
        ("it has been two years now", None),
    ],
)
def test_what_lies_behind_hides_no_plan(said: str, months: int | None) -> None:
    assert timeline_months(said, now=NOW) == months


@pytest.mark.parametrize(
    "said",
    [
        "Actually make that four seventy.",
        "Wait, on the price, I'd want four seventy.",
        "Sorry, I meant four hundred seventy thousand for the house.",
        "No wait, make it 470.",
        "Oh, and the price, make that 470k",
        "I mean our asking price is four seventy",
    ],
)
async def test_a_price_that_is_corrected_among_the_times_is_read_back_and_the_times_again(said: str) -> None:
    held = await talk(SELLER, [*QUALIFIED, said, "the second one", "yes"])
    assert held.texts[7] == f"All right, four hundred seventy thousand dollars. {AGAIN}"
    assert held.outcome.facts["price"] == "470000"
    assert held.acts == (BookAppointment(WEDNESDAY_14), EndCall("appointment"))


async def test_a_price_and_a_time_in_one_breath_are_both_taken() -> None:
    held = await talk(SELLER, [*QUALIFIED, "Actually make the price four seventy, and Tuesday works.", "yes"])
    assert held.outcome.facts["price"] == "470000"
    assert held.acts == (BookAppointment(TUESDAY_10), EndCall("appointment"))


async def test_a_price_that_is_corrected_while_a_time_is_read_back_unsettles_no_time() -> None:
    held = await talk(SELLER, [*QUALIFIED, "Tuesday", "sorry, make that four eighty for the house", "yes"])
    assert held.outcome.facts["price"] == "480000"
    assert held.acts == (BookAppointment(TUESDAY_10), EndCall("appointment"))


@pytest.mark.parametrize(
    "said", ["no, at four thirty", "actually, make that three fifteen", "the price is fine, four thirty works", "ten"]
)
async def test_an_hour_is_no_price(said: str) -> None:
    assert (await talk(SELLER, [*QUALIFIED, said])).outcome.facts["price"] == "450000"
