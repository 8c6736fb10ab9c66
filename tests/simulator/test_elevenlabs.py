"""The simulated ElevenLabs, through ElevenLabs' own clients and against their types."""

import asyncio
import audioop
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs, ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors.unprocessable_entity_error import UnprocessableEntityError
from elevenlabs.text_to_speech.types import TextToSpeechConvertRequestOutputFormat as ConvertFormat
from elevenlabs.text_to_speech.types import TextToSpeechStreamRequestOutputFormat as StreamFormat
from elevenlabs.types.http_validation_error import HttpValidationError
from elevenlabs.types.voice_settings import VoiceSettings
from pydantic import TypeAdapter

from simulator.elevenlabs.studio import CONTENT_TYPES, FORMATS, MODELS
from simulator.speech import ModelSpeech, Speech
from tests.simulator.provider import CHAR_BYTES, KEY, VOICE, Provider, provider, tone

SAY = f"/v1/text-to-speech/{VOICE}/stream"
TEXT = "Good morning, this is Ava."


@pytest.fixture
async def one() -> AsyncIterator[Provider]:
    async with provider() as found:
        yield found


def sdk(one: Provider, key: str = KEY) -> ElevenLabs:
    return ElevenLabs(base_url=one.url, api_key=key, httpx_client=httpx.Client(trust_env=False))


async def ask(one: Provider, *, key: str = KEY, **body: Any) -> httpx.Response:
    return await one.http.post(
        SAY,
        params={"output_format": body.pop("output_format", "ulaw_8000")},
        headers={"xi-api-key": key},
        json={"text": TEXT, "model_id": "eleven_flash_v2_5", **body},
    )


