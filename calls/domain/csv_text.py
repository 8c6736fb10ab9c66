"""A byte stream as CSV records with their line numbers, in constant memory and past broken records.

The standard ``csv`` reader does the splitting. Around it: the encoding is found in one pass beforehand, and a record
whose quote is never closed costs only its own first line, not the rest of the file.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MAX_LINE = 65_536
"""Characters of one physical line."""
MAX_RECORD_LINES = 20
"""Physical lines of one record: a quote that is open for longer was meant as a character."""
_BLOCK = 1 << 16
_NEVER_CLOSED = 'A quotation mark is opened and never closed: close it, or write it twice ("").'


class FileRefused(Exception):
    """The file cannot be imported at all; the text says what is wrong and what to change."""


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one record and the line of the file, from 1, on which it begins."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that could not be split into cells."""

    line: int
    reason: str


class _BadLine(Exception):
    """The text is a reason for people."""


def encoding_of(stream: IO[bytes]) -> str:
    """``utf-8-sig``, ``utf-16`` (where there is a byte order mark) or ``cp1252`` (whatever is not UTF-8).

    Reads the stream to its end and rewinds it. Raises FileRefused for UTF-16 that is damaged.
    """
    stream.seek(0)
    head = stream.read(2)
    encoding = "utf-16" if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    try:
        while block := stream.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        if encoding == "utf-16":
            raise FileRefused("The file is damaged UTF-16: save it again as CSV UTF-8.") from None
        encoding = "cp1252"
    finally:
        stream.seek(0)
    return encoding


class _Lines:
    """The physical lines, one record's at a time; hands lines back when the record turns out to be broken."""

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self._returned: list[str] = []
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) == MAX_RECORD_LINES:
            raise _BadLine(_NEVER_CLOSED)
        line = self._returned.pop() if self._returned else self._read()
        if not line:
            raise StopIteration
        self.taken.append(line)
        if len(line) > MAX_LINE:
            raise _BadLine(f"The line is longer than {MAX_LINE} characters: shorten it.")
        return line

    def _read(self) -> str:
        """The next line, cut off one character after MAX_LINE."""
        line = rest = self._text.readline(MAX_LINE + 1)
        while len(line) > MAX_LINE and rest and not rest.endswith(("\n", "\r")):
            rest = self._text.readline(MAX_LINE)
        return line

    def give_back_all_but_first(self) -> None:
        self._returned.extend(reversed(self.taken[1:]))
        del self.taken[1:]


def records(stream: IO[bytes], *, encoding: str, delimiter: str) -> Iterator[Record | Broken]:
    """Every record that has a cell with something in it, and every broken one."""
    text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
    try:
        yield from _split(_Lines(text), delimiter)
    finally:
        text.detach()


def _split(lines: _Lines, delimiter: str) -> Iterator[Record | Broken]:
    line = 1
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (_BadLine, csv.Error) as error:
            lines.give_back_all_but_first()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            yield Broken(line, _sentence(error))
        else:
            if any(cell.strip() for cell in cells):
                yield Record(line, cells)
        line += len(lines.taken)


def _sentence(error: Exception) -> str:
    if isinstance(error, _BadLine):
        return str(error)
    if str(error) == "unexpected end of data":
        return _NEVER_CLOSED
    return f'The quotation marks are wrong ({error}): put them around the whole cell, and write one inside as "".'
