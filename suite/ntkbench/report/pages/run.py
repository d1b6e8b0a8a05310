"""A page a run: what it was, where and when it ran, everything it recorded, and how to do it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from ntkbench.experiment.spec import Task
from ntkbench.report import axes
from ntkbench.report.again import command_of
from ntkbench.report.pages.page import Page, run_file
from ntkbench.report.query import ask, grouped, params_of
from ntkbench.report.rows.environments import FACTS
from ntkbench.report.rows.runs import AGREEMENTS, METRICS, RUNS
from ntkbench.report.rows.times import SAMPLES, Samples

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Stage:
    """The calls of a stage, and a dot for each on an axis that all stages of the run share."""

    calls: Samples
    first: str
    steady: str


def pages(connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, Task]) -> Iterator[Page]:
    """The page of every run, good or bad, whether or not a later one took its place: asks at once, draws one by one."""
    run_id = attrgetter("run_id")
    runs = ask(connection, RUNS).rows()
    metrics = grouped(ask(connection, METRICS).rows(), run_id)
    samples = grouped(ask(connection, SAMPLES).rows(), run_id)
    agreement = {row.run_id: row for row in ask(connection, AGREEMENTS).rows()}
    known = (fact for fact in ask(connection, FACTS).rows() if fact.value)
    facts = grouped(known, attrgetter("environment_id"))
    attempts = grouped(runs, attrgetter("experiment_id"))
    return (
        Page(
            run_file(run.run_id),
            "run.html.j2",
            {
                "run": run,
                "again": command_of(run),
                "params": params_of(run.setting),
                "metrics": metrics.get(run.run_id, []),
                "stages": stages(samples.get(run.run_id, [])),
                "agreement": agreement.get(run.run_id),
                "facts": facts.get(run.environment_id, []),
                "attempts": [other for other in attempts[run.experiment_id] if other.run_id != run.run_id],
            },
        )
        for run in runs
    )


def stages(samples: Sequence[Samples]) -> list[Stage]:
    """The stages of a run, drawn."""
    axis = axes.log_axis([seconds for calls in samples for seconds in (*calls.first, *calls.steady)])
    return [Stage(calls, axes.dots(axis, calls.first), axes.dots(axis, calls.steady)) for calls in samples]
