"""A page a task: its question, claims, figures, times, failures and runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import Any

from ntkbench.experiment.spec import Task
from ntkbench.report import axes
from ntkbench.report.entry_names import entry, short_names
from ntkbench.report.figures.curves import points_table
from ntkbench.report.pages import task_figures
from ntkbench.report.pages.content import Content, Row, file_name, grouped
from ntkbench.report.pages.page import Page
from ntkbench.report.pages.ratios import summary


def task_file(name: str) -> str:
    """The file of a task's page."""
    return file_name("task", name)


def pages(content: Content, tasks: Mapping[str, Task]) -> Iterator[Page]:
    """The page of every task, and the points of its figures as CSV."""
    names = ("verdicts", "leaderboard", "speedups", "failures", "disagreements", "runs", "curves", "means")
    parts = {name: grouped(getattr(content, name), "task") for name in names}
    metrics = grouped(content.recorded, "run_id")
    samples = grouped(content.stopwatch, "run_id")
    agreement = {row["run_id"]: row["status"] for row in content.agreement}
    for name in content.tasks:
        own = {key: rows.get(name, []) for key, rows in parts.items()}
        drawn = task_figures.groups(
            own["curves"], tasks.get(name), own["verdicts"], own["means"], own["runs"], task_file(name)
        )
        speedups = [row for row in own["speedups"] if _first(row)]
        values: dict[str, Any] = {
            "name": name,
            "task": tasks.get(name),
            "strips": _strips(own["verdicts"]),
            "measured": [row for row in own["verdicts"] if row["runs"]],
            "waiting": [row for row in own["verdicts"] if not row["runs"]],
            "groups": drawn,
            "races": _races(own["leaderboard"], samples),
            "shares": any(row["share"] for row in own["leaderboard"]),
            "memory": any(row["peak_memory"] is not None for row in own["leaderboard"]),
            "errors": any(row["gram_error"] is not None for row in own["leaderboard"]),
            "several_machines": len({row["machine"] for row in own["leaderboard"]}) > 1,
            "speedups": speedups,
            "ratio_axis": summary(speedups)["axis"],
            "failures": own["failures"],
            "disagreements": own["disagreements"],
            "runs": own["runs"],
            "metrics": metrics,
            "agreement": agreement,
        }
        yield Page(task_file(name), "task.html.j2", values)
        for item in chain.from_iterable(drawn):
            yield Page(item["data"], None, {"text": points_table(item["figure"].rows)})


def _first(row: Row) -> bool:
    """Whether this is the one of the two rows of a pair that is shown."""
    return bool((row["backend"], row["device"]) < (row["baseline"], row["baseline_device"]))


def _races(leaderboard: Sequence[Row], samples: Mapping[str, list[Row]]) -> list[dict[str, Any]]:
    """The leaderboard's rows by what is compared with what, each with its raw samples on an axis that they share."""
    races = []
    same = ("setting", "precision", "machine", "stage")
    for rows in grouped(leaderboard, *same).values():
        raw = [_raw(row, samples) for row in rows]
        axis = axes.log_axis([s for phases in raw for values in phases.values() for s in values])
        drawn = [
            {**row, "dots": {phase: axes.dots(axis, values) for phase, values in phases.items()},
             "bar": None if row["low"] is None else (axis.at(row["low"]), axis.at(row["high"]))}
            for row, phases in zip(rows, raw, strict=True)
        ]  # fmt: skip
        races.append({**{name: rows[0][name] for name in (*same, "params")}, "axis": axis, "rows": drawn})
    return races


def _raw(row: Row, samples: Mapping[str, list[Row]]) -> dict[str, list[float]]:
    own = [s for run in row["sources"] for s in samples.get(run["run_id"], []) if s["stage"] == row["stage"]]
    return {phase: [s["seconds"] for s in own if s["phase"] == phase] for phase in ("first", "steady")}


def _strips(verdicts: Sequence[Row]) -> list[dict[str, Any]]:
    """For each metric that a claim is about and that was measured: its axis and the claims on it."""
    strips = []
    measured = [row for row in verdicts if row["measured"] is not None]
    names = short_names(measured)
    for metric, rows in groupby(measured, key=lambda row: row["metric"]):
        lines, unit = [], ""
        for claim, entries in groupby(rows, key=lambda row: row["claim"]):
            found = list(entries)
            unit = found[0]["unit"]
            bars = tuple(
                axes.Entry(
                    label=names[entry(e)],
                    measured=e["measured"],
                    # One run without a standard error has no interval.
                    low=e["measured"] if e["low"] is None else e["low"],
                    high=e["measured"] if e["high"] is None else e["high"],
                    verdict=e["verdict"],
                )
                for e in found
            )
            stated = found[0]
            lines.append(axes.Row(claim, stated["published"], stated["tolerance"], bars, stated["side"]))
        strips.append({"metric": metric, "unit": unit, "rows": lines, "axis": axes.axis(lines)})
    return strips
