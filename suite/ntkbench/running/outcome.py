"""What came of a run: an outcome that its worker sent, a worker that died, or a run out of time."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from ntkbench.errors import InputError, brief
from ntkbench.results.record import STATUSES
from ntkbench.running.stopwatch import Timing

_KILLED = -9  # by SIGKILL, which not every system's `signal` has


@dataclass(frozen=True)
class Outcome:
    """What a worker says of a run that it carried out, or could not.

    Attributes:
        status: One of `results.record.STATUSES`.
        reason: Why the run has no numbers, in one line; empty when it has.
        traceback: The last lines of the exception's traceback, where there was an exception.
        implementation: The code paths that the backend took, separated by commas.
        warnings: What the run warned of, each text once.
        timings: All samples of the stopwatch, in the order in which they were taken.
        metrics: By name, the value and its standard error, or None where the task gave no error.
        curves: By name, x and y.
        parts: By name, the seconds of the run that went to something else than the calls of stages.
        checkpoints: The folders of stored blocks that are of no use once the run is recorded.
        environment: Names and values that describe the machine, the code and the backend; empty where unknown.
        task_sha256: Of the file that the worker read the task from; None where unknown.
    """

    status: str
    reason: str = ""
    traceback: str = ""
    implementation: str = ""
    warnings: Sequence[str] = ()
    timings: Sequence[Timing] = ()
    metrics: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    checkpoints: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    task_sha256: str | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise InputError(f"the status of an outcome is one of {', '.join(STATUSES)}, not {brief(self.status)}")

    def to_json(self) -> dict[str, Any]:
        """The outcome as an object that `json` writes; `from_json` reads it."""
        return {**vars(self), "parts": dict(self.parts), "timings": [asdict(timing) for timing in self.timings]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Outcome:
        """The outcome that `to_json` made the object of.

        Raises:
            InputError: Its status is none.
            TypeError: It has other fields.
        """
        return cls(
            **{
                **value,
                "warnings": tuple(value["warnings"]),
                "timings": tuple(Timing(**timing) for timing in value["timings"]),
                "metrics": {name: (number, error) for name, (number, error) in value["metrics"].items()},
                "curves": {name: (x, y) for name, (x, y) in value["curves"].items()},
                "checkpoints": tuple(value["checkpoints"]),
            }
        )


@dataclass(frozen=True)
class WorkerDied:
    """The worker ended without an outcome.

    Attributes:
        exit_code: The process's exit code, minus the signal's number where a signal ended it; None when the process
            has closed its pipe and lives on.
        stage: The stage that it was in.
        begun: Whether it had begun the run; one that had not may have died before the run was planned.
    """

    exit_code: int | None
    stage: str
    begun: bool

    @property
    def reason(self) -> str:
        """How it ended, in one line."""
        code = self.exit_code
        if code is None:
            how = "closed its pipe"
        else:
            how = f"ended by {_signal_name(-code)}" if code < 0 else f"ended with exit status {code}"
        memory = "; the system may have run out of memory" if code == _KILLED else ""
        return f"the worker {how} in stage {self.stage!r}{memory}"


@dataclass(frozen=True)
class TimedOut:
    """The run took longer than the seconds that it had.

    Attributes:
        limit: Those seconds.
        stage: The stage that it was in.
    """

    limit: float
    stage: str

    @property
    def reason(self) -> str:
        """How long it had, in one line."""
        return f"took longer than {self.limit:g} s, in stage {self.stage!r}"


Result = Outcome | WorkerDied | TimedOut


def as_outcome(result: Result) -> Outcome:
    """The result as what a worker would have said of it."""
    match result:
        case Outcome():
            return result
        case WorkerDied():
            return Outcome("killed", result.reason)
        case TimedOut():
            return Outcome("timeout", result.reason)


@dataclass(frozen=True)
class Attempt:
    """The result of one try of a run, and the times, as records have them, at which it was begun and over."""

    result: Result
    started: str
    finished: str


def now() -> str:
    """The time, as records have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