class TestProtocol:
    @pytest.mark.parametrize("way", ["convert", "stream"])
    async def test_the_providers_own_client_is_spoken_to(self, one: Provider, way: str) -> None:
        def say() -> bytes:
            method = getattr(sdk(one).text_to_speech, way)
            return b"".join(
                method(
                    VOICE,
                    text=TEXT,
                    model_id="eleven_multilingual_v2",
                    output_format="ulaw_8000",
                    voice_settings=VoiceSettings(stability=0.4, similarity_boost=0.8, speed=1.1),
                    seed=7,
                )
            )

        assert await asyncio.to_thread(say) == tone(TEXT)
        (asked,) = one.studio.asked
        assert (asked.voice_id, asked.model_id, asked.text) == (VOICE, "eleven_multilingual_v2", TEXT)
        assert (asked.status, asked.characters, asked.credits, asked.cut) == (200, len(TEXT), len(TEXT), False)
        assert asked.bytes_sent == len(TEXT) * CHAR_BYTES
        assert one.studio.live == 0

    async def test_the_asynchronous_client_reads_the_headers(self, one: Provider) -> None:
        client = AsyncElevenLabs(base_url=one.url, api_key=KEY, httpx_client=one.http)
        async with client.text_to_speech.with_raw_response.stream(
            VOICE, text=TEXT, model_id="eleven_flash_v2_5", output_format="pcm_8000"
        ) as answer:
            pcm = b"".join([chunk async for chunk in answer.data])
        assert pcm == audioop.ulaw2lin(tone(TEXT), 2)
        names = ("content-type", "character-cost", "current-concurrent-requests", "maximum-concurrent-requests")
        assert [answer.headers[name] for name in names] == ["audio/pcm", str(math.ceil(len(TEXT) / 2)), "1", "10"]
        assert answer.headers["request-id"] == one.studio.asked[0].id

    def test_the_formats_are_those_of_the_client(self) -> None:
        published = [get_args(get_args(kind)[0]) for kind in (ConvertFormat, StreamFormat)]
        assert [set(FORMATS) - set(formats) for formats in published] == [set(), set()]
        assert set(published[1]) == set(FORMATS)

    @pytest.mark.parametrize("output_format", [one for one in FORMATS if one.split("_")[0] in CONTENT_TYPES])
    async def test_every_format_lasts_as_long(self, one: Provider, output_format: str) -> None:
        answer = await ask(one, output_format=output_format)
        codec, rate = output_format.split("_")
        seconds = len(answer.content) / int(rate) / (2 if codec == "pcm" else 1)
        assert seconds == pytest.approx(len(TEXT) * 0.06, abs=0.001)
        assert answer.headers["content-type"] == CONTENT_TYPES[codec]

    async def test_alaw_sounds_as_mulaw_does(self, one: Provider) -> None:
        answer = await ask(one, output_format="alaw_8000")
        assert audioop.rms(audioop.alaw2lin(answer.content, 2), 2) == pytest.approx(
            audioop.rms(audioop.ulaw2lin(tone(TEXT), 2), 2), rel=0.01
        )


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "status", "kind", "code"),
        [
            ({"key": "sk_other"}, 401, "authentication_error", "invalid_api_key"),
            ({"text": " "}, 400, "validation_error", "input_text_empty"),
            ({"model_id": "eleven_v9"}, 404, "not_found", "model_not_found"),
            (
                {"text": "a" * 5001, "model_id": "eleven_v3"},
                400,
                "validation_error",
                "max_character_limit_exceeded",
            ),
            (
                {"output_format": "mp3_44100_128"},
                400,
                "validation_error",
                "unsupported_output_format",
            ),
        ],
    )
    async def test_a_wrong_request_is_told_why(
        self, one: Provider, body: dict[str, Any], status: int, kind: str, code: str
    ) -> None:
        answer = await ask(one, **body)
        detail = answer.json()["detail"]
        assert (answer.status_code, detail["type"], detail["code"], detail["status"]) == (status, kind, code, code)
        assert set(detail) == {"type", "code", "message", "status", "request_id", "param", "docs_url"}
        assert detail["request_id"] == answer.headers["request-id"] == one.studio.asked[0].id
        assert (one.studio.billed, one.studio.live) == ((0, 0), 0)

    async def test_without_a_key_nothing_is_said(self, one: Provider) -> None:
        answer = await one.http.post(SAY, json={"text": TEXT})
        assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "missing_api_key")

    async def test_an_unknown_voice_is_the_clients_error(self, one: Provider) -> None:
        def say() -> ApiError:
            with pytest.raises(ApiError) as caught:
                b"".join(sdk(one).text_to_speech.stream("nobody", text=TEXT, output_format="pcm_8000"))
            return caught.value

        error = await asyncio.to_thread(say)
        assert (error.status_code, error.body["detail"]["code"]) == (404, "voice_not_found")
        assert error.body["detail"]["message"] == "A voice with the voice_id nobody was not found."

    @pytest.mark.parametrize(
        ("body", "loc", "kind"),
        [
            ({"text": None}, ["body", "text"], "string_type"),
            ({"seed": -1}, ["body", "seed"], "greater_than_equal"),
            ({"voice_settings": {"stability": 2}}, ["body", "voice_settings", "stability"], "less_than_equal"),
            ({"output_format": "pcm_11025"}, ["query", "output_format"], "enum"),
        ],
    )
    async def test_a_wrong_shape_is_the_validation_error_of_the_client(
        self, one: Provider, body: dict[str, Any], loc: list[str], kind: str
    ) -> None:
        answer = await ask(one, **body)
        assert answer.status_code == 422
        (problem,) = TypeAdapter(HttpValidationError).validate_python(answer.json()).detail or []
        assert (problem.loc, problem.type) == (loc, kind)
        assert (one.studio.asked[0].status, one.studio.billed) == (422, (0, 0))

    async def test_the_client_raises_its_own_class_for_it(self, one: Provider) -> None:
        def say() -> None:
            with pytest.raises(UnprocessableEntityError):
                b"".join(sdk(one).text_to_speech.stream(VOICE, text=TEXT, output_format="pcm_1"))

        await asyncio.to_thread(say)
        assert [asked.status for asked in one.studio.asked] == [422]

    @pytest.mark.parametrize(("method", "path", "status"), [("GET", SAY, 405), ("GET", "/v1/voices", 404)])
    async def test_other_pages_are_not_there(self, one: Provider, method: str, path: str, status: int) -> None:
        answer = await one.http.request(method, path)
        assert (answer.status_code, set(answer.json())) == (status, {"detail"})


