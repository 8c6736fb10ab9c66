"""Whole calls without words: ringing, TwiML, signed callbacks, answering machine detection."""

import asyncio
import gc
import weakref
from collections.abc import Iterable
from typing import Any, cast

import httpx
import pytest
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from simulator import audio
from simulator.domain.mind import CannedMind
from simulator.exchange import Account, Exchange
from simulator.faults import Switches
from simulator.rest import create_app
from simulator.speech import Voice
from tests.simulator.world import (
    OURS,
    SID,
    TOKEN,
    Application,
    Asked,
    FakeSpeech,
    application,
    carrier,
    everybody,
    human,
    sockets,
    web,
)

HANGUP = "<Response><Hangup/></Response>"
WAIT = '<Response><Pause length="60"/></Response>'
ALL_EVENTS = ["initiated", "ringing", "answered", "completed"]


def signed(request: Asked) -> bool:
    fields = request.fields if request.method == "POST" else {}
    return bool(RequestValidator(TOKEN).validate(request.url, fields, request.signature))


def statuses(requests: list[Asked]) -> list[tuple[str, str]]:
    return [(request.fields["SequenceNumber"], request.fields["CallStatus"]) for request in requests]


async def test_every_status_is_told_once_in_order_and_signed() -> None:
    async with carrier(everybody(human())) as one, application(twiml=HANGUP) as app:
        sid = await one.ring(
            url=f"{app.url}/twiml", status_callback=f"{app.url}/status?call=7", status_callback_event=ALL_EVENTS
        )
        told = await app.expect("/status", 4)
        assert statuses(told) == [("0", "initiated"), ("1", "ringing"), ("2", "in-progress"), ("3", "completed")]
        assert all(signed(request) for request in app.asked)
        last = told[-1].fields
        assert {
            name: last[name] for name in ("CallSid", "AccountSid", "To", "From", "Called", "Caller", "Direction")
        } == {
            "CallSid": sid,
            "AccountSid": SID,
            "To": "+13035550101",
            "From": OURS,
            "Called": "+13035550101",
            "Caller": OURS,
            "Direction": "outbound-api",
        }
        assert (last["CallDuration"], last["Duration"], last["SipResponseCode"]) == ("1", "1", "200")
        assert (last["ApiVersion"], last["CallbackSource"]) == ("2010-04-01", "call-progress-events")
        assert "CallDuration" not in told[2].fields
        (asked,) = app.at("/twiml")
        assert (asked.method, asked.fields["CallStatus"], asked.fields["CallSid"]) == ("POST", "in-progress", sid)


async def test_only_the_end_is_told_unless_more_is_asked_for() -> None:
    async with carrier(everybody(human())) as one, application() as app:
        await one.ring(twiml=HANGUP, status_callback=f"{app.url}/status", status_callback_method="GET")
        (told,) = await app.expect("/status", 1)
        assert (told.method, told.fields["CallStatus"], signed(told)) == ("GET", "completed", True)


@pytest.mark.parametrize(
    ("answers", "timeout", "status", "sip", "rings"),
    [
        ({"how": "busy", "after_s": 0.05}, 60, "busy", "486", 1),
        ({"how": "no_answer"}, 1, "no-answer", "487", 1),
        ({"how": "human", "after_s": 5}, 1, "no-answer", "200", 1),
        ({"how": "invalid"}, 60, "failed", "404", 0),
    ],
)
async def test_a_phone_that_is_not_answered(
    answers: dict[str, Any], timeout: int, status: str, sip: str, rings: int
) -> None:
    async with carrier(everybody(human(answers=answers))) as one, application() as app:
        sid = await one.ring(twiml=HANGUP, timeout=timeout, status_callback=f"{app.url}/status")
        (told,) = await app.expect("/status", 1)
        assert (told.fields["CallStatus"], told.fields["SipResponseCode"], told.fields["CallDuration"]) == (
            status,
            sip,
            "0",
        )
        seen = await one.over(sid)
        assert (seen["status"], seen["ended_by"], seen["price"], len(seen["rings"])) == (
            status,
            "carrier",
            None,
            rings,
        )
        assert (seen["answered_at"], seen["said"], seen["media"]["sockets"]) == (None, [], 0)


