"""The life of one call, as a table of allowed moves.

``queued → claimed → dialing → live → done`` is the straight way. No automatic path leads from ``dialing`` back to
``queued``: once the intent to ring is written down, the phone may have rung.
"""

from enum import StrEnum


class CallStatus(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    DIALING = "dialing"
    LIVE = "live"
    UNKNOWN = "unknown"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


_SOURCES: dict[CallStatus, frozenset[CallStatus]] = {
    CallStatus.QUEUED: frozenset({CallStatus.CLAIMED}),
    CallStatus.CLAIMED: frozenset({CallStatus.QUEUED}),
    CallStatus.DIALING: frozenset({CallStatus.CLAIMED}),
    CallStatus.LIVE: frozenset({CallStatus.DIALING, CallStatus.UNKNOWN}),
    CallStatus.UNKNOWN: frozenset({CallStatus.DIALING, CallStatus.LIVE}),
    CallStatus.DONE: frozenset({CallStatus.DIALING, CallStatus.LIVE, CallStatus.UNKNOWN}),
    CallStatus.FAILED: frozenset({CallStatus.CLAIMED, CallStatus.DIALING, CallStatus.UNKNOWN}),
    CallStatus.CANCELED: frozenset({CallStatus.QUEUED, CallStatus.CLAIMED}),
}

TERMINAL = frozenset({CallStatus.DONE, CallStatus.FAILED, CallStatus.CANCELED})
UNFINISHED = frozenset(CallStatus) - TERMINAL
OWNED = frozenset({CallStatus.CLAIMED, CallStatus.DIALING, CallStatus.LIVE})
"""A worker holds a lease on the call while it is in one of these."""
MAY_HAVE_RUNG = frozenset({CallStatus.DIALING, CallStatus.LIVE, CallStatus.UNKNOWN, CallStatus.DONE})


def sources_of(to: CallStatus) -> frozenset[CallStatus]:
    """The states from which a call may move to ``to``."""
    return _SOURCES[to]
