"""Engines for the model process: one that answers, and ways to break."""

import os
import time
from pathlib import Path


class Echo:
    def __init__(self, greeting: str = "", load_s: float = 0.0) -> None:
        time.sleep(load_s)
        if greeting == "broken":
            raise RuntimeError("no such model")
        self._greeting = greeting

    def say(self, text: str) -> str:
        return f"{self._greeting}{text}"

    def threads(self) -> str:
        return os.environ["OPENBLAS_NUM_THREADS"]

    def fail(self) -> None:
        raise ValueError("odd input")

    def die_once(self, marker: str) -> str:
        """Dies where the marker is not there yet."""
        if not Path(marker).exists():
            Path(marker).touch()
            os._exit(1)
        return "alive"

    def die(self) -> None:
        os._exit(1)

    def hang_once(self, marker: str) -> str:
        if not Path(marker).exists():
            Path(marker).touch()
            time.sleep(60)
        return "awake"
