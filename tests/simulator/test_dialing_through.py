"""``<Dial><Number url=...>``: what the called party hears and does before the two are put together.

Source: https://www.twilio.com/docs/voice/twiml/number
"""

from typing import Any

import pytest

from tests.simulator.world import OURS, application, carrier, everybody, human

HANGUP = "<Response><Hangup/></Response>"
THROUGH = "<Response/>"


def whisper(url: str) -> str:
    gather = f'<Gather numDigits="1" timeout="3" action="{url}/key"><Say>A call from Pat. Press 1.</Say></Gather>'
    return f"<Response>{gather}<Hangup/></Response>"


def dial(url: str) -> str:
    number = f'<Number url="{url}/whisper">+13035550102</Number>'
    return f'<Response><Dial action="{url}/done" timeout="1">{number}</Dial></Response>'


TAKES = {
    "greeting": "Yes?",
    "rules": [{"hears": "press", "presses": "1"}, {"hears": "hi", "says": "Bye.", "then": "hang_up"}],
}
MACHINE = {
    "answers": {"how": "voicemail", "after_s": 0.05},
    "voicemail": {"greeting": "Leave a message.", "listens_s": 60},
}


@pytest.mark.slow
async def test_whoever_presses_the_key_is_put_through() -> None:
    people = everybody(human("*0101", rules=[{"silence_s": 2, "says": "Hi.", "once": True}]), human("*0102", **TAKES))
    heard = ["press one", "hi", "bye"]
    async with carrier(people, understands=heard) as one, application(done=HANGUP, key=THROUGH) as app:
        app.answers["/whisper"] = whisper(app.url)
        sid = await one.ring(twiml=dial(app.url))
        first = await one.over(sid)
        (done,), (asked,), (key,) = app.at("/done"), app.at("/whisper"), app.at("/key")
        assert (asked.fields["ParentCallSid"], asked.fields["From"], key.fields["Digits"]) == (sid, OURS, "1")
        assert (done.fields["DialCallStatus"], done.fields["DialBridged"]) == ("completed", "true")
        assert int(done.fields["DialCallDuration"]) >= 1
        assert done.fields["CallSid"] == sid
        assert first["status"] == "completed"


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ({"greeting": "Yes?"}, "completed"),
        (MACHINE, "completed"),
        ({"answers": {"how": "busy", "after_s": 0.05}}, "busy"),
        ({"answers": {"how": "no_answer", "after_s": 0.05}}, "no-answer"),
    ],
)
async def test_whoever_does_not_is_not(person: dict[str, Any], status: str) -> None:
    people = everybody(human("*0101"), human("*0102", **person))
    async with carrier(people) as one, application(done=HANGUP, key=THROUGH) as app:
        app.answers["/whisper"] = whisper(app.url)
        first = await one.over(await one.ring(twiml=dial(app.url)))
        (done,) = app.at("/done")
        assert (done.fields["DialCallStatus"], done.fields["DialBridged"]) == (status, "false")
        assert app.at("/key") == []
        assert [line["text"] for line in first["heard"]] == []
