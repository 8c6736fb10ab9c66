"""A call that is put through to a colleague: every step, in whatever order it is told, and what comes of the call."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.dialogue import start
from agents.domain.types import Disposition, EndCall, EndedBy, Heard, OptOut, Outcome, Transfer
from billing.domain.costing import TRANSFER_LEG
from billing.models import CallCost, LedgerEntry, Rate, Review, UsageReport
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.domain.transfers import State, why_not_allowed
from calls.domain.transfers import Transfer as Kept
from calls.models import Call, Suppression, TransferTarget
from calls.models.campaign import TransferMode
from calls.services import carrier, doorbell, listening, resuming, transferring
from calls.services.briefing import brief_of, offered_slots
from calls.services.sweeping import sweep
from calls.services.transferring import Back, Leg, NotPossible, Over, Ring
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE, WORST_CASE_PUT_THROUGH
from tests.calls.fakes import STREAM, FakeDialer, FakeLine, Scripted, update
from voice.domain.types import Acted, CarrierStatus, CarrierUpdate, Ended, HandedOver, Recording, Report, Usage

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
ANSWERED = NOW - timedelta(seconds=100)
LATER, ENDED = NOW + timedelta(seconds=20), NOW + timedelta(seconds=80)
SID = "CA" + "1" * 32
MARIA, BOB = "+13035550123", "+13035550124"
SAID = "Can I talk to a real person?"
NO_ANSWER = Leg("no-answer")


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    ids: list[object] = []
    monkeypatch.setattr(doorbell, "resume", lambda call_id, _queue: ids.append(call_id))
    monkeypatch.setattr(doorbell, "store_recordings", lambda: True)
    return ids


def live(*numbers: str, mode: str = TransferMode.WARM, **fields: Any) -> Call:
    """A call of 100 s to Dana Reed about her home, in which the first question is open."""
    campaign = make.campaign(transfer_mode=mode)
    for order, number in enumerate(numbers, start=1):
        TransferTarget.objects.create(
            campaign=campaign, name={MARIA: "Maria", BOB: "Bob"}.get(number, "X"), number=number, order=order
        )
    lead = make.lead(campaign, interest="sell", address="12 Tejon St, Denver")
    defaults = {"answered_at": ANSWERED, "carrier_call_id": SID, "disclosed_at": ANSWERED}
    call = make.call(lead, **{"status": CallStatus.LIVE, "held": WORST_CASE_PUT_THROUGH, **defaults, **fields})
    dialogue = start(brief_of(call, (), now=NOW))
    dialogue.opening(now=NOW)
    Call.objects.filter(pk=call.pk).update(snapshot=dict(dialogue.snapshot()))
    return Call.objects.select_related("lead", "campaign").get(pk=call.pk)


def announced(call: Call) -> Acted:
    """The agent says that it puts them through."""
    brief = replace(brief_of(call, offered_slots(call), now=NOW), colleagues=("Maria", "Bob"))
    dialogue = start(brief, snapshot=call.snapshot)
    reply = asyncio.run(dialogue.reply(Heard(SAID, NOW), now=NOW))
    assert reply.acts == (Transfer(SAID),)
    return Acted(Transfer(SAID), dict(dialogue.snapshot()))


def tell(call: Call, *events: Scripted) -> None:
    """The line of the call's claim tells."""
    listening.listen(call, FakeLine(events), FakeDialer(), clock=lambda: NOW)


def handed_over(call: Call) -> Call:
    written: list[bool] = []
    usage = (Usage("tts.local", "char", Decimal(120)),)
    report = Report(
        Outcome(Disposition.TRANSFERRED, "x"), EndedBy.TRANSFER, ended_at=NOW, answered_at=ANSWERED, usage=usage
    )
    tell(call, announced(call), HandedOver(lambda: written.append(True)), Ended(report))
    assert written == [True]
    return again(call)


def again(call: Call) -> Call:
    return Call.objects.select_related("lead", "campaign").get(pk=call.pk)


def state(call: Call) -> Kept:
    kept = Kept.of(again(call).transfer)
    assert kept is not None
    return kept


def kinds(call: Call) -> list[str]:
    return list(call.events.exclude(kind__startswith="lead.").order_by("pk").values_list("kind", flat=True))


