"""What kernel regression learns from n random points, from the kernel's spectrum alone: the eigenlearning theory.

Simon, Dickens, Karkada & DeWeese 2023 (arXiv:2110.03922), equivalent to Bordelon, Canatar & Pehlevan 2020. The constant
kappa > 0 solves n = sum_i l_i / (l_i + kappa) + ridge / kappa over all eigenfunctions; of eigenfunction i the share
L_i = l_i / (l_i + kappa) is learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ntkbench.solvers.regression import check_ridge
from ntkbench.theory.spectra import Floats, Spectrum


@dataclass(frozen=True)
class Prediction:
    """What is expected of a target with one unit of power in a level: entries by level."""

    n: float
    kappa: float
    learnability: Floats  # (levels,)
    overfitting: float  # E_0 >= 1: what all errors are multiplied by
    test_error: Floats  # (levels,): mean squared error on new points, their noise included
    train_error: Floats  # (levels,): on the training points


def eigenlearning(spectrum: Spectrum, n: float, *, ridge: float = 0.0, noise: float = 0.0) -> Prediction:
    """The expected outcome of kernel regression on n random points.

    Levels that the spectrum leaves out count as a ridge of their trace. Training points are drawn without replacement
    where the domain is finite. Errors of a target with powers v_k^2 in the levels are the same with sum_k v_k^2 in the
    place of one level: they add up, but for the noise.

    Args:
        spectrum: The kernel's eigenvalues over the domain.
        n: The number of training points, any positive number.
        ridge: Added to the diagonal of the Gram matrix.
        noise: The variance of what is added to the labels.

    Returns:
        What is expected of each level.

    Raises:
        ValueError: n is more than the kernel's rank allows without a ridge, or a ridge or noise is negative.

    References:
        Simon et al. 2023 (arXiv:2110.03922); Bordelon et al. 2020 (arXiv:2002.02561).
    """
    check_ridge(ridge)
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise must be finite and not negative, not {noise}")
    shift = ridge + spectrum.tail
    rank = float(spectrum.multiplicities[spectrum.eigenvalues > 0].sum())
    if not 0 < n < math.inf or (shift == 0.0 and n >= rank):
        raise ValueError(f"n must lie between 0 and the kernel's rank, {rank:g}, not be {n}")
    total = float(spectrum.eigenvalues @ spectrum.multiplicities)
    # n kappa is at most the trace and the ridge together; below, kappa falls by at most so many orders of magnitude.
    high = math.log((total + shift) / n) + 1e-9
    low = high - 1.0
    while _points(spectrum, math.exp(low), shift) < n:
        low -= 5.0
    kappa = math.exp(_root(lambda s: _points(spectrum, math.exp(s), shift) - n, low, high))
    return _predict(spectrum, kappa, ridge, noise, n)


def points_to_learn(spectrum: Spectrum, level: int, error: float = 0.5) -> float:
    """The number of points at which the test error of a function of a level falls to a value, without a ridge.

    Args:
        spectrum: The kernel's eigenvalues over the domain.
        level: The level of the function.
        error: The error to reach, of one unit of power.

    Returns:
        The number, any real one.

    Raises:
        ValueError: The kernel has no such level, or the error does not lie between 0 and 1.

    References:
        Simon et al. 2023 (arXiv:2110.03922), solved for n.
    """
    if not 0 <= level < len(spectrum.eigenvalues) or spectrum.eigenvalues[level] <= 1e-12 * spectrum.trace:
        raise ValueError(f"the kernel has no level {level} to learn")
    if not 0 < error < 1:
        raise ValueError(f"an error to reach lies between 0 and 1, not at {error}")

    def excess(log_kappa: float) -> float:
        kappa = math.exp(log_kappa)
        n = _points(spectrum, kappa, spectrum.tail)
        return float(_predict(spectrum, kappa, 0.0, 0.0, n).test_error[level]) - error

    # Near kappa = l_level, where the share 1 / 2 is learned; the error grows with kappa there.
    middle = math.log(spectrum.eigenvalues[level])
    kappa = math.exp(_root(excess, middle - 12.0, middle + 12.0))
    return _points(spectrum, kappa, spectrum.tail)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-14, rtol=1e-14))


def _points(spectrum: Spectrum, kappa: float, ridge: float) -> float:
    learned = spectrum.eigenvalues / (spectrum.eigenvalues + kappa)
    return float(learned @ spectrum.multiplicities) + ridge / kappa


def _predict(spectrum: Spectrum, kappa: float, ridge: float, noise: float, n: float) -> Prediction:
    learned = spectrum.eigenvalues / (spectrum.eigenvalues + kappa)
    overfitting = n / (n - float(learned**2 @ spectrum.multiplicities))
    test_error = overfitting * ((1.0 - learned) ** 2 + noise)
    return Prediction(n, kappa, learned, overfitting, test_error, (ridge / (n * kappa)) ** 2 * test_error)
