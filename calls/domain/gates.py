"""The gates, each a pure question: may this call be made, and if not, will it open by itself?"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta  # type: ignore[import-untyped]

from calls.domain.compliance import (
    Asked,
    ConsentFacts,
    Dial,
    DialRules,
    Gate,
    LeadFacts,
    ListUse,
    Never,
    ScrubFacts,
    Verdict,
    Wait,
    cited,
    hours_verdict,
    is_known,
    why_never,
)
from calls.domain.hours import Timetable
from calls.domain.rules import (
    Abandonment,
    Consent,
    DoNotCallList,
    Frequency,
    Kind,
    Needs,
    Notice,
    Of,
    Prefix,
    Reassigned,
    Rule,
    RuleBook,
)

_ASK_AGAIN = timedelta(minutes=5)
_REVIEW = timedelta(days=1)
_NO_RULES = "There are no calling rules: run manage.py migrate, or manage.py rules apply --from now."


def decide(facts: LeadFacts, *, now: datetime, rules: DialRules, book: RuleBook) -> Dial | Wait | Never:
    """Ask every gate. One gate that never opens closes the lead; else wait until all are open together."""
    asked = Asked(facts, now, rules, book)
    if not book.rules:  # every other gate would close the lead, for want of a rule
        empty = rule_book(asked)
        return Wait(now + _ASK_AGAIN, empty.reason, (empty,))
    verdicts = tuple(gate(asked) for gate in GATES)
    reopen_at, reason = now, ""
    for verdict in verdicts:
        if verdict.passed:
            continue
        if verdict.until is None:
            return Never(verdict.reason, verdicts)
        if verdict.until > reopen_at:
            reopen_at, reason = verdict.until, verdict.reason
    if not reason:
        return Dial(verdicts)
    timetable = Timetable(facts.place, book, rules.hours)
    until = reopen_at if timetable.allows(reopen_at) else timetable.next_opening(reopen_at)
    if until:
        return Wait(until, reason, verdicts)
    return Never(why_never(facts.place, now=reopen_at, rules=rules, book=book), verdicts)


def ask_campaign(facts: LeadFacts, *, now: datetime, rules: DialRules, book: RuleBook) -> tuple[Verdict, ...]:
    """What keeps every lead of a campaign waiting; empty where nothing does. Of the facts the campaign's count."""
    asked = Asked(facts, now, rules, book)
    return tuple(verdict for gate in CAMPAIGN_GATES if not (verdict := gate(asked)).passed)


def halt(asked: Asked) -> Verdict:
    """The kill switch."""
    if why := asked.facts.campaign.halted:
        return Verdict(
            "kill switch", False, f"All dialing is stopped: {why.rstrip('.')}.", until=asked.now + _ASK_AGAIN
        )
    return Verdict("kill switch", True)


def rule_book(asked: Asked) -> Verdict:
    """Without rules nobody is called, and no lead is closed for it."""
    saw = {"version": asked.book.version, "rules": len(asked.book.rules)}
    if not asked.book.rules:
        return Verdict("rules", False, _NO_RULES, saw, asked.now + _ASK_AGAIN)
    return Verdict("rules", True, saw=saw)


def do_not_call(asked: Asked) -> Verdict:
    """Our own list: everybody's, or the seller's."""
    if whose := asked.facts.suppressed:
        said = "the do-not-call list" if whose == "*" else f"the do-not-call list of {whose}"
        return Verdict("do not call", False, f"The number is on {said}.")
    return Verdict("do not call", True)


def consent(asked: Asked) -> Verdict:
    """Recorded, of the needed kind, for this campaign, not revoked, not expired."""
    rules = [rule for rule in asked.for_place(Kind.CONSENT) if isinstance(rule.terms, Consent)]
    by, saw = cited(rules), {"consents": [_described(one) for one in asked.facts.consents]}
    # Where no rule says what is needed, the strictest is: no record, no call.
    needed = [rule.terms for rule in rules if isinstance(rule.terms, Consent)] or [Consent(Needs.WRITTEN)]
    for terms in needed:
        if not any(_cannot(one, terms, asked.now) == "" for one in asked.facts.consents):
            return Verdict("consent", False, _no_consent(asked, terms), saw, rules=by)
    return Verdict("consent", True, saw=saw, rules=by)


