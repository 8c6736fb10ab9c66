"""The soak itself: what it counts as growth, and a short run of it."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bench.soak import trend

ROOT = Path(__file__).resolve().parents[2]
SPEECH = ROOT.parent / "shared" / "speech"


def noisy(level: float, slope: float) -> list[float]:
    """A value a second for ten minutes, give or take one."""
    source = random.Random(3)
    return [level + slope * second + source.uniform(-1, 1) for second in range(600)]


AT_S = [float(second) for second in range(600)]


def test_what_is_flat_has_a_slope_within_its_bound() -> None:
    fit = trend(AT_S, noisy(200, 0.0))
    assert fit.mean == pytest.approx(200, abs=0.2)
    assert abs(fit.slope) <= fit.bound < 5
    assert fit.least_grown < 0.1


def test_what_grows_is_told_with_how_much_at_least() -> None:
    fit = trend(AT_S, noisy(200, 0.05))
    assert fit.slope == pytest.approx(180, abs=5)
    assert fit.grown == pytest.approx(30, abs=1)
    assert 28 < fit.least_grown < fit.grown


@pytest.mark.slow
@pytest.mark.skipif(not SPEECH.is_dir(), reason="no recordings of people beside the checkout")
async def test_a_short_soak_refuses_what_is_too_much_and_drops_nobody() -> None:
    command = ("-m", "bench.soak", "--calls", "6", "--minutes", "0.34", "--lasts", "5", "9", "--speech", str(SPEECH))
    soak = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    async with asyncio.timeout(100):
        out, _ = await soak.communicate()
    told = out.decode()
    assert "6 calls at a time" in told
    assert " 0 dropped" in told
    assert "offered 60 more" in told
    assert "taken beyond the capacity" not in told
    assert soak.returncode == 0, told
