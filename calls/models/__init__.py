"""The records of calling. One module a subject; import from here."""

from calls.models.call import Appointment, Call, CallEvent, Turn
from calls.models.campaign import Campaign
from calls.models.cost import BudgetSum, CostDaily, CostEvent
from calls.models.halt import Halt
from calls.models.lead import Consent, Decision, Lead, LeadImport, LeadRow, SharedDecision
from calls.models.lists import CompanySuppression, NumberCheck, Scrub, ScrubHit
from calls.models.rule import Rule, RuleRevision
from calls.models.suppression import Person, Suppression, SuppressionEntry

__all__ = [
    "Appointment",
    "BudgetSum",
    "Call",
    "CallEvent",
    "Campaign",
    "CompanySuppression",
    "Consent",
    "CostDaily",
    "CostEvent",
    "Decision",
    "Halt",
    "Lead",
    "LeadImport",
    "LeadRow",
    "NumberCheck",
    "Person",
    "Rule",
    "RuleRevision",
    "Scrub",
    "ScrubHit",
    "SharedDecision",
    "Suppression",
    "SuppressionEntry",
    "Turn",
]
