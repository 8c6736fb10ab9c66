"""Which numbers are one person's: leads that share an e-mail address, and leads that somebody has linked.

One step only: the leads of a number, their addresses and links, the leads with those. A phone that two people share
does not make them one. An address of many numbers is an office's or made up, and links nobody.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

from calls.models import Lead, Person
from calls.models.lead import LeadQuerySet

log = structlog.get_logger(__name__)
MOST_NUMBERS = 10
"""Of one e-mail address; an address with more is nobody's own."""


def other_numbers(phones: Iterable[str]) -> dict[str, set[str]]:
    """To each of ``phones`` that has some: the other numbers of the same persons."""
    keys = _keys_of(phones)
    numbers = _numbers_of({key for found in keys.values() for key in found})
    others = {phone: set().union(*(numbers[key] for key in found)) - {phone} for phone, found in keys.items()}
    return {phone: found for phone, found in others.items() if found}


def numbers_of_same_person(phones: Iterable[str]) -> dict[str, str]:
    """Every other number of the persons who have ``phones``, with the one of ``phones`` that it follows."""
    found: dict[str, str] = {}
    for phone, others in sorted(other_numbers(phones).items()):
        for other in others:
            found.setdefault(other, phone)
    return found


def same_person(lead: Lead) -> LeadQuerySet:
    """The leads of the person who is ``lead``, itself included: those with its e-mail address, or linked with it.

    Each is looked up by its own index: one condition for all would read every lead, before every call.
    """
    mine = {lead.pk}
    if lead.person_id is not None:
        mine |= set(Lead.objects.filter(person=lead.person_id).values_list("pk", flat=True))
    if lead.email:
        same = Lead.objects.exclude(email="").alias(folded=Lower("email")).filter(folded=lead.email.lower())
        if same.order_by().values("phone").distinct().count() <= MOST_NUMBERS:
            mine |= set(same.values_list("pk", flat=True))
    return Lead.objects.filter(pk__in=mine)


@transaction.atomic
def link(lead_ids: Iterable[int], *, by: str, now: datetime) -> None:
    """The leads, and all that were linked with one of them before, are one person."""
    chosen = Lead.objects.filter(pk__in=list(lead_ids))
    before = list(chosen.exclude(person=None).values_list("person", flat=True))
    person = Person.objects.create(linked_by=by, linked_at=now)
    Lead.objects.filter(Q(pk__in=chosen.values("pk")) | Q(person__in=before)).update(person=person)


def unlink(lead_ids: Iterable[int]) -> int:
    """The leads are nobody else any more; how many were linked. What followed an opt-out stays on the list."""
    return Lead.objects.filter(pk__in=list(lead_ids)).exclude(person=None).update(person=None)


_Key = tuple[str, str | int]


def _keys_of(phones: Iterable[str]) -> dict[str, set[_Key]]:
    """What makes the leads of each number the same person as others: e-mail addresses, case-folded, and links."""
    keys: dict[str, set[_Key]] = defaultdict(set)
    leads = Lead.objects.filter(phone__in=list(phones)).filter(~Q(email="") | Q(person__isnull=False))
    for phone, email, person in leads.values_list("phone", Lower("email"), "person"):
        if email:
            keys[phone].add(("email", email))
        if person:
            keys[phone].add(("person", person))
    return keys


def _numbers_of(keys: set[_Key]) -> dict[_Key, set[str]]:
    numbers: dict[_Key, set[str]] = defaultdict(set)
    emails = [value for kind, value in keys if isinstance(value, str)]
    persons = [value for kind, value in keys if isinstance(value, int)]
    if emails:
        by_email = Lead.objects.exclude(email="").alias(folded=Lower("email")).filter(folded__in=emails)
        for email, phone in by_email.values_list(Lower("email"), "phone").distinct():
            numbers["email", email].add(phone)
    if persons:
        for person, phone in Lead.objects.filter(person__in=persons).values_list("person", "phone").distinct():
            numbers["person", person].add(phone)
    for key, found in numbers.items():
        if key[0] == "email" and len(found) > MOST_NUMBERS:
            log.warning("opt_out.shared_email", numbers=len(found), pii={"email": key[1]})
            found.clear()
    return numbers
