"""An installation with two voice workers of one queue, which a test takes away, and the carrier's recordings."""

import io
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import psutil
from django.core.management import call_command
from django.utils import timezone

from billing.models import Budget
from calls.models import Call, CallerId, CallingWindow, Campaign, TransferTarget, VoiceWorker
from calls.services import campaigns
from calls.services.gates import rules_of
from calls.services.importing import import_leads
from calls.services.rules import book_at
from reautomation import embedded, roles
from reautomation.demo.carrier import Carrier
from reautomation.demo.place import CALLER_ENDING, place_for
from reautomation.embedded import Embedded
from reautomation.processes import Process, Supervisor, free_port
from tests.whole_call.installation import ACCOUNT_SID, AUTH_TOKEN, _connected, _environment, _leave

PEOPLE = Path(__file__).parent / "survival_people.yaml"
ENDING = "0601"
VOICES = ("one", "two")
LINES = 2
RATE, FRAME = 8000, 160
_AUDIBLE = 180
"""RMS of a 20-ms frame: as the simulator judges it."""
T = TypeVar("T")


@dataclass(frozen=True)
class Tape:
    """What the carrier recorded of a call: one value for each 20 ms, whether something was to be heard."""

    heard: "np.ndarray[Any, np.dtype[np.bool_]]"
    said: "np.ndarray[Any, np.dtype[np.bool_]]"

    def silence_after(self, at_s: float) -> float:
        """Seconds from ``at_s`` until the person's ear has heard something again, for the first time after a gap."""
        frames = self.heard[round(at_s * 50) :]
        gap = int(np.argmax(~frames))  # what was under way when the line broke
        rest = frames[gap:]
        assert rest.any(), "Nothing was heard any more."
        return float(np.argmax(rest)) / 50

    def longest_silence(self) -> float:
        """Seconds in which neither side was heard, between the first and the last word."""
        either = np.flatnonzero(self.heard | self.said)
        return float(np.max(np.diff(either)) - 1) / 50


def tape_of(path: Path) -> Tape:
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64)
    both = pcm.reshape(-1, 2)
    frames = both[: len(both) // FRAME * FRAME].reshape(-1, FRAME, 2)
    loud = np.sqrt((frames**2).mean(axis=1)) > _AUDIBLE
    return Tape(loud[:, 0], loud[:, 1])


@dataclass
class House:
    var: Path
    carrier: Carrier
    common: Supervisor
    voices: Mapping[str, Supervisor]

    def until(self, what: str, condition: Callable[[], T], *, within_s: float) -> T:
        """What ``condition`` gives as soon as it is true; a voice worker may have been taken away by then."""
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            self.common.check()
            assert time.monotonic() < deadline, f"Not within {within_s:.0f} s: {what}."
            time.sleep(0.05)
        return found

    def worker_of(self, call: Call) -> psutil.Process:
        """The process whose line holds the call."""
        owner = Call.objects.values_list("owner", flat=True).get(pk=call.pk)
        return psutil.Process(int(owner.split(":")[1]))

    def seen(self) -> dict[str, Any]:
        """The one call, as the carrier has it."""
        (call,) = self.carrier.calls()
        return call

    def tape(self) -> Tape:
        return tape_of(self.var / "tapes" / f"{self.seen()['sid']}.wav")


@contextmanager
def house(var: Path, *, people: Path = PEOPLE, **environment: str) -> Iterator[House]:
    web_port, carrier_port = free_port(), free_port()
    own = {
        **_environment(var),
        "WEB_PORT": str(web_port),
        "PUBLIC_URL": f"http://127.0.0.1:{web_port}",
        "TWILIO_API_URL": f"http://127.0.0.1:{carrier_port}",
        "ELEVENLABS_API_KEY": "",
        "ELEVENLABS_VOICE_ID": "",
        "VOICE_LINES": str(LINES),
        **environment,
    }
    servers = Embedded(var)
    with ExitStack() as stack:
        stack.callback(_leave, servers)
        common = stack.enter_context(Supervisor(var / "log"))
        simulated = roles.simulator(carrier_port, people, var / "carrier.jsonl", ACCOUNT_SID, AUTH_TOKEN, cps=10)
        common.start(replace(simulated, arguments=[*simulated.arguments, "--tapes", str(var / "tapes")]))
        embedded.join(servers)
        stack.enter_context(_connected(servers.database_url))
        call_command("migrate", verbosity=0)
        voices = {name: stack.enter_context(Supervisor(var / "log" / name)) for name in VOICES}
        for name, supervisor in voices.items():
            supervisor.start(_voice(name, supervisor, own))
        common.start(roles.worker(common.log_of("worker"), own))
        common.start(roles.web("127.0.0.1", web_port, own))
        common.start(roles.beat(common.log_of("beat"), own))
        for supervisor in (common, *voices.values()):
            supervisor.wait_until_ready()
        built = House(var, Carrier(carrier_port), common, voices)
        built.until("the carrier's people are there", built.carrier.ready, within_s=60)
        built.until("both announce themselves", lambda: VoiceWorker.objects.count() == len(VOICES), within_s=30)
        yield built


def _voice(name: str, supervisor: Supervisor, environment: Mapping[str, str]) -> Process:
    usual = roles.voice(supervisor.log_of("voice"), LINES, environment, queues=["calls.local"])
    return replace(usual, arguments=[f"{name}@%h" if word == "voice@%h" else word for word in usual.arguments])


def call_the_seller(colleagues: Mapping[str, str] = MappingProxyType({})) -> Campaign:
    """A campaign with one lead, who is called at once. ``colleagues`` take calls over: ends of numbers by name."""
    budget = Budget.objects.create(name="Budget", limit=Decimal(5))
    campaign = Campaign.objects.create(name="Sellers", budget=budget)
    CallingWindow.objects.create(campaign=campaign)
    place = place_for(timezone.now(), rules_of(campaign), book_at(timezone.now()))
    campaign.caller_ids.add(CallerId.objects.create(number=place.prefix + CALLER_ENDING))
    for order, (name, ending) in enumerate(colleagues.items()):
        TransferTarget.objects.create(campaign=campaign, name=name, number=place.prefix + ending, order=order)
    head = "phone,name,interest,address,source,consent_kind,consent_source,consent_at"
    row = f"{place.prefix + ENDING},Kim Stone,sell,12 Maple Street,website,written,Form,2026-09-14"
    done = import_leads(campaign.pk, "leads.csv", io.BytesIO(f"{head}\n{row}".encode()), now=timezone.now())
    assert done.imported == 1
    campaigns.start(campaign.pk, now=timezone.now())
    return campaign
