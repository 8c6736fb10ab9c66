"""Twilio's media stream: its messages, checked, and the audio's place on the call's clock."""

import binascii
import json
import time
from collections.abc import Callable
from typing import Any

import structlog
from pipecat.frames.frames import (
    AudioRawFrame,
    Frame,
    InputAudioRawFrame,
    OutputTransportMessageFrame,
)
from pipecat.serializers.twilio import TwilioFrameSerializer
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from voice.speech.ports import RATE

log = structlog.get_logger(__name__)

_STRAY_S = 2.0  # a packet whose own time differs more than this from its arrival is placed by its arrival


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Format(_Message):
    encoding: str = "audio/x-mulaw"
    sample_rate: int = RATE
    channels: int = 1


class Start(_Message):
    """The ``start`` message's contents."""

    stream_sid: str = Field(min_length=1, max_length=128)
    call_sid: str = ""
    media_format: _Format = Field(default_factory=_Format)
    custom_parameters: dict[str, str] = Field(default_factory=dict)

    @property
    def telephone(self) -> bool:
        return self.media_format == _Format()


class InboundClock:
    """Where inbound packets belong: by their own timestamps, which know of losses and bursts.

    The packet that was least delayed so far ties the timestamps to our clock.
    """

    def __init__(self) -> None:
        self._zero: float | None = None
        self._next: float | None = None

    def place(self, timestamp_ms: int | None, samples: int, now: float) -> float:
        """When the packet's first sample was on the wire."""
        length = samples / RATE
        arrived = now - length
        at = self._next if self._next is not None else arrived
        if timestamp_ms is not None:
            zero = arrived - timestamp_ms / 1000
            if self._zero is None or zero < self._zero:
                self._zero = max(zero, (self._zero or zero) - _STRAY_S)
            at = self._zero + timestamp_ms / 1000
        if abs(at - arrived) > _STRAY_S:
            at = arrived
        self._next = at + length
        return at


class TwilioWire(TwilioFrameSerializer):
    """Pipecat's serializer, made to survive odd messages and to tell what really passed.

    ``on_sent`` is called with the PCM of every packet sent, ``on_mark`` with the name of each mark that came back,
    ``on_mark_sent`` when one went out, ``on_stop`` when the carrier says that the stream is over.
    """

    def __init__(
        self,
        stream_sid: str,
        *,
        on_sent: Callable[[bytes], None],
        on_mark_sent: Callable[[str], None],
        on_mark: Callable[[str], None],
        on_stop: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream_sid, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
        self.stream_sid = stream_sid
        self._on_sent, self._on_mark_sent, self._on_mark, self._on_stop = on_sent, on_mark_sent, on_mark, on_stop
        self._clock = clock
        self._inbound = InboundClock()
        self._complained = False
        # Closed while nothing of ours may be heard: a packet that raced the `clear` must not follow it.
        self.open = False

    async def serialize(self, frame: Frame) -> str | bytes | None:
        if isinstance(frame, AudioRawFrame):
            if not self.open:
                return None
            message = await super().serialize(frame)
            self._on_sent(frame.audio)
            return message
        message = await super().serialize(frame)
        if isinstance(frame, OutputTransportMessageFrame) and frame.message.get("event") == "mark":
            self._on_mark_sent(frame.message["mark"]["name"])
        return message

    async def deserialize(self, data: str | bytes) -> Frame | None:
        try:
            return await self._read(data)
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            if not self._complained:
                self._complained = True
                log.warning("media.malformed", stream_sid=self.stream_sid, error=repr(error))
            return None

    async def _read(self, data: str | bytes) -> Frame | None:
        if isinstance(data, bytes):
            raise TypeError("Twilio sends text, never binary.")
        message: dict[str, Any] = json.loads(data)
        event = message["event"]
        if event == "stop":
            self._on_stop()
        elif event == "mark":
            self._on_mark(str(message["mark"]["name"]))
        elif event == "dtmf":
            return await super().deserialize(data)
        elif event == "media" and message["media"].get("track", "inbound") == "inbound":
            frame = await super().deserialize(data)
            if isinstance(frame, InputAudioRawFrame):
                stamp = message["media"].get("timestamp")
                stamp_ms = None if stamp is None else int(stamp)
                frame.metadata["at"] = self._inbound.place(stamp_ms, len(frame.audio) // 2, self._clock())
                return frame
        return None
