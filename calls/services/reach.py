"""Who of a campaign's leads can be called, and why the others cannot: asked before it starts and while it runs."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from calls.domain.compliance import Never, Wait
from calls.domain.gates import CAMPAIGN_GATE_NAMES
from calls.models import Call, Campaign, Lead
from calls.models.lead import LeadStatus
from calls.services import gates
from calls.services.gates import Decided

_ASKED = 100
_REASONS = 4


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a lead is not called now. ``for_good``: it never is, as things stand; else ``until`` where known."""

    text: str
    for_good: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What is said of some open leads; ``asked`` is how many, ``all`` whether there are no more.

    ``obstacles`` are the reasons with how many leads have them, the commonest first.
    """

    asked: int
    all: bool
    dialable: int
    obstacles: tuple[tuple[Obstacle, int], ...]

    @property
    def nobody_ever(self) -> bool:
        """Whether every open lead was looked at, and none can ever be called as things stand."""
        for_good = sum(count for one, count in self.obstacles if one.for_good)
        return self.all and 0 < self.asked == for_good

    def sentences(self) -> list[str]:
        """Such as ``12 of 40 leads: There is no written consent to calls by an artificial voice.``"""
        return [f"{count} of {self.asked} leads: {one.text}{_from(one)}" for one, count in self.obstacles[:_REASONS]]


def survey(campaign: Campaign, *, now: datetime, most: int = _ASKED) -> Survey:
    """Look at up to ``most`` of the campaign's open leads, a list after the other. Nothing is written down."""
    waiting = Lead.objects.filter(campaign=campaign, status=LeadStatus.OPEN).select_related("list")
    found_leads = list(waiting.as_indexed()[: most + 1])
    leads = found_leads[:most]
    numbers = [lead.phone for lead in leads]
    busy = set(Call.objects.unfinished().filter(to_number__in=numbers).values_list("to_number", flat=True))
    found: Counter[str] = Counter()
    first: dict[str, Obstacle] = {}
    for lead, decision in zip(leads, gates.ask_all(leads, campaign, now=now), strict=True):
        if obstacle := _UNDER_WAY if lead.phone in busy else _obstacle(lead, decision, now=now):
            found[obstacle.text] += 1
            first[obstacle.text] = _sooner(first.get(obstacle.text, obstacle), obstacle)
    obstacles = tuple((first[text], count) for text, count in found.most_common())
    return Survey(len(leads), len(found_leads) == len(leads), len(leads) - found.total(), obstacles)


_UNDER_WAY = Obstacle("A call to the number is under way.")


def _obstacle(lead: Lead, decision: Decided, *, now: datetime) -> Obstacle | None:
    """What lasts goes before what passes."""
    if isinstance(decision, Never):
        return Obstacle(decision.reason, for_good=True)
    if lead.list is not None and not lead.list.active:
        return Obstacle(f"The list {lead.list.name!r} is switched off: switch it on.")
    if isinstance(decision, Wait):
        closed = {verdict.gate for verdict in decision.verdicts if not verdict.passed}
        # A stop or a rate has no end that is known: its gate is only asked again then.
        return Obstacle(decision.reason, until=None if closed & CAMPAIGN_GATE_NAMES else decision.until)
    if lead.next_attempt_at > now:
        return Obstacle("The next attempt is due later.", until=lead.next_attempt_at)
    return None


def _from(one: Obstacle) -> str:
    return f" The first may be called at {one.until:%Y-%m-%d %H:%M} UTC." if one.until else ""


def _sooner(one: Obstacle, other: Obstacle) -> Obstacle:
    return other if one.until and other.until and other.until < one.until else one


def why_nobody(campaign: Campaign, *, now: datetime) -> str:
    """The end of a sentence that says why no lead of the campaign can ever be called; '' where one may be."""
    found = survey(campaign, now=now)
    if not found.nobody_ever:
        return ""
    said = "; ".join(sentence.rstrip(".") for sentence in found.sentences())
    return f"none of its open leads may ever be called ({said})"
