"""An outcome as a record like any other: the database, the views and the report know no difference."""

from __future__ import annotations

import uuid
from datetime import datetime

from ntkbench.backends import environment
from ntkbench.experiment.plan import PlannedRun
from ntkbench.peers.rounds import Outcome
from ntkbench.results.record import CurveRow, MetricRow, RunRecord, TimingRow, planned_fields

TASK, VERSION = "peers", 2
_ROLES = {"gram_error": "gram error", "peak_memory": "peak memory"}


def record(outcome: Outcome, tier: str, command: str) -> RunRecord:
    """The record of one entry in one kind of work; its environment states the entry's own versions.

    Args:
        outcome: What became of the entry.
        tier: "standard", or "quick" for a trial.
        command: What was typed.
    """
    workload, fault = outcome.workload, outcome.fault
    run = PlannedRun(
        task=TASK,
        task_version=VERSION,
        tier=tier,
        params={"workload": workload.name, **workload.params},
        backend=outcome.entry.name,
        device="cpu",
        precision=workload.precision,
        seed=0,
        dataset=None,
        dataset_sha256=None,
        cost=1.0,
    )
    return RunRecord(
        run_id=uuid.uuid4().hex,
        **planned_fields(run),
        implementation=outcome.implementation,
        # A wrong result is a failure: its time is kept, and never ranked.
        status="error" if fault else outcome.status,
        reason=fault or outcome.reason,
        traceback=outcome.traceback,
        warnings=[],
        started=_time(outcome.started),
        finished=_time(outcome.finished),
        command=command,
        environment=_environment(outcome),
        timings=_timings(outcome),
        metrics=_metrics(outcome),
        curves=_curves(outcome),
    )


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _environment(outcome: Outcome) -> dict[str, str]:
    """This machine's facts, with the versions that the entry's process found in the place of our own.

    Of what is not ours it says what it is: the views read that by `entry_kind`.
    """
    machine = {name: value for name, value in environment().items() if not name.startswith("version ")}
    versions = {f"version {name}": version for name, version in outcome.packages.items()}
    entry, python = outcome.entry, {"python": outcome.python} if outcome.python else {}
    kind = {} if entry.standing == "backend" else {"entry kind": entry.standing}
    return {**machine, **versions, **python, **kind, **entry.facts}


def _timings(outcome: Outcome) -> list[TimingRow]:
    stage = "solve" if outcome.workload.kind == "regression" else "kernel"
    first = [] if outcome.first is None else [TimingRow(stage, "first", 0, outcome.first)]
    steady = [seconds for turn in outcome.turns for seconds in turn]
    return first + [TimingRow(stage, "steady", number, seconds) for number, seconds in enumerate(steady)]


def _metrics(outcome: Outcome) -> list[MetricRow]:
    error = "prediction_error" if outcome.workload.kind == "regression" else "gram_error"
    errors = outcome.errors
    values: dict[tuple[str, str], float | None] = {
        (error, "1"): None if errors is None else errors.elsewhere,
        ("diagonal_error", "1"): None if errors is None else errors.diagonal,
        ("float64_error", "1"): outcome.float64_error,
        ("peak_memory", "B"): outcome.peak_memory,
        ("working_memory", "B"): outcome.working_memory,
    }
    # No tolerance: each was judged against float64, and not by the majority of the others.
    rows = [
        MetricRow(name, float(value), unit, None, "lower", None, role=_ROLES.get(name))
        for (name, unit), value in values.items()
        if value is not None
    ]
    if outcome.workload.pair_layers is not None and outcome.seconds:
        rate = outcome.workload.pair_layers / outcome.seconds
        rows.append(MetricRow("pair_layers_per_second", rate, "1/s", None, "higher", None))
    return rows


def _curves(outcome: Outcome) -> list[CurveRow]:
    """Each round's median, so that ratios of the same round can be formed in SQL too."""
    if not outcome.turns:
        return []
    numbers = [float(number) for number in range(len(outcome.turns))]
    return [CurveRow("rounds", numbers, outcome.rounds, "round", "seconds", "1", "s", None, 0.0)]
