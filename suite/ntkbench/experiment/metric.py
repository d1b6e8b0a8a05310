"""What a task records: a Metric is a number with a unit, a Curve is a series of points, a Role says what one means."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

from ntkbench.errors import InputError, unknown

Role = Literal[
    "operations", "bytes", "gram error", "peak memory", "float32 operation rate", "float64 operation rate", "bandwidth"
]
ROLES: tuple[Role, ...] = get_args(Role)
STAGE_ROLES: tuple[Role, ...] = ("operations", "bytes")
"""The roles of the work of one stage."""
LIMIT_ROLES: tuple[Role, ...] = ("float32 operation rate", "float64 operation rate", "bandwidth")
"""The roles of the limits of a machine; only a task that measures the machine has metrics in them."""


@dataclass(frozen=True)
class Metric:
    """A number with a unit that a task records.

    Args:
        name: What it is called in the task and in the database.
        unit: "%", "B", "1", ...
        better: Whether more or less of it is better; None for neither.
        tolerance: The largest absolute difference between two backends that still counts as agreement on the same
            inputs; None leaves the metric out of the agreement check (a time, say, or an error near the rounding
            level).
        about: What it is, in words.
        role: What the suite reads it as, whatever its name: the operations or bytes that a stage takes, the relative
            error of a Gram matrix against float64, the peak memory of the run (which the suite records itself where the
            task does not), or a limit of the machine. None for a number of the task's own.
        stage: The stage whose operations or bytes they are; None for every other role.

    Raises:
        InputError: For a value that cannot be, with the nearest valid choice.
    """

    name: str
    unit: str
    _: KW_ONLY
    better: Literal["higher", "lower"] | None = None
    tolerance: float | None = None
    about: str = ""
    role: Role | None = None
    stage: str | None = None

    def __post_init__(self) -> None:
        if self.better not in ("higher", "lower", None):
            raise InputError(f"metric {self.name!r}: better must be 'higher', 'lower' or None, not {self.better!r}")
        if self.tolerance is not None and not 0 <= self.tolerance < math.inf:
            raise InputError(f"metric {self.name!r}: tolerance must be finite and not negative, not {self.tolerance}")
        check_role(f"metric {self.name!r}", self.role, self.stage)


def check_role(what: str, role: str | None, stage: str | None) -> None:
    """Raise InputError for a role that is none, and for a role with a stage, or without one, that needs the opposite.

    `what` is the metric in words.
    """
    if role is not None and role not in ROLES:
        raise unknown(f"role of {what}:", str(role), ROLES)
    if role in STAGE_ROLES and not stage:
        raise InputError(f"{what}: role {role!r} needs a stage, the one that takes them")
    if role not in STAGE_ROLES and stage is not None:
        choices = " and ".join(map(repr, STAGE_ROLES))
        raise InputError(f"{what}: only the roles {choices} have a stage, not {role!r}")


def check_roles(task: str, metrics: Sequence[Metric], measures_machine: bool) -> None:
    """Raise InputError where two of a task's metrics have one role and stage, or one is a limit in any other task."""
    counts = Counter((m.role, m.stage) for m in metrics)
    for m in metrics:
        if m.role is not None and counts[m.role, m.stage] > 1:
            where = f" of stage {m.stage!r}" if m.stage else ""
            raise InputError(f"task {task!r}: two metrics have the role {m.role!r}{where}")
        if m.role in LIMIT_ROLES and not measures_machine:
            raise InputError(f"task {task!r}: role {m.role!r} of metric {m.name!r} needs measures_machine=True")


PEAK_MEMORY = Metric(
    "peak_memory",
    unit="B",
    better="lower",
    role="peak memory",
    about="peak memory of the run: the device's, or the process's on a CPU",
)
"""What the suite records of every run whose task has no metric of this role."""


def with_peak_memory(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """The metrics, and `PEAK_MEMORY` where none of them has its role."""
    declared = any(m.role == PEAK_MEMORY.role for m in metrics)
    return (*metrics,) if declared else (*metrics, PEAK_MEMORY)


@dataclass(frozen=True)
class Curve:
    """A series (x, y) that a task records.

    Args:
        name: What it is called in the task and in the database.
        x: What x is, in words.
        y: What y is, in words.
        x_unit: The unit of x.
        y_unit: The unit of y.
        share: The least share of points on which two backends must hold the same y (to within `tolerance`) to count as
            agreeing; None leaves the curve out of the agreement check.
        tolerance: See `share`.
        exponent: The metric that is the fitted slope on logarithmic axes; its claimed value is drawn beside.
        drawn: False for series that are no picture (labels, say).
        theory_of: The curve that this one predicts: both are drawn in one figure. None for a curve of its own.

    Raises:
        InputError: For a value that cannot be.
    """

    name: str
    _: KW_ONLY
    x: str
    y: str
    x_unit: str = "1"
    y_unit: str = "1"
    share: float | None = None
    tolerance: float = 0.0
    exponent: str = ""
    drawn: bool = True
    theory_of: str | None = None

    def __post_init__(self) -> None:
        if self.share is not None and not 0 < self.share <= 1:
            raise InputError(f"curve {self.name!r}: share must lie in (0, 1], not {self.share}")
        if not 0 <= self.tolerance < math.inf:
            raise InputError(f"curve {self.name!r}: tolerance must be finite and not negative, not {self.tolerance}")


def check_curves(task: str, curves: Sequence[Curve], metrics: Sequence[str]) -> None:
    """Raise InputError where a task's curve names a metric or another curve that the task does not have."""
    for curve in curves:
        if curve.exponent and curve.exponent not in metrics:
            raise unknown(f"exponent of curve {curve.name!r} of task {task!r}:", curve.exponent, metrics)
        others = [c.name for c in curves if c.name != curve.name]
        if curve.theory_of is not None and curve.theory_of not in others:
            raise unknown(f"curve that {curve.name!r} of task {task!r} is the theory of:", curve.theory_of, others)
