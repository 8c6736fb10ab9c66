"""What the lead corrects: the later value counts, in the same turn and in a later one."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from agents.changed_mind import changed_time
from agents.dialogue import start
from agents.domain import spoken
from agents.domain.corrections import said
from agents.domain.types import (
    Act,
    BookAppointment,
    Disposition,
    EndCall,
    EndedBy,
    Heard,
    OptOut,
    Outcome,
    ScheduleCallback,
)
from agents.state import ActRecord, CallState, Stage
from tests.agents.people import BUYER, FRIDAY_9, NOW, SELLER, TUESDAY_10, WEDNESDAY_14, Talk, talk

DENVER = ZoneInfo("America/Denver")
TUESDAY_1330 = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
THURSDAY_1330 = datetime(2026, 11, 26, 20, 30, tzinfo=UTC)


def facts(held: Talk) -> dict[str, str]:
    return {name: value for name, value in held.outcome.facts.items() if name not in ("interested", "side", "area")}


@pytest.mark.parametrize(
    ("text", "pieces", "corrects"),
    [
        ("four fifty, no wait, five fifty", ("four fifty, ", ", five fifty"), True),
        ("four fifty, not five fifty", ("four fifty,  ",), True),
        ("three months, no, six", ("three months, ", "six months"), True),
        ("Tuesday. Sorry, I meant Thursday.", ("Tuesday. ", " Thursday."), True),
        ("no more than five hundred", ("no more than five hundred",), False),
        ("sorry, I am driving", (", I am driving",), False),
        ("yes", ("yes",), False),
        ("", ("",), False),
        ("no wait", ("no wait",), True),
    ],
)
def test_a_turn_is_cut_where_it_is_corrected(text: str, pieces: tuple[str, ...], corrects: bool) -> None:
    assert said(text) == (pieces, corrects)


async def test_a_price_is_corrected_under_the_next_question_and_read_back() -> None:
    held = await talk(SELLER, ["Yes.", "New job.", "two months", "five fifty", "no wait, four fifty, not five fifty"])

    assert facts(held) == {"motivation": "job", "timeline": "2", "price": "450000"}
    assert held.texts[-1] == (
        "All right, four hundred fifty thousand dollars. Is another real estate agent helping you, yes or no?"
    )
    assert held.acts == ()


@pytest.mark.parametrize(
    ("told", "correction", "name", "value", "read_back"),
    [
        ("two months", "sorry, I meant four months", "timeline", "4", "four months"),
        ("two months", "actually make it a year", "timeline", "12", "one year"),
    ],
)
async def test_a_timeline_is_corrected(told: str, correction: str, name: str, value: str, read_back: str) -> None:
    held = await talk(SELLER, ["Yes.", "New job.", told, correction])

    assert facts(held) == {"motivation": "job", name: value}
    assert held.texts[-1] == f"All right, {read_back}. About how much would you hope to get for it?"


async def test_an_area_and_a_budget_are_corrected() -> None:
    told = ["Yes.", "More room.", "two months", "Oakland, up to five hundred thousand"]

    place = await talk(BUYER, [*told, "no wait, Berkeley"])
    assert place.outcome.facts["area"] == "Berkeley"
    assert place.texts[-1].startswith("All right, Berkeley.")
    budget = await talk(BUYER, [*told, "Actually our budget is six hundred thousand"])
    assert budget.outcome.facts["budget"] == "600000"
    assert "agent" not in budget.outcome.facts


async def test_what_is_known_for_sure_stays_where_nothing_is_corrected() -> None:
    held = await talk(SELLER, ["Yes.", "New job.", "two months", "five fifty", "no, my neighbor got 400 thousand"])

    assert facts(held) == {"motivation": "job", "timeline": "2", "price": "550000", "agent": "none"}


async def test_a_seller_who_would_rather_buy_is_a_buyer_from_then_on() -> None:
    held = await talk(SELLER, ["Yes.", "actually we would rather buy"])

    assert held.outcome.facts["side"] == "buy"
    assert (await talk(SELLER, ["Yes.", "We want to buy something in Texas."])).outcome.facts["side"] == "sell"


@pytest.mark.parametrize(
    ("line", "slot"),
    [
        ("The first one, no wait, the second.", WEDNESDAY_14),
        ("Tuesday. Sorry, I meant Wednesday.", WEDNESDAY_14),
        ("not Tuesday, Wednesday", WEDNESDAY_14),
        ("Wednesday works, no, actually Tuesday at ten", TUESDAY_10),
    ],
)
async def test_of_two_slots_in_one_turn_the_later_is_taken(line: str, slot: datetime) -> None:
    held = await talk(SELLER, ["Yes.", "New job.", "two months", "450", "no", "paid off", line, "yes"])

    assert [act for act in held.acts if isinstance(act, BookAppointment)] == [BookAppointment(slot)]


async def test_a_chosen_slot_is_corrected_while_it_is_read_back() -> None:
    told = ["Yes.", "New job.", "two months", "450", "no", "paid off", "Tuesday at ten", "no wait, Wednesday"]
    held = await talk(SELLER, [*told, "yes"])

    assert [act for act in held.acts if isinstance(act, BookAppointment)] == [BookAppointment(WEDNESDAY_14)]


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("Call me Tuesday after lunch, sorry, I meant Thursday", THURSDAY_1330),
        ("Call me Thursday, no, Tuesday after lunch", TUESDAY_1330),
        ("Don't call me Tuesday, call me Thursday after lunch", THURSDAY_1330),
    ],
)
async def test_of_two_times_to_call_the_later_is_promised(line: str, at: datetime) -> None:
    held = await talk(SELLER, [line])

    assert held.acts == (ScheduleCallback(at, line), EndCall("callback"))


async def goodbye(line: str) -> tuple[tuple[Act, ...], Outcome]:
    """The acts of ``line``, told into our goodbye to somebody who was promised a call on Tuesday, and the outcome."""
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    assert (await dialogue.reply(Heard("Call me Tuesday after lunch.", NOW), now=NOW)).ends
    last = await dialogue.reply(Heard(line, NOW), now=NOW)
    return last.acts, dialogue.wrap_up(ended_by=EndedBy.AGENT, now=NOW)


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("Sorry, I meant Thursday!", THURSDAY_1330),
        ("no wait, Thursday", THURSDAY_1330),
        ("actually two thirty", datetime(2026, 11, 24, 21, 30, tzinfo=UTC)),
    ],
)
async def test_a_promised_time_is_corrected_into_our_goodbye(line: str, at: datetime) -> None:
    acts, outcome = await goodbye(line)

    assert acts == (ScheduleCallback(at, line), EndCall("over"))
    assert outcome.disposition is Disposition.CALLBACK_REQUESTED
    assert outcome.acts[-1] == ScheduleCallback(at, line)
    assert f"{at.astimezone(DENVER):%A %d %B %Y, %H:%M}" in outcome.summary


@pytest.mark.parametrize(
    "line", ["thank you, bye", "Thursday is my birthday", "sorry, what?", "no wait, Tuesday", ""]
)
async def test_other_words_into_our_goodbye_change_no_time(line: str) -> None:
    acts, outcome = await goodbye(line)

    assert acts == (EndCall("over"),)
    assert outcome.acts == (ScheduleCallback(TUESDAY_1330, "Call me Tuesday after lunch."), EndCall("callback"))


def test_a_booked_time_is_corrected_into_our_goodbye_where_the_other_is_free() -> None:
    state = replace(CallState(), stage=Stage.ENDED, acts=(ActRecord.of(BookAppointment(TUESDAY_10)),))

    def changed(line: str) -> Act | None:
        return changed_time(state, SELLER, Heard(line, NOW), now=NOW)

    assert changed("no wait, Wednesday at two") == BookAppointment(WEDNESDAY_14)
    assert changed("no wait, Wednesday") is None  # at ten, which is not free
    assert changed("Wednesday at two") is None
    assert changed_time(CallState(), SELLER, Heard("no wait, Wednesday at two", NOW), now=NOW) is None


@pytest.mark.parametrize(("asked", "confirmed"), [(False, True), (True, False)])
def test_a_time_that_a_colleague_is_to_confirm_is_not_surer_for_being_corrected(asked: bool, confirmed: bool) -> None:
    booked = ActRecord.of(BookAppointment(TUESDAY_10, confirmed=confirmed))
    state, brief = replace(CallState(), stage=Stage.ENDED, acts=(booked,)), replace(SELLER, calendar_asked=asked)
    act = changed_time(state, brief, Heard("no wait, Wednesday at two", NOW), now=NOW)
    assert act == BookAppointment(WEDNESDAY_14, confirmed=False)


async def test_an_opt_out_into_our_goodbye_is_one() -> None:
    acts, outcome = await goodbye("no wait, Thursday. No, stop calling me.")

    assert isinstance(acts[0], OptOut)
    assert outcome.disposition is Disposition.DO_NOT_CALL


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (450_000, "four hundred fifty thousand dollars"),
        (399_900, "three hundred ninety nine thousand nine hundred dollars"),
        (1_000_000, "one million dollars"),
        (1_250_000, "one point two five million dollars"),
        (1_050_000, "one point zero five million dollars"),
        (1_234_567, "one million two hundred thirty four thousand five hundred sixty seven dollars"),
        (12_000_000, "twelve million dollars"),
        (0, "zero dollars"),
    ],
)
def test_amounts_for_the_ear(amount: int, words: str) -> None:
    assert spoken.dollars(amount) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "one month"), (5, "five months"), (12, "one year"), (18, "eighteen months"), (24, "two years")],
)
def test_months_for_the_ear(count: int, words: str) -> None:
    assert spoken.months(count) == words


async def test_four_fifty_is_a_price_or_a_time_by_the_question() -> None:
    price = await talk(SELLER, ["Yes.", "New job.", "two months", "four fifty"])
    time = await talk(replace(SELLER, slots=()), ["I'm busy, call me later", "four fifty"])

    assert price.outcome.facts["price"] == "450000"
    assert time.acts[0] == ScheduleCallback(datetime(2026, 11, 21, 23, 50, tzinfo=UTC), "four fifty")
    assert FRIDAY_9 not in time.outcome.acts
