"""Orders to the line that holds a call: put through, hold, say, listen. Each waits for the line's answer.

The order goes over the bell, as any signal; the line that holds the call answers it under a key of its own. No answer
means that no line has taken it: the call may be changing its worker, or be over.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from calls.domain.status import CallStatus
from calls.models import Call
from calls.services import transferring
from calls.services.moving import note
from calls.services.transferring import NotPossible
from voice import bell
from voice.domain.types import Answer, Signal, SignalKind
from voice.passes import Grant, hashed

SILENT = "No line has answered: the call may be changing its worker, or has just ended. Try again in a moment."
_MUST_BE_LIVE = "The call is not live: there is nobody to reach."


class NoAnswer(Exception):
    """No line has taken the order in time; the text is a sentence. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Where a supervisor comes to, and the token that lets them in once, within a minute."""

    url: str
    token: str


def transfer(
    call_id: UUID, *, by: str, now: datetime, target: str = "", number: str = "", warm: bool | None = None
) -> str:
    """Have the agent announce that it puts the person through, and do so; the name of who is rung first.

    Raises NotPossible, NoAnswer, Call.DoesNotExist.
    """
    chosen = transferring.order(call_id, by=by, now=now, target=target, number=number, warm=warm)
    try:
        _ask(call_id, SignalKind.TRANSFER, chosen.name, by=by)
    except (NotPossible, NoAnswer):
        transferring.withdraw(call_id)
        raise
    return chosen.name


def hold(call_id: UUID, *, by: str) -> None:
    """The person hears tones, and the agent is mute. Raises NotPossible, NoAnswer, Call.DoesNotExist."""
    _ask(call_id, SignalKind.HOLD, "", by=by)


def unhold(call_id: UUID, *, by: str) -> None:
    """The agent goes on with its open question. Raises NotPossible, NoAnswer, Call.DoesNotExist."""
    _ask(call_id, SignalKind.UNHOLD, "", by=by)


def whisper(call_id: UUID, text: str, *, by: str) -> None:
    """The agent says ``text`` as its next words. Raises NotPossible, NoAnswer, Call.DoesNotExist."""
    _ask(call_id, SignalKind.WHISPER, text, by=by)


def admit(call_id: UUID, *, takes_over: bool, by: str, now: datetime) -> Admission:
    """Let somebody listen to the call, and with ``takes_over`` talk in the agent's place.

    Only the token's hash leaves this process. Raises NotPossible, NoAnswer, Call.DoesNotExist.
    """
    token = secrets.token_urlsafe(32)
    grant = Grant(sha256=hashed(token), takes_over=takes_over)
    answer = _ask(call_id, SignalKind.SUPERVISE, grant.model_dump_json(), by=by)
    note(call_id, "control.supervisor_admitted", at=now, fields={"by": by, "takes_over": takes_over})
    return Admission(answer.url, token)


def _ask(call_id: UUID, kind: SignalKind, value: str, *, by: str) -> Answer:
    if Call.objects.only("status").get(pk=call_id).status != CallStatus.LIVE:
        raise NotPossible(_MUST_BE_LIVE)
    answer = bell.ask(settings.REDIS_URL, Signal(str(call_id), kind, value, by=by))
    if answer is None:
        raise NoAnswer(SILENT)
    if not answer.taken:
        raise NotPossible(answer.why)
    return answer
