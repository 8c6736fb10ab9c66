"""What Cal.com's API answers, as far as it is read.

Shapes: docs/api-reference/v2/openapi.json of github.com/calcom/cal.com.
"""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from integrations.calendars.calcom_event_type import EventType


class Slot(BaseModel):
    start: AwareDatetime
    end: AwareDatetime


class Slots(BaseModel):
    """By day, as ``format=range`` gives them."""

    data: dict[str, list[Slot]]


class Booking(BaseModel):
    uid: str = Field(min_length=1)
    status: Literal["accepted", "pending", "cancelled", "rejected"]
    start: AwareDatetime
    end: AwareDatetime
    metadata: dict[str, Any] = {}

    @property
    def stands(self) -> bool:
        return self.status in ("accepted", "pending")


class Pagination(BaseModel):
    more: bool = Field(alias="hasNextPage")


class Bookings(BaseModel):
    data: list[Booking]
    pagination: Pagination


class Made(BaseModel):
    data: Booking


class Found(BaseModel):
    data: EventType
