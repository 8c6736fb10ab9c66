"""Standard Webhooks (standardwebhooks.com): signature, body and the times of the retries."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix, not a secret

RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)


def retry_after(attempts: int) -> timedelta | None:
    """How long to wait after ``attempts`` failed attempts, from 1; None: give up."""
    return RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None


def body_of(payload: Mapping[str, object]) -> bytes:
    """The very bytes that are signed and sent."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(message_id: str, *, secret: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt. ``timestamp_s`` is the attempt's time in Unix seconds, ``secret`` a ``whsec_…``.

    A retry has the same ``webhook-id``, by which the receiver knows it, and a time and signature of its own.
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp_s).encode(), body))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{signature}",
    }
