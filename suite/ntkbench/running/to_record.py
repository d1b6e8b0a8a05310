"""From what came of a run to the record that is stored."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace

from ntkbench.backends import environment as environment_here
from ntkbench.errors import InputError, describe
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Curve, Metric, Task
from ntkbench.results.record import CurveRow, MetricRow, PartRow, RunRecord, TimingRow, claim_rows, planned_fields
from ntkbench.running.outcome import Attempt, Outcome, as_outcome


def to_record(
    run: PlannedRun, task: Task, attempt: Attempt, command: str, environment: Mapping[str, str] | None = None
) -> RunRecord:
    """Turn what came of a run into a record; where that is no valid record, into an error record that says why.

    Args:
        run: The run.
        task: Its task.
        attempt: What came of it, and when.
        command: The command line that reproduces it.
        environment: Describes the machine that it took place on, for a result that does not; None for this machine.

    Returns:
        The record, with a `run_id` of its own.
    """
    outcome = as_outcome(attempt.result)
    if not outcome.environment:
        outcome = replace(outcome, environment=environment or environment_here())
    try:
        return _record(run, task, outcome, attempt, command)
    except (InputError, LookupError) as error:
        reason = f"its results make no record: {describe(error)}"
        return _record(run, task, Outcome("error", reason, environment=outcome.environment), attempt, command)


def _record(run: PlannedRun, task: Task, outcome: Outcome, attempt: Attempt, command: str) -> RunRecord:
    metrics = {m.name: m for m in task.metrics}
    curves = {c.name: c for c in task.curves}
    return RunRecord(
        run_id=uuid.uuid4().hex,
        **planned_fields(run),
        implementation=outcome.implementation,
        status=outcome.status,
        reason=_writable(outcome.reason),
        traceback=_writable(outcome.traceback),
        warnings=[_writable(text) for text in outcome.warnings],
        started=attempt.started,
        finished=attempt.finished,
        command=_writable(command),
        environment={key: _writable(text) for key, text in outcome.environment.items()},
        timings=[TimingRow(**asdict(timing)) for timing in outcome.timings],
        metrics=[_metric_row(metrics[name], *given) for name, given in outcome.metrics.items()],
        parts=[PartRow(name, seconds) for name, seconds in outcome.parts.items()],
        curves=[_curve_row(curves[name], list(x), list(y)) for name, (x, y) in outcome.curves.items()],
        claims=claim_rows(task),
        measures_machine=task.measures_machine,
        # The file may have changed since this process read it.
        task_sha256=outcome.task_sha256 or task.sha256,
    )


def _metric_row(m: Metric, value: float, stderr: float | None) -> MetricRow:
    return MetricRow(m.name, value, m.unit, stderr, m.better, m.tolerance, m.role, m.stage)


def _curve_row(c: Curve, x: list[float], y: list[float]) -> CurveRow:
    return CurveRow(c.name, x, y, c.x, c.y, c.x_unit, c.y_unit, c.share, c.tolerance, c.theory_of)


def _writable(text: str) -> str:
    """The text with what no file or database takes (half a character, from an odd file name) spelled out."""
    return text.encode(errors="backslashreplace").decode()
