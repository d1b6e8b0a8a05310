"""What one run leaves behind: the value that the runner makes, the store keeps, and a line of JSON carries."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError, brief, describe, unknown
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task

_Row = TypeVar("_Row")

FORMAT = 2
STATUSES = ("ok", "error", "out_of_memory", "timeout", "killed", "not_applicable")
DONE = ("ok", "not_applicable")


def _is_text(value: Any) -> bool:
    """Whether it is text that can be written: JSON and file names can smuggle in halves of characters."""
    try:
        return isinstance(value, str) and bool(value.isascii() or value.encode())
    except UnicodeEncodeError:
        return False


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_number(value: Any) -> bool:
    try:
        return (type(value) is int or isinstance(value, float)) and math.isfinite(value)
    except OverflowError:
        return False


def _is_scalar(value: Any) -> bool:
    return type(value) is bool or _is_number(value) or _is_text(value)


def _is_list(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _is_dict(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(_is_text(k) and fits(v) for k, v in value.items())


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


# A field's annotation -> what it must be, in words, and the test. Every number in a record is finite.
_FITS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("text", _is_text),
    "str | None": ("text or null", _or_none(_is_text)),
    "int": ("a whole number from 0 to 2^31 - 1", _is_count),
    "bool": ("true or false", lambda value: type(value) is bool),
    "float": ("a finite number", _is_number),
    "float | None": ("a finite number or null", _or_none(_is_number)),
    "list[float]": ("a list of finite numbers", _is_list(_is_number)),
    "list[str]": ("a list of texts", _is_list(_is_text)),
    "dict[str, str]": ("texts by name", _is_dict(_is_text)),
    "dict[str, Any]": ("numbers, texts and truth values by name", _is_dict(_is_scalar)),
}


def _check(what: str, row: Any, **allowed: Iterable[Any]) -> None:
    """Raise InputError unless each field of `row` is of its kind, and those in `allowed` are among the values there."""
    for f in fields(row):
        value = getattr(row, f.name)
        words, fits = _FITS.get(str(f.type), ("", lambda value: True))
        if not fits(value):
            raise InputError(f"{what}: {f.name} must be {words}, not {brief(value)}")
        if f.name in allowed and value not in allowed[f.name]:
            choices = ", ".join(str(choice) for choice in allowed[f.name])
            raise InputError(f"{what}: {f.name} {brief(value)} is none of {choices}")


def _not_negative(what: str, **numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 0:
            raise InputError(f"{what}: {name} must not be negative, not {number:g}")


def _from_mapping(kind: type[_Row], what: str, values: Any) -> _Row:
    """A `kind` with exactly these fields. Raises InputError for a missing or an unknown one."""
    if not isinstance(values, Mapping):
        raise InputError(f"{what} must be an object, not {brief(values)}")
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise unknown(f"field of {what}:", str(name), known)
    for name in known:
        if name not in values:
            raise InputError(f"{what} lacks the field {name!r}")
    return kind(**values)


@dataclass(frozen=True)
class TimingRow:
    """One stopwatch sample, in seconds."""

    stage: str
    phase: str
    sample: int
    seconds: float

    def __post_init__(self) -> None:
        what = f"timing of stage {brief(self.stage)}"
        _check(what, self, phase=("first", "steady"))
        _not_negative(what, seconds=self.seconds)


@dataclass(frozen=True)
class MetricRow:
    """One recorded number with its unit, standard error, and how it is judged."""

    name: str
    value: float
    unit: str
    stderr: float | None
    better: str | None
    tolerance: float | None

    def __post_init__(self) -> None:
        what = f"metric {brief(self.name)}"
        _check(what, self, better=("higher", "lower", None))
        _not_negative(what, stderr=self.stderr, tolerance=self.tolerance)


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

    def __post_init__(self) -> None:
        what = f"curve {brief(self.name)}"
        _check(what, self)
        _not_negative(what, share=self.share, tolerance=self.tolerance)
        if len(self.x) != len(self.y):
            raise InputError(f"{what}: x has {len(self.x)} points and y {len(self.y)}")


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

    def __post_init__(self) -> None:
        what = f"claim {brief(self.name)}"
        _check(what, self, over=("mean", "worst"), side=("within", "at least", "at most"))
        _not_negative(what, tolerance=self.tolerance)


_ROWS: Mapping[str, tuple[str, type]] = {
    "timings": ("timing", TimingRow),
    "metrics": ("metric", MetricRow),
    "curves": ("curve", CurveRow),
    "claims": ("claim", ClaimRow),
}


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
        _check("record", self, status=STATUSES)
        for name in ("run_id", "experiment_id"):
            if not re.fullmatch("[0-9a-f]{32}", getattr(self, name)):
                raise InputError(f"record: {name} {brief(getattr(self, name))} is not 32 hex digits")
        for name in ("started", "finished"):
            _check_time(name, getattr(self, name))
        for name, (what, kind) in _ROWS.items():
            rows = getattr(self, name)
            if not isinstance(rows, list) or not all(isinstance(row, kind) for row in rows):
                raise InputError(f"record: {name} must be a list of {what} rows")
            keys = Counter((r.stage, r.phase, r.sample) if isinstance(r, TimingRow) else r.name for r in rows)
            if keys and keys.most_common(1)[0][1] > 1:
                raise InputError(f"record: {what} {keys.most_common(1)[0][0]!r} occurs twice")

    def to_json(self) -> str:
        """One line of JSON, with the version of the format."""
        return canonical_json({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, line: str) -> RunRecord:
        """The record in a line that `to_json` made. Raises InputError that says what is wrong with it."""
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
        """The record with these fields. Raises InputError for a missing, unknown or malformed one."""
        given = dict(values)
        version = given.pop("format", None)
        if type(version) is int and version > FORMAT:
            raise InputError(f"record format {version} is newer than this ntkbench reads ({FORMAT})")
        if type(version) is not int or version < 1:
            raise InputError(f"record format {brief(version)} is none from 1 to {FORMAT}")
        if version == 1 and isinstance(given.get("claims"), list):
            # Claims had no sides then.
            given["claims"] = [{"side": "within", **c} if isinstance(c, Mapping) else c for c in given["claims"]]
        for name, (what, kind) in _ROWS.items():
            if isinstance(given.get(name), list):
                given[name] = [_from_mapping(kind, what, row) for row in given[name]]
        return _from_mapping(cls, "record", given)


def _check_time(name: str, text: str) -> None:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"record: {name} {brief(text)} is not a time in ISO 8601") from error


def claim_rows(task: Task) -> list[ClaimRow]:
    """The task's claims as rows; `params` is where each applies."""
    return [
        ClaimRow(c.name, c.metric, c.value, c.tolerance, c.source, dict(c.where), c.verified, c.repeats, c.over, c.side)
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
