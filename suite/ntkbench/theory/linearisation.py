"""Kernel matrices of high-dimensional inputs against the linear model that they tend to (El Karoui 2010)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host, symmetric, uncompiled
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.inputs import check_vectors
from ntkbench.arrays.settings import standard_settings
from ntkbench.kernels.relu.dense import fc_kernels

_Jet = tuple[float, float, float]  # a function at one point, and its first two derivatives there


class Expansion(NamedTuple):
    """What the linear model knows of a kernel f(x . z / d): f(0), f'(0), f''(0) and f(1)."""

    value: float
    slope: float
    curvature: float
    one: float


EXPONENTIAL = Expansion(1.0, 1.0, 1.0, math.e)
"""f = exp."""

_LARGEST = 300.0  # e^300: still a number when squared


@standard_settings
def exponential_kernel(x: Array) -> Array:
    """The matrix exp(x_i . x_j / d); exponents beyond 300 count as 300.

    Args:
        x: Inputs, (n, d), float64.

    Returns:
        The matrix, (n, n), in the library of `x`.

    Raises:
        ValueError: `x` is no matrix.
    """
    check_vectors(x, "x")
    execution = execution_for(x)
    return execution.compiled(_exponential, ("execution",))(x, execution=execution)


def relu_ntk_expansion(depth: int) -> Expansion:
    """The expansion of the ReLU NTK with `depth` weight layers at inputs of norm sqrt(d).

    Half of what `fc_kernels` gives, since its readout is of unit scale; then f(1) = depth. The recursion of the kernel
    with two derivatives: s <- kappa_1(s), t <- kappa_1(s) + t kappa_0(s).

    Args:
        depth: The number of weight layers, 2 at least.

    Returns:
        The kernel's values and derivatives at 0, and its value at 1.

    Raises:
        ValueError: There is no hidden layer.

    References:
        Cho & Saul 2009 (arc-cosine kernels); Jacot et al. 2018 (arXiv:1806.07572).
    """
    if depth < 2:
        raise ValueError(f"a network with a hidden layer has a depth of at least 2, not {depth}")
    s: _Jet = (0.0, 1.0, 0.0)
    t = s
    for _ in range(depth - 1):
        s, step = _arc_cosines(s)
        t = (
            s[0] + t[0] * step[0],
            s[1] + t[1] * step[0] + t[0] * step[1],
            s[2] + t[2] * step[0] + 2 * t[1] * step[1] + t[0] * step[2],
        )
    return Expansion(*t, one=float(depth))


@standard_settings
def linear_surrogate(x: Array, expansion: Expansion) -> Array:
    """M = (f(0) + f''(0) / (2 d)) 11' + f'(0) X X' / d + (f(1) - f(0) - f'(0)) I, for entries of variance one.

    Args:
        x: Inputs, (n, d), float32 or float64.
        expansion: What is known of f.

    Returns:
        M, (n, n), in the library and dtype of `x`.

    Raises:
        ValueError: `x` is no matrix.

    References:
        El Karoui 2010, "The spectrum of kernel random matrices", theorem 2.1, with the identity as covariance.
    """
    check_vectors(x, "x")
    execution = execution_for(x)
    return execution.compiled(_surrogate, ("execution", "expansion"))(x, execution=execution, expansion=expansion)


@standard_settings
def operator_norm(k: Array) -> float:
    """The largest |eigenvalue| of a symmetric matrix, in float64.

    Args:
        k: A symmetric matrix, (n, n).

    Returns:
        The norm.

    Raises:
        ValueError: The matrix is not square, not symmetric, or holds NaN or infinity.
    """
    execution = execution_for(k)
    with execution.double():
        return _norm(execution.xp.linalg.eigvalsh(symmetric(execution, k)))


@standard_settings
def linearisation_error(k: Array, x: Array, expansion: Expansion) -> float:
    """The operator norm of a kernel matrix less the `linear_surrogate` of its inputs, in float64.

    Args:
        k: The kernel matrix of the inputs, (n, n).
        x: The inputs, (n, d).
        expansion: What is known of the kernel.

    Returns:
        The norm.

    Raises:
        ValueError: As for `operator_norm` and `linear_surrogate`.

    References:
        El Karoui 2010, theorem 2.1: it tends to 0 as n and d grow together.
    """
    k, x = uncompiled(k, x)
    execution = execution_for(k, x)
    with execution.double():
        check_vectors(x, "x")
        # The expansion as an array: one program for all kernels.
        known = execution.from_numpy(np.array(expansion), x)
        compare = execution.compiled(_difference_spectrum, ("execution",))
        return _norm(compare(symmetric(execution, k), x, known, execution=execution))


@standard_settings
def exponential_error(x: Array) -> float:
    """The decimal logarithm of the `linearisation_error` of exp(x_i . x_j / d).

    Args:
        x: Inputs, (n, d), float64.

    Returns:
        log10 of the operator norm of what the linear model leaves, which with heavy tails is astronomical.

    References:
        El Karoui 2010, "The spectrum of kernel random matrices", theorem 2.1.
    """
    (x,) = uncompiled(x)
    return math.log10(linearisation_error(exponential_kernel(x), x, EXPONENTIAL))


@standard_settings
def relu_ntk_error(x: Array) -> float:
    """The `linearisation_error` of the NTK of one hidden ReLU layer, of unit scale.

    Args:
        x: Inputs, (n, d), float64.

    Returns:
        The operator norm of what the linear model leaves.

    References:
        El Karoui 2010, theorem 2.1, which speaks of inputs of independent entries, or brought to the norm sqrt(d).
    """
    ntk, x = uncompiled(fc_kernels(x, depth=2).ntk, x)
    return linearisation_error(ntk / 2, x, relu_ntk_expansion(2))


def _norm(eigenvalues: Array) -> float:
    values = host(eigenvalues)
    return float(max(abs(values[0]), abs(values[-1])))


def _exponential(x: Array, *, execution: Execution) -> Array:
    xp = execution.xp
    return xp.exp(xp.clip(x @ xp.matrix_transpose(x) / x.shape[1], max=_LARGEST))


def _difference_spectrum(k: Array, x: Array, expansion: Array, *, execution: Execution) -> Array:
    difference = k - _surrogate(x, execution=execution, expansion=Expansion(*expansion))
    # Of two matrices that are nearly equal, rounding leaves an asymmetric difference.
    return execution.xp.linalg.eigvalsh((difference + execution.xp.matrix_transpose(difference)) / 2)


def _surrogate(x: Array, *, execution: Execution, expansion: Expansion) -> Array:
    xp, (n, d) = execution.xp, x.shape
    linear = expansion.slope / d * (x @ xp.matrix_transpose(x)) + (expansion.value + expansion.curvature / (2 * d))
    rest = expansion.one - expansion.value - expansion.slope
    return linear + rest * xp.eye(n, dtype=x.dtype, device=array_api_compat.device(x))


def _arc_cosines(s: _Jet) -> tuple[_Jet, _Jet]:
    """kappa_1(s) and kappa_0(s), the arc-cosine kernels of order 1 and 0 (Cho & Saul 2009), by the chain rule."""
    sine = math.sqrt((1 - s[0]) * (1 + s[0]))
    half = 1 - math.acos(s[0]) / math.pi
    first, second = 1 / (math.pi * sine), s[0] / (math.pi * sine**3)  # derivatives of kappa_0, which is kappa_1'
    square = s[1] ** 2
    kappa1 = (sine / math.pi + s[0] * half, half * s[1], first * square + half * s[2])
    kappa0 = (half, first * s[1], second * square + first * s[2])
    return kappa1, kappa0
