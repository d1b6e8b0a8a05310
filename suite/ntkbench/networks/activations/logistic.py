"""Sigmoid, tanh and swish, as mixtures of Gaussian distribution functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.gaussians import Gaussians
from ntkbench.duals.mixtures import LOGISTIC, Mixture, centred, gated
from ntkbench.networks.activations.dual_activation import dual
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair

_TANH = Mixture(tuple(2.0 * s for s in LOGISTIC.scales), LOGISTIC.weights)  # tanh(x) = 2 sigmoid(2 x) - 1


class _Mixed(Nonlinearity):
    """A nonlinearity in whose place `dual` takes another function, near to it everywhere."""

    working_fields: ClassVar[int] = 80
    mixture_error: ClassVar[tuple[float, float]]
    """How far that function and its derivative are off, anywhere."""

    def quadrature_error(self, variance: float) -> tuple[float, float]:
        """For functions f and g that are off by epsilon: E[f g] by epsilon times the sum of their norms at most."""
        v = np.asarray(float(variance))
        squares = dual(self, array_api_compat.array_namespace(v), v, v, v)
        first, second = (
            2 * error * (math.sqrt(float(square)) + error)
            for error, square in zip(self.mixture_error, squares, strict=True)
        )
        return first, second


@dataclass(frozen=True)
class Sigmoid(_Mixed):
    """1 / (1 + exp(-x))."""

    mixture_error: ClassVar[tuple[float, float]] = (5e-12, 9e-12)

    def apply(self, xp: Any, x: Array) -> Array:
        """By tanh, which does not overflow."""
        return _sigmoid(xp, x)

    def dual(self, g: Gaussians) -> Pair:
        """That of 1/2 + (2 F - 1) / 2."""
        value, slope = centred(g, LOGISTIC)
        return 0.25 + 0.25 * value, 0.25 * slope


@dataclass(frozen=True)
class Tanh(_Mixed):
    """tanh x."""

    mixture_error: ClassVar[tuple[float, float]] = (9e-12, 4e-11)

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.tanh(x)

    def dual(self, g: Gaussians) -> Pair:
        """That of 2 F(2 x) - 1."""
        return centred(g, _TANH)


@dataclass(frozen=True)
class Swish(_Mixed):
    """x / (1 + exp(-x))."""

    mixture_error: ClassVar[tuple[float, float]] = (9e-12, 1.5e-11)

    def apply(self, xp: Any, x: Array) -> Array:
        """By tanh, which does not overflow."""
        return x * _sigmoid(xp, x)

    def dual(self, g: Gaussians) -> Pair:
        """That of x F(x)."""
        return gated(g, LOGISTIC)


def _sigmoid(xp: Any, x: Array) -> Array:
    return 0.5 + 0.5 * xp.tanh(0.5 * x)
