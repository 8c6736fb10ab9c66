"""Text messages and calls to our numbers, over HTTP: only what the carrier signed counts, and it counts once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from calls.domain.status import CallStatus
from calls.models import Lead, Suppression, SuppressionEntry
from calls.services import opt_out_line
from tests.calls import factories as make

pytestmark = pytest.mark.django_db
PHONE, OURS = "+13035550142", "+12125550199"
MESSAGES, VOICE, ANSWER = "/webhooks/twilio/messages", "/webhooks/twilio/voice", "/webhooks/twilio/voice/answer"
SMS: dict[str, str] = {"MessageSid": "SM" + "1" * 32, "From": PHONE, "To": OURS, "Body": "STOP", "NumMedia": "0"}
CALL: dict[str, str] = {"CallSid": "CA" + "1" * 32, "From": PHONE, "To": OURS, "CallStatus": "ringing"}
NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response />'


def signed(path: str, form: Mapping[str, str], *, token: str = "") -> str:
    validator = RequestValidator(token or settings.TWILIO_AUTH_TOKEN)
    return str(validator.compute_signature(f"{settings.PUBLIC_URL}{path}", dict(form)))


def post(path: str, form: Mapping[str, str], signature: str | None = None) -> Any:
    headers = {"X-Twilio-Signature": signed(path, form) if signature is None else signature}
    return Client(enforce_csrf_checks=True).post(path, dict(form), headers=headers)


def verbs(response: Any) -> list[tuple[str, str]]:
    """The TwiML's verbs in order, with what is said or where they lead."""
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    elements = ET.fromstring(response.content.decode()).iter()
    shown = [(element.tag, (element.text or element.get("action") or "").strip()) for element in elements]
    return [(tag, text) for tag, text in shown if tag != "Response"]


def entries() -> list[tuple[str, str, str, str, str]]:
    assert Suppression.objects.count() == SuppressionEntry.objects.count()
    fields = ("phone", "source", "said", "by", "reference")
    return list(Suppression.objects.order_by("phone").values_list(*fields))


def test_stop_closes_the_leads_and_cancels_what_waits() -> None:
    leads = [make.lead(phone=PHONE), make.lead(phone=PHONE), make.lead()]
    call = make.call(leads[0])
    response = post(MESSAGES, SMS)
    assert (response.status_code, response.content.decode()) == (200, NOTHING)
    assert entries() == [(PHONE, "sms", "STOP", "", SMS["MessageSid"])]
    assert [Lead.objects.get(pk=lead.pk).status for lead in leads] == ["closed", "closed", "open"]
    call.refresh_from_db()
    assert call.status == CallStatus.CANCELED


@pytest.mark.parametrize("body", ["please take me off your list", "Unsubscribe", "9"])
def test_other_words_do_as_well(body: str) -> None:
    assert post(MESSAGES, {**SMS, "Body": body}).content.decode() == NOTHING
    assert entries() == [(PHONE, "sms", body, "", SMS["MessageSid"])]


def test_what_the_carrier_has_taken_for_an_opt_out_is_one() -> None:
    assert post(MESSAGES, {**SMS, "Body": "arrêt", "OptOutType": "STOP"}).status_code == 200
    assert entries() == [(PHONE, "sms", "arrêt", "", SMS["MessageSid"])]


@pytest.mark.parametrize("body", ["START", "Yes, call me tomorrow", "HELP", ""])
def test_other_messages_change_nothing_and_are_answered_with_nothing(body: str) -> None:
    lead = make.lead(phone=PHONE)
    with capture_logs() as logs:
        assert post(MESSAGES, {**SMS, "Body": body}).content.decode() == NOTHING
    assert entries() == []
    lead.refresh_from_db()
    assert lead.status == "open"
    assert logs == [{"event": "message.ignored", "message_id": SMS["MessageSid"], "log_level": "info"}]


@pytest.mark.parametrize("more", [{"Body": "START"}, {"Body": "START", "OptOutType": "START"}])
def test_start_lifts_nothing(more: dict[str, str]) -> None:
    lead = make.lead(phone=PHONE)
    post(MESSAGES, SMS)
    assert post(MESSAGES, {**SMS, **more}).status_code == 200
    assert entries() == [(PHONE, "sms", "STOP", "", SMS["MessageSid"])]
    lead.refresh_from_db()
    assert lead.status == "closed"


