"""Was it a good call? Each check passes or fails, with its place. What the law wants comes first.

The limits on how a call is talked are the project's own aims, stated here; none is a law.
"""

import re
from collections.abc import Iterable, Sequence

from agents.after.measures import cut_in, measured, monologue_at
from agents.after.phrases import pattern
from agents.after.types import Check, CheckName, Measures, Said, Verdict
from agents.after.unanswered import unanswered
from agents.domain.questions import Question
from agents.domain.text import normalise, sentences
from agents.domain.types import Brief, Disposition, Outcome
from agents.opting_out import says_to_stop, wants_removal

MOST_AGENT_SHARE = 0.8
"""Of the time that somebody spoke after the opening. People answer questions in few words; more is a lecture."""
TALK_FROM_S = 60.0
"""Shorter calls are mostly the disclosure, so shares say nothing of them."""
MOST_WORDS = 18
"""Median of our turns."""
MOST_CUT_IN = 1
MOST_MONOLOGUE_S = 25.0
"""The disclosure takes about ten seconds."""
MOST_SILENCE = 0.5
_FEWEST_TURNS = 5
_UNREACHED = frozenset({Disposition.VOICEMAIL, Disposition.NO_ANSWER, Disposition.BUSY, Disposition.BAD_NUMBER})
_KEY = "[key 9]"
_WAY_OUT = re.compile(r"\bsay stop or press (?:nine|9)\b")
_RECORDED = re.compile(r"\brecorded\b")
_AI = re.compile(r"\b(?:ai|a i|artificial intelligence) assistant\b")
_FAREWELL = re.compile(r"\bgood ?bye\b|\btake care\b")
_REFUSAL = pattern("never", "refusal")


def checked(transcript: Sequence[Said], brief: Brief, outcome: Outcome) -> tuple[Check, ...]:
    """Every check of ``CheckName``, in its order."""
    figures = measured(transcript)
    ours = [said for said in transcript if said.of_us and said.is_speech]
    return (
        _disclosure(ours, brief, outcome),
        _opt_out(transcript, brief, outcome),
        _unsaid(CheckName.NO_PROMISE, ours, "promise", "a promise"),
        _unsaid(CheckName.NO_PRICE, ours, "price", "a price or a forecast"),
        _unsaid(CheckName.NO_ADVICE, ours, "advice", "legal or lending advice, or a word on who lives where"),
        _one_question(ours),
        *_talk(transcript, ours, figures),
        _questions(transcript),
    )


def _check(name: CheckName, told: str, turns: Iterable[int] = (), *, failed: bool | None = None) -> Check:
    """It fails where there are ``turns``, or as ``failed`` says."""
    places = tuple(turns)
    bad = bool(places) if failed is None else failed
    return Check(name, Verdict.FAIL if bad else Verdict.PASS, told, places if bad else ())


def _none(name: CheckName, told: str) -> Check:
    return Check(name, Verdict.NOT_APPLICABLE, told)


def _disclosure(ours: Sequence[Said], brief: Brief, outcome: Outcome) -> Check:
    """The statements of the opening in one turn of ours, before anything else was asked of the person."""
    name = CheckName.DISCLOSURE
    if outcome.disposition in _UNREACHED:
        return _none(name, "Nobody was reached.")
    if not ours:
        return _none(name, "The agent said nothing.")
    for place, said in enumerate(ours):
        if not (missing := _missing(said.text, brief)):
            return _check(name, "Said and heard whole.", (early.seq for early in ours[:place] if "?" in early.text))
        if said.interrupted and all(_FAREWELL.search(normalise(later.text)) for later in ours[place + 1 :]):
            return _none(name, "The call was over before it was heard whole.")
    first = _missing(ours[0].text, brief)
    return _check(name, f"Not heard whole: {', '.join(first or missing)}.", [ours[0].seq])


def _missing(text: str, brief: Brief) -> list[str]:
    words = normalise(text)
    wanted = (
        ("that it is an AI assistant", _AI.search(words)),
        ("the company", normalise(brief.company) in words),
        ("the recording", not brief.recorded or _RECORDED.search(words)),
        ("how to opt out", _WAY_OUT.search(words)),
    )
    return [what for what, there in wanted if not there]


