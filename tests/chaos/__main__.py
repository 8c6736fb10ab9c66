"""``python -m tests.chaos --seed 17``: faults by schedule over a real installation, judged by the carrier's log."""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    options = _options()
    failed = 0
    for seed in options.seed or [1, 2, 3]:
        failed |= _one_in_a_process(seed, options) if len(options.seed or [1, 2, 3]) > 1 else _one(seed, options)
    return failed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="*", help="which schedules; 1 2 3 unless given")
    parser.add_argument("--leads", type=int, default=510)
    parser.add_argument("--minutes", type=float, default=2.5, help="how long leads become due and faults strike")
    parser.add_argument(
        "--every", type=float, nargs=2, default=(4.0, 8.0), help="seconds between faults, from and to"
    )
    parser.add_argument("--lines", type=int, default=12, help="of each voice worker")
    parser.add_argument("--var", type=Path, default=ROOT / "var" / "chaos", help="where runs keep what they leave")
    return parser.parse_args()


def _one_in_a_process(seed: int, options: argparse.Namespace) -> int:
    """Each run has settings of its own, so a process of its own."""
    import subprocess

    from reautomation.processes import python_module

    every = [str(seconds) for seconds in options.every]
    more = ("--leads", str(options.leads), "--minutes", str(options.minutes), "--lines", str(options.lines))
    command = python_module("tests.chaos", "--seed", str(seed), *more, "--every", *every, "--var", str(options.var))
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _one(seed: int, options: argparse.Namespace) -> int:
    var = (options.var / f"seed-{seed}").resolve()
    os.environ.update({"DJANGO_SETTINGS_MODULE": "tests.chaos.settings", "ENV_FILE": os.devnull, "VAR_DIR": str(var)})
    os.environ.update({"DATABASE_URL": "", "REDIS_URL": "", "TWILIO_FROM_NUMBER": "+12025550100"})
    import django

    django.setup()
    from tests.chaos.schedule import draw
    from tests.chaos.whole import whole_run

    schedule = draw(seed, leads=options.leads, lasts_s=options.minutes * 60, every_s=tuple(options.every))
    result = whole_run(schedule, var, lines=options.lines)
    print(result.told(), flush=True)
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
