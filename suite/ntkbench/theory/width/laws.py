"""Laws of the width of a layer whose harmonic mean is given: one over it is the mean of 1/n, which decides."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ntkbench.theory.width.random_widths import WidthLaw

Floats = npt.NDArray[np.float64]
_NEGLIGIBLE = 1e-13  # the probability of all widths that are left out
_STEPS = 60  # of halving: to the last digit


def poisson_width(harmonic_mean: float) -> WidthLaw:
    """1 + Poisson, with this harmonic mean.

    Args:
        harmonic_mean: 1 / E[1/n], at least 1.5.

    Returns:
        The law, without widths that hardly ever come.

    Raises:
        ValueError: For a smaller harmonic mean.
    """

    def masses(rate: float) -> Floats:
        n = np.arange(int(rate + 12 * math.sqrt(rate) + 40), dtype=np.float64)
        logs = n * math.log(rate) - rate - np.asarray([math.lgamma(k + 1) for k in n])
        found: Floats = np.exp(logs)
        return found

    return _fitted(masses, harmonic_mean, low=1e-3, high=4.0 * harmonic_mean)


def geometric_width(harmonic_mean: float) -> WidthLaw:
    """A geometric law on 1, 2, ..., with this harmonic mean.

    Args:
        harmonic_mean: 1 / E[1/n], at least 1.5.

    Returns:
        The law, without widths that hardly ever come.

    Raises:
        ValueError: For a smaller harmonic mean.
    """

    def masses(mean: float) -> Floats:
        share = 1.0 / mean
        n = np.arange(math.ceil(math.log(_NEGLIGIBLE) / math.log1p(-share)), dtype=np.float64)
        return share * (1.0 - share) ** n

    return _fitted(masses, harmonic_mean, low=1.01, high=100.0 * harmonic_mean)


def pareto_width(harmonic_mean: float, *, tail: float = 1.5, most: int = 10_000) -> WidthLaw:
    """A Pareto variable rounded up, with this harmonic mean: P(n > k) ~ k^-tail, up to a largest width.

    Args:
        harmonic_mean: 1 / E[1/n], at least 1.5.
        tail: The exponent; the width has a variance only above 2, and for 1 or less hardly a mean.
        most: The largest width; what is beyond it is left out.

    Returns:
        The law.

    Raises:
        ValueError: For a smaller harmonic mean.
    """

    def masses(least: float) -> Floats:
        edges = np.maximum(np.arange(most + 1, dtype=np.float64), least)
        beyond: Floats = (least / edges) ** tail
        return -np.diff(beyond)

    return _fitted(masses, harmonic_mean, low=0.5, high=2.0 * harmonic_mean)


def _fitted(masses: Callable[[float], Floats], harmonic_mean: float, *, low: float, high: float) -> WidthLaw:
    """The law of a family whose harmonic mean grows with its parameter; masses are of the widths 1, 2, ...."""
    if not 1.5 <= harmonic_mean < math.inf:
        raise ValueError(f"the harmonic mean of a random width must be at least 1.5, not {harmonic_mean}")

    def inverse_mean(found: Floats) -> float:
        return float(found @ (1.0 / np.arange(1, len(found) + 1)) / found.sum())

    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if inverse_mean(masses(middle)) > 1.0 / harmonic_mean:
            low = middle
        else:
            high = middle
    found = masses(0.5 * (low + high))
    kept = np.flatnonzero(found > 0)
    shares = found[kept] / math.fsum(found[kept])
    return WidthLaw(tuple((kept + 1).tolist()), tuple(shares.tolist()))
