"""A page a task: its question, claims, figures, times, failures and runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

from ntkbench.experiment.spec import Task
from ntkbench.report import axes
from ntkbench.report.entry_names import Entry, short_names
from ntkbench.report.figures.figure import points_table
from ntkbench.report.pages import task_figures
from ntkbench.report.pages.page import Page, task_file
from ntkbench.report.pages.ratios import ratio_axis
from ntkbench.report.query import Query, R, ask, grouped
from ntkbench.report.rows.claims import CLAIMS, MEANS, Claim
from ntkbench.report.rows.curves import CURVES
from ntkbench.report.rows.overview import TASK_RUNS
from ntkbench.report.rows.runs import AGREEMENTS, DISAGREEMENTS, FAILURES, METRICS, RUNS, MetricValue, Run
from ntkbench.report.rows.times import RATIOS, SAMPLES, TIMES, Samples, Time

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Strip:
    """A metric that claims are about and that was measured: its axis and the claims on it."""

    metric: str
    unit: str
    lines: Sequence[axes.Line]
    axis: axes.Axis


@dataclass(frozen=True)
class TimeLine:
    """A time, with its raw samples as dots and its interval as a bar, on an axis that its race shares."""

    time: Time
    first: str
    steady: str
    bar: tuple[float, float] | None


@dataclass(frozen=True)
class RunLine:
    """A run with what it recorded, and whether it agrees with others ("": it is not compared)."""

    run: Run
    metrics: Sequence[MetricValue]
    agreement: str


def pages(connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, Task]) -> Iterator[Page]:
    """The page of every task, and the points of its figures as CSV."""

    def by_task(query: Query[R]) -> dict[str, list[R]]:
        return grouped(ask(connection, query).rows(), attrgetter("task"))

    names = [one.task for one in ask(connection, TASK_RUNS).rows()]
    claims, means, times, ratios = by_task(CLAIMS), by_task(MEANS), by_task(TIMES), by_task(RATIOS)
    runs, failures, disagreements = by_task(RUNS), by_task(FAILURES), by_task(DISAGREEMENTS)
    metrics = grouped(ask(connection, METRICS).rows(), attrgetter("run_id"))
    samples = {(calls.run_id, calls.stage): calls for calls in ask(connection, SAMPLES).rows()}
    agreement = {row.run_id: row.status for row in ask(connection, AGREEMENTS).rows()}
    curves = ask(connection, CURVES).frame

    def draw(name: str) -> Iterator[Page]:
        own_claims, own_times, own_runs = claims.get(name, []), times.get(name, []), runs.get(name, [])
        drawn = task_figures.groups(
            curves.filter(curves["task"] == name),
            tasks.get(name),
            own_claims,
            means.get(name, []),
            own_runs,
            task_file(name),
        )
        values = {
            "name": name,
            "task": tasks.get(name),
            "strips": _strips([claim for claim in own_claims if claim.measured is not None]),
            "measured": [claim for claim in own_claims if claim.runs],
            "waiting": [claim for claim in own_claims if not claim.runs],
            "groups": drawn,
            "times": _lines(own_times, samples),
            "shares": any(time.fraction is not None for time in own_times),
            "memory": any(time.peak_memory is not None for time in own_times),
            "errors": any(time.gram_error is not None for time in own_times),
            "several_machines": len({time.machine for time in own_times}) > 1,
            "ratios": ratios.get(name, []),
            "ratio_axis": ratio_axis(ratios.get(name, [])),
            "failures": failures.get(name, []),
            "disagreements": disagreements.get(name, []),
            "runs": [RunLine(run, metrics.get(run.run_id, []), agreement.get(run.run_id, "")) for run in own_runs],
            "known": {run.run_id: run for run in own_runs},
        }
        yield Page(task_file(name), "task.html.j2", values)
        for shown in chain.from_iterable(drawn):
            yield Page(shown.data, None, {"text": points_table(shown.figure)})

    return chain.from_iterable(map(draw, names))


def _lines(times: Sequence[Time], samples: Mapping[tuple[str, str], Samples]) -> list[TimeLine]:
    """The times with their raw samples, on one axis for what is compared with each other."""
    lines = []
    for race in grouped(times, attrgetter("setting", "precision", "machine", "stage")).values():
        calls = [[samples[run, time.stage] for run in time.run_ids if (run, time.stage) in samples] for time in race]
        raw = [([s for own in some for s in own.first], [s for own in some for s in own.steady]) for some in calls]
        axis = axes.log_axis([seconds for first, steady in raw for seconds in (*first, *steady)])
        for time, (first, steady) in zip(race, raw, strict=True):
            bar = None if time.low is None or time.high is None else (axis.at(time.low), axis.at(time.high))
            lines.append(TimeLine(time, axes.dots(axis, first), axes.dots(axis, steady), bar))
    return lines


def _strips(claims: Sequence[Claim]) -> list[Strip]:
    """For each metric of the claims, which were measured: its axis and the claims on it."""
    names = short_names(map(_entry, claims))
    strips = []
    for metric, own in grouped(claims, attrgetter("metric")).items():
        lines = []
        for found in grouped(own, attrgetter("claim")).values():
            lanes = tuple(_lane(claim, names[_entry(claim)]) for claim in found)
            stated = found[0]
            lines.append(axes.Line(stated.claim, stated.published, stated.tolerance, lanes, stated.side))
        strips.append(Strip(metric, own[-1].unit or "1", lines, axes.axis(lines)))
    return strips


def _entry(claim: Claim) -> Entry:
    return Entry(claim.backend or "", claim.device or "", claim.precision or "")


def _lane(claim: Claim, label: str) -> axes.Lane:
    """What one entry measured; one run without a standard error has no interval."""
    measured = claim.measured
    assert measured is not None
    low, high = (measured if end is None else end for end in (claim.low, claim.high))
    return axes.Lane(label, measured, low, high, claim.outcome)
