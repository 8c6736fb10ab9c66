"""Who may stand at the media server's door: limits on sockets that have not shown yet whose call they bring.

A carrier's socket shows its token within some milliseconds. Whatever takes longer gives its place to a newer one, so
many sockets that stay silent keep no call out; and whatever comes too often is dropped before a byte of it is read,
so answering strangers costs the live calls next to nothing.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, cast

import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from voice.media.socket import MediaSocket

log = structlog.get_logger(__name__)

_CLOSE_S = 1.0
"""How long a stranger may take to answer our close."""
_MOST_HEARD = 128 * 1024
_MOST_PINGS = 4
_MOST_ASKED = 2
"""What a stranger may send, in bytes, pings and requests. A carrier sends two short messages and no ping until it is
a call; the web asks once on a connection.
"""
_VISIT = "voice.visit"


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """``waiting`` sockets without a token at a time, ``arriving`` ones in a second; ``of_one`` address each.

    ``patience_s`` from the connection to its token, ``trusted`` says of an address whether it is a proxy of ours:
    what comes through one is counted by the address that it names.
    """

    waiting: int
    waiting_of_one: int
    arriving: int
    arriving_of_one: int
    patience_s: float
    trusted: Callable[[str], bool] = lambda _: False


class Visit:
    """One connection, from its accept until it is closed. ``drop`` closes it without a word."""

    __slots__ = ("address", "asked", "deadline", "drop", "heard", "pings", "stranger")

    def __init__(self, drop: Callable[[], None]) -> None:
        self.drop, self.address = drop, ""
        self.stranger, self.heard, self.pings, self.asked = True, 0, 0, 0
        self.deadline: asyncio.TimerHandle | None = None


class Doors:
    """Counts visits; all on the loop. It keeps nothing of those that left."""

    def __init__(self, limits: DoorLimits) -> None:
        self._limits = limits
        self._untold: Counter[str] = Counter()
        self._waiting: OrderedDict[Visit, None] = OrderedDict()  # the oldest first
        self._of_one: dict[str, OrderedDict[Visit, None]] = {}
        self._second, self._arrived = -1, 0
        self._arrived_of_one: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def enter(self, host: str, drop: Callable[[], None]) -> Visit | None:
        """A connection from ``host``; None where it is to be dropped at once."""
        loop = asyncio.get_running_loop()
        self._begin(int(loop.time()))
        proxied = self._limits.trusted(host)
        # First, so that what one address sends too much is not counted against the others.
        if not proxied and not self._arrives(host):
            return None
        self._arrived += 1
        if self._arrived > self._limits.arriving:
            self._dropped("too many sockets a second")
            return None
        visit = Visit(drop)
        if not proxied:
            self._place(visit, host)
        if len(self._waiting) >= self._limits.waiting:
            self._drop_oldest(self._waiting, "too many sockets without a token")
        self._waiting[visit] = None
        visit.deadline = loop.call_later(self._limits.patience_s, self._too_slow, visit)
        return visit

    def is_from(self, visit: Visit, host: str) -> bool:
        """A proxy of ours names the client ``host``; False where too many come from there: drop it."""
        if not self._arrives(host):
            return False
        self._place(visit, host)
        return True

    def leave(self, visit: Visit) -> None:
        """It is closed, or has become a call. Safe to call twice."""
        visit.stranger = False
        self._waiting.pop(visit, None)
        if visit.deadline is not None:
            visit.deadline.cancel()
            visit.deadline = None
        of_one = self._of_one.get(visit.address)
        if of_one is not None:
            of_one.pop(visit, None)
            if not of_one:
                del self._of_one[visit.address]

    def _begin(self, second: int) -> None:
        if second != self._second:
            self._second, self._arrived = second, 0
            self._arrived_of_one.clear()

    def _arrives(self, host: str) -> bool:
        address = network_of(host)
        self._arrived_of_one[address] += 1
        if self._arrived_of_one[address] <= self._limits.arriving_of_one:
            return True
        self._dropped("too many sockets a second from one address")
        return False

    def _place(self, visit: Visit, host: str) -> None:
        visit.address = network_of(host)
        waiting = self._of_one.get(visit.address, OrderedDict())
        if len(waiting) >= self._limits.waiting_of_one:
            self._drop_oldest(waiting, "too many sockets without a token from one address")
        self._of_one.setdefault(visit.address, OrderedDict())[visit] = None

    def _drop_oldest(self, waiting: "OrderedDict[Visit, None]", reason: str) -> None:
        oldest = next(iter(waiting))
        self._dropped(reason)
        self.leave(oldest)
        oldest.drop()

    def _too_slow(self, visit: Visit) -> None:
        self._dropped("no token in time")
        self.leave(visit)
        visit.drop()

    def _dropped(self, reason: str) -> None:
        """Told once a second at most, since whoever can fill the door could fill the log."""
        if not self._untold:
            asyncio.get_running_loop().call_later(1, self._tell)
        self._untold[reason] += 1

    def _tell(self) -> None:
        for reason, sockets in self._untold.items():
            log.warning("media.dropped", reason=reason, sockets=sockets)
        self._untold.clear()


def network_of(host: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one customer has of IPv6."""
    try:
        address = ip_address(host)
    except ValueError:  # a Unix socket, or a proxy's word for somebody unknown
        return host[:64]
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))
    return str(address)


