"""What Twilio asks when somebody writes to or calls one of our numbers, and what it is answered.

Sources: https://www.twilio.com/docs/messaging/guides/webhook-request, https://www.twilio.com/docs/voice/twiml/gather,
https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out, https://www.twilio.com/docs/voice/twiml/pause (a
document that begins with a pause leaves the call unanswered for as long)
"""

from collections.abc import Mapping

from pydantic import Field
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Gather, VoiceResponse

from voice.adapters.twilio import Form, read_form
from voice.domain.types import InboundCall, InboundMessage


class _MessageForm(Form):
    message_sid: str = Field(pattern=r"^(SM|MM)[0-9a-fA-F]{32}$")
    sender: str = Field(alias="From", min_length=1, max_length=100)
    to: str = Field("", max_length=100)
    body: str = Field("", max_length=10_000)
    opt_out_type: str = Field("", max_length=20)


class _InboundCallForm(Form):
    call_sid: str = Field(pattern=r"^CA[0-9a-fA-F]{32}$")
    caller: str = Field("", alias="From", max_length=100)
    to: str = Field("", max_length=100)
    digits: str = Field("", max_length=40)
    speech_result: str = Field("", max_length=10_000)


def parse_message(form: Mapping[str, str]) -> InboundMessage:
    """A text message to one of our numbers. Raises BadCallback."""
    fields = read_form(_MessageForm, form)
    sender = fields.sender.rpartition(":")[2]  # "whatsapp:+1303…"
    return InboundMessage(
        carrier_message_id=fields.message_sid,
        from_=sender,
        to=fields.to.rpartition(":")[2],
        text=fields.body,
        # Set where the number's Advanced Opt-Out has read the message itself.
        opts_out=fields.opt_out_type.upper() == "STOP",
    )


def parse_inbound_call(form: Mapping[str, str]) -> InboundCall:
    """A call to one of our numbers, or what its caller pressed or said. Raises BadCallback."""
    fields = read_form(_InboundCallForm, form)
    return InboundCall(
        carrier_call_id=fields.call_sid,
        from_=fields.caller,
        to=fields.to,
        pressed=fields.digits,
        said=fields.speech_result,
    )


def message_twiml(text: str = "") -> str:
    """Answer with one message; with none where ``text`` is empty."""
    response = MessagingResponse()
    if text:
        response.message(text)
    return str(response)


def ask_twiml(sentence: str, *, answer_url: str) -> str:
    """Say the sentence and wait for one key or some words; ``answer_url`` is asked with them, or with neither."""
    response = VoiceResponse()
    gather = Gather(
        input="dtmf speech",
        action=answer_url,
        num_digits=1,
        finish_on_key="",
        timeout=6,
        speech_timeout="auto",
        hints="stop, stop calling, do not call, unsubscribe, opt out, remove me",
        language="en-US",
    )
    gather.say(sentence)
    response.append(gather)
    response.redirect(answer_url)
    return str(response)


def goodbye_twiml(sentence: str) -> str:
    """Say the sentence, where there is one, and hang up."""
    response = VoiceResponse()
    if sentence:
        response.say(sentence)
    response.hangup()
    return str(response)


def wait_twiml(next_url: str, sentence: str = "") -> str:
    """Ask ``next_url`` in a second. Until something is said, a call that was not answered yet goes on ringing."""
    response = VoiceResponse()
    if sentence:
        response.say(sentence)
    response.pause(length=1)
    response.redirect(next_url)
    return str(response)
