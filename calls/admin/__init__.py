"""What a manager sees. One module a subject; importing this registers them all."""

from calls.admin import call, campaign, costs, do_not_call, lead, lead_import, records

__all__ = ["call", "campaign", "costs", "do_not_call", "lead", "lead_import", "records"]