def settled(call: Call) -> bool:
    booked = sorted(LedgerEntry.objects.filter(reference=call.pk).values_list("kind", flat=True))
    return booked == ["charge", "hold", "release"] and audit() == []


def ask(call: Call, part: int = 1, *, now: datetime = NOW) -> Any:
    return resuming.ask(call.pk, part=part, now=now)


def ring(attempt: int, number: str, limit_s: int = 200) -> Ring:
    return Ring(attempt, number, "+12125550199", 20, limit_s)


def test_the_wish_is_committed_before_the_carrier_is_asked_and_the_call_is_nobodys() -> None:
    call = handed_over(live(MARIA, BOB))
    kept = state(call)
    assert (kept.state, kept.warm, kept.by, kept.part, kept.attempt) == (State.ASKED, True, "conversation", 1, 0)
    assert [one.number for one in kept.targets] == [MARIA, BOB]
    assert (call.status, call.owner, call.fence, call.lease_until, call.ended_at) == ("unknown", "", 2, None, None)
    assert kinds(call) == ["conversation.act", "call.transfer_asked", "call.handed_over"]
    assert list(UsageReport.objects.values_list("component", "quantity")) == [("tts.local", Decimal(120))]


def test_the_first_colleague_is_rung_however_often_the_carrier_asks() -> None:
    call = handed_over(live(MARIA, BOB))
    assert [ask(call), ask(call), ask(call)] == [ring(1, MARIA)] * 3
    assert kinds(call)[3:] == ["call.transfer_ringing"]
    assert (state(call).state, state(call).attempt) == (State.RINGING, 1)


def test_a_line_that_dies_while_it_announces_loses_nothing(rung: list[object]) -> None:
    """Killed between the commit and its last word: the carrier asks, and the colleague is rung all the same."""
    call = live(MARIA)
    tell(call, announced(call))
    assert ask(call) == ring(1, MARIA)
    moved = again(call)
    assert (moved.status, moved.owner, moved.fence) == ("unknown", "", 2)
    tell(call, HandedOver(lambda: None))  # it was only thought dead
    assert again(call).fence == 2
    assert rung == []


def test_a_line_that_dies_before_the_commit_is_taken_over_as_ever(rung: list[object]) -> None:
    call = live(MARIA)
    assert ask(call) == resuming.Wait()
    tell(call, announced(call))  # too late: its claim is no more
    assert again(call).transfer is None
    assert kinds(call)[0] == "call.cut_off"


def test_a_frozen_line_whose_lease_ran_out_is_put_through() -> None:
    call = live(MARIA)
    tell(call, announced(call))
    Call.objects.filter(pk=call.pk).update(status="unknown")  # by the sweep, which leaves the owner's name
    assert ask(call) == ring(1, MARIA)
    moved = again(call)
    assert (moved.owner, moved.fence) == ("", 2)


def test_who_takes_it_talks_and_the_end_is_settled_once() -> None:
    call = handed_over(live(MARIA, BOB))
    ask(call)
    told = transferring.whisper(call.pk, 1, now=NOW)
    assert told is not None
    assert told.text == "A call from Dana Reed about selling Tejon Street."
    assert transferring.accept(call.pk, 1, now=LATER)
    assert transferring.accept(call.pk, 1, now=LATER)  # pressed twice
    assert state(call).state is State.CONNECTED
    leg = Leg("completed", 60)
    assert [transferring.ended(call.pk, 1, leg, now=ENDED) for _ in range(2)] == [Over(), Over()]
    done = again(call)
    assert (done.status, done.disposition, done.ended_by) == ("done", "transferred", "transfer")
    assert (done.ended_at, done.billed_s) == (ENDED, 180)
    assert done.summary.startswith("Maria took the call over. Put through to a person.")
    assert [(one.name, one.status, one.duration_s) for one in state(call).tried] == [("Maria", "completed", 60)]
    assert kinds(call)[3:] == ["call.transfer_ringing", "call.transfer_connected", "call.finished"]
    assert settled(call)
    assert not carrier.apply(call.pk, update(CarrierStatus.COMPLETED), now=ENDED) or again(call).ended_at == ENDED