async def test_a_number_that_is_nobodys_fails_without_ringing() -> None:
    async with carrier(everybody(human())) as one:
        seen = await one.over(await one.ring(to="+13035559999", twiml=HANGUP))
        assert (seen["status"], seen["person"], seen["rings"]) == ("failed", None, [])


async def test_a_call_ends_at_its_time_limit() -> None:
    async with carrier(everybody(human())) as one:
        seen = await one.over(await one.ring(twiml=WAIT, time_limit=1))
        assert (seen["ended_by"], seen["duration_s"]) == ("time_limit", 2)


async def test_documents_lead_from_one_to_the_next() -> None:
    answers: dict[str, str | bytes] = {
        "first": '<Response><Play>/tone</Play><Redirect method="GET">/second?x=1</Redirect><Hangup/></Response>',
        "second": "<Response><Say>Done</Say></Response>",
        "tone": audio.beep(0.1),
    }
    async with carrier(everybody(human())) as one, application(**answers) as app:
        seen = await one.over(await one.ring(url=f"{app.url}/first"))
        assert [(asked.method, asked.path) for asked in app.asked] == [
            ("POST", "/first"),
            ("GET", "/tone"),
            ("GET", "/second"),
        ]
        assert app.at("/second")[0].fields["x"] == "1"
        assert all(signed(asked) for asked in app.asked)
        assert (seen["status"], seen["errors"], seen["ended_by"]) == ("completed", [], "application")


@pytest.mark.parametrize(
    ("answer", "code"), [("broken", 11200), ("<Response><Sing/></Response>", 12100), ("no XML", 12100)]
)
async def test_a_bad_document_ends_the_call_after_the_fallback_was_asked(answer: str, code: int) -> None:
    async with carrier(everybody(human())) as one, application(first=answer, spare=answer) as app:
        seen = await one.over(await one.ring(url=f"{app.url}/first", fallback_url=f"{app.url}/spare"))
        assert [asked.path for asked in app.asked] == ["/first", "/spare"]
        assert (seen["status"], [error["code"] for error in seen["errors"]]) == ("completed", [code, code])


async def test_nobody_at_the_url_and_no_sound_to_play() -> None:
    async with carrier(everybody(human())) as one:
        seen = await one.over(await one.ring(url="http://127.0.0.1:9/twiml", status_callback="http://127.0.0.1:9/"))
        assert [error["code"] for error in seen["errors"]] == [11200]
        played = await one.over(await one.ring(twiml="<Response><Play>http://127.0.0.1:9/a</Play></Response>"))
        assert (played["status"], [error["code"] for error in played["errors"]]) == ("completed", [11200])


async def test_a_redirect_loop_ends() -> None:
    async with (
        carrier(everybody(human())) as one,
        application(first="<Response><Redirect>/first</Redirect></Response>") as app,
    ):
        seen = await one.over(await one.ring(url=f"{app.url}/first"))
        assert (len(app.asked), [error["code"] for error in seen["errors"]]) == (100, [11200])


async def test_a_live_call_takes_new_twiml() -> None:
    async with carrier(everybody(human())) as one, application(next=HANGUP) as app:
        sid = await one.ring(twiml=WAIT)
        await one.until(sid, "in-progress")
        await asyncio.to_thread(one.twilio.calls(sid).update, url=f"{app.url}/next")
        assert (await one.over(sid))["ended_by"] == "application"
        assert [asked.path for asked in app.asked] == ["/next"]


async def gathered(app: Application, gather: str, presses: str) -> dict[str, Any]:
    """One call in which the person presses keys at the first sound; what the simulator saw."""
    presser = human(rules=[{"barge_in": True, "after_s": 0, "presses": presses, "once": True}])
    async with carrier(everybody(presser)) as one:
        return await one.over(
            await one.ring(twiml=f"<Response>{gather}<Redirect>{app.url}/none</Redirect></Response>")
        )


