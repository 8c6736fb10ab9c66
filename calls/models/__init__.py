"""The records of calling. One module a subject; import from here."""

from calls.models.analysis import CallAnalysis
from calls.models.calendar import BusyTime, Calendar, CalendarHours, Reservation
from calls.models.call import Appointment, Call, CallEvent, Turn
from calls.models.campaign import CallingWindow, Campaign, RetryRule
from calls.models.cost import BudgetSum, CostDaily, CostEvent
from calls.models.halt import Halt
from calls.models.inquiry import Inquiry
from calls.models.lead import Consent, Decision, Lead, LeadImport, LeadList, LeadRow, SharedDecision
from calls.models.lists import CompanySuppression, NumberCheck, Scrub, ScrubHit
from calls.models.pacing import CallerId, CarrierPace, VoiceWorker
from calls.models.rule import Rule, RuleRevision
from calls.models.schedule import Schedule, ScheduleRun
from calls.models.script import Script
from calls.models.suppression import Person, Suppression, SuppressionEntry
from calls.models.talk import CampaignWord, Recording, TransferTarget
from calls.models.trace import AgentExecution, WorkflowTrace

__all__ = [
    "AgentExecution",
    "Appointment",
    "BudgetSum",
    "BusyTime",
    "Calendar",
    "CalendarHours",
    "Call",
    "CallAnalysis",
    "CallEvent",
    "CallerId",
    "CallingWindow",
    "Campaign",
    "CampaignWord",
    "CarrierPace",
    "CompanySuppression",
    "Consent",
    "CostDaily",
    "CostEvent",
    "Decision",
    "Halt",
    "Inquiry",
    "Lead",
    "LeadImport",
    "LeadList",
    "LeadRow",
    "NumberCheck",
    "Person",
    "Recording",
    "Reservation",
    "RetryRule",
    "Rule",
    "RuleRevision",
    "Schedule",
    "ScheduleRun",
    "Script",
    "Scrub",
    "ScrubHit",
    "SharedDecision",
    "Suppression",
    "SuppressionEntry",
    "TransferTarget",
    "Turn",
    "VoiceWorker",
    "WorkflowTrace",
]
