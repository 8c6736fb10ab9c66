"""A short run with every kind of fault. The long ones are `make chaos`."""

import subprocess
from pathlib import Path

import pytest

from reautomation.processes import python_module
from tests.chaos.__main__ import ROOT


@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_a_short_run_keeps_what_is_promised(tmp_path: Path) -> None:
    short = ("--seed", "17", "--leads", "110", "--minutes", "1", "--every", "3.5", "5")
    run = subprocess.run(
        python_module("tests.chaos", *short, "--var", str(tmp_path)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=390,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "seed 17: 110 leads" in run.stdout
