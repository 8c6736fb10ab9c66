"""Which processes are left."""

from collections.abc import Iterable

import psutil


def left_over(processes: Iterable[psutil.Process], *, timeout_s: float = 30) -> list[psutil.Process]:
    """Those that still run after ``timeout_s``. A dead one that init has not buried yet does not count."""
    _, alive = psutil.wait_procs([process for process in processes if not _dead(process)], timeout=timeout_s / 2)
    return [process for process in alive if not _dead(process)]


def _dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
