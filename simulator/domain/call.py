"""A call's state at the carrier. Time comes in as an argument; every instant is aware UTC."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from enum import StrEnum

PRICE_PER_MINUTE_USD = Decimal("0.014")


class Status(StrEnum):
    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        return not _NEXT[self]


_ENDS_UNANSWERED = frozenset({Status.BUSY, Status.NO_ANSWER, Status.FAILED, Status.CANCELED})
_NEXT: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.INITIATED, Status.FAILED, Status.CANCELED}),
    Status.INITIATED: frozenset({Status.RINGING, Status.FAILED, Status.CANCELED}),
    Status.RINGING: frozenset({Status.IN_PROGRESS}) | _ENDS_UNANSWERED,
    Status.IN_PROGRESS: frozenset({Status.COMPLETED}),
    Status.COMPLETED: frozenset(),
    **{status: frozenset() for status in _ENDS_UNANSWERED},
}


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that was said or heard, with the instants at which it began and ended on the line."""

    text: str
    start_at: datetime
    end_at: datetime

    def as_dict(self) -> dict[str, str]:
        return {"text": self.text, "start_at": self.start_at.isoformat(), "end_at": self.end_at.isoformat()}


@dataclass(slots=True)
class MediaStats:
    """What went over the media sockets of one call.

    ``frames_out`` and ``lost_out`` count 20-ms frames that were sent and that a fault swallowed. ``frames_in`` counts
    media messages received, ``bytes_in`` their mu-law bytes. A gap is a pause of at most 300 ms within the received
    speech during which there was nothing to play; ``late`` counts the 20-ms frames missing in the gaps.
    ``clock_late_max_ms`` is how late the simulator's own 20-ms clock was at worst.
    """

    sockets: int = 0
    frames_out: int = 0
    lost_out: int = 0
    dropped_out: int = 0
    frames_in: int = 0
    bytes_in: int = 0
    late: int = 0
    gaps: int = 0
    marks: int = 0
    clears: int = 0
    clock_late_max_ms: float = 0.0


@dataclass(slots=True)
class Call:
    """One call as the carrier keeps it. ``answered_by`` is the answering machine detection's verdict.

    ``keys`` are those that the person pressed, ``tones`` those that a menu heard from the application.
    """

    sid: str
    account_sid: str
    to: str
    from_: str
    created_at: datetime
    direction: str = "outbound-api"
    parent_sid: str | None = None
    status: Status = Status.QUEUED
    updated_at: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    answered_by: str | None = None
    ended_by: str | None = None
    sip_code: int | None = None
    person_id: str | None = None
    price_times: Decimal = Decimal(1)
    price_unit: str = "USD"
    history: list[tuple[Status, datetime]] = field(default_factory=list)
    rings: list[datetime] = field(default_factory=list)
    said: list[Utterance] = field(default_factory=list)
    heard: list[Utterance] = field(default_factory=list)
    keys: list[tuple[str, datetime]] = field(default_factory=list)
    tones: list[tuple[str, datetime]] = field(default_factory=list)
    answer_ms: list[int] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)
    media: MediaStats = field(default_factory=MediaStats)

    def __post_init__(self) -> None:
        self.updated_at = self.created_at
        self.history.append((self.status, self.created_at))

    def move(self, to: Status, at: datetime) -> bool:
        """Change the status; False, and nothing changes, where the call cannot go there from where it is."""
        if to not in _NEXT[self.status]:
            return False
        self.status, self.updated_at = to, at
        self.history.append((to, at))
        if to is Status.INITIATED:
            self.started_at = at
        if to is Status.RINGING:
            self.rings.append(at)
        if to is Status.IN_PROGRESS:
            self.answered_at = at
        if to.final:
            self.ended_at = at
        return True

    @property
    def duration_s(self) -> int:
        """Whole seconds of talk, 0 for an unanswered call."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return max(1, math.ceil((self.ended_at - self.answered_at).total_seconds()))

    @property
    def billed_minutes(self) -> int:
        return math.ceil(self.duration_s / 60)

    @property
    def price(self) -> str | None:
        """What the call cost as Twilio writes it, ``-0.01400``; None until it is over or where nobody answered."""
        if self.status is not Status.COMPLETED:
            return None
        return f"{-PRICE_PER_MINUTE_USD * self.billed_minutes * self.price_times:.5f}"

    def price_told(self, at: datetime, *, after_s: float) -> bool:
        """Whether the price is in the call's record: it comes some time after the end."""
        return self.ended_at is not None and (at - self.ended_at).total_seconds() >= after_s


