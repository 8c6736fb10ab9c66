"""The keys that recordings are sealed with: several, so that they can be changed; the first one writes."""

import base64
import binascii
import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEY_BYTES = 32
ID_BYTES = 16
_ID = re.compile(r"[A-Za-z0-9_.-]{1,16}")
_HOW = "write it as id:base64 with 32 random bytes, such as the output of `manage.py recordings key`"


class BadKeys(ValueError):
    """The keys cannot be used; the text is a sentence that says what to change, and shows no key."""


class UnknownKey(Exception):
    """A recording was sealed with a key that is not there any more."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Master keys by their id. ``newest`` seals what is written from now on; all of them open."""

    newest: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """From ``id:base64,id:base64``, the newest first. Raises BadKeys."""
        keys: dict[str, bytes] = {}
        for place, part in enumerate((one.strip() for one in text.split(",") if one.strip()), start=1):
            key_id, colon, coded = part.partition(":")
            if not colon or not _ID.fullmatch(key_id):
                raise BadKeys(f"key {place} has no id of 1 to 16 letters and digits before a colon: {_HOW}")
            if key_id in keys:
                raise BadKeys(f"two keys have the id {key_id!r}: give each its own")
            keys[key_id] = _decoded(coded, key_id)
        if not keys:
            raise BadKeys(f"there is no key: {_HOW}")
        return cls(next(iter(keys)), keys)

    def key(self, key_id: str) -> bytes:
        """Raises UnknownKey."""
        try:
            return self.keys[key_id]
        except KeyError:
            raise UnknownKey(
                f"The recording was sealed with the key {key_id!r}: add it to RECORDING_KEYS behind the newest."
            ) from None


def _decoded(coded: str, key_id: str) -> bytes:
    try:
        key = base64.b64decode(coded, validate=True)
    except binascii.Error:
        raise BadKeys(f"the key {key_id!r} is not base64: {_HOW}") from None
    if len(key) != KEY_BYTES:
        raise BadKeys(f"the key {key_id!r} has {len(key)} bytes and needs {KEY_BYTES}: {_HOW}")
    return key


def new_key(key_id: str) -> str:
    """A fresh key in the form that ``Keyring.parse`` reads."""
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def kept_in(path: Path) -> str:
    """The keys in the file at ``path``, made on first use with mode 600; one of racing processes makes it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        with fresh.open("w") as file:
            file.write(new_key("var-1"))
            file.flush()
            os.fsync(file.fileno())  # recordings outlive a power cut, and so must their key
        with contextlib.suppress(FileExistsError):  # another process was first: its key is the key
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()
