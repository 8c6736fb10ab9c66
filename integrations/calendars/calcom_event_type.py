"""What an event type of Cal.com has to be like for the time of a calendar to be given away by it. Pure."""

from typing import Any

from pydantic import BaseModel, Field

from calls.domain.availability import Availability


class _BookingField(BaseModel):
    """A question that whoever books is asked; those of the house have ``isDefault``."""

    slug: str = ""
    required: bool = False
    of_the_house: bool = Field(default=False, alias="isDefault")


class EventType(BaseModel):
    """``lengths`` is empty where there is only one."""

    length: int = Field(alias="lengthInMinutes", ge=1)
    lengths: list[int] | None = Field(default=None, alias="lengthInMinutesOptions")
    every: int | None = Field(default=None, alias="slotInterval")
    recurrence: dict[str, Any] | None = None
    seats: dict[str, Any] | None = None
    confirmation: dict[str, Any] | None = Field(default=None, alias="confirmationPolicy")
    verified: bool = Field(default=False, alias="requiresBookerEmailVerification")
    fields: list[_BookingField] = Field(default=[], alias="bookingFields")


def misfit(event_type: EventType, rules: Availability) -> str:
    """What is in the way and what to change, as the rest of a sentence about the event type; "" for nothing."""
    lengths = event_type.lengths or [event_type.length]
    if rules.minutes not in lengths:
        return (
            f"lasts {_or(lengths)} minutes, and an appointment of the calendar {rules.minutes}: give both the same "
            f"length."
        )
    every = event_type.every or rules.minutes
    if rules.every_min % every:
        return (
            f"begins every {every} minutes, and an appointment of the calendar every {rules.every_min}: let the "
            f"calendar's begin every {every}, or a multiple of it."
        )
    if rules.before_min or rules.after_min:
        return "has buffers of its own: set the time that is free before and after an appointment to 0 here."
    if _on(event_type.confirmation):
        return "waits for a confirmation of each booking: turn that off there."
    if _on(event_type.seats):
        return "gives one time to several people: turn the seats off there."
    if _on(event_type.recurrence):
        return "books a row of times at once: turn the recurrence off there."
    if event_type.verified:
        return "wants e-mail addresses verified by a code: turn that off there."
    asked = [one.slug for one in event_type.fields if one.required and not one.of_the_house]
    if asked:
        return f"requires an answer to {_or(asked)}: make the question optional there."
    return ""


def _on(setting: dict[str, Any] | None) -> bool:
    """Settings that are off are left out, empty, or say so themselves."""
    return bool(setting) and not (setting or {}).get("disabled", False)


def _or(some: list[int] | list[str]) -> str:
    return " or ".join(map(str, some))