class TestAccount:
    async def test_more_requests_at_once_than_the_plan_allows_are_refused(self) -> None:
        async with provider(concurrency=2, silent={"rate": 1, "at_most": 2}) as one:
            waiting = [asyncio.create_task(ask(one)) for _ in range(2)]
            await one.until_live(2)
            refused = await ask(one)
            detail = refused.json()["detail"]
            assert (refused.status_code, detail["code"]) == (429, "concurrent_limit_exceeded")
            assert detail["status"] == "too_many_concurrent_requests"
            waiting[0].cancel()  # who hangs up gives its place back
            await one.until_live(1)
            assert (await ask(one)).status_code == 200
            waiting[1].cancel()
            await one.until_live(0)
            assert [(asked.status, asked.cut) for asked in one.studio.asked] == [
                (200, True),
                (200, True),
                (429, False),
                (200, False),
            ]
            assert one.studio.billed[0] == 3 * len(TEXT)  # what was accepted is paid, heard or not

    async def test_credits_run_out_by_the_models_price(self) -> None:
        flash, plain = math.ceil(len(TEXT) * MODELS["eleven_flash_v2_5"].credits), len(TEXT)
        async with provider(credits=flash + plain) as one:
            assert (await ask(one)).status_code == 200
            assert (await ask(one, model_id="eleven_v3")).status_code == 200
            refused = await ask(one)
            assert (refused.status_code, refused.json()["detail"]["code"]) == (401, "quota_exceeded")
            assert refused.json()["detail"]["message"] == (
                f"This request exceeds your quota of {flash + plain}. You have 0 credits remaining, while {flash} "
                f"credits are required for this request."
            )
            assert one.studio.billed == (2 * len(TEXT), flash + plain)


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [
            ("wrong_key", 401, "invalid_api_key"),
            ("unpaid", 402, "insufficient_credits"),
            ("too_many", 429, "concurrent_limit_exceeded"),
            ("out_of_order", 500, "internal_server_error"),
        ],
    )
    async def test_a_refusal_on_demand_strikes_as_often_as_asked(
        self, one: Provider, fault: str, status: int, code: str
    ) -> None:
        answer = await one.http.put("/simulator/faults", json={fault: {"rate": 1, "at_most": 1}})
        assert (answer.status_code, answer.json()[fault]) == (200, {"rate": 1.0, "at_most": 1})
        refused, spoken = await ask(one), await ask(one)
        assert (refused.status_code, refused.json()["detail"]["code"]) == (status, code)
        assert (spoken.status_code, one.studio.billed[0]) == (200, len(TEXT))

    async def test_an_unknown_fault_is_refused_and_changes_nothing(self, one: Provider) -> None:
        one.faults(unpaid=1)
        answer = await one.http.put("/simulator/faults", json={"unpayed": 1})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "unpayed"])
        assert (await ask(one)).status_code == 402

    async def test_an_answer_is_broken_off_in_the_middle(self, one: Provider) -> None:
        one.faults(broken_off=1)
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(one)
        (asked,) = one.studio.asked
        assert (asked.bytes_sent, asked.cut) == (len(TEXT) * CHAR_BYTES // 2, False)

    @pytest.mark.parametrize(("fault", "part"), [("cut_short", 0.1), ("empty", 0)])
    async def test_an_answer_ends_early_in_good_form(self, one: Provider, fault: str, part: float) -> None:
        one.faults(**{fault: 1})
        answer = await ask(one)
        assert (answer.status_code, len(answer.content)) == (200, len(TEXT) * CHAR_BYTES * part)

    async def test_an_answer_goes_silent_in_the_middle_and_goes_on(self, one: Provider) -> None:
        one.faults(stalls=1, stall_s=0.2)
        answer = await ask(one)
        assert answer.content == tone(TEXT)
        assert answer.elapsed.total_seconds() >= 0.2

    async def test_the_first_byte_takes_its_time(self, one: Provider) -> None:
        one.faults(latency_ms=[150, 150])
        assert (await ask(one)).elapsed.total_seconds() >= 0.15


async def test_what_happened_can_be_read(one: Provider) -> None:
    await ask(one)
    page = (await one.http.get("/simulator/requests")).json()
    (entry,) = page.pop("requests")
    assert page == {"characters": len(TEXT), "credits": math.ceil(len(TEXT) / 2)}
    assert re.fullmatch(r"[0-9a-f]{32}", entry.pop("id"))
    assert entry.pop("at").endswith("+00:00")
    assert entry == {
        "voice_id": VOICE,
        "model_id": "eleven_flash_v2_5",
        "output_format": "ulaw_8000",
        "text": TEXT,
        "status": 200,
        "characters": len(TEXT),
        "credits": math.ceil(len(TEXT) / 2),
        "bytes_sent": len(TEXT) * CHAR_BYTES,
        "cut": False,
    }
    assert (await one.http.get("/simulator/health")).json() == {"ready": True, "live": 0}


async def test_without_its_voices_it_never_becomes_ready() -> None:
    class Dumb:
        async def warm(self, lines: Any) -> None:
            raise RuntimeError("no such voice")

        def close(self) -> None: ...

    speech: Any = Dumb()
    async with provider(speech=speech) as one:
        assert (await one.http.get("/simulator/health")).json() == {"ready": False, "live": 0}


@pytest.mark.slow
async def test_it_says_the_words() -> None:
    speech: Speech = ModelSpeech()
    async with provider(speech=speech) as one:
        one.http.timeout = httpx.Timeout(60)  # the first words load the model
        answer = await ask(one, text="Good morning, how are you today?")
        heard = await speech.understand(answer.content)
    assert re.sub(r"\W+", " ", heard.lower()).strip() == "good morning how are you today"


class TestProcess:
    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "simulator.elevenlabs", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def test_it_is_started_asked_and_ended(self, tmp_path: Path) -> None:
        faults, log = tmp_path / "faults.yaml", tmp_path / "logs" / "provider.jsonl"
        faults.write_text("out_of_order: {rate: 1, at_most: 1}\n")
        command = [sys.executable, "-m", "simulator.elevenlabs", "--api-key", KEY, "--voice", VOICE, "--tone"]
        with subprocess.Popen(
            [*command, "--faults", str(faults), "--log", str(log)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.fullmatch(r"simulator\.elevenlabs: (http://127\.0\.0\.1:\d+) \(pid (\d+)\)\n", line)
            assert found is not None
            assert int(found[2]) == process.pid
            with httpx.Client(base_url=found[1], trust_env=False, headers={"xi-api-key": KEY}) as http:
                answers = [http.post(SAY, params={"output_format": "ulaw_8000"}, json={"text": "Hi."}) for _ in "12"]
            process.send_signal(signal.SIGINT)
            assert process.wait(10) in {0, -signal.SIGINT, 130}
        assert [answer.status_code for answer in answers] == [500, 200]
        assert answers[1].content == tone("Hi.")
        events = [json.loads(entry) for entry in log.read_text().splitlines()]
        assert [(event["event"], event["status"]) for event in events] == [
            ("elevenlabs.asked", 500),
            ("elevenlabs.asked", 200),
        ]

    def test_what_it_cannot_use_is_a_sentence(self, tmp_path: Path) -> None:
        faults = tmp_path / "faults.yaml"
        faults.write_text("broken: 1\n")
        wrong = self.run("--api-key", KEY, "--voice", VOICE, "--tone", "--faults", str(faults))
        assert wrong.returncode == 2
        assert f"{faults}: broken: Extra inputs are not permitted" in wrong.stderr
        unknown = self.run("--api-key", KEY, "--voice", f"{VOICE}=nobody")
        assert unknown.returncode == 2
        assert "--voice: voice 'nobody' is not installed" in unknown.stderr
        assert os.linesep.join([wrong.stdout, unknown.stdout]).strip() == ""
