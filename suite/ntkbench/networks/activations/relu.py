"""ReLU, leaky and a-b ReLU and the absolute value: functions with one kink, at zero (Cho & Saul 2009)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.arrays.transforms import Function
from ntkbench.duals.arc_cosine import angle_slope, relu_dual, sine
from ntkbench.duals.gaussians import Gaussians, correlation_partials, root_quotient
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair
from ntkbench.networks.activations.parameters import finite_fields


@dataclass(frozen=True)
class Relu(Nonlinearity):
    """max(x, 0)."""

    def apply(self, xp: Any, x: Array) -> Array:
        """By the library's own ReLU where it has a fast one; NaN stays NaN."""
        return execution_of(xp).relu(x)

    def dual(self, g: Gaussians) -> Pair:
        """The arc-cosine kernels of order 1 and 0, halved."""
        return _kinked(g, 0.0, 1.0)


@dataclass(frozen=True)
class LeakyRelu(Nonlinearity):
    """x for x > 0, slope x otherwise."""

    slope: float

    def __post_init__(self) -> None:
        finite_fields(self, "slope")

    def with_options(self, slope: float, degree: int) -> LeakyRelu:
        return LeakyRelu(slope)

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.where(x <= 0.0, self.slope * x, x)

    def dual(self, g: Gaussians) -> Pair:
        """(1 - slope) relu(x) + slope x, multiplied out."""
        return _kinked(g, self.slope, 1.0)


@dataclass(frozen=True)
class Abs(Nonlinearity):
    """|x|."""

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.abs(x)

    def dual(self, g: Gaussians) -> Pair:
        """That of a leaky ReLU of slope -1."""
        return _kinked(g, -1.0, 1.0)


@dataclass(frozen=True)
class ABRelu(Nonlinearity):
    """a x for x < 0, b x otherwise."""

    a: float
    b: float

    def __post_init__(self) -> None:
        finite_fields(self, "a", "b")

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.where(x < 0.0, self.a * x, self.b * x)

    def dual(self, g: Gaussians) -> Pair:
        """(b - a) relu(x) + a x, multiplied out."""
        return _kinked(g, self.a, self.b)


def _kinked(g: Gaussians, below: float, above: float) -> Pair:
    value, step = _own(g) if g.own else _relu(g.xp)(g.q12, g.q11, g.q22)
    square, product = (above - below) ** 2, below * above
    return square * value + product * g.q12, square * step + product


def _own(g: Gaussians) -> tuple[Array, Array]:
    """Of one variable, which does not turn away from itself."""
    xp, half = g.xp, 0.5 * g.q11
    return half, xp.where(g.q11 > 0.0, xp.full_like(half, 0.5), xp.full_like(half, 0.25))


@cache
def _relu(xp: Any) -> Function:
    def function(q12: Array, q11: Array, q22: Array) -> tuple[Array, Array]:
        g = Gaussians(xp, q12, q11, q22)
        kappa, step = relu_dual(xp, g.correlation())
        return g.scale() * kappa, step

    def partials(q12: Array, q11: Array, q22: Array) -> Any:
        g = Gaussians(xp, q12, q11, q22)
        c = g.correlation()
        turn, slope = sine(xp, c) / (4 * math.pi), angle_slope(xp, c)
        by_variances = (turn * root_quotient(xp, q22, q11), turn * root_quotient(xp, q11, q22))
        return (relu_dual(xp, c)[1], *by_variances), tuple(slope * part for part in correlation_partials(g))

    return execution_of(xp).with_partials(function, partials)