def test_a_message_that_comes_twice_is_one_entry_and_one_confirmation(settings: Any) -> None:
    settings.OPT_OUT_SMS_CONFIRMATION = "You will not be called again."
    assert verbs(post(MESSAGES, SMS)) == [("Message", "You will not be called again.")]
    assert verbs(post(MESSAGES, SMS)) == []
    assert verbs(post(MESSAGES, {**SMS, "MessageSid": "SM" + "2" * 32, "Body": "Stop!!"})) == []
    assert entries() == [(PHONE, "sms", "STOP", "", SMS["MessageSid"])]


def test_a_message_by_another_channel_has_a_number_too() -> None:
    post(MESSAGES, {**SMS, "From": f"whatsapp:{PHONE}"})
    assert entries() == [(PHONE, "sms", "STOP", "", SMS["MessageSid"])]


@pytest.mark.parametrize("sender", ["22000", "AMAZON", "+266696687"])
def test_a_sender_without_a_number_is_told_in_the_log(sender: str) -> None:
    with capture_logs() as logs:
        assert post(MESSAGES, {**SMS, "From": sender}).content.decode() == NOTHING
    assert [line["event"] for line in logs] == ["opt_out.no_number"]
    assert entries() == []


def test_what_cannot_be_stored_is_left_out() -> None:
    post(MESSAGES, {**SMS, "Body": "STOP\0" + " calling me" * 60})
    [(_, _, said, _, _)] = entries()
    assert (len(said), said[:16]) == (300, "STOP calling me ")


def test_a_caller_is_told_who_we_are_and_asked(settings: Any) -> None:
    settings.PUBLIC_URL = "https://calls.example.com"
    response = post(VOICE, CALL)
    where = "https://calls.example.com/webhooks/twilio/voice/answer?asked=1#rc=5&rp=all"
    assert verbs(response) == [
        ("Gather", where),
        ("Say", opt_out_line.greeting("Summit Realty")),
        ("Redirect", where),
    ]
    gather = ET.fromstring(response.content.decode())[0]
    assert (gather.get("input"), gather.get("numDigits"), gather.get("finishOnKey")) == ("dtmf speech", "1", "")
    assert entries() == []


def test_a_caller_of_long_ago_hears_the_company_that_called() -> None:
    lead = make.lead(make.campaign(company_name="Oak & Sons"), phone=PHONE)
    make.call(lead, CallStatus.DONE, dialed_at=datetime(2026, 1, 10, 19, 0, tzinfo=UTC))
    assert verbs(post(VOICE, CALL))[1] == ("Say", opt_out_line.greeting("Oak & Sons"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"Digits": "9"}, "9"),
        ({"SpeechResult": "Stop calling me.", "Confidence": "0.9"}, "Stop calling me."),
        ({"SpeechResult": "Stop."}, "Stop."),
        ({"SpeechResult": "Nine"}, "Nine"),
    ],
)
@pytest.mark.parametrize("asked", ["1", "2"])
def test_a_caller_opts_out(answer: dict[str, str], said: str, asked: str) -> None:
    lead = make.lead(phone=PHONE)
    path = f"{ANSWER}?asked={asked}"
    assert verbs(post(path, {**CALL, **answer})) == [("Say", opt_out_line.OPTED_OUT), ("Hangup", "")]
    assert entries() == [(PHONE, "inbound_call", said, "", CALL["CallSid"])]
    lead.refresh_from_db()
    assert lead.status == "closed"
    assert verbs(post(path, {**CALL, **answer})) == [("Say", opt_out_line.OPTED_OUT), ("Hangup", "")]
    assert len(entries()) == 1