def _described(one: ConsentFacts) -> str:
    said = f"{one.kind}, {one.given_at:%Y-%m-%d}, for the {one.scope}"
    return f"{said}, revoked {one.revoked_at:%Y-%m-%d}" if one.revoked_at else said


def _cannot(one: ConsentFacts, terms: Consent, now: datetime) -> str:
    """Why the consent is not enough; empty where it is."""
    if terms.needs is Needs.WRITTEN and one.kind != "written":
        return "kind"
    if not one.covers:
        return f"The consent was given for another {one.scope}: it does not cover this campaign."
    if one.given_at > now:
        return f"The consent is dated {one.given_at:%Y-%m-%d}, which is in the future."
    if one.revoked_at is not None and one.revoked_at <= now:
        return f"The consent was revoked on {one.revoked_at:%Y-%m-%d}."
    ends = [one.expires_at] if one.expires_at else []
    if terms.valid_days is not None:
        ends.append(one.given_at + timedelta(days=terms.valid_days))
    if ends and min(ends) <= now:
        return f"The consent expired on {min(ends):%Y-%m-%d}."
    return ""


def _no_consent(asked: Asked, terms: Consent) -> str:
    """The newest consent of the needed kind tells why; without one there is none."""
    newest = sorted(asked.facts.consents, key=lambda one: one.given_at, reverse=True)
    for one in newest:
        if (why := _cannot(one, terms, asked.now)) not in ("", "kind"):
            return why
    kind = "written consent" if terms.needs is Needs.WRITTEN else "consent"
    return f"There is no {kind} to calls by an artificial voice."


def _written(asked: Asked) -> bool:
    """Whether signed permission covers this call, which frees it from the public lists: 47 CFR 64.1200(c)(2)(ii)."""
    needed = Consent(Needs.WRITTEN)
    return any(_cannot(one, needed, asked.now) == "" for one in asked.facts.consents)


def public_lists(asked: Asked) -> Verdict:
    """National do-not-call lists: scrubbed, and lately, unless consent or a business relationship cures it."""
    rules = [rule for rule in asked.for_place(Kind.LIST) if isinstance(rule.terms, DoNotCallList)]
    by, saw = cited(rules), {"required": asked.rules.lists.value}
    if asked.rules.lists is ListUse.NEVER:
        return Verdict("public lists", True, "Not asked: the campaign sells nothing.", saw, rules=by)
    for rule in rules:
        terms = rule.terms
        assert isinstance(terms, DoNotCallList)
        found = asked.facts.scrubs.get(terms.name, ScrubFacts(None))
        saw[terms.name] = _scrubbed(found)
        if asked.rules.lists is ListUse.UNLESS_CONSENT and terms.consent_cures and _written(asked):
            saw["cured by"] = "written consent"
            continue
        if relation := _established(asked, terms):
            saw["cured by"] = relation
            continue
        if problem := _list_problem(found, terms, asked.now):
            until = None if found.listed else asked.now + _REVIEW
            return Verdict("public lists", False, problem, saw, until, by)
    return Verdict("public lists", True, saw=saw, rules=by)


def _scrubbed(found: ScrubFacts) -> str:
    if found.as_of is None:
        return "no scrub covers the number"
    return f"{'listed' if found.listed else 'not listed'} as of {found.as_of:%Y-%m-%d}"


def _list_problem(found: ScrubFacts, terms: DoNotCallList, now: datetime) -> str:
    if found.listed:
        return f"The number is on the {terms.name} do-not-call list."
    if found.as_of is None:
        return f"No scrub of the {terms.name} do-not-call list covers the number: run manage.py scrub import."
    age = (now - found.as_of).days
    if now - found.as_of > timedelta(days=terms.max_age_days):
        return (
            f"The scrub of the {terms.name} do-not-call list is {age} days old and {terms.max_age_days} are "
            f"allowed: import a newer one with manage.py scrub import."
        )
    return ""