def rfc2822(at: datetime | None) -> str | None:
    return None if at is None else format_datetime(at)


_SUBRESOURCES = (
    "notifications",
    "recordings",
    "payments",
    "events",
    "siprec",
    "streams",
    "transcriptions",
    "user_defined_message_subscriptions",
    "user_defined_messages",
)


def resource(call: Call, *, price_told: bool = True) -> dict[str, object]:
    """The call in the shape of Twilio's REST API (``api.v2010.account.call``), its price only once it is known."""
    path = f"/2010-04-01/Accounts/{call.account_sid}/Calls/{call.sid}"
    return {
        "sid": call.sid,
        "account_sid": call.account_sid,
        "answered_by": call.answered_by,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": rfc2822(call.created_at),
        "date_updated": rfc2822(call.updated_at),
        "direction": call.direction,
        "duration": str(call.duration_s) if call.status.final else None,
        "end_time": rfc2822(call.ended_at),
        "forwarded_from": None,
        "from": call.from_,
        "from_formatted": formatted(call.from_),
        "group_sid": None,
        "parent_call_sid": call.parent_sid,
        "phone_number_sid": None,
        "price": call.price if price_told else None,
        "price_unit": call.price_unit,
        "queue_time": "0",
        "start_time": rfc2822(call.started_at),
        "status": Status.QUEUED.value if call.status is Status.INITIATED else call.status.value,
        "subresource_uris": {
            name: f"{path}/{''.join(part.title() for part in name.split('_'))}.json" for name in _SUBRESOURCES
        },
        "to": call.to,
        "to_formatted": formatted(call.to),
        "trunk_sid": None,
        "uri": f"{path}.json",
    }


def formatted(number: str) -> str:
    """``+13035550101`` as ``(303) 555-0101``; a number outside North America stays as it is."""
    if len(number) == 12 and number.startswith("+1"):
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number


def observation(call: Call) -> dict[str, object]:
    """All that the simulator knows of the call, for ``GET /simulator/calls``."""
    media = call.media
    return {
        "sid": call.sid,
        "parent_sid": call.parent_sid,
        "to": call.to,
        "from": call.from_,
        "person": call.person_id,
        "status": call.status.value,
        "answered_by": call.answered_by,
        "ended_by": call.ended_by,
        "created_at": call.created_at.isoformat(),
        "answered_at": call.answered_at and call.answered_at.isoformat(),
        "ended_at": call.ended_at and call.ended_at.isoformat(),
        "duration_s": call.duration_s,
        "price": call.price,
        "price_unit": call.price_unit,
        "rings": [{"at": at.isoformat()} for at in call.rings],
        "statuses": [{"status": status.value, "at": at.isoformat()} for status, at in call.history],
        "said": [utterance.as_dict() for utterance in call.said],
        "heard": [utterance.as_dict() for utterance in call.heard],
        "keys": [{"digit": digit, "at": at.isoformat()} for digit, at in call.keys],
        "tones": [{"digit": digit, "at": at.isoformat()} for digit, at in call.tones],
        "answer_ms": list(call.answer_ms),
        "errors": [{"code": code, "message": message} for code, message in call.errors],
        "media": {name: getattr(media, name) for name in MediaStats.__slots__},
    }
