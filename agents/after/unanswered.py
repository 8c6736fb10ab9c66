"""Questions of the person that got no answer, by rules: in doubt a question counts as answered."""

from collections.abc import Sequence

from agents.after.phrases import pattern
from agents.after.types import Said
from agents.domain import intents
from agents.domain.intents import Intent, Objection
from agents.domain.opt_out import opts_out
from agents.domain.text import clauses, normalise, sentences

_ASKS, _ABOUT_A_TIME = pattern("questions", "asks"), pattern("questions", "time")
_ANSWERED_BY_RULE = frozenset(
    {
        Intent.ROBOT_QUESTION, Intent.WHO_IS_THIS, Intent.HOW_GOT_NUMBER, Intent.PERSON_REQUEST, Intent.REPEAT,
        Intent.FAIR_HOUSING, Intent.HOLD, Intent.CALLBACK, Intent.GREETING, Intent.SCREENING, Intent.WRONG_NUMBER,
        Intent.APPOINTMENT, Intent.BAD_TIME,
    }
)  # fmt: skip
"""What the agents have an answer to of their own."""
_SMALL = frozenset({"what", "when", "where", "which", "would", "could", "should", "about", "there", "their", "they",
    "this", "that", "with", "from", "have", "your", "does"})  # fmt: skip
_LETTERS = 4
"""Words that share so many letters at their beginning are taken for one: "schools" and "school"."""


def unanswered(transcript: Sequence[Said]) -> tuple[int, ...]:
    """The turns of the person whose question we neither have an answer to by rule nor took up in our next words."""
    return tuple(
        said.seq
        for place, said in enumerate(transcript)
        if not said.of_us and said.is_speech and _open(said.text, _next_of_us(transcript, place))
    )


def _next_of_us(transcript: Sequence[Said], place: int) -> str | None:
    """What we said between this turn and the person's next; None where the call was over first."""
    ours: list[str] = []
    for said in transcript[place + 1 :]:
        if not said.of_us and ours:
            break
        if said.of_us:
            ours.append(said.text)
    return " ".join(ours) if ours else None


def _open(text: str, reply: str | None) -> bool:
    if not _is_question(text) or opts_out(text):
        return False
    words = normalise(text)
    purpose = intents.read(words)
    if purpose.intents & _ANSWERED_BY_RULE or purpose.objections & set(Objection):
        return reply is None and not purpose.intents & {Intent.GREETING, Intent.HOLD, Intent.WRONG_NUMBER}
    if reply is None:
        return True
    if _ABOUT_A_TIME.search(words) and _ABOUT_A_TIME.search(normalise(reply)):
        return False
    stated = " ".join(sentence for sentence in sentences(reply) if not sentence.endswith("?"))
    return not _subjects(words) & _subjects(normalise(stated))


def _is_question(text: str) -> bool:
    """A question mark, or a clause that begins as questions do and has more than two words."""
    return "?" in text or any(_ASKS.search(words) and len(words.split()) > 2 for words in clauses(text))


def _subjects(words: str) -> set[str]:
    return {word[:_LETTERS] for word in words.split() if len(word) >= _LETTERS and word not in _SMALL}
