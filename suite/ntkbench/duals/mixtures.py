"""Dual activations of mixtures of Gaussian distribution functions, in closed form: erf, gelu, tanh, sigmoid, swish.

A logistic variable is a Gaussian of random width (Andrews & Mallows 1974; the width's law is Kolmogorov's), so that
sigmoid(x) is an average of Phi(x / (2 t)), Phi the Gaussian distribution function. A quadrature over t turns sigmoid,
tanh and swish into short sums of functions whose dual activations have closed forms. What is left is an error of the
function itself, bounded for all x: it knows no variance and no correlation, and the kernel stays positive definite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.duals.gaussians import Gaussians


class Mixture(NamedTuple):
    """x -> sum of weight Phi(scale x): a distribution function, made of Gaussian ones."""

    scales: tuple[float, ...]
    weights: tuple[float, ...]


def _logistic(step: float, first: float, count: int) -> Mixture:
    """The trapezoidal rule in log t: analytic, and zero at both ends: the error is exponential."""
    t = np.exp(first + step * np.arange(count))
    k = np.arange(1, 40)[:, None]
    # Kolmogorov's density, times t for the logarithm.
    weights = step * t * 8 * t * np.sum((-1.0) ** (k + 1) * k**2 * np.exp(-2 * k**2 * t**2), axis=0)
    return Mixture(tuple(map(float, 1 / (2 * t))), tuple(map(float, weights / weights.sum())))


LOGISTIC = _logistic(0.163, -1.42, 17)
"""The logistic function, to within 5e-12, its derivative to within 9e-12."""


def centred(g: Gaussians, mixture: Mixture) -> tuple[Array, Array]:
    """The dual activation of x -> 2 F(x) - 1 for a mixture F, and that of its derivative.

    References:
        Williams 1997, "Computing with infinite networks", for one Gaussian.
    """

    def term(product: Any, q12: Array, _v1: Array, _v2: Array, determinant: Array) -> tuple[Array, Array]:
        root = g.xp.sqrt(determinant)
        return g.xp.atan2(q12, root), product / root

    value, slope = _mixed(g, mixture, term)
    return value * (2 / math.pi), slope * (2 / math.pi)


def gated(g: Gaussians, mixture: Mixture) -> tuple[Array, Array]:
    """The dual activation of x -> x F(x) for a mixture F, by Stein's lemma, and that of its derivative.

    References:
        Tsuchida et al. 2021, "Avoiding kernel fixed points", for one Gaussian: GELU.
    """
    gap, square = g.gap(), g.q12 * g.q12

    def term(product: Any, q12: Array, v1: Array, v2: Array, determinant: Array) -> tuple[Array, Array]:
        root = g.xp.sqrt(determinant)
        # 2 pi E[F(u) F(v)]: small, and then precise, where the correlation is negative.
        angle = g.xp.atan2(root, -q12)
        inverses = 1.0 / (1.0 + v1) + 1.0 / (1.0 + v2)
        value = g.q12 * angle + product / root * (gap + square * inverses)
        return value, angle + q12 / root * (inverses + 1.0 / determinant)

    value, slope = _mixed(g, mixture, term)
    return value / (2 * math.pi), slope / (2 * math.pi)


def _mixed(g: Gaussians, mixture: Mixture, term: Callable[..., tuple[Array, Array]]) -> tuple[Array, Array]:
    """Sums of `term` over the pairs of scales s, t of a mixture, each with both weights.

    Its arguments: s t, the covariance and the variances of s u and t v, and 1 + their sum + their determinant.
    """
    gap = g.gap()

    def add(sums: tuple[Array, Array], pair: Any) -> tuple[Array, Array]:
        s, t, weight = pair
        product, v1, v2 = s * t, s * s * g.q11, t * t * g.q22
        value, slope = term(product, product * g.q12, v1, v2, 1.0 + (v1 + v2) + product * product * gap)
        return sums[0] + weight * value, sums[1] + weight * slope

    zero = g.xp.zeros_like(gap)
    if len(mixture.scales) == 1:
        s = mixture.scales[0]
        return add((zero, zero), (s, s, 1.0))
    pairs = [(s, t, a * b) for s, a in zip(*mixture, strict=True) for t, b in zip(*mixture, strict=True)]
    device = array_api_compat.device(gap)
    columns = [g.xp.asarray(column, dtype=gap.dtype, device=device) for column in zip(*pairs, strict=True)]
    sums: tuple[Array, Array] = execution_for(gap).scan(add, (zero, zero), columns)
    return sums
