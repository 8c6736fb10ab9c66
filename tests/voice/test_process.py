"""The model processes: replaced when lost, never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from voice.speech.ports import SpeechError
from voice.speech.process import ModelProcess

ROOT = Path(__file__).resolve().parents[2]
ECHO = "tests.voice.engines:Echo"


async def test_an_engine_runs_in_a_process_of_its_own_with_one_thread() -> None:
    process = ModelProcess(ECHO, {"greeting": "Hello, "})
    await process.start()
    assert process.pid not in (None, os.getpid())
    assert await process.run("say", "Sam") == "Hello, Sam"
    assert await process.run("threads") == "1"
    assert "tests.voice.engines" not in sys.modules
    pid = process.pid
    await process.stop()
    assert not psutil.pid_exists(pid or 0)
    assert process.pid is None


async def test_odd_input_is_the_callers_and_leaves_the_process_alone() -> None:
    process = ModelProcess(ECHO, {})
    await process.start()
    pid = process.pid
    with pytest.raises(ValueError, match="odd input"):
        await process.run("fail")
    assert await process.run("say", "x") == "x"
    assert process.pid == pid
    await process.stop()


@pytest.mark.parametrize("method", ["die_once", "hang_once"])
async def test_a_process_that_is_lost_is_replaced_and_asked_again(tmp_path: Path, method: str) -> None:
    process = ModelProcess(ECHO, {}, timeout_s=2.0)
    await process.start()
    before = process.pid
    assert await process.run(method, str(tmp_path / "marker")) in ("alive", "awake")
    assert process.pid != before
    assert not psutil.pid_exists(before or 0)
    await process.stop()


async def test_a_model_may_load_longer_than_a_job_may_take(tmp_path: Path) -> None:
    process = ModelProcess(ECHO, {"load_s": 1.0}, timeout_s=0.5)
    waiting = asyncio.create_task(process.run("say", "gone"))
    await asyncio.sleep(0.3)
    waiting.cancel()  # a call that ends meanwhile
    await asyncio.gather(waiting, return_exceptions=True)
    assert await process.run("say", "here") == "here"
    assert await process.run("die_once", str(tmp_path / "marker")) == "alive"
    await process.stop()


async def test_a_process_that_dies_twice_is_a_speech_error() -> None:
    process = ModelProcess(ECHO, {})
    await process.start()
    with pytest.raises(SpeechError, match="failed twice"):
        await process.run("die")
    assert await process.run("say", "back") == "back"
    await process.stop()


async def test_a_model_that_does_not_load_is_a_speech_error() -> None:
    process = ModelProcess(ECHO, {"greeting": "broken"})
    with pytest.raises(SpeechError, match="does not load"):
        await process.start()
    assert process.pid is None
    await process.stop()


async def test_one_job_at_a_time() -> None:
    process = ModelProcess(ECHO, {})
    await process.start()
    assert not process.busy
    jobs = [asyncio.create_task(process.run("say", str(n))) for n in range(3)]
    await asyncio.sleep(0)
    assert process.busy
    assert await asyncio.gather(*jobs) == ["0", "1", "2"]
    assert not process.busy
    await process.stop()


_PARENT = """
import asyncio, sys
from voice.speech.process import ModelProcess

async def main():
    process = ModelProcess("tests.voice.engines:Echo", {})
    await process.start()
    print(process.pid, flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        family = psutil.Process(parent.pid).children(recursive=True)
        assert child in family
        child.send_signal(signal.SIGTERM)  # a signal to the group takes no model away during a drain
        child.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert child.is_running()
        parent.kill()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_models_stay_out_of_our_process() -> None:
    """Piper is GPL-3.0, and a model beside the media loop delays the audio."""
    code = "import sys, voice.plane; print(sorted({'piper', 'faster_whisper', 'ctranslate2'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_what_every_process_imports_is_light() -> None:
    code = (
        "import sys, voice.worker, voice.bell, voice.adapters.twilio;"
        "print(sorted({'pipecat', 'onnxruntime', 'numpy', 'uvicorn'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