@pytest.mark.parametrize(
    ("attributes", "presses", "digits"),
    [('numDigits="1"', "9", "9"), ('timeout="1"', "42", "42"), ('timeout="3"', "42#7", "42")],
)
async def test_keys_are_gathered(attributes: str, presses: str, digits: str) -> None:
    async with application(got=HANGUP, none=HANGUP) as app:
        gather = f'<Gather action="{app.url}/got" {attributes}><Say>Press</Say><Pause length="1"/></Gather>'
        seen = await gathered(app, gather, presses)
        assert [(asked.path, asked.fields.get("Digits")) for asked in app.asked] == [("/got", digits)]
        assert [key["digit"] for key in seen["keys"]][: len(digits)] == list(digits)


async def test_nothing_gathered_goes_on_with_the_next_verb() -> None:
    async with application(got=HANGUP, none=HANGUP) as app, carrier(everybody(human())) as one:
        gather = f'<Gather action="{app.url}/got" timeout="1"/>'
        await one.over(await one.ring(twiml=f"<Response>{gather}<Redirect>{app.url}/none</Redirect></Response>"))
        assert [asked.path for asked in app.asked] == ["/none"]


@pytest.mark.slow
async def test_dial_puts_two_people_together() -> None:
    caller = human("*0101", rules=[{"hears": "realty", "says": "Hi."}])
    colleague = human("*0102", greeting="Realty.", rules=[{"hears": "hi", "says": "Bye.", "then": "hang_up"}])
    people = everybody(caller, colleague)
    async with carrier(people, understands=["realty", "hi", "bye"]) as one, application(done=HANGUP) as app:
        sid = await one.ring(twiml=f'<Response><Dial action="{app.url}/done">+13035550102</Dial></Response>')
        first = await one.over(sid)
        (done,) = app.at("/done")
        second = await one.seen(done.fields["DialCallSid"])
        duration = str(second["duration_s"])
        assert (done.fields["DialCallStatus"], done.fields["DialCallDuration"]) == ("completed", duration)
        assert (second["parent_sid"], second["from"], second["ended_by"]) == (sid, OURS, "person")
        talk = [[line["text"] for line in seen[part]] for seen in (first, second) for part in ("said", "heard")]
        assert talk == [["Hi."], ["realty", "bye"], ["Realty.", "Bye."], ["hi"]]


@pytest.mark.parametrize(
    ("number", "status"), [("+13035550103", "busy"), ("+13035559999", "failed"), ("5550102", "failed")]
)
async def test_a_dial_that_reaches_nobody(number: str, status: str) -> None:
    busy = human("*0103", answers={"how": "busy", "after_s": 0.05})
    async with carrier(everybody(human(), busy)) as one, application(done=HANGUP) as app:
        await one.over(await one.ring(twiml=f'<Response><Dial action="{app.url}/done">{number}</Dial></Response>'))
        assert [asked.fields["DialCallStatus"] for asked in app.at("/done")] == [status]


async def test_a_dial_ends_at_its_own_limit_and_the_call_goes_on() -> None:
    async with carrier(everybody(human(), human("*0102"))) as one, application(after=HANGUP) as app:
        dial = '<Dial timeLimit="1"><Number>+13035550102</Number></Dial>'
        await one.over(await one.ring(twiml=f"<Response>{dial}<Redirect>{app.url}/after</Redirect></Response>"))
        assert [asked.path for asked in app.asked] == ["/after"]


MACHINE: dict[str, Any] = {"voicemail": {"greeting": "Leave a message.", "listens_s": 60}}