def test_a_cold_transfer_connects_whoever_answers() -> None:
    call = handed_over(live(MARIA, mode=TransferMode.COLD))
    ask(call)
    told = transferring.whisper(call.pk, 1, now=LATER)
    assert told is not None
    assert told.text == ""
    assert state(call).connected_at == LATER


def test_nobody_takes_it_and_the_agent_goes_on_with_a_call_back(rung: list[object]) -> None:
    call = handed_over(live(MARIA, BOB))
    ask(call)
    assert transferring.ended(call.pk, 1, Leg("completed", 7), now=LATER) == ring(2, BOB, 180)
    assert transferring.ended(call.pk, 1, Leg("completed", 7), now=LATER) == ring(2, BOB, 180)  # doubled
    assert transferring.ended(call.pk, 2, Leg("busy"), now=LATER) == Back(1)
    assert transferring.ended(call.pk, 2, Leg("busy"), now=LATER) == Back(1)
    assert [(one.name, one.status, one.duration_s) for one in state(call).tried] == [
        ("Maria", "completed", 7),
        ("Bob", "busy", 0),
    ]
    assert ask(call, now=LATER) == resuming.Wait()
    waiting = again(call)
    assert (waiting.status, waiting.resume_asked_at, waiting.owner) == ("unknown", LATER, "")
    taken = resuming.claim_resumption(call.pk, owner="worker-2", now=LATER)
    assert taken is not None
    plan = resuming._plan(taken, brief_of(taken, (), now=LATER), now=LATER)
    assert plan.snapshot is not None
    dialogue = start(replace(brief_of(taken, (), now=LATER), colleagues=("Maria",)), snapshot=plan.snapshot)
    opening = dialogue.opening(now=LATER)
    assert opening.text.startswith("I'm sorry, nobody is free right now. I can call back ")
    assert "call.cut_off" not in kinds(call)  # it counts as no loss
    assert kinds(call)[-2:] == ["call.back_from_transfer", "call.taken_over"]


def test_with_nobody_to_ask_it_comes_back_at_once() -> None:
    call = live()  # a campaign that lost its colleagues after the agent was told of them
    tell(call, announced(call), HandedOver(lambda: None))
    assert ask(call) == resuming.Wait()
    assert state(call).state is State.FAILED
    assert kinds(call)[-2:] == ["call.transfer_failed", "call.back_from_transfer"]


@pytest.mark.parametrize("pressed", [False, True])
def test_the_person_hangs_up_meanwhile(pressed: bool) -> None:
    call = handed_over(live(MARIA))
    ask(call)
    if pressed:
        transferring.accept(call.pk, 1, now=LATER)
    assert carrier.apply(call.pk, update(CarrierStatus.COMPLETED, duration_s=180), now=ENDED)
    done = again(call)
    expected = ("transferred", "transfer") if pressed else ("hung_up", "lead")
    assert (done.status, done.disposition, done.ended_by) == ("done", *expected)
    assert settled(call)
    assert transferring.ended(call.pk, 1, Leg("completed", 60), now=ENDED) == Over()
    assert not transferring.accept(call.pk, 1, now=ENDED)
    assert transferring.whisper(call.pk, 1, now=ENDED) is None
    assert ask(call) == resuming.Over()


def test_the_person_hangs_up_and_the_dials_end_tells_first() -> None:
    call = handed_over(live(MARIA, BOB))
    ask(call)
    assert transferring.ended(call.pk, 1, Leg("canceled", 0, caller_gone=True), now=LATER) == Over()
    assert again(call).disposition == "hung_up"
    assert settled(call)


def test_a_lost_callback_is_made_up_for_by_the_sweep() -> None:
    call = handed_over(live(MARIA))
    ask(call)
    transferring.accept(call.pk, 1, now=LATER)
    dialer = FakeDialer(knows=update(CarrierStatus.COMPLETED, duration_s=170))
    assert sweep(dialer=dialer, now=NOW + timedelta(seconds=40))
    assert dialer.asked == []  # the carrier tells by itself as a rule
    assert sweep(dialer=dialer, now=NOW + timedelta(seconds=90))
    done = again(call)
    assert (done.disposition, done.ended_by, done.ended_at) == (
        "transferred",
        "transfer",
        ANSWERED + timedelta(seconds=170),
    )
    assert settled(call)


