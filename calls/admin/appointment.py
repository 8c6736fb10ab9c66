"""Appointments: when in both zones, how they stand, what a person has to do about them."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from calls.admin.base import ReadOnlyAdmin, badge, counted, person, utc
from calls.admin.call import local_time
from calls.admin.records import call_link
from calls.domain.invitation import invitation
from calls.models import Appointment
from calls.services import booking
from calls.services.meetings import invitation_of


class TaskFilter(admin.SimpleListFilter):
    title = "to do"
    parameter_name = "task"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "for a person")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> QuerySet[Appointment]:
        return queryset.exclude(task="") if self.value() == "open" else queryset


@admin.register(Appointment)
class AppointmentAdmin(ReadOnlyAdmin):
    list_display = ["start", "who", "to_do", "for_the_lead", "for_us", "how"]
    ordering = ["-start_at"]
    list_filter = [TaskFilter, "status", "calendar_state", "calendar", "campaign"]
    list_select_related = ["campaign", "call__lead", "calendar"]
    search_fields = ["call__lead__name", "call__to_number"]
    date_hierarchy = "start_at"
    actions = ["mark_done", "cancel_selected"]
    fields = [
        *("start", "for_the_lead", "for_us", "minutes", "how", "to_do", "who", "campaign", "calendar"),
        *("calendar_note", "of_call", "as_file"),
    ]
    start = utc("start_at", "start")
    empty_sentence = "No lead has agreed to an appointment yet."

    def get_urls(self) -> list[Any]:
        download = self.admin_site.admin_view(self.download)
        return [path("<int:pk>/invitation.ics", download, name="calls_appointment_invitation"), *super().get_urls()]

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The invitation as iCalendar, for the lead."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_queryset(request).select_related("call__lead", "campaign", "calendar").filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such appointment.")
        method = "CANCEL" if found.status == Appointment.Status.CANCELED else "REQUEST"
        return HttpResponse(
            invitation(invitation_of(found), now=timezone.now()),
            content_type=f"text/calendar; method={method}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="appointment-{found.pk}.ics"'},
        )

    @admin.display(description="to do", ordering="task")
    def to_do(self, appointment: Appointment) -> str:
        return appointment.task or "-"

    @admin.display(description="for the lead")
    def for_the_lead(self, appointment: Appointment) -> str:
        return local_time(appointment.start_at, appointment.call) or "-"

    @admin.display(description="for us")
    def for_us(self, appointment: Appointment) -> str:
        calendar = appointment.calendar
        if calendar is None:
            return "-"
        return f"{appointment.start_at.astimezone(ZoneInfo(calendar.zone)):%a %H:%M} in {calendar.zone}, {calendar}"

    @admin.display(description="status", ordering="status")
    def how(self, appointment: Appointment) -> SafeString | str:
        state = appointment.calendar_state
        elsewhere = badge(appointment.get_calendar_state_display()) if state else ""
        return format_html("{} {}", badge(appointment.status), elsewhere)

    @admin.display(description="lead", ordering="call__lead__name")
    def who(self, appointment: Appointment) -> SafeString:
        return person(appointment.call.lead.name, appointment.call.to_number)

    @admin.display(description="call")
    def of_call(self, appointment: Appointment) -> SafeString | str:
        return call_link(appointment.call_id)

    @admin.display(description="invitation")
    def as_file(self, appointment: Appointment) -> SafeString:
        url = reverse("admin:calls_appointment_invitation", args=[appointment.pk])
        what = "to send it to the lead" if appointment.is_sure else "as tentative until it is confirmed"
        return format_html('<a href="{}">Download the invitation</a> {}', url, what)

    @admin.action(description="Mark what was to do as done", permissions=["decide"])
    def mark_done(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        now, by = timezone.now(), str(request.user)
        count = sum(booking.done(one, by=by, now=now) for one in queryset)
        messages.success(request, f"{counted(count, 'appointment has', 'appointments have')} nothing left to do.")

    @admin.action(description="Call selected appointments off", permissions=["decide"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        now = timezone.now()
        count = sum(booking.cancel(one, now=now) for one in queryset)
        said = f"{counted(count, 'appointment is', 'appointments are')} called off. The lead is not told: call them."
        messages.success(request, said)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("calls.change_appointment")
