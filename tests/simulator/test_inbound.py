"""People write to and call the application's numbers, as Twilio tells of it."""

import asyncio
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from simulator.webhooks import Retries
from tests.simulator.world import OURS, TOKEN, Carrier, application, carrier, everybody, human

THEIRS = "+13035550101"


async def write(on: Carrier, body: str = "STOP") -> dict[str, Any]:
    answer = await on.http.post("/simulator/messages", json={"from": THEIRS, "to": OURS, "body": body})
    assert answer.status_code == 201
    told: dict[str, Any] = answer.json()
    return told


async def test_a_number_is_added_once_and_listed() -> None:
    async with carrier(everybody(human())) as on, application() as app:
        numbers = on.twilio.incoming_phone_numbers
        made = await asyncio.to_thread(
            numbers.create, phone_number=OURS, sms_url=f"{app.url}/sms", voice_fallback_url=f"{app.url}/lost"
        )
        assert (made.phone_number, made.sms_url, made.voice_url) == (OURS, f"{app.url}/sms", "")
        listed = await asyncio.to_thread(numbers.list)
        assert [number.sid for number in listed] == [made.sid]
        for number, code in ((OURS, 21422), ("303", 21421)):
            with pytest.raises(TwilioRestException) as refused:
                await asyncio.to_thread(numbers.create, phone_number=number)
            assert refused.value.code == code
        with pytest.raises(TwilioRestException):
            await asyncio.to_thread(numbers.create, phone_number="+13035550001", sms_url="ftp://x")


async def add(on: Carrier, **fields: str) -> None:
    await asyncio.to_thread(on.twilio.incoming_phone_numbers.create, phone_number=OURS, **fields)


async def test_a_message_is_signed_and_its_answer_kept() -> None:
    twiml = "<Response><Message>Done.</Message></Response>"
    async with carrier(everybody(human())) as on, application(sms=twiml) as app:
        await add(on, sms_url=f"{app.url}/sms?a=1#rc=2&rp=all")
        told = await write(on, "STOP ✋")
        assert (told["replies"], [one["status"] for one in told["answers"]]) == (["Done."], [200])
        [asked] = app.at("/sms")
        assert (asked.fields["From"], asked.fields["To"], asked.fields["Body"]) == (THEIRS, OURS, "STOP ✋")
        assert asked.fields["MessageSid"] == told["sid"]
        assert RequestValidator(TOKEN).validate(f"{app.url}/sms?a=1", asked.fields, asked.signature)
        assert (await on.http.get("/simulator/messages")).json() == {"messages": [told]}


@pytest.mark.parametrize(("fragment", "asked"), [("", 1), ("#rc=3", 1), ("#rc=3&rp=5xx", 4), ("#rc=1&rp=all", 2)])
async def test_a_message_comes_again_as_the_url_says_and_then_to_the_fallback(fragment: str, asked: int) -> None:
    async with carrier(everybody(human())) as on, application(sms="broken", lost="<Response/>") as app:
        await add(on, sms_url=f"{app.url}/sms{fragment}", sms_fallback_url=f"{app.url}/lost")
        told = await write(on)
        assert [one["status"] for one in told["answers"]] == [500, 200]
        assert (len(app.at("/sms")), len(app.at("/lost"))) == (asked, 1)


async def test_a_message_can_come_twice_and_an_application_that_is_away_is_noted() -> None:
    async with carrier(everybody(human()), callbacks={"doubled": 1}) as on, application(sms="no xml") as app:
        await add(on, sms_url=f"{app.url}/sms", sms_fallback_url="http://127.0.0.1:1/")
        told = await write(on)
        assert (len(app.at("/sms")), told["replies"]) == (2, [])
    async with carrier(everybody(human())) as on:
        await add(on, sms_url="http://127.0.0.1:1/")
        assert (await write(on))["answers"] == [{"url": "http://127.0.0.1:1/", "status": 0}]


