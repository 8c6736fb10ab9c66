"""The message that may be left on a voicemail: its placeholders, what it must say, how long it takes. Pure."""

import re
import string

from agents.domain.text import normalise
from agents.domain.types import Brief

FIELDS = ("lead_name", "agent_name", "company", "callback_number")
MAX_S = 25.0
_CHARS_PER_S = 14.5  # of Piper at its usual pace, spaces included
_ARTIFICIAL = re.compile(r"\b(?:a ?i|artificial|automated|virtual|robot|computer)\b")
_NUMBER = re.compile(r"\+?\d[\d().\s-]{8,}\d")
_TOLL_FREE = re.compile(r"^(?:\+?1)?8(?:00|33|44|55|66|77|88)\d{7}$")
_NORTH_AMERICAN = re.compile(r"^\+1(\d{3})(\d{3})(\d{4})$")
_SAMPLE = {"lead_name": "Maria", "agent_name": "Ava", "company": "Summit Realty", "callback_number": "+18005550100"}


def filled(template: str, brief: Brief) -> str:
    """The words for the person of ``brief``. A name that is not known leaves no gap in the sentence."""
    values = {
        "lead_name": brief.lead_name.replace(",", " ").split()[0] if brief.lead_name.strip(" ,") else "there",
        "agent_name": brief.agent_name or "an assistant",
        "company": brief.company,
        "callback_number": written(brief.callback_number),
    }
    return " ".join(template.format_map(values).split())


def problems(template: str, *, company: str = "") -> list[str]:
    """Why ``template`` cannot be left, as sentences that say what to change; none for one that can.

    ``company`` counts as named where it is written out. Source of what it must say: 47 CFR 64.1200(b)(1) to (3).
    """
    unknown = _unknown(template)
    if unknown:
        return [f"{unknown} is not known: use {', '.join(f'{{{name}}}' for name in FIELDS)}."]
    found: list[str] = []
    if "{company}" not in template and not (company and company.lower() in template.lower()):
        found.append("Say who calls: add {company}.")
    if not _ARTIFICIAL.search(normalise(template)):
        found.append(
            'Say that an AI assistant speaks, for example "this is {agent_name}, an AI assistant of {company}".'
        )
    if "{callback_number}" not in template and not _NUMBER.search(template):
        found.append("Say how to reach you and to opt out: add {callback_number}, or a toll-free number.")
    seconds = spoken_s(template.format_map(_SAMPLE))
    if seconds > MAX_S:
        found.append(f"It takes about {seconds:.0f} seconds to say: shorten it to {MAX_S:.0f} at most.")
    return found


def spoken_s(text: str) -> float:
    """How long ``text`` takes to say, in seconds; a digit of a number takes as long as a word."""
    digits = sum(character.isdigit() for character in text)
    return (len(text) + 4 * digits) / _CHARS_PER_S


def names_toll_free(message: str) -> bool:
    """Whether a toll-free number is in the words of ``message``."""
    numbers = (re.sub(r"\D", "", number) for number in _NUMBER.findall(message))
    return any(_TOLL_FREE.match(number) for number in numbers)


def _unknown(template: str) -> str:
    """The first placeholder that cannot be filled in, as it was written; "" where all can."""
    try:
        fields = [(name, spec, how) for _, name, spec, how in string.Formatter().parse(template) if name is not None]
    except ValueError:
        return "A single brace"
    return next((f"{{{name}}}" for name, spec, how in fields if name not in FIELDS or spec or how), "")


def written(number: str) -> str:
    """A North American number in its groups, so that it is spoken in them: +13035550100 is 303-555-0100."""
    groups = _NORTH_AMERICAN.match(number)
    return "-".join(groups.groups()) if groups else number
