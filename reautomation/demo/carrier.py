"""What the simulated carrier saw: the judge of the demo."""

from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Carrier:
    """Reads the simulator's own pages on ``port``."""

    port: int

    def ready(self) -> bool:
        try:
            return bool(self._get("health")["ready"])
        except httpx.HTTPError:
            return False

    def calls(self) -> list[dict[str, Any]]:
        """One entry a call: to, rings, said, heard, answer_ms …; see simulator/README.md."""
        calls: list[dict[str, Any]] = self._get("calls")["calls"]
        return calls

    def people(self) -> list[dict[str, Any]]:
        """id, number (such as ``*0101``), answers, expects."""
        people: list[dict[str, Any]] = self._get("people")["people"]
        return people

    def _get(self, page: str) -> dict[str, Any]:
        answer = httpx.get(f"http://127.0.0.1:{self.port}/simulator/{page}", timeout=10)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()
        return data
