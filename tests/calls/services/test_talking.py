"""A test call, as the web begins it: who is asked, with what, and that nothing of it is kept."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import signing
from pytest_django.fixtures import Settings

from agents.domain.types import Brief
from billing.models import LedgerEntry
from calls.domain.status import CallStatus
from calls.models import Appointment, Call, CallEvent, Campaign, CampaignWord, Decision, Lead, VoiceWorker
from calls.services import talking
from calls.services.briefing import reserve_slots
from calls.services.talking import Person, TalkRefused
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.voice.redis_server import Server
from voice.browser.invitations import Invitation, redeem

pytestmark = pytest.mark.django_db

PERSON = Person("Maria Lopez", "12 Tejon Street", "sell", "America/Denver")
ANSWER = {"sdp": "v=0 answer", "type": "answer", "pc_id": "pc-1"}
UNREACHABLE = (
    "No voice worker answers the web: see that it runs, and that VOICE_INTERNAL_HOST is an address at which the web "
    "reaches it."
)


class Worker:
    """A media server by script: what it was asked, and what it answers."""

    def __init__(self, status: int = 200, content: Any = ANSWER) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.status = status
        self.body = content if isinstance(content, bytes) else json.dumps(content).encode()
        worker = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                worker.asked.append((self.command, self.path, asked))
                self.send_response(worker.status)
                self.send_header("Content-Length", str(len(worker.body)))
                self.end_headers()
                self.wfile.write(worker.body)

            do_POST = do_PATCH = _answer

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def announce(address: str, *, lines: int = 2, **fields: Any) -> VoiceWorker:
    now = datetime.now(UTC)
    defaults = {"owner": f"{address}-{lines}", "started_at": now, "seen_at": now + timedelta(days=1)}
    return VoiceWorker.objects.create(queues=[], lines=lines, address=address, **{**defaults, **fields})


@pytest.fixture
def redis(tmp_path: Path, settings: Settings) -> Iterator[Server]:
    server = Server(tmp_path)
    settings.REDIS_URL = server.url
    yield server
    server.kill()


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    """Closed at the end."""
    made: list[Worker] = []
    yield made
    for worker in made:
        worker.close()


@pytest.fixture
def campaign() -> Campaign:
    return make.campaign(name="Sellers", agent_name="Ava", company_name="Summit", from_number="+13035550100")


def begin(campaign: Campaign) -> dict[str, str]:
    return talking.begin(campaign, PERSON, "v=0 offer", now=NOON_IN_DENVER)


def refusal(campaign: Campaign) -> str:
    with pytest.raises(TalkRefused) as refused:
        begin(campaign)
    return str(refused.value)


def invitation(campaign: Campaign, person: Person = PERSON) -> Invitation:
    return talking.invitation_of(campaign, person, now=NOON_IN_DENVER)


def test_the_agent_is_told_the_campaigns_own_words_and_slots(campaign: Campaign) -> None:
    CampaignWord.objects.create(campaign=campaign, written="Tejon", spoken="tay hone")
    CampaignWord.objects.create(campaign=campaign, written="Cherry Creek")
    told = invitation(campaign)
    assert told.brief == Brief(
        call_id="",
        company="Summit",
        agent_name="Ava",
        callback_number="+13035550100",
        lead_name="Maria Lopez",
        lead_zone="America/Denver",
        interest="sell",
        property_address="12 Tejon Street",
        consent_source="Home value form",
        consent_at=NOON_IN_DENVER - timedelta(days=3),
        slots=told.brief.slots,
        recorded=False,
    )
    assert told.brief.slots[0] == datetime(2026, 11, 11, 10, tzinfo=ZoneInfo("America/Denver"))
    assert len(told.brief.slots) == 4
    assert told.lexicon == {"Tejon": "tay hone"}
    assert told.hints == ("Cherry Creek", "Tejon", "Maria Lopez", "12 Tejon Street")


def test_what_the_campaign_leaves_open_is_the_companys(settings: Settings) -> None:
    settings.COMPANY_NAME, settings.AGENT_NAME, settings.TWILIO_FROM_NUMBER = "House", "Ida", "+12125550100"
    brief = invitation(make.campaign(company_name="", agent_name="")).brief
    assert (brief.company, brief.agent_name, brief.callback_number) == ("House", "Ida", "+12125550100")


def test_who_says_nothing_of_themselves_is_no_hint(campaign: Campaign) -> None:
    assert invitation(campaign, Person("", "", "", "America/Denver")).hints == ()


@pytest.mark.parametrize(("campaigns", "lasts"), [(300, 300), (900, 600)])
def test_it_lasts_as_long_as_a_call_of_the_campaign_but_ten_minutes_at_most(campaigns: int, lasts: int) -> None:
    assert invitation(make.campaign(max_call_s=campaigns)).max_length_s == lasts


def test_slots_are_offered_but_not_reserved(campaign: Campaign) -> None:
    first, second, *_ = invitation(campaign).brief.slots
    make.appointment(make.call(make.lead(campaign)), first)
    assert invitation(campaign).brief.slots[0] == second
    call = make.call(make.lead(campaign))
    assert reserve_slots(call, now=NOON_IN_DENVER)[0] == second


@pytest.mark.django_db(transaction=True)
async def test_the_worker_finds_the_invitation_once(redis: Server) -> None:
    told = Invitation(Brief("", "Summit", "Ava", "+1303", "Maria", "America/Denver"), 300, {"a": "b"}, ("x",))
    token = talking._token(told)
    assert await redeem(redis.url, token) == told
    assert await redeem(redis.url, token) is None


def test_the_offer_goes_to_a_worker_and_nothing_is_written(
    campaign: Campaign, redis: Server, workers: list[Worker]
) -> None:
    workers.append(worker := Worker())
    announced = announce(worker.address)
    answer = begin(campaign)
    assert (answer["sdp"], answer["type"]) == ("v=0 answer", "answer")
    assert sorted(answer) == ["sdp", "talk", "type"]
    ((method, path, asked),) = worker.asked
    assert (method, path, sorted(asked), asked["sdp"]) == ("POST", "/browser/offer", ["sdp", "token"], "v=0 offer")
    for model in (Call, CallEvent, Decision, Lead, Appointment, LedgerEntry):
        assert not model.objects.exists()
    announced.refresh_from_db()
    assert announced.lines == 2


def test_candidates_go_to_the_worker_that_has_the_call(
    campaign: Campaign, redis: Server, workers: list[Worker]
) -> None:
    workers += [one := Worker(), other := Worker(503, {"error": "All 2 lines are taken."})]
    announce(other.address, lines=3)
    announce(one.address)
    talk = begin(campaign)["talk"]
    one.body = b"{}"
    candidates = [{"candidate": f"candidate:{number}", "sdp_mid": "0", "sdp_mline_index": 0} for number in range(60)]
    talking.find_way(talk, candidates)
    assert one.asked[1:] == [("PATCH", "/browser/offer", {"pc_id": "pc-1", "candidates": candidates[:50]})]
    assert [method for method, *_ in other.asked] == ["POST"]


def test_only_our_own_word_says_where_a_call_is(workers: list[Worker]) -> None:
    workers.append(worker := Worker())
    way = {"address": worker.address, "pc_id": "pc-1"}
    signed = signing.dumps(way, salt="calls.talk")
    for talk in ("", "x", signed[:-1], signed + "x", signing.dumps(way), signing.dumps(way, salt="other")):
        with pytest.raises(TalkRefused, match=r"^This test call is over\.$"):
            talking.find_way(talk, [])
    assert worker.asked == []


def test_an_old_call_is_over(workers: list[Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    workers.append(worker := Worker())
    talk = signing.dumps({"address": worker.address, "pc_id": "pc-1"}, salt="calls.talk")
    monkeypatch.setattr(talking, "MOST_S", -1)
    with pytest.raises(TalkRefused, match=r"^This test call is over\.$"):
        talking.find_way(talk, [])
    assert worker.asked == []


@pytest.mark.parametrize(
    ("status", "content", "says"),
    [
        (404, {"error": "This test call is over."}, "This test call is over."),
        (404, b"<h1>nobody</h1>", UNREACHABLE),
        (500, ["error"], UNREACHABLE),
    ],
)
def test_a_worker_that_does_not_take_candidates(workers: list[Worker], status: int, content: Any, says: str) -> None:
    workers.append(worker := Worker(status, content))
    talk = signing.dumps({"address": worker.address, "pc_id": "pc-1"}, salt="calls.talk")
    with pytest.raises(TalkRefused) as refused:
        talking.find_way(talk, [])
    assert str(refused.value) == says


def test_a_worker_that_is_gone_takes_no_candidates() -> None:
    talk = signing.dumps({"address": _nobody(), "pc_id": "pc-1"}, salt="calls.talk")
    with pytest.raises(TalkRefused) as refused:
        talking.find_way(talk, [])
    assert str(refused.value) == UNREACHABLE


def _nobody() -> str:
    """Where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_without_a_worker(campaign: Campaign) -> None:
    announce("http://127.0.0.1:1", draining=True)
    announce("http://127.0.0.1:1", lines=1, seen_at=datetime.now(UTC) - timedelta(hours=1))
    says = "No voice worker is running: start one with make run, or docker compose up -d voice."
    assert refusal(campaign) == says


