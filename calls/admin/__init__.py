"""What a manager sees. One module a subject; importing this registers them all."""

from calls.admin import (
    call,
    caller_id,
    campaign,
    costs,
    do_not_call,
    halt,
    lead,
    lead_import,
    lists,
    records,
    rule,
    script,
    trace,
    worker,
)

__all__ = [
    "call",
    "caller_id",
    "campaign",
    "costs",
    "do_not_call",
    "halt",
    "lead",
    "lead_import",
    "lists",
    "records",
    "rule",
    "schedule",
    "script",
    "trace",
    "worker",
]
