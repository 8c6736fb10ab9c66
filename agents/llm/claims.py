"""What a model may say that a turn means: one label of a closed set, checked against what the person said.

A claim only ever adds to what the rules read, and the rules' own agents act on it, with less confidence. What a yes
would settle (a time, a signed agreement, an opt-out) is theirs alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, Field

from agents.base import Scene
from agents.domain import entities
from agents.domain.entities import Financing, Motivation
from agents.domain.intents import Answer, Intent, Objection
from agents.domain.questions import Question
from agents.domain.text import normalise
from agents.domain.understanding import Reading
from agents.qualification import GUESSED, absorb
from agents.state import CallState

Meaning = Literal[
    "none", "yes", "no", "sell", "buy", "timeline", "price", "area",
    "cash", "pre_approved", "mortgage", "paid_off", "lender_needed",
    "job", "finances", "inherited", "space", "place", "retirement", "own_home", "investment", "personal", "curiosity",
    "not_interested", "already_done", "just_looking", "not_ready", "send_information", "worth", "commission", "rates",
    "spouse", "self_selling", "wait_market", "sell_first", "nowhere_to_go",
    "who_is_this", "robot_question", "how_got_number", "person_request", "has_agent", "bad_time", "callback",
    "not_here", "hold", "repeat", "do_not_know", "appointment", "fair_housing",
]  # fmt: skip
MEANINGS: tuple[str, ...] = get_args(Meaning)

_OBJECTIONS = frozenset(Objection) & set(MEANINGS)
_INTENTS = frozenset(Intent) & set(MEANINGS)
_FINANCINGS = frozenset(Financing) & set(MEANINGS) - _OBJECTIONS
_MOTIVATIONS = frozenset(Motivation) & set(MEANINGS)
_ASKED_BY: Mapping[str, Question] = {
    **dict.fromkeys(("sell", "buy"), Question.SIDE),
    **dict.fromkeys(_MOTIVATIONS, Question.MOTIVATION),
    **dict.fromkeys(_FINANCINGS, Question.FINANCING),
}
"""What no parser can check in the words counts as an answer to its question alone."""

_MAY_ANSWER = frozenset({Question.INTEREST, Question.OBJECTION, Question.STILL_THERE, Question.FINANCING})
"""Questions of which a yes or no settles nothing by itself."""

_LONGEST_ANSWER = _LONGEST_FIGURE = 6
"""Words of a quote that says yes or no, or names a price or a time: a longer one shows something else."""

_SHORT = 3
"""Letters of a word that shows nothing: a quote has to have a longer one, or be all that was said."""


class Claim(BaseModel):
    """A model's reading of a turn. ``quote`` are the person's words for it; ``value`` goes with three labels."""

    quote: str = Field(max_length=300)
    meaning: Meaning
    value: str = Field(default="", max_length=60)


class Unfounded(Exception):
    """The claim does not count; the text is why, in one word."""


def scene_with(claim: Claim, scene: Scene, *, topic: Question, side: str) -> Scene:
    """``scene`` as it is if ``claim`` is true. Raises Unfounded where what was said does not bear it out."""
    reading = _reading(claim, scene, topic=topic, now=scene.now)
    state = absorb(scene.state, reading, topic=topic, side=side)
    if claim.meaning in ("sell", "buy"):
        state = state.learn("side", claim.meaning, GUESSED)
    return replace(scene, reading=reading, state=state)


def tamed(state: CallState, before: CallState) -> CallState:
    """``state``, which a claim led to, with no more than a claim may do: what was known stays, what is new is a
    guess, and nothing is settled."""
    facts = {
        name: before.facts.get(name) or replace(fact, confidence=min(fact.confidence, GUESSED))
        for name, fact in state.facts.items()
    }
    return replace(state, facts=facts, settled=before.settled)


def _reading(claim: Claim, scene: Scene, *, topic: Question, now: datetime) -> Reading:
    reading, meaning = scene.reading, claim.meaning
    if meaning == "none":
        raise Unfounded("none")
    if not _said(claim.quote, reading.words):
        raise Unfounded("quote")
    if meaning in ("yes", "no"):
        if scene.state.question not in _MAY_ANSWER or not scene.state.heard_whole:
            raise Unfounded("binding")
        if len(claim.quote.split()) > _LONGEST_ANSWER:
            raise Unfounded("long")
        return replace(reading, answer=Answer(meaning))
    if meaning in _INTENTS:
        return replace(reading, intents=reading.intents | {Intent(meaning)})
    if meaning in _OBJECTIONS:
        return replace(reading, objection=Objection(meaning))
    if _ASKED_BY.get(meaning, topic) is not topic:
        raise Unfounded("unasked")
    if meaning in _MOTIVATIONS:
        return replace(reading, motivation=Motivation(meaning))
    if meaning in _FINANCINGS:
        return replace(reading, financing=Financing(meaning))
    return _with_value(claim, reading, now=now)


def _with_value(claim: Claim, reading: Reading, *, now: datetime) -> Reading:
    """With what the claim names, if the rules' own parsers read the same from the quote."""
    quote = claim.quote if len(claim.quote.split()) <= _LONGEST_FIGURE else ""
    if claim.meaning == "price":
        price = entities.money(quote, asked=True)
        if price is None or price != _whole(claim.value):
            raise Unfounded("price")
        return replace(reading, money=price)
    if claim.meaning == "timeline":
        months = entities.timeline_months(quote, now=now, asked=True)
        if months is None or months != _whole(claim.value):
            raise Unfounded("timeline")
        return replace(reading, months=months)
    if claim.meaning == "area":
        place = entities.location(claim.value, asked=True)
        if place is None or not _said(place, reading.words):
            raise Unfounded("area")
        return replace(reading, location=place)
    return reading


def _whole(value: str) -> int | None:
    """The whole number that ``value`` is, such as "450,000" or "$450000"."""
    bare = value.replace(",", "").replace("$", "").strip()
    return int(bare) if bare.isdecimal() and len(bare) <= 12 else None


def _said(quote: str, words: str) -> bool:
    """Whether ``quote`` stands in ``words``, and shows something."""
    quoted = normalise(quote)
    if not quoted or f" {quoted} " not in f" {words} ":
        return False
    return quoted == words or any(len(word) > _SHORT for word in quoted.split())
