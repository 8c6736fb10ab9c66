"""Does a text message, or what is said to the opt-out line, ask not to be called again?

The words alone that carriers take for an opt-out, and beyond them whatever would end a call: in doubt for the person.
Sources: 47 CFR 64.1200(a)(10), https://help.twilio.com/articles/223134027
"""

import unicodedata

from agents.domain.opt_out import opts_out

KEYWORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "end", "quit", "cancel", "revoke", "optout", "remove", "removeme", "nine", "9"}
)


def asks_to_stop(text: str) -> bool:
    """True for a keyword alone, however it is written (``Stop!``, ``OPT-OUT``), and for sentences that mean it."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(filter(str.isalnum, folded)) in KEYWORDS or opts_out(text)
