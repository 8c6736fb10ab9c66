"""Twilio's media stream: its messages, checked, and ours."""

import base64
import binascii
import json
import time
from collections.abc import Callable

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from voice.media import mulaw
from voice.media.arrival import Arrivals
from voice.media.ports import MediaEvents
from voice.speech.ports import RATE

log = structlog.get_logger(__name__)

_KEYS = frozenset("0123456789*#")
_LATEST_MS = 2**40


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


class TwilioWire:
    """Reads the carrier's messages and writes ours.

    ``read`` survives whatever comes: an odd message is left out, and the first one logged. What the events raise
    goes to their ``on_fault``. Keys and the end of the stream are told to ``on_key`` and ``on_stop`` instead.
    """

    def __init__(
        self,
        stream_sid: str,
        events: MediaEvents,
        *,
        on_key: Callable[[str], None],
        on_stop: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream_sid, self._events, self._clock = stream_sid, events, clock
        self._on_key, self._on_stop = on_key, on_stop
        self._arrivals = Arrivals()
        self._complained = False
        sid = json.dumps(stream_sid).encode()
        self._media = b'{"event":"media","streamSid":' + sid + b',"media":{"payload":"'
        self._clear = b'{"event":"clear","streamSid":' + sid + b"}"

    def read(self, message: bytes) -> None:
        """Tell what ``message`` brings."""
        try:
            audio = self._parse(message)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if not self._complained:
                self._complained = True
                log.warning("media.malformed", stream_sid=self._stream_sid, error=repr(error))
            return
        if audio is not None:
            for pcm, at in self._arrivals.push(*audio, self._clock()):
                self._tell(self._events.on_audio, pcm, at)

    def media(self, coded: bytes) -> bytes:
        """A message with mu-law to be played."""
        return self._media + base64.b64encode(coded) + b'"}}'

    def mark(self, name: str) -> bytes:
        """A message that comes back once all before it was played or cleared."""
        return orjson.dumps({"event": "mark", "streamSid": self._stream_sid, "mark": {"name": name}})

    def clear(self) -> bytes:
        """A message that has the carrier forget what it did not play."""
        return self._clear

    def _parse(self, message: bytes) -> tuple[int | None, bytes] | None:
        """The audio in ``message`` with its timestamp in ms. Raises what malformed messages raise."""
        content = orjson.loads(message)
        event = content["event"]
        if event == "media":
            media = content["media"]
            if media.get("track", "inbound") != "inbound":
                return None
            coded = binascii.a2b_base64(media["payload"], strict_mode=True)
            return (_stamp(media.get("timestamp")), mulaw.decoded(coded)) if coded else None
        if event == "mark":
            self._tell(self._events.on_mark, str(content["mark"]["name"]))
        elif event == "dtmf":
            key = content["dtmf"]["digit"]
            if key not in _KEYS:
                raise ValueError("No key of a telephone.")
            self._tell(self._on_key, key)
        elif event == "stop":
            for pcm, at in self._arrivals.rest():
                self._tell(self._events.on_audio, pcm, at)
            self._tell(self._on_stop)
        return None

    def _tell(self, event: Callable[..., None], *args: object) -> None:
        try:
            event(*args)
        except Exception as error:  # noqa: BLE001 - a call that goes deaf by a fault of ours has to end
            self._events.on_fault(error)


def _stamp(value: str | int | None) -> int | None:
    if value is None:
        return None
    stamp = int(value)
    if abs(stamp) > _LATEST_MS:
        raise ValueError("No timestamp.")
    return stamp
