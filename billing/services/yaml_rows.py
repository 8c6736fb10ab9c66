"""Files of rows in YAML: read with the line of each row, and every way of not being one as a sentence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agents.unique_keys import UniqueKeyLoader


class NotReadable(Exception):
    """The file cannot be read; the text is a sentence that says where and why."""


def text_of(path: Path) -> str:
    """Raises NotReadable."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise NotReadable(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise NotReadable(f"{path} is not UTF-8 text: save it as that.") from None


_NOT_READ = {f"tag:yaml.org,2002:{name}" for name in ("timestamp", "binary", "omap", "pairs", "set")}


class _Loader(UniqueKeyLoader):
    """Dates stay text: the rates' own check reads them, and says what is wrong with one."""

    yaml_constructors = {tag: made for tag, made in yaml.SafeLoader.yaml_constructors.items() if tag not in _NOT_READ}
    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NOT_READ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def parsed(text: str) -> tuple[yaml.MappingNode, dict[Any, Any]] | None:
    """The file as a node, which knows its lines, and as a mapping; None where it is none. Raises NotReadable."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if isinstance(root, yaml.MappingNode):
            return root, loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = f"Line {error.problem_mark.line + 1}" if error.problem_mark else "The file"
        raise NotReadable(f"{line} cannot be read: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:
        raise NotReadable(f"The file cannot be read: {' '.join(str(error).split())}.") from None
    return None


def lines_of(root: yaml.MappingNode, rows: str) -> list[int]:
    """The line of each of the list ``rows``. The last list counts, as for YAML, where one was merged in."""
    found = next(value for name, value in reversed(root.value) if name.value == rows)
    return [node.start_mark.line + 1 for node in found.value]


Head = TypeVar("Head", bound=BaseModel)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class RowFile(Generic[Head, Row]):
    """A kind of file: ``rows`` is its list of rows, each with a key of its own, ``head`` all of it unread.

    ``make`` makes a row of its head and what was typed, or raises ``bad``. ``wrong`` is raised for a file that is
    none, with one sentence for each thing to change. ``lacks`` is the sentence for a file without anything, ``whose``
    goes before a field of the head, ``needs`` says what a row needs, ``twice`` what a line has that has its key too.
    """

    rows: str
    noun: str
    head: type[Head]
    make: Callable[[Head, dict[str, Any]], Row]
    bad: type[Exception]
    wrong: Callable[[list[str]], Exception]
    said: Callable[[ErrorDetails], str]
    lacks: str
    whose: str
    needs: str
    twice: str

    def read(self, path: Path) -> list[Row]:
        """The rows of a file. Raises ``wrong``."""
        try:
            text = text_of(path)
        except NotReadable as error:
            raise self.wrong([str(error)]) from None
        return self.parse(text)

    def parse(self, text: str) -> list[Row]:
        """The rows of a text in YAML. Raises ``wrong``."""
        root, head = self._headed(text)
        problems: list[str] = []
        first_at: dict[str, int] = {}
        made = []
        for line, row in zip(lines_of(root, self.rows), getattr(head, self.rows), strict=True):
            if not isinstance(row, dict):
                problems.append(f"Line {line}: {row!r} is no {self.noun}: give it {self.needs}.")
                continue
            key = str(row.get("key", "")) or f"a {self.noun} without key"
            where = f"Line {line}, {key}"
            try:
                made.append(self.make(head, row))
            except self.bad as error:
                problems.append(f"{where}: {error}")
            seen = first_at.setdefault(key, line)
            if seen != line:
                problems.append(f"{where}: line {seen} has {self.twice} already: remove one of them.")
        if problems:
            raise self.wrong(problems)
        return made

    def _headed(self, text: str) -> tuple[yaml.MappingNode, Head]:
        try:
            found = parsed(text)
        except NotReadable as error:
            raise self.wrong([str(error)]) from None
        if found is None:
            raise self.wrong([self.lacks])
        root, content = found
        try:
            return root, self.head.model_validate(content)
        except ValidationError as error:
            raise self.wrong([f"{self.whose} {self.said(problem)}." for problem in error.errors()]) from None


def flow(row: Mapping[str, object]) -> str:
    """A row as one line."""
    return yaml.safe_dump(dict(row), default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)


def document(head: Mapping[str, object], rows: str, lines: list[str]) -> str:
    """A whole file: its head, and the lines under ``rows``."""
    body = "".join(f"  - {line}" for line in lines)
    return yaml.safe_dump(dict(head), sort_keys=False) + (f"{rows}:\n{body}" if body else f"{rows}: []\n")


def sentence(problem: ErrorDetails, *, noun: str, expected: Callable[[str, str], str | None]) -> str:
    """What is wrong with a field and what to write instead, without the full stop.

    ``expected`` says what a field is to be, by its name and the kind of the error.
    """
    field = ".".join(str(part) for part in problem["loc"])
    given, context = problem["input"], problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            said = "is missing: add it"
        case "extra_forbidden":
            said = f"is no field of a {noun}: remove it or correct its name"
        case "enum":
            said = f"is {given!r}, which is unknown: use {context['expected']}"
        case "greater_than_equal":
            said = f"is {given}: it must be at least {context['ge']}"
        case "value_error":
            said = str(context["error"])
        case kind if wanted := expected(field, kind):
            said = f"is {given!r}: {wanted}"
        case _:
            said = f"is {given!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
    return f"{field} {said}".strip()
