"""What was said before and will be said again: in memory, and on disk for those who come after us.

Audio is kept as mu-law, 8,000 bytes a second, which is what the telephone hears anyway.
"""

import contextlib
import hashlib
import os
import secrets
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from pathlib import Path

import structlog

from voice.media.mulaw import decoded, encoded

log = structlog.get_logger(__name__)

_MAGIC = b"phrase1\n"
_HEAD = len(_MAGIC) + 4
_COUNTED = 10_000  # clauses whose calls are counted; then the count begins anew
_TOUCHED = 50  # phrases heard until their files are marked as used
_SUFFIX = ".ulaw"

Key = bytes


def key_of(text: str) -> Key:
    """A text's name in memory and on disk, where nobody can read it."""
    return hashlib.sha256(text.encode(errors="replace")).digest()[:16]


class PhraseStore:
    """Phrases of ``voice`` as files below ``folder``, which all processes and voices of the machine share.

    Files of all voices take at most ``limit_bytes``: those that were not used for longest go first. A file is written
    beside its place and moved there, so that nobody reads half of one; one that is damaged is removed and made anew.
    Its methods read and write files: call them away from the event loop. A disk that is full or gone costs time,
    never a call.
    """

    def __init__(self, folder: Path, voice: str, *, limit_bytes: int = 64 << 20) -> None:
        self._root, self._folder, self._limit = folder, folder / voice, limit_bytes
        self._written = limit_bytes  # so that the first writing looks at what is there

    def load(self, most_bytes: int) -> list[tuple[Key, bytes]]:
        """The phrases used last, of ``most_bytes`` in all, the last one last."""
        found: list[tuple[Key, bytes]] = []
        for _, _, path in reversed(_files(self._folder)):
            if (mulaw := self._read(path)) is not None:
                most_bytes -= len(mulaw)
                if most_bytes < 0:
                    break
                found.append((bytes.fromhex(path.stem), mulaw))
        return found[::-1]

    def save(self, key: Key, mulaw: bytes) -> None:
        path = self._path(key)
        beside = path.with_name(f"{path.stem}.{os.getpid()}.{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(_MAGIC + zlib.crc32(mulaw).to_bytes(4, "big") + mulaw)
            beside.replace(path)
            self._written += _HEAD + len(mulaw)
            if self._written >= self._limit // 16:
                self._written = 0
                self._make_room()
        except OSError as error:
            log.warning("phrases.not_kept", error=repr(error))
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)

    def touch(self, keys: Iterable[Key]) -> None:
        """These were used just now."""
        for key in keys:
            with contextlib.suppress(OSError):  # never kept, or dropped by another process
                os.utime(self._path(key))

    def _path(self, key: Key) -> Path:
        return self._folder / f"{key.hex()}{_SUFFIX}"

    def _read(self, path: Path) -> bytes | None:
        try:
            content = path.read_bytes()
            bytes.fromhex(path.stem)
        except (OSError, ValueError):
            return None
        mulaw = content[_HEAD:]
        if content[:_HEAD] == _MAGIC + zlib.crc32(mulaw).to_bytes(4, "big") and mulaw:
            return mulaw
        log.warning("phrases.damaged", file=path.name)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None

    def _make_room(self) -> None:
        files = sorted(one for folder in self._root.iterdir() if folder.is_dir() for one in _files(folder))
        size = sum(size for _, size, _ in files)
        for _, bytes_, path in files:
            if size <= self._limit:
                return
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            size -= bytes_


def _files(folder: Path) -> list[tuple[float, int, Path]]:
    """When each file was used, its size and path, the longest unused first. Others may remove files meanwhile."""
    found: list[tuple[float, int, Path]] = []
    with contextlib.suppress(FileNotFoundError):
        for path in folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
    return sorted(found)


