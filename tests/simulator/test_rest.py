"""Twilio's REST API, through Twilio's own client and against Twilio's own description."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from twilio.base.exceptions import TwilioRestException

from tests.simulator.world import OURS, SID, Carrier, carrier, everybody, human

SPEC = Path(__file__).parents[3] / "shared" / "specs" / "twilio_api_v2010.json"
CALLS = f"/2010-04-01/Accounts/{SID}/Calls.json"
WAIT = '<Response><Pause length="60"/></Response>'
HANGUP = "<Response><Hangup/></Response>"


@pytest.fixture
async def phone_company() -> AsyncIterator[Carrier]:
    patient = {"id": "patient", "number": "*0199", "answers": {"after_s": 60}}
    async with carrier(everybody(human("*0101"), patient)) as one:
        yield one


def schema_of(name: str) -> dict[str, Any]:
    """One of Twilio's component schemas, with every property that it names required and no other allowed."""
    if not SPEC.exists():
        pytest.skip(f"Twilio's description is not there: {SPEC.name}")
    schemas = json.loads(SPEC.read_text())["components"]["schemas"]
    status = {"call_enum_status": schemas["call_enum_status"]}
    schema: dict[str, Any] = _nullable(schemas[name])
    properties = list(schema["properties"])
    return schema | {"required": properties, "additionalProperties": False, "components": {"schemas": status}}


