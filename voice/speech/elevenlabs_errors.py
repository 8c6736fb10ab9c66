"""What goes wrong with ElevenLabs, in sentences that say what to change.

Source: https://elevenlabs.io/docs/eleven-api/resources/errors; over the websocket the same codes come in a message
before the close, or as the close's own reason.
"""

import re
from dataclasses import dataclass
from typing import Any

from agents.breaker import ProviderError
from voice.speech.ports import SpeechError

_CODE = re.compile(r"[a-z0-9_]{1,64}")

_KEY = "ElevenLabs refuses the API key: set ELEVENLABS_API_KEY to one that may use text to speech."
_MONEY = "The ElevenLabs account or key may not spend more: add credits, pay its invoice, or raise its plan."
_VOICE = "ElevenLabs does not know the voice {voice_id}: set ELEVENLABS_VOICE_ID to one of the account's voices."
_MODEL = "ElevenLabs does not know the model {model}: choose another ELEVENLABS_MODEL."
_PLAN = (
    "The ElevenLabs account may not use the voice {voice_id} with {model}: change ELEVENLABS_VOICE_ID or "
    "ELEVENLABS_MODEL, or raise its plan."
)
_NOWHERE = "No text to speech is found at {url}: set ELEVENLABS_URL to the address of the API."
# What does not go away by itself: by the error's code, or its older name, and where that says nothing by HTTP status.
_MEANINGS = {
    "invalid_api_key": _KEY,
    "quota_exceeded": _MONEY,
    "insufficient_credits": _MONEY,
    "payment_required": _MONEY,
    "payment_issue": _MONEY,
    "paid_plan_required": _PLAN,
    "output_format_not_allowed": _PLAN,
    "voice_not_found": _VOICE,
    "invalid_voice_id": _VOICE,
    "voice_id_does_not_exist": _VOICE,
    "model_not_found": _MODEL,
    "model_id_does_not_exist": _MODEL,
}
_LASTING = {401: _KEY, 402: _MONEY, 403: _PLAN, 404: _NOWHERE}
_TOO_MANY = frozenset({"concurrent_limit_exceeded", "too_many_concurrent_requests", "rate_limit_exceeded"})
# A close that tells its reason in words alone.
_REASONS = (
    (re.compile(r"api.?key", re.IGNORECASE), "invalid_api_key"),
    (re.compile(r"exceeds you|quota|credits", re.IGNORECASE), "quota_exceeded"),
    (re.compile(r"voice.*(?:not exist|not found)", re.IGNORECASE), "voice_not_found"),
    (re.compile(r"model.*(?:not exist|not found)", re.IGNORECASE), "model_not_found"),
    (re.compile(r"concurrent", re.IGNORECASE), "concurrent_limit_exceeded"),
)
_POLICY_VIOLATION, _INTERNAL_ERROR = 1008, 1011


class ElevenLabsError(ProviderError, SpeechError):
    """ElevenLabs did not speak; the local voice can. ``lasting``: it will not before somebody changes something.

    ``status`` and ``code`` are the provider's, None and "" where it gave none.
    """

    def __init__(self, sentence: str, *, lasting: bool = False, status: int | None = None, code: str = "") -> None:
        super().__init__(sentence)
        self.lasting, self.status, self.code = lasting, status, code


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom ElevenLabs is asked. ``stall_s`` bounds the connection and each wait for more audio."""

    api_key: str
    url: str
    voice_id: str
    model: str
    stall_s: float = 2.0

    def refused(self, status: int, code: str) -> ElevenLabsError:
        """What an answer that is no audio means. The code goes first: its status varies by host and age."""
        if status in _LASTING or code in _MEANINGS:
            sentence = _MEANINGS.get(code) or _LASTING[status]
            told = sentence.format(voice_id=self.voice_id, model=self.model, url=self.url)
            return ElevenLabsError(told, lasting=True, status=status, code=code)
        return ElevenLabsError(self._passing(status, code), status=status, code=code)

    def _passing(self, status: int, code: str) -> str:
        if status == 429 or code in _TOO_MANY:
            return "ElevenLabs gets too many requests at once: lower VOICE_LINES or raise the account's plan."
        kind = "websocket" if status >= 1000 else "HTTP"
        if 500 <= status < 600 or status == _INTERNAL_ERROR:
            return f"ElevenLabs is out of order ({kind} {status}): see status.elevenlabs.io."
        return (
            f"ElevenLabs does not take the request ({kind} {status}{f', {code}' if code else ''}): check "
            f"ELEVENLABS_VOICE_ID, ELEVENLABS_MODEL and ELEVENLABS_URL."
        )

    def closed(self, status: int | None, reason: str) -> ElevenLabsError:
        """What the close of a websocket means, by its code and its reason in words."""
        if status == _POLICY_VIOLATION:
            code = next((code for pattern, code in _REASONS if pattern.search(reason)), "")
            return self.refused(status, code)
        return self.refused(status, "") if status == _INTERNAL_ERROR else self.broken_off()

    def unreachable(self) -> ElevenLabsError:
        return ElevenLabsError(
            f"ElevenLabs cannot be reached at {self.url}: check ELEVENLABS_URL and this machine's network."
        )

    def silent(self) -> ElevenLabsError:
        return ElevenLabsError(
            f"ElevenLabs was silent for {self.stall_s:g} s: check this machine's network, or choose a faster "
            f"ELEVENLABS_MODEL."
        )

    def slow(self, limit_s: float) -> ElevenLabsError:
        return ElevenLabsError(
            f"ElevenLabs took more than {limit_s:g} s: check this machine's network, or choose a faster "
            f"ELEVENLABS_MODEL."
        )

    def unusable_key(self) -> ElevenLabsError:
        return ElevenLabsError("ELEVENLABS_API_KEY holds what no HTTP header can: copy the key anew.", lasting=True)

    def broken_off(self) -> ElevenLabsError:
        return ElevenLabsError(f"The answer from {self.url} was broken off: check this machine's network.")

    def no_audio(self) -> ElevenLabsError:
        return ElevenLabsError(
            f"ElevenLabs sent no audio: check that the voice {self.voice_id} (ELEVENLABS_VOICE_ID) speaks with "
            f"{self.model} (ELEVENLABS_MODEL)."
        )

    def too_much(self) -> ElevenLabsError:
        return ElevenLabsError(f"More audio comes from {self.url} than any text needs: check ELEVENLABS_URL.")

    def a_page(self) -> ElevenLabsError:
        return ElevenLabsError(
            f"A page answers at {self.url}, no audio: set ELEVENLABS_URL to the address of the API."
        )


def code_of(body: Any) -> str:
    """The error's code, or its older name for it; empty where the body is none of the API's."""
    detail = body.get("detail") if isinstance(body, dict) else None
    found = detail.get("code") or detail.get("status") if isinstance(detail, dict) else None
    if isinstance(body, dict) and found is None:
        found = body.get("error")
    return found if isinstance(found, str) and _CODE.fullmatch(found) else ""