@pytest.mark.parametrize(
    ("person", "mode", "answered_by"),
    [
        (human(greeting="Hello?"), "Enable", "human"),
        (human(answers={"how": "voicemail", "after_s": 0.05}, **MACHINE), "DetectMessageEnd", "machine_end_beep"),
        (
            human(
                answers={"how": "voicemail", "after_s": 0.05},
                voicemail={"greeting": "Leave a message.", "beep": False, "listens_s": 60},
            ),
            "DetectMessageEnd",
            "machine_end_silence",
        ),
        (human(answers={"how": "voicemail", "after_s": 0.05}, **MACHINE), "Enable", "machine_start"),
    ],
)
async def test_who_answered_is_told_apart_from_the_call(person: dict[str, Any], mode: str, answered_by: str) -> None:
    async with carrier(everybody(person)) as one, application() as app:
        sid = await one.ring(
            twiml=WAIT, machine_detection=mode, async_amd="true", async_amd_status_callback=f"{app.url}/amd"
        )
        (told,) = await app.expect("/amd", 1)
        assert (told.fields["AnsweredBy"], told.fields["CallSid"], signed(told)) == (answered_by, sid, True)
        assert 300 < int(told.fields["MachineDetectionDuration"]) < 4000
        shown = await asyncio.to_thread(one.twilio.calls(sid).fetch)
        assert (shown.answered_by, shown.status) == (answered_by, "in-progress")


@pytest.mark.slow
async def test_somebody_who_says_nothing_is_unknown_and_the_document_waits_for_that() -> None:
    async with carrier(everybody(human())) as one, application(twiml=HANGUP) as app:
        seen = await one.over(await one.ring(url=f"{app.url}/twiml", machine_detection="Enable"))
        assert [asked.fields["AnsweredBy"] for asked in app.at("/twiml")] == ["unknown"]
        assert (seen["answered_by"], seen["duration_s"]) == ("unknown", 6)


@pytest.mark.slow
async def test_detection_gives_up_at_its_timeout() -> None:
    slow = human(
        answers={"how": "voicemail", "after_s": 0.05}, voicemail={"greeting": "Leave a message.", "listens_s": 60}
    )
    async with carrier(everybody(slow)) as one, application() as app:
        one.exchange._speech.render = lambda text, voice: asyncio.sleep(0, audio.beep(10))  # type: ignore[method-assign]
        await one.ring(
            twiml=WAIT,
            machine_detection="DetectMessageEnd",
            machine_detection_timeout=3,
            async_amd="true",
            async_amd_status_callback=f"{app.url}/amd",
        )
        (told,) = await app.expect("/amd", 1)
        assert (told.fields["AnsweredBy"], told.fields["MachineDetectionDuration"][0]) == ("unknown", "3")


async def test_a_machine_records_and_hangs_up() -> None:
    machine = human(
        answers={"how": "voicemail", "after_s": 0.05}, voicemail={"greeting": "Leave a message.", "listens_s": 1.5}
    )
    async with carrier(everybody(machine), understands=["Hi Tom, this is Ava."]) as one:
        seen = await one.over(
            await one.ring(twiml='<Response><Pause length="1"/><Say>x</Say><Pause length="9"/></Response>')
        )
        assert seen["ended_by"] == "person"
        assert [line["text"] for line in seen["said"]] == ["Leave a message."]
        assert [line["text"] for line in seen["heard"]] == ["Hi Tom, this is Ava."]


async def test_a_person_who_breaks_does_not_hold_the_line() -> None:
    async def broken(text: str, voice: object) -> bytes:
        raise RuntimeError("no voice")

    async with carrier(everybody(human(greeting="Hello?"))) as one:
        one.exchange._speech.render = broken  # type: ignore[method-assign]
        seen = await one.over(await one.ring(twiml=WAIT))
        assert (seen["status"], seen["ended_by"], seen["said"]) == ("completed", "person", [])


async def test_a_phone_that_breaks_fails_the_call() -> None:
    async def broken(text: str, voice: object) -> bytes:
        raise RuntimeError("no voice")

    async with carrier(everybody(human(answers={"how": "voicemail", "after_s": 0.05}, **MACHINE))) as one:
        one.exchange._speech.render = broken  # type: ignore[method-assign]
        seen = await one.over(await one.ring(twiml=WAIT))
        assert (seen["status"], seen["ended_by"]) == ("failed", "carrier")


