"""The carrier's log as the judge reads it."""

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.evidence import Ring, rings_of

ID = "6f1c2f0e-9a33-4d6e-8a6a-0d6a4e0f0001"


def at(second: int) -> datetime:
    return datetime(2026, 11, 10, 19, 0, second, tzinfo=UTC)


def entry(second: int, event: str, **fields: object) -> str:
    return json.dumps({"event": event, "timestamp": at(second).isoformat().replace("+00:00", "Z"), **fields})


def test_the_carriers_log(tmp_path: Path) -> None:
    log = tmp_path / "carrier.jsonl"
    url = f"http://127.0.0.1:1/webhooks/twilio/calls/{ID}/status"
    lines = [
        entry(0, "simulator.warm", lines=6),
        entry(1, "call.too_many", status_callback=url, pii={"to": "+13035551000", "from": "+12025550100"}),
        entry(2, "call.created", call_sid="CA1", status_callback=url, pii={"to": "+13035551000", "from": "+1"}),
        entry(2, "call.status", call_sid="CA1", status="initiated"),
        entry(3, "call.status", call_sid="CA1", status="ringing"),
        entry(3, "call.answer_lost_on_purpose", call_sid="CA1"),
        entry(4, "call.status", call_sid="CA1", status="in-progress"),
        entry(9, "call.status", call_sid="CA1", status="completed"),
        entry(10, "call.created", call_sid="CA2", pii={"to": "+13035551001", "from": "+1"}),
    ]
    log.write_text("\n".join(lines))
    ours = Ring(ID, "+13035551000", taken_at=at(2), rang_at=at(3), over_at=at(9))
    assert rings_of(log) == ((ours, Ring("", "+13035551001", taken_at=at(10))), frozenset({ID}))
