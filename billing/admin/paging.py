"""Pages of a list that is never counted whole: counting a million rows takes longer than showing fifty."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST = 10_000
"""Rows that the pages lead to; older ones are found by the filters and the search."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # a plain class while it runs
    """Counts, and shows, no more than ``MOST`` rows."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return self.object_list[:MOST].count()
