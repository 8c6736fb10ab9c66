"""What the frame hands in to have a language model; importing this loads no model library."""

from dataclasses import dataclass, field
from typing import Literal

from agents.llm.port import Patience

Backend = Literal["none", "ollama", "openai"]
OWN = "llm.local"
"""The rate card's key for tokens of a model that nobody bills us for."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """``backend`` "openai" is any server that speaks OpenAI's chat completions, such as vLLM or llama.cpp.

    ``concurrency`` requests run at a time, of this process; another waits ``queue_s`` for its turn at most.
    ``context_tokens`` holds a prompt and its answer.
    ``after_call_s`` is how long it may take over a call that is over; 0: it is not asked then. ``cache_s`` of 0 keeps
    no answers. ``rate`` is how the rate card's keys for its tokens begin, "" for a model on machines of one's own.
    """

    backend: Backend = "none"
    url: str = ""
    model: str = ""
    api_key: str = field(default="", repr=False)
    first_clause_s: float = 0.9
    reply_s: float = 2.0
    concurrency: int = 4
    queue_s: float = 0.1
    context_tokens: int = 2048
    after_call_s: float = 60.0
    cache_url: str = field(default="", repr=False)
    cache_s: int = 86_400
    rate: str = ""

    @property
    def components(self) -> tuple[str, str]:
        """The rate card's keys for tokens in and tokens out."""
        return (f"{self.rate}.in", f"{self.rate}.out") if self.rate else (OWN, OWN)

    @property
    def adds_to_analyses(self) -> bool:
        """Whether it is asked about calls that are over."""
        return self.backend != "none" and self.after_call_s > 0

    @property
    def patience(self) -> Patience:
        """How long a turn waits for the model."""
        return Patience(self.first_clause_s, self.reply_s)