async def test_a_call_is_asked_for_and_keys_are_told() -> None:
    how = 'numDigits="1" input="dtmf speech" timeout="5" action="/got"'
    gather = f"<Response><Gather {how}><Say>Press</Say></Gather></Response>"
    person = human(rules=[{"hears": "press", "presses": "9"}])
    async with carrier(everybody(person), understands=["press nine"]) as on, application(voice=gather) as app:
        app.answers["/got"] = "<Response><Say>Bye</Say><Hangup/></Response>"
        await add(on, voice_url=f"{app.url}/voice")
        answer = await on.http.post("/simulator/calls", json={"from": THEIRS, "to": OURS})
        assert answer.status_code == 201
        seen = await on.over(answer.json()["sid"])
        [first], [got] = app.at("/voice"), app.at("/got")
        assert (first.fields["Direction"], first.fields["From"], first.fields["To"]) == ("inbound", THEIRS, OURS)
        assert (got.fields["Digits"], "SpeechResult" in got.fields) == ("9", False)
        assert RequestValidator(TOKEN).validate(f"{app.url}/got", got.fields, got.signature)
        assert (seen["status"], seen["errors"], seen["person"]) == ("completed", [], "p0101")


async def test_what_a_caller_says_is_told_in_words() -> None:
    gather = '<Response><Gather input="speech" timeout="5" action="/got"><Say>Say stop</Say></Gather></Response>'
    person = human(rules=[{"hears": "stop", "says": "Stop calling me."}])
    heard = ["say stop", "Stop calling me."]
    async with (
        carrier(everybody(person), understands=heard) as on,
        application(voice=gather, got="<Response/>") as app,
    ):
        await add(on, voice_url=f"{app.url}/voice")
        answer = await on.http.post("/simulator/calls", json={"from": THEIRS, "to": OURS})
        await on.over(answer.json()["sid"])
        [got] = app.at("/got")
        assert (got.fields["SpeechResult"], "Digits" in got.fields) == ("Stop calling me.", False)


async def test_a_call_rings_until_the_first_sound() -> None:
    again = "<Response><Pause length='1'/><Redirect>/then</Redirect></Response>"
    async with carrier(everybody(human())) as on, application(voice=again) as app:
        app.answers["/then"] = "<Response><Pause length='1'/><Say>Hello</Say><Hangup/></Response>"
        await add(on, voice_url=f"{app.url}/voice")
        sid = (await on.http.post("/simulator/calls", json={"from": THEIRS, "to": OURS})).json()["sid"]
        [then] = await app.expect("/then", 1)
        assert then.fields["CallStatus"] == "ringing"
        with pytest.raises(TwilioRestException, match="not in-progress"):
            await asyncio.to_thread(on.twilio.calls(sid).update, twiml="<Response><Say>Now</Say></Response>")
        seen = await on.over(sid)
        assert (seen["status"], seen["ended_by"], seen["errors"]) == ("completed", "application", [])
        assert seen["duration_s"] <= 1


@pytest.mark.parametrize("verb", ["Reject", "Hangup"])
async def test_a_call_that_is_never_answered(verb: str) -> None:
    async with carrier(everybody(human())) as on, application(voice=f"<Response><{verb}/></Response>") as app:
        await add(on, voice_url=f"{app.url}/voice")
        sid = (await on.http.post("/simulator/calls", json={"from": THEIRS, "to": OURS})).json()["sid"]
        assert (await on.over(sid))["status"] == "no-answer"


async def test_a_caller_who_says_nothing_goes_on_to_the_next_verb() -> None:
    twiml = '<Response><Gather input="dtmf speech" timeout="1" action="/got"/><Redirect>/next</Redirect></Response>'
    async with carrier(everybody(human())) as on, application(voice=twiml, next="<Response/>") as app:
        await add(on, voice_url=f"{app.url}/voice")
        answer = await on.http.post("/simulator/calls", json={"from": THEIRS, "to": OURS})
        await on.over(answer.json()["sid"])
        assert (len(app.at("/got")), len(app.at("/next"))) == (0, 1)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("messages", {"from": THEIRS, "to": "+13035559999"}, 404),
        ("messages", {"from": THEIRS}, 400),
        ("messages", "x", 400),
        ("calls", {"from": "+13035559999", "to": OURS}, 400),
        ("calls", {"from": THEIRS, "to": OURS}, 400),
    ],
)
async def test_what_cannot_be(path: str, body: object, status: int) -> None:
    async with carrier(everybody(human())) as on:
        await add(on)
        sent = {"content": body} if isinstance(body, str) else {"json": body}
        answer = await on.http.post(f"/simulator/{path}", **sent)
        assert (answer.status_code, list(on.exchange.calls())) == (status, [])


def test_retries_as_twilio_documents_them() -> None:
    assert Retries.of("") == Retries(1, frozenset({"ct"}))
    assert Retries.of("rc=9&rp=5xx,rt") == Retries(5, frozenset({"5xx", "rt"}))
    assert Retries.of("rc=x&rp=all") == Retries(1, frozenset({"4xx", "5xx", "ct", "rt"}))