def test_a_colleague_who_takes_it_while_the_sweep_asks_has_taken_it() -> None:
    call = handed_over(live(MARIA))
    ask(call)
    over = update(CarrierStatus.COMPLETED, duration_s=170)

    class Slow(FakeDialer):
        def fetch(self, carrier_call_id: str) -> CarrierUpdate | None:
            transferring.accept(call.pk, 1, now=LATER)
            return super().fetch(carrier_call_id)

    assert sweep(dialer=Slow(knows=over), now=NOW + timedelta(seconds=90))
    done = again(call)
    assert (done.disposition, done.ended_by) == ("transferred", "transfer")
    assert state(call).state is State.CONNECTED
    assert settled(call)


def test_a_colleague_who_talks_long_is_not_hung_up_before_the_carriers_own_limit() -> None:
    call = handed_over(live(MARIA))
    ask(call)
    transferring.accept(call.pk, 1, now=LATER)
    dialer = FakeDialer(knows=update(CarrierStatus.IN_PROGRESS))
    sweep(dialer=dialer, now=NOW + timedelta(seconds=180))
    assert dialer.hung_up == []
    sweep(dialer=dialer, now=ANSWERED + timedelta(seconds=300 + 91))
    assert dialer.hung_up == [SID]


def test_an_opt_out_said_into_it_stops_it() -> None:
    call = live(MARIA)
    tell(
        call, announced(call), Acted(OptOut("stop calling"), call.snapshot), Acted(EndCall("opt_out"), call.snapshot)
    )
    assert state(call).state is State.CANCELED
    assert ask(call) != ring(1, MARIA)
    assert Suppression.objects.filter(phone=call.to_number).exists()


def legs_of(call: Call) -> list[tuple[str, int, int]]:
    """What was metered of each leg: by whom, which, and seconds."""
    used = UsageReport.objects.filter(reference=call.pk, component=TRANSFER_LEG, unit="s").order_by("reporter", "seq")
    return [
        (reporter, seq, int(quantity)) for reporter, seq, quantity in used.values_list("reporter", "seq", "quantity")
    ]


def cost_of(call: Call) -> tuple[Decimal, Decimal]:
    """Charged, and above the hold."""
    cost = CallCost.objects.get(reference=call.pk)
    return cost.charged, cost.excess


def test_each_colleagues_phone_that_answered_is_billed_by_itself() -> None:
    """A voicemail of 7 s and a talk of 60 s are two minutes of 0.014; the line's 180 s are 3 of 0.0184; detection and
    a tenth of tax: 0.0907 and 0.00907.
    """
    call = handed_over(live(MARIA, BOB))
    ask(call)
    transferring.whisper(call.pk, 1, now=NOW)
    transferring.ended(call.pk, 1, Leg("completed", 7), now=LATER)
    transferring.accept(call.pk, 2, now=LATER)
    for _ in range(2):
        transferring.ended(call.pk, 2, Leg("completed", 60), now=ENDED)
    assert legs_of(call) == [("transfer 1", 1, 60), ("transfer 1", 2, 60)]
    assert cost_of(call) == (Decimal("0.09977"), Decimal(0))
    assert settled(call)
    cost = CallCost.objects.get(reference=call.pk)
    assert next(line for line in cost.lines if line["component"] == TRANSFER_LEG) == {
        "component": "twilio.transfer_leg",
        "unit": "s",
        "quantity": "120.000000",
        "billed": "120",
        "amount": "0.028000",
        "rate": "0.014 / 60",
    }
    assert cost.carrier_estimate == Decimal("0.042")  # of our call alone
    assert not Review.objects.exists()


def test_a_phone_that_nobody_picked_up_costs_nothing() -> None:
    call = handed_over(live(MARIA, BOB))
    ask(call)
    transferring.ended(call.pk, 1, NO_ANSWER, now=LATER)
    transferring.ended(call.pk, 2, Leg("canceled", caller_gone=True), now=ENDED)
    assert legs_of(call) == []
    assert cost_of(call) == (Decimal("0.06897"), Decimal(0))  # 3 minutes and detection, taxed


