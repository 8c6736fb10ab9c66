"""What the passing of time asks for beside calls: schedules, campaigns that are over, calls to be hung up."""

from datetime import datetime

from calls.services import campaigns, ending, scheduling


def keep(*, now: datetime) -> None:
    """Every few seconds, by however many beats: each part does a thing once."""
    scheduling.catch_up(now=now)
    campaigns.finish_ended(now=now)
    ending.hang_up_again()
