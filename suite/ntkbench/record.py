"""What one run leaves behind: the value that the runner makes, the store keeps, and a line of JSON carries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ntkbench.errors import InputError
from ntkbench.plan import PlannedRun, canonical_json
from ntkbench.spec import Task

FORMAT = 1
STATUSES = ("ok", "error", "out_of_memory", "timeout", "killed", "not_applicable")
DONE = ("ok", "not_applicable")


@dataclass(frozen=True)
class TimingRow:
    """One stopwatch sample, in seconds."""

    stage: str
    phase: str
    sample: int
    seconds: float


@dataclass(frozen=True)
class MetricRow:
    """One recorded number with its unit, standard error, and how it is judged."""

    name: str
    value: float
    unit: str
    stderr: float | None
    better: str | None
    tolerance: float | None


@dataclass(frozen=True)
class CurveRow:
    """One recorded series with its units, and how it is judged."""

    name: str
    x: list[float]
    y: list[float]
    x_name: str
    y_name: str
    x_unit: str
    y_unit: str
    share: float | None
    tolerance: float


@dataclass(frozen=True)
class ClaimRow:
    """A task's claim as it stood when the run was made."""

    name: str
    metric: str
    value: float
    tolerance: float
    source: str
    params: dict[str, Any]
    verified: bool
    repeats: int
    over: str


_ROWS = {"timings": TimingRow, "metrics": MetricRow, "curves": CurveRow, "claims": ClaimRow}


@dataclass(frozen=True)
class RunRecord:
    """A finished run, good or bad. Times are UTC in ISO 8601. Raises InputError for what no run can be."""

    run_id: str
    experiment_id: str
    task: str
    task_version: int
    tier: str
    params: dict[str, Any]
    backend: str
    implementation: str
    device: str
    precision: str
    seed: int
    dataset: str | None
    dataset_sha256: str | None
    status: str
    reason: str
    traceback: str
    warnings: list[str]
    started: str
    finished: str
    command: str
    environment: dict[str, str]
    timings: list[TimingRow] = field(default_factory=list)
    metrics: list[MetricRow] = field(default_factory=list)
    curves: list[CurveRow] = field(default_factory=list)
    claims: list[ClaimRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise InputError(f"status {self.status!r} is none of {', '.join(STATUSES)}")
        for name in ("run_id", "experiment_id"):
            if not re.fullmatch("[0-9a-f]{32}", str(getattr(self, name))):
                raise InputError(f"{name} {getattr(self, name)!r} is not 32 hex digits")
        for name, kind in (("task", str), ("backend", str), ("seed", int), ("params", dict), ("environment", dict)):
            if not isinstance(getattr(self, name), kind):
                raise InputError(f"{name} must be {kind.__name__}, not {getattr(self, name)!r}")
        if len({m.name for m in self.metrics}) != len(self.metrics):
            raise InputError("a metric occurs twice")

    def to_json(self) -> str:
        """One line of JSON, with the version of the format."""
        return canonical_json({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, line: str) -> RunRecord:
        """The record in a line that `to_json` made. Raises InputError that says what is wrong with it."""
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"not JSON ({error.msg})") from error
        if not isinstance(values, dict):
            raise InputError("not a JSON object")
        return cls.from_mapping(values)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> RunRecord:
        """The record with these fields. Raises InputError for a missing, unknown or malformed one."""
        given = dict(values)
        version = given.pop("format", None)
        if version != FORMAT:
            raise InputError(f"record format {version!r} is not {FORMAT}")
        known = {f.name for f in fields(cls)}
        if set(given) != known:
            raise InputError(f"fields differ from a record's: {', '.join(sorted(set(given) ^ known))}")
        try:
            for name, row in _ROWS.items():
                given[name] = [row(**r) for r in given[name]]
        except TypeError as error:
            raise InputError(f"malformed {name}: {error}") from error
        return cls(**given)


def claim_rows(task: Task) -> list[ClaimRow]:
    """The task's claims as rows; `params` is where each applies."""
    return [
        ClaimRow(c.name, c.metric, c.value, c.tolerance, c.source, dict(c.where), c.verified, c.repeats, c.over)
        for c in task.claims
    ]


def planned_fields(run: PlannedRun) -> dict[str, Any]:
    """The fields of a record that the plan knows."""
    names = ("task", "task_version", "tier", "backend", "device", "precision", "seed", "dataset", "dataset_sha256")
    return {
        "experiment_id": run.experiment_id,
        "params": dict(run.params),
        **{name: getattr(run, name) for name in names},
    }
