"""What the norms of the inputs do: how they concentrate, and what they change in the NTK of a ReLU network.

That kernel is homogeneous: with D the diagonal matrix of |x_i| / sqrt(d), the raw inputs' kernel is D K D, where K is
that of the inputs brought to the norm sqrt(d).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import uncompiled
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.regression import min_eigenvalue


def norm_exponent(nu: float) -> float:
    """The exponent a of | |x|^2 / d - 1 | ~ d^a for d independent entries with tails P(|x_i| > t) ~ t^-nu.

    Args:
        nu: The exponent of the tails, above 2, as of Student's t with nu degrees of freedom; infinity for light tails.

    Returns:
        -min(1/2, 1 - 2 / nu): the central limit theorem's for nu >= 4, and that of a stable law of order nu / 2 below.

    Raises:
        ValueError: The variance of the entries is not finite.

    References:
        Feller 1971, An Introduction to Probability Theory and Its Applications II, chapter XVII (stable limits).
    """
    if not nu > 2:
        raise ValueError(f"entries have a finite variance for nu > 2, not for {nu}")
    return max(-0.5, 2 / nu - 1)


@standard_settings
def squared_norms(x: Array, dimensions: Array) -> Array:
    """|x|^2 of inputs that are cut to their first entries.

    Args:
        x: Inputs, (n, d).
        dimensions: How many entries are kept, from 1 to d, (m,).

    Returns:
        The squared norms, (n, m), in the library and dtype of `x`.
    """
    return execution_for(x).compiled(_partial_sums, ())(x, dimensions - 1)


def _partial_sums(x: Array, last: Array) -> Array:
    return (x**2).cumsum(1)[:, last]


def norm_deviations(squares: np.ndarray, dimensions: np.ndarray) -> np.ndarray:
    """The median of | |x|^2 / d - 1 | in each dimension.

    Args:
        squares: Squared norms, (n, m), as `squared_norms` gives them, in NumPy.
        dimensions: The dimensions, (m,).

    Returns:
        The medians, (m,); 1e-9 where they are below: norms that are all the same differ by rounding, which is no law.
    """
    medians: np.ndarray = np.maximum(np.median(np.abs(squares / dimensions - 1), axis=0), 1e-9)
    return medians


def largest_deviations(squares: np.ndarray, dimensions: np.ndarray) -> np.ndarray:
    """The largest | |x|^2 / d - 1 | over the inputs, in each dimension.

    Args:
        squares: Squared norms, (n, m), as `squared_norms` gives them, in NumPy.
        dimensions: The dimensions, (m,).

    Returns:
        The maxima, (m,).
    """
    maxima: np.ndarray = np.max(np.abs(squares / dimensions - 1), axis=0)
    return maxima


def mean_largest_normal(n: int) -> float:
    """The mean of the largest of n independent |N(0, 1)|, e_n; for large n sqrt(2 log 2n), which is 15 % more at 500.

    Times sqrt(v / d), with v the variance of the squared entries, it is what the largest of n deviations
    | |x|^2 / d - 1 | tends to where d is much larger than (log n)^3.

    Args:
        n: How many, at least 1.

    Returns:
        The integral of 1 - P(|N| <= t)^n over t from 0.

    Raises:
        ValueError: n is below 1.

    References:
        Cramer 1946, Mathematical Methods of Statistics, section 28.6.
    """
    if n < 1:
        raise ValueError(f"the largest of n numbers needs n of at least 1, not {n}")
    t = np.linspace(0.0, 12.0, 24_001)
    tail = np.array([math.erfc(value / math.sqrt(2.0)) for value in t])
    with np.errstate(divide="ignore"):
        above = -np.expm1(n * np.log1p(-tail))
    return float(np.sum(above[1:] + above[:-1]) / 2 * (t[1] - t[0]))


def spread_error(norms: np.ndarray) -> float:
    """The operator norm of u u' - 1 1', where u_i = |x_i| / sqrt(d): what unequal norms leave of a linear model.

    The linear model of f(x . z / d) has f(0) between all inputs, the homogeneous kernel of raw inputs f(0) u_i u_j. Of
    the error of that model for raw inputs this, times f(0), is all that grows with n, as sqrt(n / 2) for n = d.

    Args:
        norms: u, (n,).

    Returns:
        With s = |u|^2 - n, |s| / 2 + sqrt(s^2 / 4 + n |u|^2 - (1 . u)^2): the larger eigenvalue of a rank-two matrix.

    References:
        Derived here; the linear model is that of El Karoui 2010, theorem 2.1.
    """
    n, square, total = len(norms), float(norms @ norms), float(norms.sum())
    s = square - n
    return abs(s) / 2 + math.sqrt(s * s / 4 + max(n * square - total * total, 0.0))


class Exponent(NamedTuple):
    """A fitted exponent: what is expected of it, and its standard deviation over draws of the inputs."""

    mean: float
    deviation: float


def spread_exponent(sizes: Sequence[int]) -> Exponent:
    """The exponent of n in the `spread_error` of Gaussian inputs with n = d, fitted over some sizes; 1/2 in the limit.

    To leading order |u|^2 - n = s is normal with variance 2, and n |u|^2 - (1 . u)^2 = c n / 2 with c of mean 1 and
    variance 2 / n, independent of s; draws at different sizes are independent.

    Args:
        sizes: The numbers n = d, two at least.

    Returns:
        The mean and the standard deviation of the slope of a straight line in logarithms.
    """
    s = math.sqrt(2.0) * np.linspace(-8, 8, 4001)
    weights = np.exp(-s * s / 4)
    weights /= weights.sum()
    means, variances = [], []
    for n in sizes:
        root = np.sqrt(s * s / 4 + n / 2)
        logs = np.log(np.abs(s) / 2 + root)
        # Of the logarithm by log c, to second order: a half at s = 0, where almost all of it is.
        mean = float(weights @ logs)
        means.append(mean - 0.5 / n)
        variances.append(float(weights @ (logs - mean) ** 2) + 0.5 / n)
    x = np.log(np.asarray(sizes, dtype=np.float64))
    slope = (x - x.mean()) / float(np.sum((x - x.mean()) ** 2))
    return Exponent(float(slope @ means), math.sqrt(float(slope**2 @ variances)))


class NormScaling(NamedTuple):
    """The NTK of raw inputs against that of inputs brought to one norm."""

    min_eigenvalue: float  # of the kernel at equal norms
    ostrowski_ratio: float  # least eigenvalue of the raw kernel, over the bound min |x|^2 / d times the above: >= 1
    homogeneity_error: float  # the largest relative error of raw K = D K D


@standard_settings
def norm_scaling(raw: Array, equal: Array, norms: Array) -> NormScaling:
    """Compare the Gram matrices of the same inputs, as they are and brought to the norm sqrt(d).

    Args:
        raw: The NTK of the inputs, (n, n), float64.
        equal: That of the inputs brought to the norm sqrt(d), (n, n), float64.
        norms: |x_i| / sqrt(d), (n,), float64, of the library of both.

    Returns:
        Both least eigenvalues, and how far the matrices are from being one up to norms.

    References:
        Ostrowski 1959, A quantitative formulation of Sylvester's law of inertia; Horn & Johnson 2013, theorem 4.5.9.
    """
    raw, equal, norms = uncompiled(raw, equal, norms)
    least, least_raw = min_eigenvalue(equal), min_eigenvalue(raw)
    return NormScaling(
        min_eigenvalue=least,
        ostrowski_ratio=least_raw / (float(norms.min()) ** 2 * least),
        homogeneity_error=float(execution_for(raw).compiled(_inhomogeneity, ())(raw, equal, norms)),
    )


def _inhomogeneity(raw: Array, equal: Array, norms: Array) -> Array:
    return abs(raw / (equal * norms[:, None] * norms[None, :]) - 1.0).max()
