"""A live call loses its line, its broker or its worker's time, for real; whoever is on the phone talks on."""

import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from django.utils import timezone

from billing.models import UsageReport
from billing.services.auditing import audit
from calls.models import Call
from calls.services import doorbell
from calls.services.sweeping import sweep
from tests.calls import factories as make
from tests.calls.fakes import FakeDialer
from tests.calls.inbound.world import post
from tests.faults.workers import Phones, Worker
from tests.voice.dialogues import OPENING
from voice.domain.types import StreamTarget

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
CUT_OFF = "We were cut off."


def contains(worker: Worker, text: str) -> bool:
    return text in worker.text()


class House:
    """Workers at one broker, and the carrier's side of one call."""

    def __init__(self, folder: Path, phones: Phones, app_is: Callable[[Worker], None]) -> None:
        self.folder, self.phones, self._app_is = folder, phones, app_is
        self.workers: list[Worker] = []

    def start(self) -> Worker:
        worker = Worker(self.folder, lines=2, beside=self.workers[0] if self.workers else None)
        self.workers.append(worker)
        self._app_is(self.workers[0])
        return worker

    def ready(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.until("it is ready", partial(contains, worker, " ready."))

    def live(self) -> Call:
        now = timezone.now()
        call = make.call(make.lead(), at=now)
        assert doorbell.ring(call.pk, call.queue)
        worker = self.workers[0]
        self.phones.answer(call.pk, worker.until("it is rung", lambda: worker.stream(call.pk)))
        worker.until("it is live", Call.objects.filter(pk=call.pk, status="live").exists)
        return call

    def holder(self, call: Call) -> Worker:
        """Whose line the call is on."""
        pid = int(Call.objects.values_list("owner", flat=True).get(pk=call.pk).split(":")[1])
        (found,) = [worker for worker in self.workers if worker.process.pid == pid]
        return found

    def talks_on(self, call: Call, url: str) -> None:
        """The carrier asks who talks on, again and again, until it is connected to a line and has heard it."""
        while True:
            form = {
                "CallSid": f"CA{call.pk.hex}",
                "From": call.from_number,
                "To": call.to_number,
                "CallStatus": "in-progress",
            }
            asked = urlsplit(url)
            document = ElementTree.fromstring(post(f"{asked.path}?{asked.query}", form).content)
            if (stream := document.find("Connect/Stream")) is not None:
                (token,) = [one.attrib["value"] for one in stream.findall("Parameter")]
                self.phones.answer(call.pk, StreamTarget(stream.attrib["url"], token))
                return
            again = document.find("Redirect")
            assert again is not None, ElementTree.tostring(document)
            url = again.text or ""

    def hangs_up(self, call: Call) -> None:
        self.phones.hang_up(call.pk)
        (worker, *_) = [one for one in self.workers if one.process.poll() is None]
        worker.until("it is done", Call.objects.filter(pk=call.pk, status="done").exists)
        call.refresh_from_db()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    phones = Phones()
    house = House(tmp_path, phones, lambda worker: monkeypatch.setattr(doorbell, "current_app", worker.app))
    house.start()
    yield house
    phones.close()
    for worker in reversed(house.workers):
        worker.close()


def behind(call: Call, part: int) -> str:
    return f"/webhooks/twilio/calls/{call.pk}/resume?part={part}"


def texts(call: Call) -> list[str]:
    turns = list(call.turns.order_by("seq").values_list("seq", "text"))
    assert [seq for seq, _ in turns] == list(range(1, len(turns) + 1))
    return [text for _, text in turns]


def whole(call: Call, house: House, *, takeovers: int) -> None:
    """The call was made once, ended once, and all of its talk is paid."""
    assert (call.ended_by, call.disposition, call.takeovers) == ("lead", "not_interested", takeovers)
    assert house.workers[0].rings() == [call.pk]
    assert call.fence == 1 + 2 * takeovers
    seconds = [float(one.quantity) for one in UsageReport.objects.filter(component="call")]
    assert call.billed_s is not None
    assert 0 < sum(seconds) <= call.billed_s + 1
    assert audit() == []


def test_two_workers_are_killed_in_one_call(house: House) -> None:
    call = house.live()
    house.start()
    house.start()
    house.ready()
    house.phones.press(call.pk, "1")
    for part in (1, 2):
        house.holder(call).signal(signal.SIGKILL)
        house.talks_on(call, behind(call, part))
        house.phones.press(call.pk, str(part + 1))
    house.hangs_up(call)
    assert texts(call) == [
        OPENING.text,
        "[key 1]",
        "Answer 1.",
        CUT_OFF,
        "[key 2]",
        "Answer 1.",
        CUT_OFF,
        "[key 3]",
        "Answer 1.",
    ]
    whole(call, house, takeovers=2)


def test_a_media_socket_that_breaks_is_no_end_for_its_worker(house: House) -> None:
    """There is no other: the same one takes the call over, beside the line that is being wound up."""
    call = house.live()
    house.phones.press(call.pk, "1")
    house.phones.cut(call.pk)
    house.talks_on(call, behind(call, 1))
    house.phones.press(call.pk, "2")
    assert house.holder(call) is house.workers[0]
    house.hangs_up(call)
    assert texts(call) == [OPENING.text, "[key 1]", "Answer 1.", CUT_OFF, "[key 2]", "Answer 1."]
    whole(call, house, takeovers=1)


def test_a_broker_that_is_away_during_a_live_call_costs_no_turn(house: House) -> None:
    (worker,) = house.workers
    call = house.live()
    house.phones.press(call.pk, "1")
    worker.redis.kill()
    for _ in range(4):
        assert house.phones.press(call.pk, "2") < 3
    kept = [OPENING.text, "[key 1]", "Answer 1."]
    for number in range(2, 6):
        kept += ["[key 2]", f"Answer {number}."]
    worker.until("all of it is written, without the broker", lambda: texts(call) == kept)
    worker.redis.start()
    house.phones.press(call.pk, "3")
    house.hangs_up(call)
    assert texts(call) == [*kept, "[key 3]", "Answer 6."]
    assert worker.told("call.event_lost") == []
    whole(call, house, takeovers=0)


def test_a_worker_that_drains_takes_not_even_its_own_call_over(house: House) -> None:
    call = house.live()
    first, other = house.workers[0], house.start()
    house.ready()
    first.signal(signal.SIGTERM)
    first.until("it drains", lambda: first.told("voice.draining"))
    house.phones.press(call.pk, "1")
    house.phones.cut(call.pk)
    house.talks_on(call, behind(call, 1))
    house.phones.press(call.pk, "2")
    assert house.holder(call) is other
    assert first.process.wait(20) == 0
    house.hangs_up(call)
    assert texts(call) == [OPENING.text, "[key 1]", "Answer 1.", CUT_OFF, "[key 2]", "Answer 1."]
    whole(call, house, takeovers=1)


def test_a_frozen_worker_loses_its_call_to_another_and_changes_nothing_when_it_wakes(house: House) -> None:
    call = house.live()
    frozen, other = house.workers[0], house.start()
    house.ready()
    house.phones.press(call.pk, "1")
    frozen.signal(signal.SIGSTOP)
    dialer = FakeDialer()

    def given_up() -> bool:
        sweep(dialer=dialer, now=timezone.now())
        return Call.objects.filter(pk=call.pk, status="unknown").exists()

    other.until("its lease runs out", given_up)
    assert (dialer.redirected, house.phones.is_open(call.pk)) == ([], True)
    sweep(dialer=dialer, now=timezone.now() + timedelta(seconds=8))
    ((carrier_call_id, url),) = dialer.redirected
    assert carrier_call_id == f"CA{call.pk.hex}"
    house.phones.cut(call.pk, stops=True)
    house.talks_on(call, url)
    house.phones.press(call.pk, "2")
    frozen.signal(signal.SIGCONT)
    frozen.until("it has seen the end of its socket", lambda: frozen.told("voice.ended"))
    house.phones.press(call.pk, "3")
    assert (house.holder(call), house.phones.is_open(call.pk)) == (other, True)
    house.hangs_up(call)
    assert texts(call) == [
        OPENING.text,
        "[key 1]",
        "Answer 1.",
        CUT_OFF,
        "[key 2]",
        "Answer 1.",
        "[key 3]",
        "Answer 2.",
    ]
    assert dialer.hung_up == []
    assert (call.ended_by, call.takeovers, call.fence) == ("lead", 1, 4)
    assert audit() == []
