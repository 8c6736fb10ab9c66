"""The records of calling. One module a subject; import from here."""

from calls.models.call import Appointment, Call, CallEvent, Turn
from calls.models.campaign import Campaign
from calls.models.cost import BudgetSum, CostDaily, CostEvent
from calls.models.lead import Consent, Decision, Lead, LeadImport, LeadRow
from calls.models.suppression import Person, Suppression, SuppressionEntry

__all__ = [
    "Appointment",
    "BudgetSum",
    "Call",
    "CallEvent",
    "Campaign",
    "Consent",
    "CostDaily",
    "CostEvent",
    "Decision",
    "Lead",
    "LeadImport",
    "LeadRow",
    "Person",
    "Suppression",
    "SuppressionEntry",
    "Turn",
]
