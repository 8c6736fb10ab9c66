"""Sets the demo's stage: processes, people, a campaign; watches it to the end; says how it went."""

import contextlib
import logging
import secrets
import sys
import time
from pathlib import Path

import django
from django.conf import settings

from reautomation import embedded, roles
from reautomation.processes import StartError, Stopped, Supervisor

ROOT = settings.BASE_DIR
PEOPLE = ROOT / "demo" / "people.yaml"
LEADS = ROOT / "demo" / "leads.csv"
BUDGET_USD = "5.00"
DEADLINE_S = 240
CARRIER_CPS = 10.0


def run(var: Path, auth_token: str, web_port: int, carrier_port: int, *, keep: bool) -> int:
    """The whole demo; the process's exit code."""
    started = time.monotonic()
    print("Starting PostgreSQL and Redis …", flush=True)
    embedded.join(settings.EMBEDDED)
    django.setup()
    logging.getLogger().setLevel(logging.WARNING)  # what is printed here is for reading
    with Supervisor(var / "log") as supervisor:
        print("Starting the web, the workers and the simulated phone company …", flush=True)
        _start(supervisor, web_port, carrier_port, auth_token)
        password = _prepare_database()
        supervisor.wait_until_ready()
        _wait_for_people(carrier_port, supervisor)
        campaign_id, place = _import_campaign(var)
        print(
            f"Ready after {time.monotonic() - started:.0f} s. Everybody lives in {place}, where it is time to call."
        )
        print(f"Admin: http://127.0.0.1:{web_port}/admin/   user: demo   password: {password}", flush=True)
        code = _call_everybody(campaign_id, supervisor, carrier_port)
        if keep:
            print("Serving on. Ctrl-C stops everything.", flush=True)
            with contextlib.suppress(Stopped):
                _serve_on(supervisor)
            print("\nStopping …", flush=True)
    return code


def _start(supervisor: Supervisor, web_port: int, carrier_port: int, auth_token: str) -> None:
    carrier_log = supervisor.log_of("carrier").with_suffix(".jsonl")
    sid = settings.TWILIO_ACCOUNT_SID
    supervisor.start(roles.simulator(carrier_port, PEOPLE, carrier_log, sid, auth_token, cps=CARRIER_CPS))
    pace = {"CARRIER_CPS": str(CARRIER_CPS)}
    supervisor.start(roles.voice(supervisor.log_of("voice"), settings.VOICE.lines, pace))
    supervisor.start(roles.worker(supervisor.log_of("worker"), pace))
    supervisor.start(roles.web("127.0.0.1", web_port, {}))


def _prepare_database() -> str:
    """Migrate and make the login; the password."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    password = secrets.token_urlsafe(9)
    get_user_model().objects.create_superuser("demo", "demo@example.com", password)
    return password


def _wait_for_people(carrier_port: int, supervisor: Supervisor) -> None:
    """The simulated people have loaded their own ears and voices."""
    from reautomation.demo.carrier import Carrier

    carrier = Carrier(carrier_port)
    deadline = time.monotonic() + 90
    while not carrier.ready():
        supervisor.check()
        if time.monotonic() > deadline:
            raise StartError(f"The simulated people are not ready after 90 s: see {supervisor.log_of('simulator')}.")
        time.sleep(0.2)


def _import_campaign(var: Path) -> tuple[int, str]:
    """A budget, a campaign, and the leads of ``demo/leads.csv`` moved to where they may be called now."""
    from decimal import Decimal

    from django.utils import timezone

    from billing.models import Budget
    from calls.models import CallerId, CallingWindow, Campaign
    from calls.services.campaigns import start
    from calls.services.gates import rules_of
    from calls.services.importing import import_leads
    from calls.services.rules import book_at
    from reautomation.demo.place import CALLER_ENDING, move_people, place_for

    now = timezone.now()
    budget = Budget.objects.create(name="Demo", limit=Decimal(BUDGET_USD))
    campaign = Campaign.objects.create(
        name="Demo", budget=budget, max_concurrency=settings.VOICE.lines, max_call_s=180
    )
    CallingWindow.objects.create(campaign=campaign)
    place = place_for(now, rules_of(campaign), book_at(now))
    campaign.caller_ids.add(CallerId.objects.create(number=place.prefix + CALLER_ENDING, label="Demo"))
    leads = var / "leads.csv"
    move_people(LEADS, leads, place)
    with leads.open("rb") as stream:
        done = import_leads(campaign.pk, leads.name, stream, now=now)
    if done.rejected or done.duplicates:
        reasons = "; ".join(done.rows.exclude(fate="imported").values_list("reason", flat=True))
        raise StartError(f"demo/leads.csv was not imported as a whole: {reasons}")
    start(campaign.pk, now=now)
    return campaign.pk, place.name


def _call_everybody(campaign_id: int, supervisor: Supervisor, carrier_port: int) -> int:
    from reautomation.demo.board import watch
    from reautomation.demo.carrier import Carrier
    from reautomation.demo.summary import conclude

    supervisor.start(roles.beat(supervisor.log_of("beat"), {}))
    started = time.monotonic()
    over = watch(campaign_id, supervisor, deadline_s=DEADLINE_S)
    if not over:
        print(
            f"Not every call was over after {DEADLINE_S} s; the logs are in {supervisor.log_of('beat').parent}.",
            file=sys.stderr,
        )
    right = conclude(campaign_id, Carrier(carrier_port), called_s=time.monotonic() - started)
    return 0 if over and right else 1


def _serve_on(supervisor: Supervisor) -> None:
    while True:
        supervisor.check()
        time.sleep(1)
