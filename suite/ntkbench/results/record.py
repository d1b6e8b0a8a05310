"""What one run leaves behind: the value that the runner makes, the store keeps, and a line of JSON carries."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError, brief, describe
from ntkbench.experiment.metric import check_role
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.results.old_formats import with_added_fields, with_roles
from ntkbench.results.record_checks import check, check_not_negative, check_time, checkable, from_mapping

FORMAT = 4
STATUSES = ("ok", "error", "out_of_memory", "timeout", "killed", "not_applicable")
DONE = ("ok", "not_applicable")


@checkable
@dataclass(frozen=True)
class TimingRow:
    """One stopwatch sample, in seconds."""

    stage: str
    phase: str
    sample: int
    seconds: float

    def __post_init__(self) -> None:
        what = f"timing of stage {brief(self.stage)}"
        check(what, self, phase=("first", "steady"))
        check_not_negative(what, seconds=self.seconds)


@checkable
@dataclass(frozen=True)
class PartRow:
    """Seconds of a run that went to something else than the calls of its stages: starting, data, ..."""

    name: str
    seconds: float

    def __post_init__(self) -> None:
        what = f"part {brief(self.name)}"
        check(what, self)
        check_not_negative(what, seconds=self.seconds)


@checkable
@dataclass(frozen=True)
class MetricRow:
    """One recorded number with its unit, standard error, how it is judged, and what the suite reads it as."""

    name: str
    value: float
    unit: str
    stderr: float | None
    better: str | None
    tolerance: float | None
    role: str | None = None
    stage: str | None = None

    def __post_init__(self) -> None:
        what = f"metric {brief(self.name)}"
        check(what, self, better=("higher", "lower", None))
        check_not_negative(what, stderr=self.stderr, tolerance=self.tolerance)
        check_role(what, self.role, self.stage)


@checkable
@dataclass(frozen=True)
class CurveRow:
    """One recorded series with its units, how it is judged, and the curve that it is the theory of."""

    name: str
    x: list[float]
    y: list[float]
    x_name: str
    y_name: str
    x_unit: str
    y_unit: str
    share: float | None
    tolerance: float
    theory_of: str | None = None

    def __post_init__(self) -> None:
        what = f"curve {brief(self.name)}"
        check(what, self)
        check_not_negative(what, share=self.share, tolerance=self.tolerance)
        if len(self.x) != len(self.y):
            raise InputError(f"{what}: x has {len(self.x)} points and y {len(self.y)}")


@checkable
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
    side: str = "within"
    finding: str | None = None

    def __post_init__(self) -> None:
        what = f"claim {brief(self.name)}"
        check(what, self, over=("mean", "worst"), side=("within", "at least", "at most"))
        check_not_negative(what, tolerance=self.tolerance)


ROWS: Mapping[str, tuple[str, type]] = {
    "timings": ("timing", TimingRow),
    "parts": ("part", PartRow),
    "metrics": ("metric", MetricRow),
    "curves": ("curve", CurveRow),
    "claims": ("claim", ClaimRow),
}


@checkable
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
    measures_machine: bool = False
    parts: list[PartRow] = field(default_factory=list)
    task_sha256: str | None = None

    def __post_init__(self) -> None:
        check("record", self, status=STATUSES)
        for name in ("run_id", "experiment_id"):
            if not re.fullmatch("[0-9a-f]{32}", getattr(self, name)):
                raise InputError(f"record: {name} {brief(getattr(self, name))} is not 32 hex digits")
        for name in ("started", "finished"):
            check_time(name, getattr(self, name))
        for name, (what, _) in ROWS.items():
            keys = Counter(
                (r.stage, r.phase, r.sample) if isinstance(r, TimingRow) else r.name for r in getattr(self, name)
            )
            if keys and keys.most_common(1)[0][1] > 1:
                raise InputError(f"record: {what} {keys.most_common(1)[0][0]!r} occurs twice")

    def to_json(self) -> str:
        """One line of JSON, with the version of the format."""
        return canonical_json({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, line: str) -> RunRecord:
        """The record in a line that `to_json` made, of this format or an earlier one.

        Raises:
            InputError: In one line, saying what is wrong with it.
        """
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"not JSON ({error.msg}, column {error.colno})") from error
        except (ValueError, RecursionError) as error:  # a number too long, lists too deep
            raise InputError(f"not JSON of ours ({describe(error)})") from error
        if not isinstance(values, dict):
            raise InputError(f"a record must be a JSON object, not {brief(values)}")
        return cls.from_mapping(values)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> RunRecord:
        """The record with these fields, and the number of their format under "format": this one or an earlier one.

        Raises:
            InputError: For a missing, unknown or malformed field.
        """
        given = dict(values)
        version = given.pop("format", None)
        if type(version) is int and version > FORMAT:
            raise InputError(f"record format {version} is newer than this ntkbench reads ({FORMAT})")
        if type(version) is not int or version < 1:
            raise InputError(f"record format {brief(version)} is none from 1 to {FORMAT}")
        given = with_added_fields(given, version)
        for name, (what, kind) in ROWS.items():
            if isinstance(given.get(name), list):
                given[name] = [from_mapping(kind, what, row) for row in given[name]]
        return with_roles(from_mapping(cls, "record", given), version)


def claim_rows(task: Task) -> list[ClaimRow]:
    """The task's claims as rows; `params` is where each applies."""
    return [
        ClaimRow(
            c.name, c.metric, c.value, c.tolerance, c.source, dict(c.where), c.verified, c.repeats, c.over, c.side,
            c.finding,
        )
        for c in task.claims
    ]  # fmt: skip


def planned_fields(run: PlannedRun) -> dict[str, Any]:
    """The fields of a record that the plan knows."""
    names = ("task", "task_version", "tier", "backend", "device", "precision", "seed", "dataset", "dataset_sha256")
    return {
        "experiment_id": run.experiment_id,
        "params": dict(run.params),
        **{name: getattr(run, name) for name in names},
    }
