"""A call in two or three plain sentences, as somebody would tell them who had listened."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from agents.domain import spoken
from agents.domain.entities import Financing, Motivation
from agents.domain.intents import Objection
from agents.domain.times import zone_of
from agents.domain.types import Brief, Disposition

HEADLINES: Mapping[Disposition, str] = {
    Disposition.APPOINTMENT: "Booked an appointment",
    Disposition.QUALIFIED: "Qualified, no appointment yet",
    Disposition.CALLBACK_REQUESTED: "Asked for a call back",
    Disposition.NOT_INTERESTED: "Not interested",
    Disposition.DO_NOT_CALL: "Asked not to be called again",
    Disposition.WRONG_NUMBER: "Wrong number",
    Disposition.HAS_AGENT: "Has signed with another agent",
    Disposition.VOICEMAIL: "Reached a voicemail; no message left",
    Disposition.HUNG_UP: "The call ended before anything was settled",
    Disposition.NO_ANSWER: "Nobody spoke",
    Disposition.BAD_NUMBER: "No person can be reached at this number",
    Disposition.TRANSFERRED: "Put through to a person",
    Disposition.FAILED: "The call broke off through a fault of ours",
}
_REASONS: Mapping[str, str] = {
    Motivation.JOB: "the reason is work",
    Motivation.FINANCES: "the reason is money",
    Motivation.INHERITED: "the home was inherited",
    Motivation.SPACE: "the reason is the size of the home",
    Motivation.PLACE: "the reason is the place",
    Motivation.RETIREMENT: "the reason is retirement",
    Motivation.OWN_HOME: "the reason is to stop renting",
    Motivation.INVESTMENT: "it is an investment",
    Motivation.PERSONAL: "the reason is personal",
    Motivation.CURIOSITY: "it is curiosity so far",
}
_FINANCES: Mapping[str, str] = {
    Financing.CASH: "it would be paid in cash",
    Financing.PRE_APPROVED: "a loan is approved",
    Financing.PAID_OFF: "the home is paid off",
    Financing.MORTGAGE: "there is a mortgage on the home",
    Financing.SELL_FIRST: "another home has to be sold first",
    Financing.LENDER_NEEDED: "a lender is still needed",
}
_AGENTS: Mapping[str, str] = {
    "none": "no other agent is involved",
    "informal": "another agent helps without an agreement",
    "some": "another agent is involved",
}
_OBJECTIONS: Mapping[str, str] = {
    Objection.NOT_INTERESTED: "not being interested",
    Objection.ALREADY_DONE: "having bought or sold already",
    Objection.JUST_LOOKING: "only looking",
    Objection.NOT_READY: "not being ready",
    Objection.SEND_INFORMATION: "wanting information first",
    Objection.WORTH: "wanting to know what the home is worth",
    Objection.COMMISSION: "the commission",
    Objection.RATES: "interest rates",
    Objection.SPOUSE: "having to ask somebody at home",
    Objection.SELF_SELLING: "selling without an agent",
    Objection.WAIT_MARKET: "waiting for the market",
    Objection.SELL_FIRST: "having to sell first",
    Objection.NOWHERE_TO_GO: "having nowhere to go",
}
_UNTOLD = frozenset({"", "unknown"})
_SEVERAL = 2


def headline(words: str, at: datetime | None, brief: Brief) -> str:
    """The first sentence: what it came to, and on the lead's clock when."""
    zone = zone_of(brief.lead_zone)
    return f"{words} for {at.astimezone(zone):%A %d %B %Y, %H:%M} ({zone.key})." if at else f"{words}."


def summary(first: str, facts: Mapping[str, str], objections: Mapping[str, int], brief: Brief) -> str:
    """``first``, what the person wants, and what stands behind it; no sentence for what nobody told.

    ``objections`` are those of this call, by how often they were raised.
    """
    sentences = (first, _wish(facts, brief), _circumstances(facts, objections))
    return " ".join(sentence for sentence in sentences if sentence)


def _wish(facts: Mapping[str, str], brief: Brief) -> str:
    buying = facts.get("side") == "buy"
    names = ("interested", "timeline", "motivation", *(("area", "budget") if buying else ("price",)))
    told = any(facts.get(name, "") not in _UNTOLD for name in names)
    if facts.get("side") not in ("sell", "buy") or not told:
        return ""
    who = spoken.first_name(brief.lead_name) or "The person"
    wants = "wants to" if facts.get("interested") == "yes" else "may"
    parts = [f"{who} {wants} {_deal(facts, brief)}"]
    if timeline := _timeline(facts.get("timeline", "")):
        parts.append(timeline)
    amount = facts.get("budget" if buying else "price", "")
    if amount.isdecimal():
        parts.append(f"for about ${int(amount):,}")
    return " ".join(parts) + "."


def _deal(facts: Mapping[str, str], brief: Brief) -> str:
    if facts.get("side") == "buy":
        area = facts.get("area", "")
        return f"buy a home in {area}" if area not in _UNTOLD else "buy a home"
    street = spoken.street(brief.property_address)
    return f"sell the home on {street}" if street else "sell a home"


def _timeline(value: str) -> str:
    if value == "open":
        return "some day"
    if not value.isdecimal():
        return ""
    months = int(value)
    return "right away" if months == 0 else f"within {months} month{'s' if months > 1 else ''}"


def _circumstances(facts: Mapping[str, str], objections: Mapping[str, int]) -> str:
    known = [
        words
        for table, name in ((_REASONS, "motivation"), (_AGENTS, "agent"), (_FINANCES, "financing"))
        if (words := table.get(facts.get(name, ""), ""))
    ]
    met = [_OBJECTIONS.get(kind, kind.replace("_", " ")) + _often(count) for kind, count in objections.items()]
    were = "objections were" if len(met) > 1 else "objection was"
    clauses = [*known, f"the {were} {_listed(met)}"] if met else known
    text = _listed(clauses, "; ") if met and known else _listed(clauses)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _often(count: int) -> str:
    return f" ({count} times)" if count >= _SEVERAL else ""


def _listed(words: Sequence[str], last: str = " and ") -> str:
    """ "a", "a and b", "a, b and c"."""
    return f"{', '.join(words[:-1])}{last}{words[-1]}" if len(words) > 1 else "".join(words)
