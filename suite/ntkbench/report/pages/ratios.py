"""What a list of ratios says in short: their mean, how many are faster and slower, and the axis they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ntkbench.report import axes
from ntkbench.report.pages.content import Row


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Of rows of a view of ratios: only those with an interval, without compilation, count; `axis` holds all."""
    fair = [row for row in rows if row["speedup"] and row["low"] is not None and not row["includes_compilation"]]
    ends = [row[name] for row in rows for name in ("low", "high", "speedup") if row[name]]
    return {
        # Over settings and stages alike: a mean of ratios is geometric, or it would depend on which is the baseline.
        "mean": math.exp(sum(math.log(row["speedup"]) for row in fair) / len(fair)) if fair else None,
        "fair": len(fair),
        "outcomes": {word: sum(row["outcome"] == word for row in fair) for word in axes.OUTCOMES},
        "axis": axes.log_axis([*ends, 1.0]),
    }