@pytest.mark.parametrize("answer", [{}, {"Digits": "5"}, {"SpeechResult": "Hello? Who is this?"}])
def test_a_caller_who_asks_nothing_is_asked_once_more_and_told(answer: dict[str, str]) -> None:
    again = verbs(post(f"{ANSWER}?asked=1", {**CALL, **answer}))
    assert again[1] == ("Say", opt_out_line.ASK_AGAIN)
    assert again[0][1].endswith("/answer?asked=2#rc=5&rp=all")
    goodbye = [("Say", opt_out_line.NOTHING_CHANGED), ("Hangup", "")]
    assert verbs(post(f"{ANSWER}?asked=2", {**CALL, **answer})) == goodbye
    assert entries() == []


@pytest.mark.parametrize("caller", ["anonymous", "+266696687", "+7378742833", "+2562533", "+86282452253", ""])
def test_a_caller_whose_number_is_hidden_is_told_what_to_do(caller: str) -> None:
    form = {**CALL, "From": caller, "Digits": "9"}
    assert verbs(post(f"{ANSWER}?asked=1", form)) == [("Say", opt_out_line.NUMBER_HIDDEN), ("Hangup", "")]
    assert entries() == []


FORMS = [(MESSAGES, SMS), (VOICE, CALL), (f"{ANSWER}?asked=1", {**CALL, "Digits": "9"})]


@pytest.mark.parametrize(("path", "form"), FORMS)
@pytest.mark.parametrize("how", ["none", "junk", "another token", "another address", "another field"])
def test_what_is_not_signed_is_refused(path: str, form: dict[str, str], how: str) -> None:
    signature = {
        "none": "",
        "junk": "ü" * 8,
        "another token": signed(path, form, token="other"),
        "another address": signed("/elsewhere", form),
        "another field": signed(path, {**form, "From": "+13035550143"}),
    }[how]
    with capture_logs() as logs:
        response = post(path, form, signature)
    sentence = "The signature does not match: check TWILIO_AUTH_TOKEN and PUBLIC_URL."
    assert (response.status_code, response.content.decode()) == (403, sentence)
    assert [(line["event"], line["reason"]) for line in logs] == [("webhook.refused", "signature")]
    assert entries() == []


@pytest.mark.parametrize(("path", "form"), FORMS)
def test_without_a_token_of_ours_nothing_is_believed(path: str, form: dict[str, str], settings: Any) -> None:
    signature = str(RequestValidator("").compute_signature(f"{settings.PUBLIC_URL}{path}", form))
    settings.TWILIO_AUTH_TOKEN = ""
    assert post(path, form, signature).status_code == 403
    assert entries() == []


@pytest.mark.parametrize(
    ("path", "wrong", "field"),
    [
        (MESSAGES, {"MessageSid": "SM1"}, "MessageSid"),
        (MESSAGES, {"MessageSid": ""}, "MessageSid"),
        (MESSAGES, {"From": ""}, "From"),
        (MESSAGES, {"Body": "stop " * 3000}, "Body"),
        (VOICE, {"CallSid": "x"}, "CallSid"),
        (f"{ANSWER}?asked=1", {"Digits": "9" * 41}, "Digits"),
    ],
)
def test_garbage_is_refused_by_name(path: str, wrong: dict[str, str], field: str) -> None:
    response = post(path, {**(SMS if path == MESSAGES else CALL), **wrong})
    assert response.status_code == 400
    assert response.content.decode().startswith(f"The callback's {field} is not as Twilio documents it")
    assert entries() == []


@pytest.mark.parametrize("path", [MESSAGES, VOICE, ANSWER])
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_other_methods_are_not_allowed(method: str, path: str) -> None:
    assert getattr(Client(), method)(path).status_code == 405


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("path", "form"), [FORMS[0], FORMS[2]])
def test_while_the_database_is_away_the_carrier_is_asked_to_come_again(path: str, form: dict[str, str]) -> None:
    reachable = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        with capture_logs() as logs:
            response = post(path, form)
    finally:
        connection.close()
        connection.settings_dict["HOST"] = reachable
    sentence = "The database is away and nothing was kept: send the request again."
    assert (response.status_code, response.content.decode()) == (503, sentence)
    assert response.headers["Retry-After"] == "5"
    assert [line["event"] for line in logs] == ["request.not_kept"]
    assert entries() == []
    assert post(path, form).status_code == 200
    assert len(entries()) == 1