class PhraseCache:
    """Audio by text, the least recently used leaving first. Sizes are bytes of mu-law, 8,000 a second.

    Words that come in every call have a shelf of their own, so that nobody's single sentences push them out; only
    they are kept on disk, once there is one. Used from one event loop.
    """

    def __init__(self, *, kept_bytes: int = 32 << 20, passing_bytes: int = 8 << 20) -> None:
        self._kept_bytes = kept_bytes
        self._kept, self._passing = _Shelf(kept_bytes), _Shelf(passing_bytes)
        self._store: PhraseStore | None = None
        self._disk: Executor | None = None
        self._used: set[Key] = set()

    def furnish(self, store: PhraseStore, disk: Executor, found: Iterable[tuple[Key, bytes]]) -> None:
        """Keep phrases in ``store``, by the threads of ``disk``; ``found`` is what it holds already."""
        self._store, self._disk = store, disk
        for key, mulaw in found:
            self._kept.put(key, mulaw)

    @property
    def capacity(self) -> int:
        return self._kept_bytes

    def get(self, text: str) -> bytes | None:
        """PCM of ``text``, None where it is not here."""
        key = key_of(text)
        if (mulaw := self._kept.get(key)) is not None:
            self._note_use(key)
        else:
            mulaw = self._passing.get(key)
        return None if mulaw is None else decoded(mulaw)

    def holds(self, text: str) -> bool:
        key = key_of(text)
        return key in self._kept or key in self._passing

    def put(self, text: str, pcm: bytes, *, keep: bool) -> None:
        key, mulaw = key_of(text), encoded(pcm)
        (self._kept if keep else self._passing).put(key, mulaw)
        if keep:
            self._save(key, mulaw)

    def keep(self, text: str) -> None:
        """``text``, if it is here, is one of the words that come in every call from now on."""
        key = key_of(text)
        if (mulaw := self._passing.pop(key)) is not None and key not in self._kept:
            self._kept.put(key, mulaw)
            self._save(key, mulaw)

    def _save(self, key: Key, mulaw: bytes) -> None:
        if self._store is not None and self._disk is not None and mulaw:
            with contextlib.suppress(RuntimeError):  # the threads have been told to end: this worker stops
                self._disk.submit(self._store.save, key, mulaw)

    def _note_use(self, key: Key) -> None:
        if self._store is None or self._disk is None:
            return
        self._used.add(key)
        if len(self._used) >= _TOUCHED:
            used, self._used = self._used, set()
            with contextlib.suppress(RuntimeError):
                self._disk.submit(self._store.touch, used)


class _Shelf:
    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._phrases: OrderedDict[Key, bytes] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key in self._phrases

    def get(self, key: Key) -> bytes | None:
        if key not in self._phrases:
            return None
        self._phrases.move_to_end(key)
        return self._phrases[key]

    def pop(self, key: Key) -> bytes | None:
        mulaw = self._phrases.pop(key, None)
        self._size -= len(mulaw or b"")
        return mulaw

    def put(self, key: Key, mulaw: bytes) -> None:
        self._size += len(mulaw) - len(self._phrases.pop(key, b""))
        self._phrases[key] = mulaw
        while self._size > self._limit:
            _, oldest = self._phrases.popitem(last=False)
            self._size -= len(oldest)


class Frequency:
    """Which clauses come up in call after call: those are kept like the words that are the same in every call."""

    def __init__(self, *, calls: int = 3) -> None:
        self._calls = calls
        self._seen: Counter[Key] = Counter()

    def came_up(self, text: str) -> bool:
        """Count ``text`` for one more call; whether it has come up in enough of them."""
        if len(self._seen) >= _COUNTED:
            self._seen.clear()
        key = key_of(text)
        self._seen[key] += 1
        return self._seen[key] >= self._calls


def personal_words(*texts: str, lexicon: Mapping[str, str] | None = None) -> frozenset[str]:
    """The words of a lead's name and address, in lower case: a clause with one of them is nobody else's.

    Words of the campaign's ``lexicon`` are no secret of the lead's.
    """
    known = {word for written in lexicon or {} for word in written.lower().split()}
    found = {word.strip(".,;:!?'\"()").lower() for text in texts for word in text.split()}
    return frozenset(word for word in found - known if len(word) > 2)
