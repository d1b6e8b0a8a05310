"""A Claim: a published or exact statement about a metric, which runs are held against."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import Literal

from ntkbench.errors import InputError

Scalar = int | float | str | bool
Params = Mapping[str, Scalar]
_DATE = r"\b\d{4}-\d\d-\d\d\b"


@dataclass(frozen=True)
class Claim:
    """A published or exact statement: `metric` is `value` to within `tolerance`, in the runs that match `where`.

    Args:
        name: What it is called in the task and in the database.
        metric: The name of the metric that it is about.
        value: What was published, in the metric's unit.
        tolerance: How far off still counts, in the metric's unit.
        source: Where it was published.
        where: The parameters of the runs that it is about, by name; none of them: all runs.
        verified: Whether the figure was read in its source (or is exact); a figure quoted from memory is shown and
            compared, and never gates.
        repeats: How many seeds the statement needs before it can be judged.
        over: With "mean" the mean over seeds is judged, with its interval; with "worst" the statement is about every
            matching run, and the one farthest off is judged, on the wrong side of an inequality.
        side: "at least" holds down to `value` - `tolerance` and however far above, "at most" up to `value` +
            `tolerance`, "within" between the two.
        finding: Why the statement is known not to hold, and since when (a date as 2026-11-28): one line, which is
            shown with the verdict. Such a claim does not fail a check, unless it holds after all. None for a claim
            that is expected to hold.

    Raises:
        InputError: For a value that cannot be.
    """

    name: str
    _: KW_ONLY
    metric: str
    value: float
    tolerance: float
    source: str
    where: Params = field(default_factory=dict)
    verified: bool = False
    repeats: int = 1
    over: Literal["mean", "worst"] = "mean"
    side: Literal["within", "at least", "at most"] = "within"
    finding: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", MappingProxyType(dict(self.where)))
        if not (math.isfinite(self.value) and 0 <= self.tolerance < math.inf):
            raise InputError(f"claim {self.name!r}: needs a finite value and a finite tolerance >= 0")
        if type(self.repeats) is not int or self.repeats < 1:
            raise InputError(f"claim {self.name!r}: repeats must be a whole number of at least 1, not {self.repeats!r}")
        if self.over not in ("mean", "worst"):
            raise InputError(f"claim {self.name!r}: over must be 'mean' or 'worst', not {self.over!r}")
        if self.side not in ("within", "at least", "at most"):
            raise InputError(f"claim {self.name!r}: side must be 'within', 'at least' or 'at most', not {self.side!r}")
        if self.finding is not None and not (self.finding.isprintable() and re.search(_DATE, self.finding)):
            raise InputError(
                f"claim {self.name!r}: finding must be one line that says why, and since when (2026-11-28)"
            )