async def test_the_companys_end_ends_every_call() -> None:
    async with application() as app:
        async with carrier(everybody(human())) as one:
            sid = await one.ring(twiml=WAIT, status_callback=f"{app.url}/status")
            await one.until(sid, "in-progress")
        call = one.exchange.get(sid)
        assert call is not None
        assert (call.status.value, call.ended_by) == ("completed", "carrier")


@pytest.mark.slow
async def test_load_mode_has_somebody_at_every_number() -> None:
    async def agent(socket: Any) -> None:
        await asyncio.sleep(0.8)
        await socket.speak(0.2)

    async with carrier(everybody(human()), load_mode=True) as one, sockets(agent) as media:
        one_call = await one.ring(to="+12125551234", twiml=media.twiml())
        await one.until(one_call, "in-progress")
        await (await media.first()).until("media", 130)
        seen = await one.seen(one_call)
        assert (seen["person"], [line["text"] for line in seen["heard"]]) == ("anybody", [""])
        assert [line["text"] for line in seen["said"]] == ["Hello?", CannedMind.LINES[0]]


@pytest.mark.slow
async def test_load_mode_lets_people_with_rules_go_by_them() -> None:
    rules = [{"silence_s": 0.2, "says": "Please stop calling me.", "once": True, "then": "hang_up"}]
    people = everybody(human(rules=rules), human("*0102"))
    async with carrier(people, load_mode=True) as one, sockets() as media:
        seen = await one.over(await one.ring(twiml=media.twiml()))
        assert [line["text"] for line in seen["said"]] == ["Please stop calling me."]
        rendered = [*people.people[0].lines(), *CannedMind.LINES]
        assert cast(FakeSpeech, one.exchange._speech).rendered == rendered


async def test_the_log_tells_the_applications_own_id_of_a_call() -> None:
    own = "http://127.0.0.1:9/calls/17/status"
    busy = human(answers={"how": "busy", "after_s": 0})
    rest = {"lost_answer": 1, "lost_answer_s": 0, "too_many_requests": {"rate": 1, "at_most": 1}}
    with capture_logs() as logs:
        async with carrier(everybody(busy), rest=rest) as one:
            for _ in range(2):
                form = {"To": "+13035550101", "From": OURS, "Twiml": "<Response/>", "StatusCallback": own}
                await one.http.post(f"/2010-04-01/Accounts/{SID}/Calls.json", data=form)
            sid = next(iter(one.exchange.calls())).sid
            await one.over(sid)
    told = [log for log in logs if log["event"] in ("call.created", "call.too_many", "call.answer_lost_on_purpose")]
    pii = {"to": "+13035550101", "from": OURS}
    assert told == [
        {"event": "call.too_many", "log_level": "info", "status_callback": own, "pii": pii},
        {"event": "call.created", "log_level": "info", "call_sid": sid, "status_callback": own, "pii": pii},
        {"event": "call.answer_lost_on_purpose", "log_level": "info", "call_sid": sid},
    ]


async def test_a_call_that_is_over_keeps_no_sounds() -> None:
    async with carrier(everybody(human())) as one:
        sid = await one.ring(twiml=WAIT)
        await one.until(sid, "in-progress")
        (running,) = one.exchange._running
        line = weakref.ref(one.exchange._phones[sid].line)
        assert line() is not None
        one.exchange.hang_up(sid)
        await asyncio.wait_for(running, 5)
        del running
        gc.collect()
        assert line() is None
        assert (await one.seen(sid))["status"] == "completed"


async def test_models_that_do_not_load_are_logged() -> None:
    exchange = Exchange(Account(SID, TOKEN), everybody(human()), _Broken(), switches=Switches())
    with capture_logs() as logs:
        async with web(create_app(exchange)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
            ready = (await http.get("/simulator/health")).json()["ready"]
    assert ready is False
    assert [(log["event"], str(log["exc_info"])) for log in logs] == [("simulator.not_warm", "no such model")]


class _Broken(FakeSpeech):
    async def warm(self, lines: Iterable[tuple[str, Voice]]) -> None:
        raise RuntimeError("no such model")
