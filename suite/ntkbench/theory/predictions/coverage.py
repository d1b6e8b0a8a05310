"""How often intervals hold what they are of, and draws of a Gaussian process to ask that of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.kernels.relu.network import Kernels
from ntkbench.theory.predictions.ensembles import ensemble
from ntkbench.theory.predictions.posterior import posterior

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-10  # of the largest eigenvalue: equal points make some that are zero


def gp_draws(k: Array, number: int, rng: np.random.Generator) -> Floats:
    """Functions drawn from a Gaussian process, at some points.

    Args:
        k: Its covariance at the points, (n, n), symmetric; it may be singular.
        number: How many functions.
        rng: Draws them.

    Returns:
        Their values, (n, number).

    Raises:
        ValueError: The covariance has a negative eigenvalue.
    """
    values, vectors = np.linalg.eigh(host(k).astype(np.float64))
    if values[0] < -_ROUNDING * values[-1]:
        raise ValueError(f"a covariance has no negative eigenvalue; this one has {values[0]:g}")
    roots = np.sqrt(np.clip(values, 0.0, None))
    drawn: Floats = (vectors * roots) @ rng.standard_normal((len(values), number))
    return drawn


def coverage(mean: Array, variance: Array, truth: Array, levels: Iterable[float]) -> Floats:
    """The share of values that lie within central Gaussian intervals.

    Args:
        mean: Means, (...,).
        variance: Variances that broadcast with them.
        truth: The values, (...,).
        levels: The shares that the intervals are made for, each within (0, 1).

    Returns:
        The share that was found for each level.

    Raises:
        ValueError: A level is not within (0, 1), or a variance is negative.
    """
    wanted = list(levels)
    if not all(0 < level < 1 for level in wanted):
        raise ValueError(f"levels must lie between 0 and 1, not {wanted}")
    spread = host(variance).astype(np.float64)
    if (spread < 0).any():
        raise ValueError(f"variances must not be negative, as {spread.min():g} is")
    off = np.abs(host(truth) - host(mean))
    reach = [NormalDist().inv_cdf((1 + level) / 2) for level in wanted]
    return np.array([np.mean(off <= z * np.sqrt(spread)) for z in reach])


class Held(NamedTuple):
    """How often intervals held: the share for each level, (levels,) each."""

    posterior: Floats  # of the NNGP's posterior
    ensemble: Floats  # of networks trained to the end
    width_ratio: float  # the least variance of the ensemble over the posterior's


def intervals_held(
    kernels: Kernels, targets: Array, truth: Array, levels: Iterable[float], *, noise: float, noisy: bool
) -> Held:
    """How often the intervals of the NNGP's posterior and of trained networks hold values at test points.

    Networks are trained to the end on the squared loss with the ridge `noise`, on targets of which each has noise of
    its own of that variance. Of targets that are draws of the NNGP with noise, both must hold as often as they are made
    for: the covariance of the ensemble is that of the errors A y - f of its mean, whatever the NTK in A is.

    Args:
        kernels: Both kernels of the n training points and, behind them, the test points, (n + m, n + m) each.
        targets: (n, k), of the same library.
        truth: Values at the test points, (m, k), of any library.
        levels: The shares that intervals are made for.
        noise: The variance of the noise on the targets, positive.
        noisy: Whether the values have that noise. If not, they are taken for values of k independent functions, and of
            each one point counts: what one of them does says something of its other points.

    Returns:
        The shares.

    Raises:
        ValueError: As `posterior`, `ensemble` and `coverage` raise it.

    References:
        Lee et al. 2019 (arXiv:1902.06720), equations 13 to 16; Rasmussen & Williams 2006, equations 2.23 and 2.24.
    """
    n, (m, k) = targets.shape[0], truth.shape
    train, cross = (Kernels(*(of[rows, :n] for of in kernels)) for rows in (slice(n), slice(n, None)))
    prior = kernels.nngp[n:, n:]
    inferred = posterior(train.nngp, targets, cross.nngp, prior, ridge=noise)
    trained = ensemble(train, targets, cross, prior, [math.inf], ridge=noise, noise=noise)
    places = np.divmod(np.arange(m * k), k) if noisy else (np.arange(k) % m, np.arange(k))
    wanted, values = list(levels), host(truth)[places]
    pairs = ((inferred.mean, inferred.covariance), (trained.mean[0], trained.covariance[0]))
    variances = [host(covariance).diagonal() for _, covariance in pairs]
    shares = [
        coverage(host(mean)[places], variance[places[0]] + (noise if noisy else 0.0), values, wanted)
        for (mean, _), variance in zip(pairs, variances, strict=True)
    ]
    return Held(shares[0], shares[1], float((variances[1] / variances[0]).min()))
