"""What the passing of time asks for beside calls: schedules, campaigns that are over, what was left to be done."""

from datetime import datetime

from calls.services import campaigns, ending, following, scheduling


def keep(*, now: datetime) -> None:
    """Every few seconds, by however many beats: each part does a thing once."""
    scheduling.catch_up(now=now)
    campaigns.finish_ended(now=now)
    campaigns.bring_back(now=now)
    following.follow_left(now=now)
    ending.hang_up_again()
