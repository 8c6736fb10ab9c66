"""Prompts as files: each with the agent that uses it, a version, and the variables that it may name."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.base import AgentName
from agents.llm import tokens
from agents.llm.port import Message, Prompt

FOLDER = Path(__file__).parent
VARIABLES = frozenset({"company", "asked", "known", "said"})
"""What a prompt may name: the company, our question, what is known by now, what the person said."""

_FIRST_TO_GO = "known"
_LAST_TO_GO = "said"


class BadPrompt(Exception):
    """A prompt file cannot be used; the text names the file, the line and what to change."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    agent: AgentName
    version: Annotated[int, Field(ge=1)]
    max_tokens: Annotated[int, Field(ge=1, le=1000)]
    temperature: Annotated[float, Field(ge=0, le=2)]
    variables: frozenset[str]
    system: Annotated[str, Field(min_length=1)]
    user: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A prompt before its variables are known. ``sha256`` is that of the file."""

    name: str
    agent: AgentName
    version: int
    sha256: str
    max_tokens: int
    temperature: float
    variables: frozenset[str]
    system: str
    user: str

    def rendered(self, values: Mapping[str, str], *, budget: int) -> Prompt:
        """The prompt with ``values``, within ``budget`` tokens together with its answer.

        Where it is too long, what is known is left out first, and then the beginning of what was said. Line breaks
        and quotes in values are evened out, so nothing in them looks like a part of the prompt.
        """
        even = {name: " ".join(value.replace('"', "'").split()) for name, value in values.items()}
        left = budget - self.max_tokens
        messages = self._messages(even)
        if (excess := tokens.count_messages(messages) - left) > 0 and even.get(_FIRST_TO_GO):
            even[_FIRST_TO_GO] = "-"
            messages = self._messages(even)
            excess = tokens.count_messages(messages) - left
        if excess > 0:
            said = even.get(_LAST_TO_GO, "")
            even[_LAST_TO_GO] = tokens.trimmed(said, tokens=max(tokens.count(said) - excess, 0))
            messages = self._messages(even)
        return Prompt(self.name, self.version, self.sha256, messages, self.max_tokens, self.temperature)

    @property
    def versioned(self) -> str:
        """Name and version, as they are recorded."""
        return f"{self.name}-{self.version}"

    def _messages(self, values: Mapping[str, str]) -> tuple[Message, Message]:
        system, user = (Template(text.strip()).substitute(values) for text in (self.system, self.user))
        return Message("system", system), Message("user", user)


def load(name: str, *, folder: Path = FOLDER) -> PromptTemplate:
    """The prompt of ``name``.toml. Raises BadPrompt, with the place in the file."""
    path = folder / f"{name}.toml"
    try:
        data = path.read_bytes()
        text = data.decode()
        file = _File.model_validate(tomllib.loads(text))
    except OSError as error:
        raise BadPrompt(f"{path.name}: cannot be read ({error.strerror}): put it into {folder}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadPrompt(f"{path.name}: is no TOML: {error}.") from error
    except ValidationError as error:
        raise BadPrompt("\n".join(_sentence(path.name, text, dict(one)) for one in error.errors())) from error
    _check_variables(path.name, text, file)
    return PromptTemplate(name=name, sha256=hashlib.sha256(data).hexdigest(), **file.model_dump())


def _check_variables(name: str, text: str, file: _File) -> None:
    if unknown := sorted(file.variables - VARIABLES):
        raise BadPrompt(
            f"{name}, line {_line(text, 'variables')}: there is no variable {unknown[0]!r}, only "
            f"{', '.join(sorted(VARIABLES))}."
        )
    used = set[str]()
    for field in ("system", "user"):
        template = Template(getattr(file, field))
        if not template.is_valid():
            raise BadPrompt(
                f"{name}, line {_line(text, field)}: {field} has a $ that names nothing: write $$ for one."
            )
        used |= set(template.get_identifiers())
    if undeclared := sorted(used - file.variables):
        raise BadPrompt(
            f"{name}, line {_line(text, '$' + undeclared[0], anywhere=True)}: ${undeclared[0]} is not among its "
            f"variables: {', '.join(sorted(file.variables))}."
        )
    if idle := sorted(file.variables - used):
        raise BadPrompt(f"{name}, line {_line(text, 'variables')}: {idle[0]!r} is not used: remove it, or use it.")


def _line(text: str, word: str, *, anywhere: bool = False) -> int:
    """The first line that begins with ``word``, or has it ``anywhere``; 1 where there is none."""
    lines = enumerate(text.splitlines(), start=1)
    return next((n for n, line in lines if (word in line if anywhere else line.startswith(word))), 1)


def _sentence(name: str, text: str, detail: Mapping[str, object]) -> str:
    location = detail["loc"]
    field = str(location[0]) if isinstance(location, tuple) and location else ""
    message = str(detail["msg"])
    if detail["type"] == "missing":
        return f"{name}: {field} is missing: add it."
    if detail["type"] == "extra_forbidden":
        return f"{name}, line {_line(text, field)}: {field} is none of a prompt's fields: remove it."
    return f"{name}, line {_line(text, field)}: {field}: {message[0].lower()}{message[1:]}."