@pytest.mark.parametrize("caller_gone", [False, True])
def test_a_voicemail_that_answered_is_billed_by_our_clock_where_the_carrier_tells_no_length(
    caller_gone: bool,
) -> None:
    call = handed_over(live(MARIA))
    ask(call)
    transferring.whisper(call.pk, 1, now=NOW)
    transferring.whisper(call.pk, 1, now=LATER)  # doubled: it answered before
    transferring.ended(call.pk, 1, Leg("completed", caller_gone=caller_gone), now=NOW + timedelta(seconds=61))
    assert legs_of(call) == [("transfer 1", 1, 120)]


def test_the_person_hangs_up_while_a_colleague_hears_who_it_is() -> None:
    """The carrier's last callback comes first. Its 180 s are 3 minutes, the colleague's 80 s are 2."""
    call = handed_over(live(MARIA))
    ask(call)
    transferring.whisper(call.pk, 1, now=NOW)
    assert carrier.apply(call.pk, update(CarrierStatus.COMPLETED, duration_s=180), now=ENDED)
    assert again(call).disposition == "hung_up"
    assert legs_of(call) == [("transfer 1", 1, 120)]
    assert cost_of(call) == (Decimal("0.09977"), Decimal(0))
    assert settled(call)


def test_a_talk_is_as_long_as_the_hold_covers_and_costs_no_more() -> None:
    """Nothing was held for the way: 90 s may be talked, which is 240 s of the line and 120 s of the leg at worst."""
    call = handed_over(live(MARIA, held=WORST_CASE))
    assert ask(call) == ring(1, MARIA, 90)
    transferring.whisper(call.pk, 1, now=LATER)
    transferring.accept(call.pk, 1, now=NOW + timedelta(seconds=40))
    transferring.ended(call.pk, 1, Leg("completed", 120), now=NOW + timedelta(seconds=140))
    assert legs_of(call) == [("transfer 1", 1, 120)]
    assert cost_of(call) == (Decimal("0.12001"), Decimal(0))  # 4 of 0.0184, 2 of 0.014, detection; taxed
    assert settled(call)
    assert not Review.objects.exists()


def test_a_question_that_comes_again_later_is_answered_with_what_is_left() -> None:
    call = handed_over(live(MARIA))
    assert ask(call) == ring(1, MARIA, 200)
    assert ask(call, now=NOW + timedelta(seconds=5)) == ring(1, MARIA, 195)
    assert ask(call, now=NOW + timedelta(seconds=300)) == ring(1, MARIA, 1)
    assert state(call).state is State.RINGING


SHORT = (
    "Its longest length and what is held for it leave {} s for a talk with a colleague, and fewer than 30 are not "
    "worth a ring."
)
NO_PRICE = (
    "The rate card has no 'twilio.transfer_leg', the price of the way to a colleague: take it over with manage.py "
    "rate_card apply."
)


@pytest.mark.parametrize(
    ("held", "priced", "answered_at", "why"),
    [
        (Decimal("0.06"), True, ANSWERED, SHORT.format(0)),
        (WORST_CASE_PUT_THROUGH, True, NOW - timedelta(seconds=271), SHORT.format(29)),
        (WORST_CASE_PUT_THROUGH, False, ANSWERED, NO_PRICE),
        (None, True, ANSWERED, "Nothing is held for this call."),
    ],
)
def test_where_no_talk_is_paid_for_nobody_is_rung_and_the_agent_promises_a_call_back(
    held: Decimal | None, priced: bool, answered_at: datetime, why: str
) -> None:
    if not priced:
        Rate.objects.filter(key=TRANSFER_LEG).delete()
    call = live(MARIA, BOB, held=held, answered_at=answered_at)
    with pytest.raises(NotPossible) as refused:
        transferring.order(call.pk, by="kim", now=NOW, number="+13035550199")
    assert str(refused.value) == why
    assert again(call).transfer is None
    tell(call, announced(call), HandedOver(lambda: None))
    assert ask(call) == resuming.Wait()
    kept = state(call)
    assert (kept.state, kept.attempt, kept.tried) == (State.FAILED, 0, ())
    assert call.events.get(kind="call.transfer_failed").fields == {"tried": 0, "reason": why}
    assert "call.transfer_ringing" not in kinds(call)
    assert transferring.has_failed(again(call), 1)
    assert legs_of(call) == []


