"""Voice workers in the admin: who has lines, for which queues, and whether they are there still."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Case, Count, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Now
from django.http import HttpRequest
from django.utils.safestring import SafeString

from calls.admin.base import ReadOnlyAdmin, badge, utc
from calls.models import Call, VoiceWorker


@admin.register(VoiceWorker)
class VoiceWorkerAdmin(ReadOnlyAdmin):
    """The newest first. A worker that was not seen for as long as a lease gets no calls; its row goes in an hour."""

    list_display = ["owner", "state", "serves", "lines", "taken", "offers", "seen"]
    fields = ["owner", "state", "serves", "lines", "taken", "offers", "figures", "started", "seen"]
    ordering = ["-started_at"]
    seen, started = utc("seen_at", "seen"), utc("started_at", "started")
    empty_sentence = "No voice worker has announced itself: nothing can be dialed. Start one, see docs/operations.md."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """By the database's clock, which is the one that counts."""
        calls = Call.objects.unfinished().filter(owner=OuterRef("owner")).order_by()
        silent = When(seen_at__lte=Now() - timedelta(seconds=settings.CALL_LEASE_S), then=Value("silent"))
        found: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .annotate(
                calls=Coalesce(Subquery(calls.values("owner").annotate(n=Count("pk")).values("n")), 0),
                standing=Case(silent, When(draining=True, then=Value("draining")), default=Value("live")),
            )
        )
        return found

    @admin.display(description="state", ordering="standing")
    def state(self, worker: Any) -> SafeString | str:
        return badge(worker.standing)

    @admin.display(description="queues", ordering=F("queues"))
    def serves(self, worker: VoiceWorker) -> str:
        return ", ".join(worker.queues)

    @admin.display(description="takes")
    def offers(self, worker: VoiceWorker) -> str:
        """Up to how many calls at a time, and why not more."""
        if worker.offered is None or worker.offered >= worker.lines:
            return f"{worker.lines}"
        return f"{worker.offered}: {worker.why}"

    @admin.display(description="measured")
    def figures(self, worker: VoiceWorker) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in worker.measured.items()) or "-"

    @admin.display(description="calls", ordering="calls")
    def taken(self, worker: Any) -> int:
        return int(worker.calls)