def _opt_out(transcript: Sequence[Said], brief: Brief, outcome: Outcome) -> Check:
    """After the words that opt out, or agree to our question about it, comes one farewell without a question, and the
    number is on the list."""
    name = CheckName.OPT_OUT
    asks = frozenset(wording for side in ("sell", "buy") for wording in brief.script.wordings(Question.REMOVAL, side))
    places = [place for place in range(len(transcript)) if _opts_out(transcript, place, asks)]
    if not places or outcome.disposition in _UNREACHED:
        return _none(name, "Nobody asked not to be called.")
    asked = transcript[places[0]]
    after = [said for said in transcript[places[0] + 1 :] if said.of_us and said.is_speech]
    late = [said.seq for said in after if "?" in said.text] + [said.seq for said in after[1:]]
    if outcome.disposition is not Disposition.DO_NOT_CALL:
        return _check(name, "Asked for, and the number was not put on the list.", [asked.seq, *late])
    if late:
        return _check(name, "Asked for, and the talk went on.", dict.fromkeys([asked.seq, *late]))
    return _check(name, "Honoured at once.")


def _opts_out(transcript: Sequence[Said], place: int, asks: frozenset[str]) -> bool:
    """Whether the turn at ``place`` opts out; ``asks`` are the wordings of our question whether it does."""
    said = transcript[place]
    if said.of_us:
        return False
    if said.text.strip() == _KEY:
        return True
    if not said.is_speech:
        return False
    ours = next((one.text for one in reversed(transcript[:place]) if one.of_us and one.is_speech), "")
    asked = any(ours.endswith(wording) for wording in asks)
    return says_to_stop(said.text) or (asked and wants_removal(said.text))


def _unsaid(name: CheckName, ours: Sequence[Said], phrases: str, what: str) -> Check:
    found = pattern("never", phrases)
    places = [said.seq for said in ours if any(_states(one, found) for one in sentences(said.text))]
    return _check(name, f"The agent said what sounds like {what}." if places else "Nothing of the kind.", places)


def _states(sentence: str, found: re.Pattern[str]) -> bool:
    """A question states nothing, nor does a refusal ("I cannot give a figure")."""
    words = normalise(sentence)
    return not sentence.endswith("?") and found.search(words) is not None and _REFUSAL.search(words) is None


def _one_question(ours: Sequence[Said]) -> Check:
    places = [said.seq for said in ours if said.text.count("?") > 1]
    return _check(CheckName.ONE_QUESTION, "Several at once." if places else "Never more than one at once.", places)


def _talk(transcript: Sequence[Said], ours: Sequence[Said], figures: Measures) -> Iterable[Check]:
    long_enough = figures.talk_s >= TALK_FROM_S
    if long_enough and figures.agent_share is not None:
        told = (
            f"The agent spoke for {figures.agent_share:.0%} of the talk; the aim is at most {MOST_AGENT_SHARE:.0%}."
        )
        yield _check(CheckName.TALK_RATIO, told, failed=figures.agent_share > MOST_AGENT_SHARE)
    else:
        yield _none(CheckName.TALK_RATIO, f"The talk was shorter than {TALK_FROM_S:.0f} s.")
    if len(ours) >= _FEWEST_TURNS and figures.median_words is not None:
        told = f"{figures.median_words:g} words in the median turn of the agent; the aim is at most {MOST_WORDS}."
        yield _check(CheckName.WORDS_PER_TURN, told, failed=figures.median_words > MOST_WORDS)
    else:
        yield _none(CheckName.WORDS_PER_TURN, "The agent said too little to tell.")
    cuts = cut_in(transcript)
    told = f"The agent began {len(cuts)} times while the person spoke; the aim is at most {MOST_CUT_IN}."
    yield _check(CheckName.INTERRUPTIONS, told, cuts, failed=len(cuts) > MOST_CUT_IN)
    told = f"{figures.monologue_s:g} s without a word of the person; the aim is at most {MOST_MONOLOGUE_S:g} s."
    yield _check(CheckName.MONOLOGUE, told, monologue_at(transcript), failed=figures.monologue_s > MOST_MONOLOGUE_S)
    if long_enough and figures.silence_share is not None:
        told = f"Nobody spoke for {figures.silence_share:.0%} of the talk; the aim is at most {MOST_SILENCE:.0%}."
        yield _check(CheckName.SILENCE, told, failed=figures.silence_share > MOST_SILENCE)
    else:
        yield _none(CheckName.SILENCE, f"The talk was shorter than {TALK_FROM_S:.0f} s.")


def _questions(transcript: Sequence[Said]) -> Check:
    places = unanswered(transcript)
    told = "The person asked what the agent did not answer." if places else "No question was left open."
    return _check(CheckName.QUESTIONS_ANSWERED, told, places)