def _nullable(node: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` as JSON Schema says it."""
    if isinstance(node, list):
        return [_nullable(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _nullable(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is True and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
    return plain


async def test_a_call_is_created_fetched_and_ended_through_twilios_client(phone_company: Carrier) -> None:
    calls = phone_company.twilio.calls
    created = await asyncio.to_thread(calls.create, to="+13035550101", from_=OURS, twiml=WAIT)
    assert (created.status, created.to, created._from, created.direction) == (
        "queued",
        "+13035550101",
        OURS,
        "outbound-api",
    )
    assert (created.account_sid, created.duration, created.price, created.price_unit) == (SID, None, None, "USD")
    await phone_company.until(created.sid, "in-progress")
    live = await asyncio.to_thread(calls(created.sid).fetch)
    assert (live.status, live.end_time) == ("in-progress", None)
    ended = await asyncio.to_thread(calls(created.sid).update, status="completed")
    assert (ended.status, ended.duration, ended.price) == ("completed", "1", None)
    assert (await phone_company.seen(created.sid))["ended_by"] == "application"


@pytest.mark.parametrize("state", ["queued", "completed"])
async def test_the_answer_has_the_shape_that_twilio_describes(phone_company: Carrier, state: str) -> None:
    schema = schema_of("api.v2010.account.call")
    response = await phone_company.http.post(CALLS, data={"To": "+13035550101", "From": OURS, "Twiml": HANGUP})
    assert response.status_code == 201
    shown = response.json()
    if state == "completed":
        await phone_company.over(shown["sid"])
        shown = (await phone_company.http.get(CALLS.replace(".json", f"/{shown['sid']}.json"))).json()
    assert shown["status"] == state
    jsonschema.validate(shown, schema)


def test_twilio_has_every_parameter_that_is_read_here() -> None:
    if not SPEC.exists():
        pytest.skip(f"Twilio's description is not there: {SPEC.name}")
    paths = json.loads(SPEC.read_text())["paths"]
    create = paths["/2010-04-01/Accounts/{AccountSid}/Calls.json"]
    form = create["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    read = {
        *("To", "From", "Url", "Twiml", "Method", "FallbackUrl", "FallbackMethod", "ApplicationSid"),
        *("StatusCallback", "StatusCallbackEvent", "StatusCallbackMethod", "Timeout", "TimeLimit"),
        *("MachineDetection", "MachineDetectionTimeout", "AsyncAmd", "AsyncAmdStatusCallback"),
        "AsyncAmdStatusCallbackMethod",
    }
    assert read <= set(form) | {"To", "From"}
    filters = {parameter["name"] for parameter in create["get"]["parameters"]}
    assert {
        "To",
        "From",
        "Status",
        "ParentCallSid",
        "StartTime",
        "StartTime<",
        "StartTime>",
        "Page",
        "PageSize",
    } <= filters


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"To": ""}, 400, 21201),
        ({"To": "5550101"}, 400, 21211),
        ({"To": "+1303555010l"}, 400, 21211),
        ({"From": ""}, 400, 21213),
        ({"From": "Summit"}, 400, 21212),
        ({"Twiml": ""}, 400, 21205),
        ({"Twiml": "", "Url": "ftp://example.org"}, 400, 21205),
        ({"Twiml": "", "Url": "nonsense"}, 400, 21205),
        ({"ApplicationSid": "AP1"}, 400, 21218),
        ({"Twiml": "<Response>"}, 400, 12100),
        ({"StatusCallback": "here"}, 400, 21609),
        ({"StatusCallback": "http://a/b", "StatusCallbackMethod": "PUT"}, 400, 20001),
        ({"Timeout": "601"}, 400, 20001),
        ({"TimeLimit": "soon"}, 400, 20001),
        ({"MachineDetection": "Guess"}, 400, 20001),
        ({"MachineDetection": "Enable", "AsyncAmd": "true"}, 400, 21609),
    ],
)
async def test_a_bad_request_rings_nobody(
    phone_company: Carrier, change: dict[str, str], status: int, code: int
) -> None:
    form = {"To": "+13035550101", "From": OURS, "Twiml": HANGUP} | change
    response = await phone_company.http.post(CALLS, data=form)
    error = response.json()
    assert (response.status_code, error["code"], error["status"]) == (status, code, status)
    assert error["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert set(error) == {"code", "message", "more_info", "status"}
    assert (await phone_company.http.get("/simulator/calls")).json() == {"calls": []}


async def test_twilios_client_understands_the_errors(phone_company: Carrier) -> None:
    with pytest.raises(TwilioRestException) as refused:
        await phone_company.ring(to="+1303", twiml=HANGUP)
    assert (refused.value.status, refused.value.code) == (400, 21211)
    with pytest.raises(TwilioRestException) as unknown:
        await asyncio.to_thread(phone_company.twilio.calls("CA" + "0" * 32).fetch)
    assert (unknown.value.status, unknown.value.code) == (404, 20404)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic !"}, {"Authorization": "Basic QUM6eA=="}, {"Authorization": "Bearer x"}]
)
async def test_only_the_account_may_call(phone_company: Carrier, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=phone_company.url, trust_env=False) as stranger:
        response = await stranger.get(CALLS, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, 20003)
    assert response.headers["www-authenticate"] == 'Basic realm="Twilio API"'


async def test_another_accounts_path_is_not_open(phone_company: Carrier) -> None:
    response = await phone_company.http.get(CALLS.replace(SID, "AC" + "0" * 32))
    assert (response.status_code, response.json()["code"]) == (401, 20003)


async def test_there_is_nothing_else(phone_company: Carrier) -> None:
    missing = await phone_company.http.get("/2010-04-01/Accounts/x/Messages.json")
    assert (missing.status_code, missing.json()["code"]) == (404, 20404)
    wrong = await phone_company.http.put(CALLS)
    assert (wrong.status_code, wrong.json()["code"]) == (405, 20004)


async def test_above_the_cps_the_answer_is_429() -> None:
    async with carrier(everybody(human("*0101")), cps=1) as one:
        await one.ring(twiml=HANGUP)
        with pytest.raises(TwilioRestException) as refused:
            await one.ring(twiml=HANGUP)
        assert (refused.value.status, refused.value.code) == (429, 20429)
        assert (await one.http.get("/simulator/health")).json()["calls"] == 1


async def test_a_ringing_call_can_be_canceled_and_is_then_over(phone_company: Carrier) -> None:
    sid = await phone_company.ring(to="+13035550199", twiml=WAIT)
    await phone_company.until(sid, "ringing")
    update = phone_company.twilio.calls(sid).update
    assert (await asyncio.to_thread(update, status="canceled")).status == "canceled"
    with pytest.raises(TwilioRestException) as refused:
        await asyncio.to_thread(update, status="completed")
    assert (refused.value.status, refused.value.code) == (400, 21220)
    seen = await phone_company.seen(sid)
    assert (seen["status"], seen["price"], seen["answered_at"]) == ("canceled", None, None)


async def test_cancel_leaves_a_call_in_progress_alone(phone_company: Carrier) -> None:
    sid = await phone_company.ring(twiml=WAIT)
    await phone_company.until(sid, "in-progress")
    update = phone_company.twilio.calls(sid).update
    assert (await asyncio.to_thread(update, status="canceled")).status == "in-progress"
    assert (await asyncio.to_thread(update, twiml=HANGUP)).status == "in-progress"
    assert (await phone_company.over(sid))["status"] == "completed"


async def test_a_call_that_rings_cannot_be_redirected(phone_company: Carrier) -> None:
    sid = await phone_company.ring(to="+13035550199", twiml=WAIT)
    with pytest.raises(TwilioRestException) as refused:
        await asyncio.to_thread(phone_company.twilio.calls(sid).update, twiml=HANGUP)
    assert (refused.value.status, refused.value.code) == (400, 21220)


async def test_an_update_to_an_unknown_status_is_refused(phone_company: Carrier) -> None:
    sid = await phone_company.ring(to="+13035550199", twiml=WAIT)
    response = await phone_company.http.post(CALLS.replace(".json", f"/{sid}.json"), data={"Status": "paused"})
    assert (response.status_code, response.json()["code"]) == (400, 20001)


async def test_a_list_is_filtered_and_paged_as_twilios_client_reads_it(phone_company: Carrier) -> None:
    for _ in range(3):
        await phone_company.ring(to="+13035550199", twiml=WAIT)
    done = await phone_company.ring(twiml=HANGUP)
    await phone_company.over(done)
    calls = phone_company.twilio.calls

    async def sids(**filters: Any) -> list[str]:
        return [call.sid for call in await asyncio.to_thread(calls.list, **filters)]

    everything = await sids(page_size=1)
    assert len(everything) == len(set(everything)) == 4
    assert everything[0] == done
    assert await sids(status="completed") == [done]
    assert await sids(to="+13035550101") == [done]
    assert await sids(to="+13035550199", from_=OURS, page_size=2) == everything[1:]
    assert await sids(from_="+13035559999") == []
    now = datetime.now(UTC)
    assert await sids(start_time_after=now - timedelta(minutes=1)) == everything
    assert await sids(start_time_before=now - timedelta(minutes=1)) == []
    assert await sids(start_time=now.date()) == everything


async def test_a_page_names_its_neighbours(phone_company: Carrier) -> None:
    for _ in range(3):
        await phone_company.ring(to="+13035550199", twiml=WAIT)
    first = (await phone_company.http.get(CALLS, params={"PageSize": 2})).json()
    assert (first["page"], first["start"], first["end"], len(first["calls"])) == (0, 0, 1, 2)
    assert first["previous_page_uri"] is None
    second = (await phone_company.http.get(first["next_page_uri"])).json()
    assert (second["page"], second["start"], second["end"], len(second["calls"])) == (1, 2, 2, 1)
    assert second["next_page_uri"] is None
    back = (await phone_company.http.get(second["previous_page_uri"])).json()
    assert [call["sid"] for call in back["calls"]] == [call["sid"] for call in first["calls"]]


@pytest.mark.parametrize("query", [{"PageSize": "0"}, {"StartTime>": "yesterday"}])
async def test_a_list_refuses_what_twilio_refuses(phone_company: Carrier, query: dict[str, str]) -> None:
    response = await phone_company.http.get(CALLS, params=query)
    assert (response.status_code, response.json()["code"]) == (400, 20001)


async def test_the_simulators_own_pages(phone_company: Carrier) -> None:
    assert (await phone_company.http.get("/simulator/health")).json() == {"ready": True, "calls": 0, "live": 0}
    assert (await phone_company.http.get("/simulator/people")).json()["people"] == [
        {"id": "p0101", "number": "*0101", "answers": "human", "expects": {}},
        {"id": "patient", "number": "*0199", "answers": "human", "expects": {}},
    ]


async def test_a_price_comes_some_time_after_the_end() -> None:
    dear = human("*0102", charge={"times": 100, "currency": "EUR"})
    async with carrier(everybody(human("*0101"), dear), rest={"price_after_s": 0.4}) as one:
        prices = {}
        for to in ("+13035550101", "+13035550102"):
            sid = await one.ring(to=to, twiml=HANGUP)
            await one.over(sid)
            fetch = one.twilio.calls(sid).fetch
            assert (await asyncio.to_thread(fetch)).price is None
            async with asyncio.timeout(5):
                while (told := await asyncio.to_thread(fetch)).price is None:
                    await asyncio.sleep(0.05)
            seen = await one.seen(sid)
            ended_at, now = datetime.fromisoformat(seen["ended_at"]), datetime.now(UTC)
            assert (now - ended_at).total_seconds() >= 0.4
            assert (seen["price"], seen["price_unit"]) == (told.price, told.price_unit)
            prices[to] = (told.price, told.price_unit)
    assert prices == {"+13035550101": ("-0.01400", "USD"), "+13035550102": ("-1.40000", "EUR")}
