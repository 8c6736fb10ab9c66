"""Money from the ring to the carrier's price, in one running installation with real speech."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from pytest_django import DjangoDbBlocker

from agents.domain.types import EndedBy
from billing.models import Alert, Budget, CallCost, LedgerEntry, Level, Review, UsageReport
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.models import Call, Lead, Turn
from calls.models.lead import LeadStatus
from tests.whole_call import books, money_story
from tests.whole_call.books import GPU, GPU_SHARE, PREMIUM, used
from tests.whole_call.installation import Installation, installation
from tests.whole_call.listening import BETWEEN_THE_VOICES_HZ, agent_side, pitch_hz
from tests.whole_call.money_story import (
    BEN,
    CAROL,
    CHEAP,
    DEAR,
    DORA,
    FAR_TOO_DEAR,
    IN_EUROS,
    MARIA,
    ROOM,
    SHORTEST_S,
    UNPRICED,
    Seen,
    call_to,
)
from voice.session import GOODBYE
from voice.speech.spoken import spoken
from voice.speech.synthesis import clauses

pytestmark = [pytest.mark.whole_call, pytest.mark.timeout(400)]

PEOPLE = Path(__file__).parent / "money_people.yaml"
CHUNK_BYTES = 320
"""Mu-law comes to the carrier in packets of 40 ms."""
TOLD_WITHIN = timedelta(seconds=1.5)
ANSWERED = (MARIA, BEN, CAROL, DORA, DEAR, FAR_TOO_DEAR, IN_EUROS, CHEAP, *ROOM[:3], *UNPRICED)


@pytest.fixture
def house(django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    # Not below pytest's own folder: PostgreSQL's user may not enter that once another run has begun.
    with (
        TemporaryDirectory(prefix="money-") as folder,
        django_db_blocker.unblock(),
        installation(Path(folder), PEOPLE, GPU_RATE=GPU) as house,
    ):
        yield house


def test_money_from_the_ring_to_the_price(house: Installation, subtests: pytest.Subtests) -> None:
    seen = money_story.play(house)
    with subtests.test("every character that the provider bills is metered once, and no other"):
        bought = bought_by(house)
        assert set(bought) == {call_to(ending).pk for ending in (MARIA, BEN, DORA)}
    with subtests.test("a premium call costs what the rates say, on every budget alike"):
        a_premium_call(house)
    with subtests.test("a provider that stalls loses no sentence and no cent"):
        a_stalled_provider(house)
    with subtests.test("a call with money for a minute says goodbye in time"):
        a_short_call()
    with subtests.test("the carrier's own price takes the place of the estimate"):
        prices_of_the_carrier()
    with subtests.test("a killed worker loses no paid character"):
        a_lost_worker(house, seen)
    with subtests.test("a budget with room for two calls rings two phones, and a third when it is raised"):
        a_full_budget(house, seen)
    with subtests.test("what has no price is not dialed, or spoken by the local voice, and says why"):
        missing_rates(seen)
    with subtests.test("ledger, bill, call and figures agree, and nothing is held any more"):
        the_books()
    with subtests.test("nothing else happened"):
        nothing_else(house)


def agent_turns(call: Call) -> list[Turn]:
    return list(call.turns.filter(speaker="agent"))


def asked_at(request: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(request["at"])


def bought_by(house: Installation) -> dict[UUID, list[str]]:
    """What each call had the provider say, in order: its meter's report and the provider's bill, one to one.

    The provider knows no calls: the request of a report is the one of its length that is nearest in time.
    """
    billed = [one for one in house.provider.requests() if one["characters"]]
    bought = defaultdict(list)
    for report in UsageReport.objects.filter(component=PREMIUM).order_by("at", "seq"):
        alike = [one for one in billed if one["characters"] == report.quantity]
        assert alike, f"{report.quantity} characters were metered and not billed."
        apart, place = min((abs(asked_at(one) - report.at), place) for place, one in enumerate(alike))
        assert apart < TOLD_WITHIN, "What was paid was told late: a killed worker would have lost it."
        nearest = alike[place]
        billed.remove(nearest)
        bought[report.reference].append(nearest["text"])
    assert billed == []
    return bought


def check_bill(call: Call, *, characters: int, voice: Decimal | None = None) -> None:
    """The whole bill by hand; ``voice`` is what the carrier charged where that is not by its list."""
    assert sum(used(call, GPU)) == pytest.approx(sum(used(call, "call")) * GPU_SHARE, abs=Decimal("0.001"))
    bill = books.bill_by_hand(call, characters=characters)
    assert books.bill_of(call) == bill
    estimated = sum(bill.values(), Decimal(0))
    total = sum(books.bill_by_hand(call, characters=characters, voice=voice).values(), Decimal(0))
    cost = CallCost.objects.get(reference=call.pk)
    assert (cost.estimated, cost.charged, cost.excess, call.cost) == (estimated, total, Decimal(0), total)
    hold = books.worst_by_hand(call.max_length_s, premium=call.tier == "premium")
    entries = [("hold", hold), ("release", hold), ("charge", estimated)]
    if total != estimated:
        entries.append(("correction", total - estimated))
    assert books.entries_of(call) == dict.fromkeys(books.payers_of(call), entries)


def carrier_saw(house: Installation, ending: str) -> dict[str, Any]:
    (found,) = [one for one in house.carrier.calls() if one["to"].endswith(ending)]
    return found


def pitches(house: Installation, call: Call) -> list[float]:
    """Of each of the agent's turns that is longer than a second."""
    recording = call.recordings.get()
    assert call.answered_at is not None
    samples, rate = agent_side(house.recordings, recording.name)
    since_ms = round((recording.started_at - call.answered_at).total_seconds() * 1000)
    offsets = [(max(0, turn.start_ms - since_ms), max(0, turn.end_ms - since_ms)) for turn in agent_turns(call)]
    spans = [(start * rate // 1000, end * rate // 1000) for start, end in offsets]
    return [pitch_hz(samples[start:end], rate) for start, end in spans if end - start > rate]


def events(call: Call, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
    return list(call.events.filter(kind__in=kinds).values_list("kind", "fields"))


def a_premium_call(house: Installation) -> None:
    maria = call_to(MARIA)
    assert (maria.tier, maria.tier_reasons) == ("premium", ["The campaign wants the premium voice."])
    assert (maria.ended_by, events(maria, "tier.changed", "call.wrapping_up")) == (EndedBy.AGENT, [])
    bought = bought_by(house)[maria.pk]
    assert used(maria, "tts.local") == []
    sent = {one["text"]: one["bytes_sent"] for one in house.provider.requests()}  # mu-law
    whole = [spoken(part) for turn in agent_turns(maria) if not turn.interrupted for part in clauses(turn.text)]
    heard = sum(-(-sent[part] // CHUNK_BYTES) * CHUNK_BYTES for part in whole)
    received = carrier_saw(house, MARIA)["media"]["bytes_in"]
    # Of what the person talks over it has a part.
    assert received > heard if any(turn.interrupted for turn in agent_turns(maria)) else received == heard
    assert set(whole) <= set(bought)
    assert min(pitches(house, maria)) > BETWEEN_THE_VOICES_HZ
    check_bill(maria, characters=sum(map(len, bought)))
    assert books.payers_of(maria) == {"Company", "Website", "Budget of Premium"}


def a_stalled_provider(house: Installation) -> None:
    ben = call_to(BEN)
    bought = bought_by(house)[ben.pk]
    assert bought == [
        "Hi Ben,",
        "this is Ava, an AI assistant calling for Harbor Homes on a recorded line.",
        "I am calling about your home on Cedar Lane.",
    ]
    reason = (
        "The premium voice failed, so the local voice speaks on: ElevenLabs was silent for 2 s: check this machine's "
        "network, or choose a faster ELEVENLABS_MODEL."
    )
    assert events(ben, "tier.changed") == [("tier.changed", {"tier": "local", "cause": "fault", "reason": reason})]
    assert (ben.tier, ben.ended_by) == ("premium", EndedBy.AGENT)
    opening = agent_turns(ben)[0]
    assert (opening.interrupted, clauses(opening.text)[3]) == (False, bought[2])
    assert max(pitches(house, ben)[1:]) < BETWEEN_THE_VOICES_HZ
    check_bill(ben, characters=sum(map(len, bought)))


def a_short_call() -> None:
    carol = call_to(CAROL)
    limit = Decimal("0.0525")
    assert carol.max_length_s == 60
    assert carol.tier_reasons[1] == "Budget 'Budget of Short' allows 0.0525 USD for one call, so it may last 60 s."
    assert events(carol, "call.wrapping_up", "tier.changed") == [
        ("call.wrapping_up", {"reason": "The call may last 60 s, so it comes to its end."})
    ]
    # Its own goodbye where the person gave it the time for one, the one of the limit where not.
    last = agent_turns(carol)[-1]
    assert not last.interrupted
    assert (carol.ended_by, last.text == GOODBYE) in [(EndedBy.AGENT, False), (EndedBy.LIMIT, True)]
    assert last.text.endswith("oodbye.")
    assert carol.billed_s is not None
    assert 35 < carol.billed_s <= 60
    check_bill(carol, characters=0)
    assert carol.cost <= limit


def prices_of_the_carrier() -> None:
    for ending, price in ((DEAR, "0.028"), (CHEAP, "0.007")):
        call = call_to(ending)
        check_bill(call, characters=0, voice=Decimal(price))
        cost = CallCost.objects.get(reference=call.pk)
        assert (cost.carrier_estimate, cost.carrier_price) == (Decimal("0.014"), Decimal(price))
    for ending in (FAR_TOO_DEAR, IN_EUROS):
        call = call_to(ending)
        check_bill(call, characters=0)
        assert CallCost.objects.get(reference=call.pk).carrier_price is None
    assert set(Review.objects.values_list("reference", "kind", "text", "decision")) == {
        (
            call_to(FAR_TOO_DEAR).pk,
            Review.Kind.CARRIER_PRICE.value,
            "The carrier reports 1.40 USD where the rate card expects 0.014 USD: look the call up at the carrier. "
            "Accept this to charge it, and correct the rate card; or dismiss it, and the estimate stands.",
            "",
        ),
        (
            call_to(IN_EUROS).pk,
            Review.Kind.CARRIER_CURRENCY.value,
            "The carrier reports 0.014 EUR, and the call's budgets are in USD: nothing is converted here. Let the "
            "carrier bill in USD, or enter rates and budgets in its currency; then dismiss this. The estimate "
            "stands.",
            "",
        ),
    }


def a_lost_worker(house: Installation, seen: Seen) -> None:
    dora = call_to(DORA)
    assert (dora.status, dora.ended_by) == (CallStatus.DONE, EndedBy.FAULT)
    taken = ("call.cut_off", "call.taken_over", "call.lease_expired", "call.finished")
    assert [kind for kind, _ in events(dora, *taken)] == ["call.cut_off", "call.finished"]  # no other has a GPU
    bought = bought_by(house)[dora.pk]
    assert len(bought) > money_story.OPENING
    assert seen.told_before_kill == sum(map(len, bought))
    assert dora.billed_s is not None
    assert 2 <= carrier_saw(house, DORA)["duration_s"] - dora.billed_s <= 10
    bill = books.bill_by_hand(dora, characters=sum(map(len, bought)))
    assert books.bill_of(dora) == bill
    hold = books.worst_by_hand(dora.max_length_s, premium=True)
    entries = [("hold", hold), ("release", hold), ("charge", sum(bill.values()))]
    assert books.entries_of(dora) == {"Company": entries, "Budget of Cut off": entries}


def a_full_budget(house: Installation, seen: Seen) -> None:
    hold = books.worst_by_hand(SHORTEST_S, premium=False)
    assert hold == Decimal("0.03099")
    assert seen.refused["Room"] == {
        "Budget 'Budget of Room' cannot hold 0.03099 USD more: raise its limit or wait for calls to settle."
    }
    for ending in ROOM[:3]:
        check_bill(call_to(ending), characters=0)
    third = call_to(ROOM[2])
    assert seen.raised_at is not None
    assert third.dialed_at is not None
    assert timedelta() < third.dialed_at - seen.raised_at < timedelta(seconds=10)
    waiting = Lead.objects.filter(phone__regex=f"({'|'.join(ROOM[3:])})$")
    assert list(waiting.values_list("status", "attempts")) == [(LeadStatus.OPEN.value, 0)] * 2
    rung = {one["to"][-4:] for one in house.carrier.calls()}
    assert rung == set(ANSWERED)


def missing_rates(seen: Seen) -> None:
    first, second = map(call_to, UNPRICED)
    for call in (first, second):
        (reason,) = call.tier_reasons
        assert call.tier == "local"
        assert reason.startswith(
            "The premium voice has no price, so the local voice speaks: There is no rate 'elevenlabs.flash_v2_5' at "
        )
        check_bill(call, characters=0)
    for reason in seen.refused["Unpriced"]:
        assert reason.startswith("There is no rate 'twilio.media_streams' at ")
        assert reason.endswith(" UTC: add one to the rate card that begins by then.")
    assert seen.priced_at is not None
    assert second.dialed_at is not None
    assert timedelta() < second.dialed_at - seen.priced_at < timedelta(seconds=10)


def the_books() -> None:
    calls = list(Call.objects.select_related("campaign", "lead"))
    assert {call.to_number[-4:] for call in calls} == set(ANSWERED)
    assert len(calls) == len(ANSWERED)
    assert books.balances() == books.balances_by_hand(calls)
    for call in calls:
        cost = CallCost.objects.get(reference=call.pk)
        assert cost.charged == call.cost == books.figures_of(call.pk)
    assert LedgerEntry.objects.filter(kind="hold").count() == LedgerEntry.objects.filter(kind="release").count()
    assert audit() == []


def nothing_else(house: Installation) -> None:
    assert not Budget.objects.filter(stopped_at__isnull=False).exists()
    assert not Alert.objects.filter(level=Level.EMERGENCY).exists()
    told = {"dispatch.not_payable", "alert.told", "billing.review", "speech.premium_failed", "pipecat"}
    told |= {"call.cut_off", "call.not_taken_over"}
    for name in ("web", "worker", "voice", "beat"):
        loud = [line for line in house.log(name) if line.get("level") in ("warning", "error", "critical")]
        assert [line for line in loud if line["event"] not in told] == []