def _established(asked: Asked, terms: DoNotCallList | None) -> str:
    """The business relationship that holds now; empty: none. Without ``terms`` those of the country's list count."""
    if terms is None:
        terms = next((one.terms for one in asked.for_place(Kind.LIST) if isinstance(one.terms, DoNotCallList)), None)
    if terms is None:
        return ""
    facts, now = asked.facts, asked.now
    for at, months, what in (
        (facts.transaction_at, terms.transaction_months, "transaction"),
        (facts.inquiry_at, terms.inquiry_months, "inquiry"),
    ):
        if at is not None and at <= now < at + relativedelta(months=months):
            return f"{what} of {at:%Y-%m-%d}"
    return ""


def reassigned(asked: Asked) -> Verdict:
    """The number may belong to somebody else by now. What was checked before the consent says nothing of it."""
    rules = [rule for rule in asked.for_place(Kind.REASSIGNED) if isinstance(rule.terms, Reassigned)]
    by, check = cited(rules), asked.facts.owner_check
    newest = max((one.given_at for one in asked.facts.consents if one.given_at <= asked.now), default=None)
    if check is not None and newest is not None and check.checked_at < newest:
        check = None
    saw = {"check": f"{check.answer}, {check.checked_at:%Y-%m-%d}" if check else "none"}
    if not rules:
        return Verdict("reassigned", True, saw=saw)
    if check is not None and check.answer == "yes":
        return Verdict("reassigned", False, "The number was reassigned after the consent was given.", saw, rules=by)
    hold = asked.now + _REVIEW
    if check is not None and check.answer == "no_data":
        said = "Whether the number was reassigned is not known: confirm it with the person, then record the answer."
        return Verdict("reassigned", False, said, saw, hold, by)
    for rule in rules:
        assert isinstance(rule.terms, Reassigned)
        stale = check is None or asked.now - check.checked_at > timedelta(days=rule.terms.max_age_days)
        if rule.terms.required and stale:
            said = f"The number's owner was not checked in the last {rule.terms.max_age_days} days: record a check."
            return Verdict("reassigned", False, said, saw, hold, by)
    return Verdict("reassigned", True, saw=saw, rules=by)


def country(asked: Asked) -> Verdict:
    """The allow-list of countries."""
    named = asked.facts.country
    rules = asked.book.at(Kind.COUNTRY, named) if named else []
    saw = {"country": named}
    if not rules:
        return Verdict("country", False, f"Calls to {named or 'an unknown country'} are not allowed.", saw)
    return Verdict("country", True, saw=saw, rules=cited(rules))


def prefix(asked: Asked) -> Verdict:
    """Numbers that cost much, wherever they are."""
    for rule in asked.for_place(Kind.PREFIX):
        if isinstance(rule.terms, Prefix) and (found := _match(asked.facts.number, rule.terms.prefixes)):
            said = f"The number is {rule.terms.what}, which is never called."
            return Verdict("prefix", False, said, {"prefix": found}, rules=cited([rule]))
    return Verdict("prefix", True)


def _match(number: str, prefixes: Iterable[str]) -> str:
    for one in prefixes:
        if len(number) >= len(one) and all(a in ("?", b) for a, b in zip(one, number, strict=False)):
            return one
    return ""


def attempts(asked: Asked) -> Verdict:
    """The campaign's own limit; a promise goes before it."""
    facts, most = asked.facts, asked.rules.max_attempts
    saw = {"attempts": facts.attempts, "allowed": most, "promised": facts.promised}
    if facts.attempts >= most and not facts.promised:
        return Verdict("attempts", False, f"All {most} attempts are used.", saw)
    return Verdict("attempts", True, saw=saw)


def place(asked: Asked) -> Verdict:
    """Where the person lives must be known to know the hour there."""
    saw = {"zones": list(asked.facts.zones), "states": list(asked.facts.states)}
    by = cited(asked.book.of_kind(Kind.PLACE))
    if not is_known(asked.facts.place, asked.book):
        said = "Where the person lives is not known: add an address or a time zone."
        return Verdict("place", False, said, saw, rules=by)
    return Verdict("place", True, saw=saw, rules=by)


