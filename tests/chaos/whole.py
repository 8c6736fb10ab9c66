"""A run from its empty folder to the judge's word."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core.management import call_command

from integrations import tokens
from integrations.models import ApiToken
from tests.chaos import world as worlds
from tests.chaos.evidence import Evidence
from tests.chaos.judge import Violation, judge
from tests.chaos.run import Run, add_number
from tests.chaos.schedule import Schedule
from tests.chaos.stage import Stage, fresh

_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Result:
    schedule: Schedule
    var: Path
    seen: Evidence
    violations: list[Violation]
    struck: Counter[str]
    took_s: float

    def told(self) -> str:
        """For people: what happened, and everything that is needed to look into what went wrong."""
        seen = self.seen
        unknown = sum(call.unknown_committed_at is not None for call in seen.calls)
        statuses = Counter(call.status for call in seen.calls)
        lines = [
            f"seed {self.schedule.seed}: {len(seen.leads)} leads, {len(seen.calls)} calls "
            f"({', '.join(f'{count} {status}' for status, count in sorted(statuses.items()))}), "
            f"{len(seen.rings)} rings, {len(seen.opted_out)} opt-outs, {unknown} calls unknown for a time, "
            f"reconciled {self.reconciled_s:.0f} s after the last fault, {self.took_s:.0f} s in all",
            *(f"  {count} x {kind}" for kind, count in sorted(self.struck.items())),
        ]
        lines += [f"  note: {death}" for death in seen.deaths]
        if self.violations:
            lines += [f"VIOLATED with seed {self.schedule.seed}; replay: make chaos SEED={self.schedule.seed}"]
            lines += [f"  {violation}" for violation in self.violations[:_SHOWN]]
            if len(self.violations) > _SHOWN:
                lines += [f"  … and {len(self.violations) - _SHOWN} more: {self.var / 'violations.txt'}"]
            lines += [f"schedule: {self.var / 'schedule.json'}", f"logs: {self.var / 'log'}"]
            lines += [f"the carrier's log: {self.var / 'carrier.jsonl'}"]
        return "\n".join(lines)

    @property
    def reconciled_s(self) -> float:
        """From the last fault's strike to the end of the last call that was under way at it; 0 where none was."""
        if not self.seen.faults:
            return 0.0
        last_at = max(fault.from_at for fault in self.seen.faults)
        ends = [call.over_committed_at or self.seen.ended_at for call in self.seen.calls if call.queued_at <= last_at]
        return max(0.0, (max(ends, default=last_at) - last_at).total_seconds())


def whole_run(schedule: Schedule, var: Path, *, lines: int) -> Result:
    """Django's settings must name ``var``, which is emptied."""
    began = time.monotonic()
    fresh(var)
    (var / "schedule.json").write_text(schedule.as_json())
    stage = Stage(var, schedule, lines=lines)
    try:
        stage.start_servers()
        call_command("migrate", verbosity=0)
        open_at, closed_at = worlds.places(datetime.now(UTC))
        world = worlds.plan(
            schedule.seed, leads=schedule.leads, lasts_s=schedule.lasts_s, open_at=open_at, closed_at=closed_at
        )
        stage.start_processes(world.people)
        add_number(stage)
        began_at = datetime.now(UTC) + timedelta(seconds=3)
        worlds.populate(world.leads, concurrency=lines, now=began_at)
        stage.start_beat()
        run = Run(stage, schedule, world, _api_token(began_at))
        run.carry_out(began_at)
        seen = run.evidence()
        result = Result(schedule, var, seen, judge(seen), run.struck, time.monotonic() - began)
        (var / "violations.txt").write_text("\n".join(map(str, result.violations)))
        return result
    finally:
        stage.stop()


def _api_token(now: datetime) -> str:
    return tokens.make(ApiToken(name="chaos", scope=ApiToken.Scope.DO_NOT_CALL), by="chaos", now=now)
