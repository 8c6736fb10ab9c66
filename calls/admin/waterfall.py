"""The steps of a call as bars: a row for each reply, its steps side by side where they ran."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.base import AgentName
from calls.admin.base import counted
from calls.admin.charts import Bar
from calls.models import AgentExecution, Call
from calls.models.trace import AFTER_CALL

WIDTH, LANE = 1000, 8
"""Of the SVG: nodes are on the first lane, uses of a model below them."""
_THIN = 4
_ANOTHER_REPLY = timedelta(milliseconds=500)
_AGENTS = frozenset(name.value for name in AgentName)


@dataclass(frozen=True, slots=True)
class StepBar:
    """``kind`` is "agent", "node", "model" or "dropped"."""

    bar: Bar
    kind: str


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """What one reply took. ``uses`` are its uses of a model, a sentence each."""

    turn: int
    agent: str
    decision: str
    took: str
    bars: list[StepBar]
    uses: list[str]


@dataclass(frozen=True, slots=True)
class Work:
    """All replies of a call; ``told`` sums them up. ``after`` are the uses of a model once it was over."""

    rows: list[ReplyRow]
    told: str
    after: list[str]


def work_of(call: Call) -> Work | None:
    """How the agent worked on ``call``; None where it did not."""
    found = list(AgentExecution.objects.filter(trace=call.pk))
    if not found:
        return None
    steps = [step for step in found if step.part != AFTER_CALL]
    after = [_use(step) for step in found if step.part == AFTER_CALL]
    in_all = length(sum(step.duration_us for step in steps))
    return Work(waterfall(steps), f"{counted(len(steps), 'step', 'steps')}, {in_all} in all", after)


def length(us: int) -> str:
    """Microseconds for reading: ``0.31 ms``, ``42 ms``, ``1.2 s``."""
    if us < 10_000:
        return f"{us / 1000:.2f} ms"
    return f"{us / 1000:.0f} ms" if us < 1_000_000 else f"{us / 1_000_000:.1f} s"


def waterfall(steps: Iterable[AgentExecution]) -> list[ReplyRow]:
    """The rows of ``steps``, which come in their order; all bars have one scale, that of the longest reply."""
    replies = list(_replies(steps))
    longest = max((_end(reply) - reply[0].started_at for reply in replies), default=timedelta(0))
    return [_row(reply, longest or timedelta(microseconds=1)) for reply in replies]


def _replies(steps: Iterable[AgentExecution]) -> Iterator[list[AgentExecution]]:
    """A turn may hold several: one that was answered without a word has no turn of its own."""
    reply: list[AgentExecution] = []
    for step in steps:
        if reply and (step.turn != reply[0].turn or step.started_at - _end(reply) > _ANOTHER_REPLY):
            yield reply
            reply = []
        reply.append(step)
    if reply:
        yield reply


def _end(reply: list[AgentExecution]) -> datetime:
    return max(step.started_at + timedelta(microseconds=step.duration_us) for step in reply)


def _row(reply: list[AgentExecution], longest: timedelta) -> ReplyRow:
    start = min(step.started_at for step in reply)
    agent = next((step.agent for step in reply if step.agent in _AGENTS), reply[-1].agent)
    return ReplyRow(
        turn=reply[0].turn,
        agent=_words(agent),
        decision=_words(reply[-1].decision),
        took=length((_end(reply) - start) // timedelta(microseconds=1)),
        bars=[_bar(step, start, longest) for step in reply],
        uses=[_use(step) for step in reply if step.model],
    )


def _bar(step: AgentExecution, start: datetime, longest: timedelta) -> StepBar:
    x = (step.started_at - start) / longest * WIDTH
    width = max(timedelta(microseconds=step.duration_us) / longest * WIDTH, _THIN)
    told = f"{_words(step.agent)}: {length(step.duration_us)}"
    title = f"{told}, {_words(step.decision)}" if step.decision else told
    kind = "agent" if step.agent in _AGENTS else "node"
    if step.model:
        kind = "dropped" if step.dropped_reason else "model"
    y = LANE + 2 if step.model else 0
    return StepBar(Bar(round(min(x, WIDTH - _THIN), 1), y, round(width, 1), LANE, title), kind)


def _use(step: AgentExecution) -> str:
    """``llama3.1:8b, prompt 3 (1f2e3d4c): 812 tokens in, 40 out, $0.000120, 640 ms, began after 280 ms``."""
    prompt = f", prompt {step.prompt_version} ({step.prompt_hash[:8]})" if step.prompt_version else ""
    took = []
    if step.tokens_in is not None or step.tokens_out is not None:
        about = "about " if step.tokens_estimated else ""
        took.append(f"{about}{step.tokens_in or 0:,} tokens in, {step.tokens_out or 0:,} out")
    if step.cost_usd is not None:
        took.append(f"${step.cost_usd:.6f}")
    took.append(length(step.duration_us))
    if step.first_ms is not None:
        took.append(f"began after {length(step.first_ms * 1000)}")
    if step.cached:
        took.append("from the cache")
    if step.dropped_reason:
        took.append(f"not used: {_words(step.dropped_reason)}")
    return f"{step.model}{prompt}: {', '.join(took)}"


def _words(name: str) -> str:
    return name.replace("_", " ")
