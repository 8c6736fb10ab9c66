"""What a manager sees. One module a subject; importing this registers them all."""

from calls.admin import call, campaign, costs, lead, lead_import, records

__all__ = ["call", "campaign", "costs", "lead", "lead_import", "records"]
