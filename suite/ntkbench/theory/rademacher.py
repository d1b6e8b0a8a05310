"""Rademacher complexity: how well the functions in a ball of a kernel's space fit random signs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import finite, host, symmetric, uncompiled
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.regression import kernel_regression


class Rademacher(NamedTuple):
    """The complexity of a ball of radius one on n points; that of radius B is B times it."""

    value: float
    stderr: float  # from the draws of signs; zero where they are all that there are
    lower: float  # sqrt(tr K / 2) / n: Khintchine and Kahane, with the best constant
    upper: float  # sqrt(tr K) / n: Bartlett & Mendelson 2002, lemma 22


@standard_settings
def rademacher_complexity(k: Array, signs: Array) -> Rademacher:
    """E_sigma sup {(1/n) sum_i sigma_i f(x_i) : |f| <= 1} = (1/n) E sqrt(sigma' K sigma), in float64.

    Args:
        k: The kernel's Gram matrix, symmetric, (n, n).
        signs: Vectors of -1 and 1, (draws, n), of the same library; exact with `all_signs`.

    Returns:
        The complexity with its standard error, and its bounds.

    Raises:
        ValueError: The matrix is not symmetric, or shapes do not fit.

    References:
        Bartlett & Mendelson 2002, lemma 22; Kahane 1964 and Latala & Oleszkiewicz 1994 (the lower bound).
    """
    k, signs = uncompiled(k, signs)
    execution = execution_for(k, signs)
    with execution.double():
        matrix = symmetric(execution, k)
        n = matrix.shape[0]
        if signs.ndim != 2 or signs.shape[1] != n or signs.shape[0] < 2:
            raise ValueError(f"signs must be (draws, {n}) with two draws or more, not of shape {tuple(signs.shape)}")
        signs = finite(execution, signs, "signs")
        suprema, trace = execution.compiled(_suprema, ("execution",))(matrix, signs, execution=execution)
        values, root = host(suprema), math.sqrt(float(trace))
    stderr = 0.0 if len(values) == 2**n else float(values.std(ddof=1)) / math.sqrt(len(values))
    return Rademacher(float(values.mean()), stderr, root / (n * math.sqrt(2.0)), root / n)


@standard_settings
def interpolant_norm(k: Array, values: Array) -> float:
    """The norm, in the kernel's space, of the function of least norm that takes given values at n points.

    Args:
        k: The Gram matrix of the points, (n, n).
        values: The values at these points, (n, 1), float64, of the same library.

    Returns:
        sqrt(y' K^-1 y), which times the `rademacher_complexity` is that of the smallest ball with such a function.

    Raises:
        ValueError: As for `kernel_regression`.

    References:
        Bartlett & Mendelson 2002, lemma 22; Berlinet & Thomas-Agnan 2004 (least-norm interpolation).
    """
    return math.sqrt(float(kernel_regression(k, values, values.T).prediction[0, 0]))


class Capacity(NamedTuple):
    """How well balls in a kernel's space fit random signs."""

    unit_ball: float
    interpolant: float  # of the smallest ball that holds a function with the given values


@standard_settings
def capacity_curve(k: Array, values: np.ndarray, signs: Sequence[np.ndarray]) -> list[Capacity]:
    """The `rademacher_complexity` on the first n points, for several n.

    Args:
        k: The Gram matrix of the points, (m, m), of JAX, torch or NumPy.
        values: The values at these points, (m, 1), in NumPy.
        signs: For each n vectors of -1 and 1, (draws, n), in NumPy.

    Returns:
        For each n that of the unit ball, and that times the `interpolant_norm`.

    Raises:
        ValueError: As for `rademacher_complexity` and `interpolant_norm`.

    References:
        Bartlett & Mendelson 2002, lemma 22.
    """
    (k,) = uncompiled(k)
    execution = execution_for(k)
    found = []
    with execution.double():
        for draws in signs:
            n = draws.shape[1]
            few = k[:n, :n]
            ball = rademacher_complexity(few, execution.from_numpy(draws, k)).value
            norm = interpolant_norm(few, execution.from_numpy(np.asarray(values[:n], dtype=np.float64), k))
            found.append(Capacity(ball, ball * norm))
    return found


@standard_settings
def ramp_gap(k: Array, labels: Array, sample: Array, *, radius: float, ridge: float) -> float:
    """Mean ramp loss over all m points less that over a sample of them, for a function fitted to the sample.

    The function is kernel ridge regression, shrunk to norm `radius` where it is longer; its loss is 1 - y f cut to
    [0, 1]. For samples drawn from the points with replacement, all points are the population, and with probability
    1 - delta the gap is at most 2 radius times `rademacher_complexity` of the sample + 3 sqrt(log(2 / delta) / (2 n)).

    Args:
        k: The kernel's Gram matrix, (m, m).
        labels: Labels, -1 or 1, (m,), of the same library.
        sample: Numbers of points, (n,); it may hold one twice.
        radius: The largest norm of the function.
        ridge: The ridge it is fitted with.

    Returns:
        The gap.

    Raises:
        ValueError: The ridge or the radius is not positive.

    References:
        Bartlett & Mendelson 2002, theorem 8, in the form of Mohri et al. 2018, theorem 3.3.
    """
    if not (math.isfinite(ridge) and ridge > 0 and math.isfinite(radius) and radius > 0):
        raise ValueError(f"ridge and radius must be positive and finite, not {ridge} and {radius}")
    k, labels = uncompiled(k, labels)
    execution = execution_for(k, labels)
    with execution.double():
        chosen = execution.from_numpy(np.asarray(sample), k)
        places = (finite(execution, k, "k"), finite(execution, labels, "labels"), chosen)
        return float(execution.compiled(_ramp_gap, ("execution",))(*places, radius, ridge, execution=execution))


def all_signs(n: int) -> np.ndarray:
    """Each of the 2^n vectors of n signs once.

    Args:
        n: From 1 to 20.

    Returns:
        The vectors, (2^n, n), float64.

    Raises:
        ValueError: n is out of range.
    """
    if not 1 <= n <= 20:
        raise ValueError(f"all vectors of n signs are listed for n from 1 to 20, not {n}")
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def _suprema(matrix: Array, signs: Array, *, execution: Execution) -> tuple[Array, Array]:
    """The supremum at each vector of signs, and the trace."""
    xp = execution.xp
    squares = xp.sum((signs @ matrix) * signs, axis=1)
    # Of a kernel they are not negative, but for rounding.
    return xp.sqrt(xp.maximum(squares, xp.zeros_like(squares))) / matrix.shape[0], xp.linalg.trace(matrix)


def _ramp_gap(k: Array, labels: Array, sample: Array, radius: Array, ridge: Array, *, execution: Execution) -> Array:
    xp = execution.xp
    # Rows, of a symmetric matrix: XLA takes columns thirty times as long.
    rows, wanted = xp.take(k, sample, axis=0), labels[sample]
    inner = xp.take(rows, sample, axis=1)
    eye = xp.eye(inner.shape[0], dtype=inner.dtype, device=array_api_compat.device(inner))
    weights = xp.linalg.solve(inner + ridge * eye, wanted[:, None])[:, 0]
    norm = xp.sqrt(xp.maximum(weights @ (inner @ weights), xp.zeros_like(weights[0])))
    # Nothing is shrunk by a factor above one.
    shrunk = weights @ rows * (radius / xp.maximum(norm, xp.ones_like(norm) * radius))
    loss = xp.clip(1.0 - labels * shrunk, 0.0, 1.0)
    return xp.mean(loss) - xp.mean(loss[sample])
