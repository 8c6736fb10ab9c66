"""How quick and how usable the configured language model is, over 50 turns that the rules cannot read.

``python -m bench.models`` with ``LLM_BACKEND`` and its companions set, as for calls. Each turn goes the way of a
call: the prompts, the deadlines, the checks; the cache is off.
"""

import asyncio
import statistics
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter

from agents.dialogue import start
from agents.domain.types import Brief, Heard, ModelUse, Step
from agents.llm.assembly import interpreter, language_model
from agents.llm.config import ModelConfig
from agents.llm.interpreter import Interpreter
from reautomation import env

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
BRIEF = Brief("bench", "Summit Realty", "Ava", "+13035550100", "Maria Lopez", "America/Denver", interest="sell")
SAID = (
    "We do dream of it.", "The grandkids painted the fence purple.", "Could be, could be.", "It crosses my mind.",
    "Depends on the day of the week.", "My husband is up on the roof.", "Is it raining where you are?",
    "Hard to say with the dog barking.", "I suppose we might at some point.", "That ship has sailed, honey.",
    "How long have you folks been around?", "Do you also do barns?", "What happens after I talk to an agent?",
    "Do I have to be there for it?", "Who would come to the house?", "Can you come on a weekend?",
    "We are in two minds about it.", "The roof leaks and the porch is crooked.",
    "I have a parrot that talks like you.", "Not in this lifetime.", "Only if pigs fly.",
    "The stairs are getting to my knees.", "It is too big for the two of us.", "Is there any paperwork?",
    "Do you take pictures of the place?", "Would strangers walk through my kitchen?",
    "I had a bad experience once.", "Last fellow who called was rude.", "Everything costs so much these days.",
    "I was just about to feed the chickens.", "Somebody else in the family handles that.",
    "Let me think out loud here.", "It was my grandmother's house.", "We just put in a new kitchen.",
    "That is a big step.", "You sound very cheerful.", "I would have to clean out the garage.",
    "What is a closing?", "How does one even start?", "Do you know our street?",
    "The county wants to widen the road.", "There is a well on the lot.", "My back is killing me.",
    "It is snowing sideways.", "We came here for the mountains.", "Could you speak a little slower?",
    "Is it true that you record this?", "It all depends on my sister.", "You must hear that all day.",
    "I am up to my elbows in bread dough.",
)  # fmt: skip


async def measure(config: ModelConfig) -> dict[str, list[ModelUse]]:
    """Every use by its prompt's name, and prints how long people waited."""
    asked = interpreter(replace(config, cache_s=0))
    model = language_model(config)
    assert asked is not None
    assert model is not None
    began = perf_counter()
    await model.warm(told=lambda _: None)
    await model.close()
    print(f"{config.model} at {config.url}, loaded in {perf_counter() - began:.1f} s")
    uses: dict[str, list[ModelUse]] = {"reading": [], "aside": []}
    waits, gains, said = list[float](), list[float](), Counter[str]()
    await _said(asked, SAID[0])  # servers keep what prompts have in common: the first turn does not count
    for line in SAID:
        wait_s, steps = await _said(asked, line)
        if not steps:
            said["read by the rules"] += 1
            continue
        waits.append(wait_s)
        found = {name: step.use for name, step in steps.items() if step.use is not None}
        for name, use in found.items():
            uses[name].append(use)
        counted = [name for name in uses if name in found and not found[name].dropped]
        said["meaning" if "reading" in counted else "words" if counted else "rules' own reply"] += 1
        if counted == ["aside"]:
            gains.append(_gain_s(steps["reading"], steps["aside"]))
    await asked.close()
    print(f"turns: {dict(said)}")
    there = sum(gain_s <= 0 for gain_s in gains)
    print(f"words were whole before the meaning was decided in {there} of {len(gains)} turns that spoke them")
    print(f"their first clause alone would have saved {sorted(round(gain_s * 1000) for gain_s in gains)} ms")
    print(f"waited p50 {_p(waits, 50):.0f}, p95 {_p(waits, 95):.0f}, most {max(waits) * 1000:.0f} ms")
    return uses


def _gain_s(reading: Step, aside: Step) -> float:
    """Seconds by which the first clause of words that were spoken could have been spoken earlier: not before it was
    known that the turn has no meaning for the rules, which goes first."""
    assert aside.use is not None
    whole_s, decided_s = aside.duration_us / 1e6, reading.duration_us / 1e6
    first_s = (aside.use.first_ms or 0) / 1000
    return max(whole_s, decided_s) - max(first_s, decided_s)


async def _said(asked: Interpreter, line: str) -> tuple[float, dict[str, Step]]:
    """Seconds until the reply to ``line``, and the uses of the model by their prompt."""
    dialogue = start(BRIEF, interpreter=asked)
    dialogue.opening(now=NOW)
    began = perf_counter()
    reply = await dialogue.reply(Heard(line, NOW), now=NOW)
    return perf_counter() - began, {step.name: step for step in reply.steps if step.use is not None}


def report(name: str, uses: list[ModelUse]) -> None:
    """One prompt's figures."""
    firsts = [use.first_ms / 1000 for use in uses if use.first_ms is not None]
    used = sum(not use.dropped for use in uses)
    print(
        f"{name}: {len(uses)} asked, {used} used; dropped {dict(Counter(use.dropped for use in uses if use.dropped))}"
    )
    if len(firsts) > 1:
        print(f"  first clause p50 {_p(firsts, 50):.0f}, p95 {_p(firsts, 95):.0f} ms of {len(firsts)} that had one")
    counts = [(use.tokens_in, use.tokens_out) for use in uses if use.tokens_in and use.tokens_out]
    if counts:
        means = [statistics.fmean(column) for column in zip(*counts, strict=True)]
        print(f"  tokens in {means[0]:.0f}, out {means[1]:.0f} on average")


def _p(seconds: list[float], percent: int) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000


def main() -> int:
    config = env.language_model(env.read(), cache_url="")
    if config.backend == "none":
        print("No language model is configured: set LLM_BACKEND, see docs/models.md.", file=sys.stderr)
        return 2
    for name, uses in asyncio.run(measure(config)).items():
        report(name, uses)
    return 0


if __name__ == "__main__":
    sys.exit(main())
