"""Figures of how a call was talked, from the transcript alone."""

from collections.abc import Sequence
from statistics import median

from agents.after.types import Measures, Said

CUT_IN_MS = 300
"""A turn of ours that begins so long before the person's ends has cut in; less is how people take turns."""


def measured(transcript: Sequence[Said]) -> Measures:
    """The figures of ``transcript``; a masked turn keeps its time, and has no words."""
    turns = sorted(transcript, key=lambda said: (said.start_ms, said.seq))
    opening = next((said for said in turns if said.of_us), None)
    after = [said for said in turns if said is not opening]
    ours, theirs = _ms(after, of_us=True), _ms(after, of_us=False)
    words = [said.words for said in turns if said.of_us and said.words]
    spoken, span = _covered(turns), _span(turns)
    return Measures(
        talk_s=round(span / 1000, 1),
        agent_share=round(ours / (ours + theirs), 3) if ours + theirs else None,
        silence_share=round(1 - spoken / span, 3) if span else None,
        median_words=median(words) if words else None,
        agent_words=sum(words),
        lead_words=sum(said.words for said in turns if not said.of_us),
        interrupted=sum(said.of_us and said.interrupted for said in turns),
        cut_in=len(cut_in(turns)),
        monologue_s=round(_monologue(turns)[0] / 1000, 1),
    )


def cut_in(transcript: Sequence[Said]) -> tuple[int, ...]:
    """Turns of ours that began while the person spoke."""
    theirs = [said for said in transcript if not said.of_us and said.is_speech]
    return tuple(
        ours.seq
        for ours in transcript
        if ours.of_us and any(one.start_ms < ours.start_ms < one.end_ms - CUT_IN_MS for one in theirs)
    )


def monologue_at(transcript: Sequence[Said]) -> tuple[int, ...]:
    """The turns of the longest time that we spoke without a word of the person."""
    return _monologue(sorted(transcript, key=lambda said: (said.start_ms, said.seq)))[1]


def _ms(turns: Sequence[Said], *, of_us: bool) -> int:
    return sum(max(0, said.end_ms - said.start_ms) for said in turns if said.of_us is of_us)


def _span(turns: Sequence[Said]) -> int:
    return max(said.end_ms for said in turns) - turns[0].start_ms if turns else 0


def _covered(turns: Sequence[Said]) -> int:
    """Milliseconds in which somebody spoke, two at once counted once. ``turns`` are in the order of their start."""
    covered, until = 0, 0
    for said in turns:
        covered += max(0, said.end_ms - max(said.start_ms, until))
        until = max(until, said.end_ms)
    return covered


def _monologue(turns: Sequence[Said]) -> tuple[int, tuple[int, ...]]:
    longest: tuple[Said, ...] = ()
    run: tuple[Said, ...] = ()
    for said in turns:
        run = (*run, said) if said.of_us else ()
        longest = max(longest, run, key=lambda one: _ms(one, of_us=True))
    return _ms(longest, of_us=True), tuple(said.seq for said in longest)