def frequency(asked: Asked) -> Verdict:
    """The caps of everywhere, the country and the states, each over its own hours; the last to open decides."""
    facts, now = asked.facts, asked.now
    calls = {Of.LEAD: facts.lead_called_at, Of.NUMBER: facts.called_at, Of.HOUSEHOLD: facts.household_called_at}
    saw: dict[str, object] = {}
    full: list[tuple[datetime, Rule, str]] = []
    rules = asked.book.frequencies(facts.country, facts.states)
    for rule in rules:
        terms = rule.terms
        if not isinstance(terms, Frequency) or (terms.exempts_established and _established(asked, None)):
            continue
        recent = sorted(at for at in calls[terms.of] if at > now - timedelta(hours=terms.hours))
        saw[rule.key] = f"{len(recent)} of {terms.calls} in {terms.hours} h"
        if len(recent) >= terms.calls:
            until = recent[-terms.calls] + timedelta(hours=terms.hours)
            said = f"{_calls(len(recent))} in {terms.hours} hours to this {terms.of}; {terms.calls} allowed."
            full.append((until, rule, said))
    if full:
        until, rule, said = max(full, key=lambda one: one[0])
        return Verdict("frequency", False, said, saw, until, cited([rule]))
    return Verdict("frequency", True, saw=saw, rules=cited(rules))


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def abandonment(asked: Asked) -> Verdict:
    """Calls that a person answered and heard nothing in time: at half the limit fewer lines, at the limit none."""
    seen = asked.facts.campaign
    rules = [rule for rule in asked.for_place(Kind.ABANDONMENT) if isinstance(rule.terms, Abandonment)]
    by = cited(rules)
    share = 100 * seen.abandoned / seen.answered if seen.answered else 0.0
    saw = {"answered": seen.answered, "abandoned": seen.abandoned, "percent": round(share, 2)}
    for rule in rules:
        terms = rule.terms
        assert isinstance(terms, Abandonment)
        if seen.answered < terms.at_least:
            continue
        said = f"{share:.1f} % of the live answers of {terms.days} days were abandoned; "
        if share >= terms.stop_percent:
            said += f"{terms.stop_percent:g} % is the limit: find out why the voice starts late."
            return Verdict("abandonment", False, said, saw, asked.now + timedelta(hours=1), by)
        lines = max(1, seen.max_concurrency // 2)
        if share >= terms.slow_percent and seen.others >= lines:
            said += f"from {terms.slow_percent:g} % on only {lines} of {seen.max_concurrency} lines are used."
            return Verdict("abandonment", False, said, saw, asked.now + timedelta(minutes=1), by)
    return Verdict("abandonment", True, saw=saw, rules=by)


def hours(asked: Asked) -> Verdict:
    """The clocks of every zone under every row."""
    if not is_known(asked.facts.place, asked.book):
        return Verdict("hours", True, "Not asked: the place is not known.")
    return hours_verdict(asked.facts.place, now=asked.now, rules=asked.rules, book=asked.book)


def notices(asked: Asked) -> Verdict:
    """Closes nothing: what an operator should know of calls there, such as recording and registration."""
    saw: dict[str, object] = {}
    rules: list[Rule] = []
    for kind in (Kind.RECORDING, Kind.DISCLOSURE, Kind.REGISTRATION):
        for rule in asked.for_place(kind):
            if isinstance(rule.terms, Notice):
                saw[rule.key] = rule.terms.note
                rules.append(rule)
    return Verdict("notices", True, saw=saw, rules=cited(rules))


CAMPAIGN_GATES: tuple[Gate, ...] = (halt, rule_book, abandonment)
"""Those whose word is the same for every lead of a campaign."""
CAMPAIGN_GATE_NAMES = frozenset({"kill switch", "rules", "abandonment"})

GATES: tuple[Gate, ...] = (
    halt,
    rule_book,
    do_not_call,
    consent,
    public_lists,
    reassigned,
    country,
    prefix,
    attempts,
    place,
    frequency,
    abandonment,
    hours,
    notices,
)
