"""The staircase of learning one degree after another: where its steps are, and how they grow with the dimension."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ntkbench.theory.spectra import harmonic_dimension


def power_law_exponent(sizes: npt.ArrayLike, values: npt.ArrayLike) -> float:
    """The exponent a of values ~ sizes^a, by least squares in logarithms.

    Args:
        sizes: Positive numbers, (n,), two different ones at least.
        values: Positive numbers, (n,).

    Returns:
        The exponent.
    """
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def points_at_half(counts: npt.ArrayLike, errors: npt.ArrayLike) -> float:
    """The number of training points at which an error falls to one half for good.

    Args:
        counts: The numbers of points that were tried, ascending, (n,).
        errors: The error at each of them, (n,).

    Returns:
        The number, by interpolation in log counts; the nearest of `counts` where the error does not cross one half.

    References:
        Ghorbani et al. 2021 (arXiv:1904.12191): a degree is learned when n passes d^degree.
    """
    falling = np.maximum.accumulate(np.asarray(errors, dtype=np.float64)[::-1])[::-1]
    return math.exp(np.interp(-0.5, -falling, np.log(counts)))


def learned_degree(errors: npt.ArrayLike) -> int:
    """The highest degree up to which every degree is learned: its error is below one half.

    Args:
        errors: Errors by degree, from degree 1 on, (degrees,).

    Returns:
        The degree; 0 where not even degree 1 is learned.

    References:
        Ghorbani et al. 2021 (arXiv:1904.12191).
    """
    return int(np.argmax(np.append(np.asarray(errors) >= 0.5, True)))


def plateau_points(d: int, degree: int) -> int:
    """The number of training points halfway, in logarithms, between the steps of a degree and of the next.

    Args:
        d: The dimension of the sphere, 2 at least.
        degree: The lower degree, 0 at least.

    Returns:
        sqrt(B(degree) B(degree + 1)), rounded, with B the number of harmonics.

    Raises:
        ValueError: The dimension or the degree is too small.

    References:
        Ghorbani et al. 2021 (arXiv:1904.12191): the error stays where it is between two steps.
    """
    return round(math.sqrt(harmonic_dimension(d, degree) * harmonic_dimension(d, degree + 1)))
