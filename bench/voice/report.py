"""What was measured, for people: lines while it runs, a table, pictures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.voice.measuring import Measured

HEADS = {
    "canned": "Canned answer, one core: the media path and turn taking alone",
    "real": "Whisper tiny.en and Piper on all cores, the generator of calls beside them",
}
HEADER = "server calls  answers  latency p50/p95 ms  packets late p99 ms  CPU-ms per call-s  memory MB"
_TARGETS = """\
Aims: at 8 calls p50 at most 350 ms, p95 at most 600 ms, p50 at most 0.45 of stock's; 5 times stock's calls with a
canned answer, 2.5 times with the models; memory of a call at most a tenth of stock's."""


def line(row: Measured) -> str:
    return (
        f"{row.server:6} {row.calls:5}  {row.answers:7}  {_pair(row):>18}  {_ms(row.late_p99):>19}"
        f"  {row.cpu_ms_per_call_s:17}  {row.mb:9}"
    )


Judged = Callable[[Measured], bool]


def markdown(found: Mapping[str, Sequence[Measured]], *, in_time: Judged, at_once: Judged) -> str:
    """Tables and what follows from them. ``in_time``: so many calls are served at all, ``at_once``: and well."""
    parts = []
    for name, rows in found.items():
        parts.append(f"**{HEADS[name]}**\n")
        parts.append("| server | calls | answers | p50/p95 ms | late p99 ms | CPU-ms per call-s | memory MB |")
        parts.append("|---|---|---|---|---|---|---|")
        parts += [
            f"| {r.server} | {r.calls} | {r.answers} | {_pair(r)} | {_ms(r.late_p99)} | {r.cpu_ms_per_call_s} "
            f"| {r.mb} |"
            for r in rows
        ]
        parts += ["", *_conclusions(rows, in_time, at_once), ""]
    parts += _steps(found)
    return "\n".join([*parts, _TARGETS])


def draw(found: Mapping[str, Sequence[Measured]], folder: Path) -> None:
    """One SVG a ladder and figure."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figures: dict[str, tuple[str, Callable[[Measured], float | None]]] = {
        "latency": ("answer latency p50, ms", lambda row: row.latency_p50),
        "lateness": ("packets late p99, ms", lambda row: row.late_p99),
        "cpu": ("CPU-ms per call-second", lambda row: row.cpu_ms_per_call_s),
        "memory": ("memory, MB", lambda row: row.mb),
    }
    for name, rows in found.items():
        for figure, (label, value) in figures.items():
            canvas, axes = pyplot.subplots(figsize=(6, 3.6))
            for server in ("stock", "ours"):
                points = [(row.calls, value(row)) for row in rows if row.server == server]
                axes.plot(*zip(*points, strict=True), marker="o", label=server) if points else None
            axes.set(xlabel="calls at once", ylabel=label, title=HEADS[name])
            axes.title.set_fontsize(9)
            axes.grid(alpha=0.3)
            axes.legend()
            canvas.tight_layout()
            canvas.savefig(folder / f"{name}-{figure}.svg")
            pyplot.close(canvas)


def memory_per_call(rows: Sequence[Measured]) -> float | None:
    """MB that each further call takes, from the fewest to the most calls; None with one number of calls alone."""
    by_calls = sorted(rows, key=lambda row: row.calls)
    if len(by_calls) < 2:
        return None
    first, last = by_calls[0], by_calls[-1]
    return (last.mb - first.mb) / (last.calls - first.calls)


def _conclusions(rows: Sequence[Measured], in_time: Judged, at_once: Judged) -> list[str]:
    of = {server: [row for row in rows if row.server == server] for server in ("stock", "ours")}
    said = []
    for server, own in of.items():
        most, well = (max((row.calls for row in own if judged(row)), default=0) for judged in (in_time, at_once))
        each = memory_per_call(own)
        memory = "" if each is None else f", {each:.1f} MB a call"
        said.append(f"- {server}: {most} calls with packets in time, {well} with half of the answers at once{memory}")
    stock, ours = ({row.calls: row for row in of[server]} for server in ("stock", "ours"))
    for calls in sorted(stock.keys() & ours.keys()):
        theirs, mine = stock[calls].latency_p50, ours[calls].latency_p50
        if theirs and mine:
            said.append(f"- at {calls} calls our p50 is {mine / theirs:.2f} of stock's")
    return said


def _steps(found: Mapping[str, Sequence[Measured]]) -> list[str]:
    rows = [row for row in found.get("real", ()) if row.steps]
    if not rows:
        return []
    said = ["**Steps of an answer, p50/p95 ms, by each server's own word**\n"]
    for row in rows:
        sets = ", ".join(f"{of}: {low:.0f}/{high:.0f}" for of, (low, high) in row.by_set.items())
        said.append(f"- {row.server}, {row.calls} calls, whole answers by set of speech: {sets}")
        steps = ", ".join(f"{name} {low:.0f}/{high:.0f}" for name, (low, high) in sorted(row.steps.items()))
        said.append(f"- {row.server}, {row.calls} calls: {steps}")
    return [*said, ""]


def _pair(row: Measured) -> str:
    return f"{_ms(row.latency_p50)}/{_ms(row.latency_p95)}"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
