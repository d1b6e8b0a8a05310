"""Every result of a run makes a valid record."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ntkbench.experiment.plan import PlannedRun, plan
from ntkbench.experiment.registry import load_tasks
from ntkbench.experiment.spec import Task
from ntkbench.running.outcome import Attempt, Outcome, Result, TimedOut, WorkerDied
from ntkbench.running.stopwatch import Timing
from ntkbench.running.to_record import to_record


@pytest.fixture
def squares(small_tasks: Path) -> Task:
    return load_tasks([small_tasks])["squares"]


@pytest.fixture
def run_(squares: Task) -> PlannedRun:
    return plan([squares], tier="smoke", backends=["numba"])[0]


def attempt(result: Result) -> Attempt:
    return Attempt(result, *["2026-01-01T00:00:00.000+00:00"] * 2)


def test_text_that_no_file_takes_is_spelled_out_in_a_record(squares: Task, run_: PlannedRun) -> None:
    odd = "no file '\udcff'"  # as Python reads a file name that is no UTF-8
    outcome = Outcome("error", odd, odd, warnings=[odd], environment={"XLA_FLAGS": odd})
    record = to_record(run_, squares, attempt(outcome), odd)
    found = {record.reason, record.traceback, record.command, *record.warnings, *record.environment.values()}
    assert found == {r"no file '\udcff'"}


def test_results_that_no_record_can_hold_are_a_failed_run(squares: Task, run_: PlannedRun) -> None:

    def status(**result: Any) -> tuple[str, str]:
        record = to_record(run_, squares, attempt(Outcome("ok", **result)), "")
        return record.status, record.reason

    assert status(metrics={"square": (1.0, None)}) == ("ok", "")
    assert status(metrics={"square": (float("nan"), None)})[0] == "error"
    assert status(metrics={"new": (1.0, None)}) == ("error", "its results make no record: KeyError: 'new'")
    code, reason = status(timings=[Timing(5, "first", 0, 1.0)])
    assert code == "error"
    assert reason == "its results make no record: timing of stage 5: stage must be text, not 5"


def test_what_was_measured_is_recorded_with_what_the_task_declares(squares: Task, run_: PlannedRun) -> None:
    outcome = Outcome(
        "ok",
        implementation="numba",
        timings=[Timing("multiply", "first", 0, 0.5)],
        metrics={"square": (4.0, 0.25)},
        curves={"powers": ([0.0, 1.0], [1.0, 2.0])},
        environment={"machine": "there"},
    )
    record = to_record(run_, squares, attempt(outcome), "ntkbench run squares", {"machine": "elsewhere"})
    (metric,), (curve,), (timing,) = record.metrics, record.curves, record.timings
    declared, drawn = squares.metrics[0], squares.curves[0]
    assert (metric.name, metric.value, metric.stderr) == ("square", 4.0, 0.25)
    assert (metric.unit, metric.tolerance, metric.better) == (declared.unit, declared.tolerance, declared.better)
    assert (curve.name, curve.x, curve.y) == ("powers", [0.0, 1.0], [1.0, 2.0])
    assert (curve.x_name, curve.y_name, curve.share) == (drawn.x, drawn.y, drawn.share)
    assert (timing.stage, timing.phase, timing.seconds) == ("multiply", "first", 0.5)
    assert (record.implementation, record.environment) == ("numba", {"machine": "there"})


@pytest.mark.parametrize(
    ("result", "status", "reason"),
    [
        (TimedOut(2.5, "solve"), "timeout", "took longer than 2.5 s, in stage 'solve'"),
        (WorkerDied(7, "solve", True), "killed", "the worker ended with exit status 7 in stage 'solve'"),
        (WorkerDied(-40, "solve", True), "killed", "the worker ended by signal 40 in stage 'solve'"),
    ],
)
def test_a_run_without_an_outcome_is_recorded_with_its_machine(
    result: Result, status: str, reason: str, squares: Task, run_: PlannedRun
) -> None:
    record = to_record(run_, squares, attempt(result), "", {"machine": "there"})
    assert (record.status, record.reason, record.environment) == (status, reason, {"machine": "there"})
    assert to_record(run_, squares, attempt(result), "").environment["machine"] != "there"


def test_the_file_of_the_task_is_that_which_the_worker_read(squares: Task, run_: PlannedRun, small_tasks: Path) -> None:
    here = hashlib.sha256((small_tasks / "small.py").read_bytes()).hexdigest()
    assert to_record(run_, squares, attempt(WorkerDied(1, "", False)), "").task_sha256 == here
    assert to_record(run_, squares, attempt(Outcome("error", task_sha256="b" * 64)), "").task_sha256 == "b" * 64
