"""Where finished recordings are kept. A store knows names and bytes; what is in them is sealed already."""

import os
import secrets
import shutil
from pathlib import Path
from typing import Protocol

from voice.recordings.keys import Keyring
from voice.recordings.plain import PlainReader, is_plain
from voice.recordings.sealed import SealedReader


class StoreError(Exception):
    """The store did not do it, and may later: nothing is lost, try again. The text says what went wrong."""


class RecordingStore(Protocol):
    """Names are relative, with slashes between their parts. Calls block; each raises ``StoreError`` only."""

    def put(self, name: str, path: Path) -> None:
        """Keep a copy of the file at ``path``; whole or not at all, in place of one of that name."""

    def size(self, name: str) -> int | None:
        """Bytes of what is kept; None where there is nothing of that name."""

    def read(self, name: str, start: int, end: int) -> bytes:
        """Bytes ``start`` to before ``end``, as far as there are any."""

    def delete(self, name: str) -> None:
        """Once this returns nothing of that name is there; what is not there is fine."""


class DiskStore:
    """A folder of this machine, or one that machines share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, path: Path) -> None:
        target = self._path(name)
        fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh.touch(mode=0o600)
            shutil.copyfile(path, fresh)
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
            fresh.replace(target)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise StoreError(f"The folder of recordings refused a file: {error}") from error

    def size(self, name: str) -> int | None:
        try:
            path = self._path(name)
            return path.stat().st_size if path.is_file() else None
        except OSError as error:
            raise StoreError(f"The folder of recordings does not answer: {error}") from error

    def read(self, name: str, start: int, end: int) -> bytes:
        try:
            with self._path(name).open("rb") as file:
                file.seek(start)
                return file.read(max(0, end - start))
        except OSError as error:
            raise StoreError(f"A recording cannot be read: {error}") from error

    def delete(self, name: str) -> None:
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"A recording cannot be removed: {error}") from error

    def _path(self, name: str) -> Path:
        """Raises StoreError for a name that leads out of the folder."""
        folder = self._folder.resolve()
        path = Path(folder, name).resolve()
        if not name or not path.is_relative_to(folder) or path == folder:
            raise StoreError("The name of a recording leads out of the folder of recordings.")
        return path


Reader = SealedReader | PlainReader


def reader_of(store: RecordingStore, name: str, keys: Keyring) -> Reader | None:
    """What plays the recording ``name``; None where it is not there. Raises StoreError, Damaged and UnknownKey."""
    size = store.size(name)
    if size is None:
        return None

    def fetch(start: int, end: int) -> bytes:
        return store.read(name, start, min(end, size))

    return PlainReader(fetch, size) if is_plain(fetch(0, 12)) else SealedReader(fetch, size, keys)
