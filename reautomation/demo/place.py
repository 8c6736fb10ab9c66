"""Where the demo's people live: where every gate lets them be called at this moment. No gate is switched off."""

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from calls.domain import phone
from calls.domain.compliance import DialRules, LeadFacts, allowed
from calls.domain.rules import RuleBook

DEMO_LASTS = timedelta(minutes=20)
CALLER_ENDING = "0199"


@dataclass(frozen=True, slots=True)
class Place:
    """``prefix`` followed by four digits is a number set aside for fiction there."""

    name: str
    prefix: str


PLACES = (
    Place("New York", "+1212555"),
    Place("Chicago", "+1312555"),
    Place("Denver", "+1303555"),
    Place("Los Angeles", "+1213555"),
    Place("Honolulu", "+1808555"),
    Place("Guam", "+1671555"),
    Place("San Juan", "+1787555"),
    Place("London", "+44207946"),
)


def facts_of(place: Place) -> LeadFacts:
    number = place.prefix + CALLER_ENDING
    country, state = phone.country_of(number), phone.state_of(number)
    return LeadFacts(
        country="US" if state else country,
        states=(state,) if state else (),
        zones=phone.zones_of(number),
        number=number,
    )


def place_for(now: datetime, rules: DialRules, book: RuleBook) -> Place:
    """The first place that may be called now and until the demo is over. There is one at any hour of the year."""
    for place in PLACES:
        facts = facts_of(place)
        if allowed(facts, now, rules, book) and allowed(facts, now + DEMO_LASTS, rules, book):
            return place
    raise LookupError(f"Nobody may be called at {now:%H:%M} UTC.")


def move_people(source: Path, target: Path, place: Place) -> list[str]:
    """Write ``source`` again with every number moved to ``place``, its last four digits kept; the new numbers."""
    with source.open(newline="", encoding="utf-8") as read:
        reader = csv.DictReader(read)
        rows = [{**row, "phone": place.prefix + row["phone"][-4:]} for row in reader]
        columns = reader.fieldnames or []
    with target.open("w", newline="", encoding="utf-8") as written:
        writer = csv.DictWriter(written, columns)
        writer.writeheader()
        writer.writerows(rows)
    return [row["phone"] for row in rows]
