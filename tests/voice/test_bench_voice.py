"""The measuring itself: what it reads, what it concludes, and a short run of stock and ours."""

import asyncio
import json
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import SPEECH
from bench.voice import report
from bench.voice.__main__ import at_once, in_time
from bench.voice.measuring import Measured
from bench.voice.speech import NoSpeech, utterances

ROOT = Path(__file__).resolve().parents[2]

ROW = Measured("ours", 8, 8, 30, 0, 265.0, 505.0, -80.0, 61.1, 809.0, 1.0)


def recorded(folder: Path, *, seconds: dict[str, float]) -> Path:
    """A folder of speech with a tone in each file, named by set and number."""
    for name, lasts_s in seconds.items():
        tone = np.sin(np.arange(int(8000 * lasts_s)) * 0.3) * 20_000
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(np.concatenate([np.zeros(4000), tone, np.zeros(4000)]).astype("<i2").tobytes())
    entries = [{"path": f"{name}.wav", "text": name, "set": name[0]} for name in seconds]
    (folder / "manifest.json").write_text(json.dumps(entries))
    return folder


def test_each_set_in_turn_cut_to_its_voice(tmp_path: Path) -> None:
    folder = recorded(tmp_path, seconds={"a1": 2.0, "a2": 1.0, "a3": 3.0, "a4": 2.5, "b1": 2.0})
    found = utterances(folder)
    assert [(one.of, one.text) for one in found] == [("a", "a1"), ("b", "b1"), ("a", "a3"), ("a", "a4")]
    assert [len(one.packets) for one in found] == [101, 101, 151, 126]
    assert [one.text for one in utterances(folder, most=2)] == ["a1", "b1"]


def test_a_folder_without_speech_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSpeech, match=r"name a folder with a manifest.json by --speech"):
        utterances(tmp_path)
    with pytest.raises(NoSpeech, match=r"names no recording of 1.2 to 6.0 s"):
        utterances(recorded(tmp_path, seconds={"a1": 0.5}))


@pytest.mark.parametrize(
    ("row", "judged"),
    [
        (ROW, (True, True)),
        (replace(ROW, latency_p50=601.0), (True, False)),
        (replace(ROW, latency_p50=None), (True, False)),
        (replace(ROW, late_p99=20.1), (False, False)),
        (replace(ROW, late_p99=None), (False, False)),
        (replace(ROW, live=7), (False, False)),
    ],
)
def test_how_many_calls_are_served(row: Measured, judged: tuple[bool, bool]) -> None:
    assert (in_time(row), at_once(row)) == judged


def test_what_follows_from_the_figures() -> None:
    stock = replace(ROW, server="stock", latency_p50=859.0, mb=1110.0)
    rows = [ROW, stock, replace(ROW, calls=32, live=32, latency_p50=1238.0, mb=833.0), replace(stock, calls=12)]
    said = report.markdown({"real": rows}, in_time=in_time, at_once=at_once)
    assert "- stock: 8 calls with packets in time, 0 with half of the answers at once, 0.0 MB a call\n" in said
    assert "- ours: 32 calls with packets in time, 8 with half of the answers at once, 1.0 MB a call\n" in said
    assert "- at 8 calls our p50 is 0.31 of stock's\n" in said


@pytest.mark.slow
@pytest.mark.skipif(not SPEECH.is_dir(), reason="no recordings of people beside the checkout")
async def test_stock_and_ours_answer_the_same_people(tmp_path: Path) -> None:
    command = ("-m", "bench.voice", "--only", "canned", "--calls", "8", "--seconds", "8", "--out", str(tmp_path))
    bench = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--speech", str(SPEECH), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    async with asyncio.timeout(120):
        out, _ = await bench.communicate()
    assert bench.returncode == 0, out.decode()
    rows = json.loads((tmp_path / "figures.json").read_text())["canned"]
    assert [(row["server"], row["calls"], row["live"]) for row in rows] == [("stock", 8, 8), ("ours", 8, 8)]
    assert all(row["answers"] > 3 for row in rows)
    assert rows[0]["mb"] > rows[1]["mb"]
    pictures = {f"canned-{figure}.svg" for figure in ("latency", "lateness", "cpu", "memory")}
    assert {path.name for path in tmp_path.iterdir()} == {*pictures, "figures.json", "table.md"}
