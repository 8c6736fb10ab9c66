"""A test call's line: what happens on it goes to the page, and nowhere else."""

import asyncio
import contextlib
from collections.abc import Sequence
from decimal import Decimal

from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from agents.domain.types import Prospect
from voice.browser.messages import message_of
from voice.domain.types import Advice, Closing, HandedOver, LineEvent, StreamTarget, Tier, Usage


class LocalVoice:
    """``voice.ports.Spending`` of a call that costs nothing: the local voice speaks, however long."""

    def look(self, *, talked_s: float, usage: Sequence[Usage], prospect: Prospect) -> Advice:
        return Advice(Decimal(0), Tier.LOCAL)


class BrowserLine:
    """Tells the page of ``connection`` what happens, its times in ``zone``. Used once."""

    def __init__(self, call_id: str, connection: SmallWebRTCConnection, *, zone: str) -> None:
        self.call_id, self.stream = call_id, StreamTarget("", "")  # nothing is to be fetched
        self._connection, self._zone = connection, zone
        self._loop = asyncio.get_running_loop()

    def put(self, event: LineEvent) -> None:
        """Safe from any thread."""
        if isinstance(event, Closing | HandedOver):
            event.written()  # nobody has to write it down
        if (message := message_of(event, zone=self._zone)) is not None:
            with contextlib.suppress(RuntimeError):  # the loop ended: so has the connection
                self._loop.call_soon_threadsafe(self._connection.send_app_message, message)