@pytest.mark.parametrize("fields", [{"offered": 0}, {"lines": 0}, {"owner": "busy", "lines": 1}])
def test_without_a_free_line(campaign: Campaign, fields: dict[str, Any]) -> None:
    announce("http://127.0.0.1:1", **fields)
    make.call(make.lead(campaign), status=CallStatus.LIVE, owner="busy")
    assert refusal(campaign) == "Every voice worker is busy: try again when a call has ended."


def test_a_worker_of_an_older_release_tells_no_address(campaign: Campaign) -> None:
    announce("")
    assert refusal(campaign) == "Every voice worker is busy: try again when a call has ended."


def test_the_next_worker_is_asked_where_one_does_not_answer(
    campaign: Campaign, redis: Server, workers: list[Worker]
) -> None:
    workers += [full := Worker(503, {"error": "No."}), stranger := Worker(200, b"<h1>Hello</h1>"), good := Worker()]
    announce(_nobody(), lines=9)
    announce(full.address, lines=8)
    announce(stranger.address, lines=7)
    announce(good.address, lines=6)
    assert begin(campaign)["sdp"] == "v=0 answer"
    tokens = {asked["token"] for worker in workers for _, _, asked in worker.asked}
    assert len(tokens) == 3


def test_an_offer_that_one_cannot_read_is_shown_to_no_other(
    campaign: Campaign, redis: Server, workers: list[Worker]
) -> None:
    workers += [first := Worker(400, {"error": "The browser's offer cannot be read."}), second := Worker()]
    announce(first.address, lines=3)
    announce(second.address)
    assert refusal(campaign) == "The browser's offer cannot be read."
    assert second.asked == []


def test_where_all_refuse_the_last_sentence_counts(campaign: Campaign, redis: Server, workers: list[Worker]) -> None:
    workers.append(worker := Worker(503, {"error": "All 2 lines are taken."}))
    announce(_nobody(), lines=1)
    announce(worker.address)
    assert refusal(campaign) == "All 2 lines are taken."


def test_where_nobody_answers(campaign: Campaign, redis: Server) -> None:
    announce(_nobody())
    assert refusal(campaign) == UNREACHABLE


def test_without_redis(campaign: Campaign, redis: Server, workers: list[Worker]) -> None:
    workers.append(worker := Worker())
    announce(worker.address)
    redis.kill()
    assert refusal(campaign) == "Redis does not answer, so no voice worker can be invited: see that it runs."
    assert worker.asked == []
