"""A bucket of S3, or of anything that speaks like it. Nothing is assumed of the server but that it keeps bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from voice.recordings.bucket import Bucket
from voice.recordings.store import StoreError

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
T = TypeVar("T")


class S3Store:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        prefix = bucket.prefix.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=bucket.endpoint or None,
            region_name=bucket.region or None,
            aws_access_key_id=bucket.access_key or None,
            aws_secret_access_key=bucket.secret_key or None,
            config=Config(
                connect_timeout=5,
                read_timeout=20,
                retries={"max_attempts": 2, "mode": "standard"},
                s3={"addressing_style": "path" if bucket.endpoint else "auto"},
                # Not every server that speaks S3 knows the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def put(self, name: str, path: Path) -> None:
        def upload() -> None:
            with path.open("rb") as file:
                self._client.put_object(Body=file, ContentType="application/octet-stream", **self._key(name))

        _told("take a recording", upload)

    def size(self, name: str) -> int | None:
        try:
            return int(
                _told("say what it keeps", lambda: self._client.head_object(**self._key(name))["ContentLength"])
            )
        except _Absent:
            return None

    def read(self, name: str, start: int, end: int) -> bytes:
        if end <= start:
            return b""

        def fetch() -> bytes:
            with self._client.get_object(Range=f"bytes={start}-{end - 1}", **self._key(name))["Body"] as body:
                return bytes(body.read())

        return _told("give a recording", fetch)

    def delete(self, name: str) -> None:
        _told("remove a recording", lambda: self._client.delete_object(**self._key(name)))

    def _key(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": self._prefix + name}


class _Absent(StoreError):
    """There is nothing of that name."""


def _told(what: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        kind = _Absent if code in _ABSENT else StoreError
        raise kind(f"The bucket of recordings did not {what}: {code or 'no reason given'}.") from error
    except (BotoCoreError, OSError) as error:
        raise StoreError(f"The bucket of recordings did not {what}: {type(error).__name__}.") from error
