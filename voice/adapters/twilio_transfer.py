"""Putting a call through: the documents, and what Twilio tells of the way to a colleague.

Sources: https://www.twilio.com/docs/voice/twiml/dial, https://www.twilio.com/docs/voice/twiml/number (``url`` is what
the called party hears before the two are put together), https://www.twilio.com/docs/voice/twiml/gather
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from voice.adapters.twilio import Form, read_form

_PRESS = "Press 1 to take it."


@dataclass(frozen=True, slots=True)
class DialEnded:
    """The way to a colleague is over. ``status`` is Twilio's word; ``caller_gone``: the person has hung up."""

    status: str
    duration_s: int
    caller_gone: bool


class _DialForm(Form):
    call_sid: str = Field(pattern=r"^CA[0-9a-fA-F]{32}$")
    call_status: str = Field("", max_length=20)
    dial_call_status: str = Field("failed", pattern=r"^[a-z-]{1,20}$")
    dial_call_duration: int = Field(0, ge=0)


class _KeyForm(Form):
    digits: str = Field("", max_length=10)


def parse_dial_ended(form: Mapping[str, str]) -> DialEnded:
    """What the ``action`` of a ``<Dial>`` is asked with. Raises BadCallback."""
    fields = read_form(_DialForm, form)
    gone = fields.call_status in {"completed", "canceled", "failed"}
    return DialEnded(fields.dial_call_status, fields.dial_call_duration, gone)


def parse_key(form: Mapping[str, str]) -> str:
    """The key that a colleague pressed; "" for none. Raises BadCallback."""
    return read_form(_KeyForm, form).digits


def dial_twiml(number: str, *, caller_id: str, ring_s: int, limit_s: int, action_url: str, whisper_url: str) -> str:
    """Ring ``number`` and put the two together once ``whisper_url`` lets it. The caller hears it ring until then."""
    response = VoiceResponse()
    dial = Dial(
        action=action_url,
        method="POST",
        timeout=ring_s,
        time_limit=limit_s,
        caller_id=caller_id,
        answer_on_bridge=True,
    )
    dial.number(number, url=whisper_url, method="POST")
    response.append(dial)
    return str(response)


def whisper_twiml(sentence: str, *, key_url: str) -> str:
    """Tell a colleague who it is, twice; whoever presses nothing, a voicemail above all, is hung up."""
    response = VoiceResponse()
    for timeout_s in (3, 6):
        gather = Gather(
            input="dtmf", num_digits=1, timeout=timeout_s, action=key_url, method="POST", finish_on_key=""
        )
        gather.say(f"{sentence} {_PRESS}")
        response.append(gather)
    response.hangup()
    return str(response)


def through_twiml() -> str:
    """Put the two together now."""
    return str(VoiceResponse())
