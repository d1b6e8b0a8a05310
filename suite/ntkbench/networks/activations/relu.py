"""ReLU, leaky and a-b ReLU and the absolute value: functions with one kink, at zero (Cho & Saul 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.duals.gaussians import Gaussians
from ntkbench.duals.relu import relu_covariances
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
    value, step = relu_covariances(g)
    square, product = (above - below) ** 2, below * above
    return square * value + product * g.q12, square * step + product
