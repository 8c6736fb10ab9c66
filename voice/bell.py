"""The doorbell: signals for live calls over Redis. It may be missed; the carrier and the sweep are the truth."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace

import structlog
from pydantic import TypeAdapter, ValidationError
from redis import Redis, RedisError

from voice.domain.types import Answer, Signal

log = structlog.get_logger(__name__)

CHANNEL = "reautomation:voice"
_SIGNAL = TypeAdapter(Signal)
_TIMEOUT_S = 2.0
_AGAIN_S = 1.0
_ANSWERS = "reautomation:voice:answer:"
_ANSWER = TypeAdapter(Answer)
_KEPT_S = 30


def publish(redis_url: str, signal: Signal) -> None:
    """Ring for ``signal``'s call, wherever its line is. Never raises: a bell that does not ring is logged."""
    try:
        with Redis.from_url(redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as redis:
            redis.publish(CHANNEL, _SIGNAL.dump_json(signal))
    except (RedisError, OSError, ValueError) as error:
        log.warning("bell.failed", call_id=signal.call_id, kind=signal.kind, error=str(error))


def ask(redis_url: str, signal: Signal, *, timeout_s: float = 3.0) -> Answer | None:
    """Ring with an order, and wait for what the line says to it; None where no line answers in time."""
    reply_to = f"{_ANSWERS}{uuid.uuid4()}"
    try:
        with Redis.from_url(redis_url, socket_timeout=timeout_s + 1, socket_connect_timeout=_TIMEOUT_S) as redis:
            redis.publish(CHANNEL, _SIGNAL.dump_json(replace(signal, reply_to=reply_to)))
            told = redis.blpop([reply_to], timeout=timeout_s)
            return None if told is None else _ANSWER.validate_json(told[1])
    except (RedisError, OSError, ValueError) as error:
        log.warning("bell.failed", call_id=signal.call_id, kind=signal.kind, error=str(error))
        return None


def answer(redis_url: str, reply_to: str, told: Answer) -> None:
    """Say what came of an order. Never raises: whoever asked takes silence for a no."""
    try:
        with Redis.from_url(redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as redis:
            redis.rpush(reply_to, _ANSWER.dump_json(told))
            redis.expire(reply_to, _KEPT_S)
    except (RedisError, OSError, ValueError) as error:
        log.warning("bell.not_answered", error=str(error))


class Listener:
    """A thread that hands every signal to ``deliver``. It outlives Redis and comes back with it."""

    def __init__(self, redis_url: str, deliver: Callable[[Signal], None]) -> None:
        self._redis_url, self._deliver = redis_url, deliver
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="voice-bell", daemon=True)
        self.listening = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * _TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (RedisError, OSError) as error:
                self.listening.clear()
                log.warning("bell.lost", error=str(error))
                self._stopping.wait(_AGAIN_S)

    def _listen(self) -> None:
        with (
            Redis.from_url(self._redis_url, socket_timeout=_TIMEOUT_S, health_check_interval=10) as redis,
            redis.pubsub(ignore_subscribe_messages=True) as pubsub,
        ):
            pubsub.subscribe(CHANNEL)
            while not self._stopping.is_set():
                message = pubsub.get_message(timeout=0.5)
                self.listening.set()
                if message is not None:
                    self._heard(message["data"])

    def _heard(self, data: bytes) -> None:
        try:
            signal = _SIGNAL.validate_json(data)
        except ValidationError as error:
            log.warning("bell.malformed", problems=error.error_count())
            return
        self._deliver(signal)