def visit_of(scope: Any) -> Visit:
    """The visit that an ASGI scope belongs to."""
    visit: Visit = scope["state"][_VISIT]
    return visit


def protocols(doors: Doors) -> tuple[type[asyncio.Protocol], type[MediaSocket]]:
    """Uvicorn's protocols for HTTP and for websockets, with ``doors`` before them.

    h11 bounds what it keeps of a request that is not complete; httptools, Uvicorn's first choice, does not.
    """
    visits: dict[asyncio.BaseTransport, Visit] = {}

    def left(transport: asyncio.BaseTransport) -> None:
        if (visit := visits.pop(transport, None)) is not None:
            doors.leave(visit)

    class Http(H11Protocol):
        def on_response_complete(self) -> None:
            """Answer after answer on one connection would take the loop's time from the calls."""
            visit = visits.get(self.transport)
            if visit is not None and visit.stranger:
                visit.asked += 1
                if visit.asked >= _MOST_ASKED:
                    self.transport.close()
            super().on_response_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            left(self.transport)

    class Door(asyncio.Protocol):
        """Hands on whom the doors let in; the others cost no more than this."""

        def __init__(self, **options: Any) -> None:
            self._options = options

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connection = cast(asyncio.Transport, transport)
            peer = connection.get_extra_info("peername")
            visit = doors.enter(peer[0] if isinstance(peer, tuple) else "", connection.abort)
            if visit is None:
                connection.abort()
                return
            visits[connection] = visit
            http = Http(**self._options)
            http.app_state = {**http.app_state, _VISIT: visit}
            connection.set_protocol(http)
            http.connection_made(connection)

    class Socket(MediaSocket):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.close_timeout = _CLOSE_S

        def data_received(self, data: bytes) -> None:
            visit = visits.get(self.transport)
            if visit is not None and visit.stranger:
                visit.heard += len(data)
                if visit.heard > _MOST_HEARD:
                    self.transport.abort()
            if not self.transport.is_closing():
                super().data_received(data)

        def handle_ping(self) -> None:
            """Each is answered, and many of them would take the loop's time from the calls."""
            visit = visits.get(self.transport)
            if visit is not None and visit.stranger:
                visit.pings += 1
                if visit.pings > _MOST_PINGS:
                    self.transport.abort()
                    return
            super().handle_ping()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            left(self.transport)

        async def run_asgi(self) -> None:
            if (visit := visits.get(self.transport)) is not None:  # else it was dropped meanwhile
                self.scope["state"][_VISIT] = visit
                await super().run_asgi()

    return Door, Socket
