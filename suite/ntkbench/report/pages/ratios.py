"""What a list of ratios says in short: their mean, how many are faster and slower, and the axis they share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ntkbench.report import axes
from ntkbench.report.rows.environments import EnvironmentRatio
from ntkbench.report.rows.times import Ratio

OUTCOMES = ("faster", "slower", "no difference shown")


@dataclass(frozen=True)
class Summary:
    """The geometric mean of the ratios that count, how many they are, and how many of them have each outcome.

    Those with an interval count, if neither of the two times has a compilation in it.
    """

    mean: float | None
    fair: int
    outcomes: Mapping[str, int]
    axis: axes.LogAxis


def summary(ratios: Sequence[Ratio] | Sequence[EnvironmentRatio]) -> Summary:
    """What ratios say in short.

    Args:
        ratios: Of two entries, or of two environments.

    Returns:
        The mean and the outcomes of those that count; the axis holds all.
    """
    fair = [one for one in ratios if one.speedup and one.low is not None and not one.includes_compilation]
    # Over settings and stages alike: a mean of ratios is geometric, or it would depend on which is the baseline.
    mean = math.exp(sum(math.log(one.speedup) for one in fair if one.speedup) / len(fair)) if fair else None
    outcomes = {word: sum(one.outcome == word for one in fair) for word in OUTCOMES}
    return Summary(mean, len(fair), outcomes, ratio_axis(ratios))


def ratio_axis(ratios: Sequence[Ratio] | Sequence[EnvironmentRatio]) -> axes.LogAxis:
    """The axis that holds the ratios, their intervals, and 1."""
    ends = [value for one in ratios for value in (one.low, one.high, one.speedup) if value]
    return axes.log_axis([*ends, 1.0])
