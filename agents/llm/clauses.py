"""Text that comes in pieces, given on in whole clauses."""

import re

_SENTENCE = re.compile(r"[.!?][\"')\]]*\s+")
_CLAUSE = re.compile(r"[,;:]\s+")
_LONG = 40
"""Characters from which a first sentence is given on up to its comma, to be heard sooner."""


class ClauseCutter:
    """``feed`` gives the clauses that are whole by now, ``rest`` what is left at the end.

    Clauses are sentences, but a long first sentence gives its first clause by itself. Runs of white space are one
    space.
    """

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, piece: str) -> list[str]:
        self._text += piece
        found = []
        while (end := self._end()) is not None:
            clause, self._text = " ".join(self._text[:end].split()), self._text[end:]
            if clause:
                found.append(clause)
                self._first = False
        return found

    def rest(self) -> str:
        text, self._text = " ".join(self._text.split()), ""
        return text

    def _end(self) -> int | None:
        sentence = _SENTENCE.search(self._text)
        if sentence is not None and (not self._first or sentence.end() <= _LONG):
            return sentence.end()
        if self._first and len(self._text) > _LONG and (clause := _CLAUSE.search(self._text)):
            return clause.end()
        return sentence.end() if sentence is not None else None