def test_the_next_colleague_is_not_rung_once_the_first_ones_voicemail_has_used_what_was_left() -> None:
    """3 minutes of the line, one of the leg and detection are 0.08437 with their tax; another of each is too much."""
    call = handed_over(live(MARIA, BOB, held=Decimal("0.085")))
    assert ask(call) == ring(1, MARIA, 30)
    assert transferring.ended(call.pk, 1, Leg("completed", 7), now=LATER) == Back(1)
    assert transferring.ended(call.pk, 1, Leg("completed", 7), now=LATER) == Back(1)  # doubled
    kept = state(call)
    assert (kept.state, kept.attempt, [one.name for one in kept.tried]) == (State.FAILED, 1, ["Maria"])
    assert legs_of(call) == [("transfer 1", 1, 60)]


def test_an_order_names_whom_and_is_taken_back_where_no_line_takes_it() -> None:
    call = live(MARIA, BOB)
    assert transferring.order(call.pk, by="kim", now=NOW, target="bob").number == BOB
    tell(call, announced(call))
    kept = state(call)
    assert (kept.state, kept.by, [one.name for one in kept.targets]) == (State.ASKED, "kim", ["Bob"])
    with pytest.raises(NotPossible, match="put through already"):
        transferring.order(call.pk, by="kim", now=NOW)
    other = live(MARIA)
    transferring.order(other.pk, by="kim", now=NOW)
    transferring.withdraw(other.pk)
    assert state(other).state is State.CANCELED


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"target": "Zoe"}, "nobody called 'Zoe'"),
        ({"number": "+442079460000"}, "is in GB, and calls are put through to US only"),
        ({"number": "+18765550123"}, "put through to US only"),
        ({"number": "+19005550123"}, "premium-rate number"),
    ],
)
def test_an_order_that_is_refused(asked: dict[str, Any], reason: str) -> None:
    call = live(MARIA)
    with pytest.raises(NotPossible, match=reason):
        transferring.order(call.pk, by="kim", now=NOW, **asked)
    assert again(call).transfer is None


def test_a_number_that_may_not_be_rung_any_more_is_left_out() -> None:
    call = live("+442079460000", MARIA)
    tell(call, announced(call))
    assert [one.number for one in state(call).targets] == [MARIA]
    assert why_not_allowed("+442079460000", frozenset({"US"}))


def test_a_call_that_is_not_live_takes_no_order() -> None:
    call = live(MARIA)
    Call.objects.filter(pk=call.pk).update(closing_at=NOW)
    with pytest.raises(NotPossible, match="not live"):
        transferring.order(call.pk, by="kim", now=NOW)


def test_a_recording_of_the_line_is_kept() -> None:
    call = live(MARIA)
    recording = Recording(Path("x-1.rec"), ANSWERED, 90_000, 1, 100)
    report = Report(
        Outcome(Disposition.TRANSFERRED, "x"),
        EndedBy.TRANSFER,
        ended_at=NOW,
        answered_at=ANSWERED,
        recording=recording,
    )
    tell(call, announced(call), HandedOver(lambda: None), Ended(report))
    assert call.recordings.count() == 1
    assert again(call).status == "unknown"


def test_an_offered_line_of_before_is_not_mistaken() -> None:
    """Part 2 talks: what part 1 was put through to plays no role."""
    call = handed_over(live(MARIA))
    ask(call)
    transferring.ended(call.pk, 1, NO_ANSWER, now=LATER)
    ask(call, now=LATER)
    stream = {"url": STREAM.url, "token": STREAM.token}
    Call.objects.filter(pk=call.pk).update(
        status="live", owner="worker-2", takeovers=1, stream=stream, resume_asked_at=None
    )
    assert ask(call, now=LATER) == resuming.Talk(STREAM, 2)
    assert ask(call, part=2, now=LATER) == resuming.Wait()
    assert "call.cut_off" in kinds(call)
