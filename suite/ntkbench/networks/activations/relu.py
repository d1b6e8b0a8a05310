"""ReLU, leaky ReLU and the absolute value: functions with one kink, at zero (Cho & Saul 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.arc_cosine import relu_dual
from ntkbench.duals.gaussians import Gaussians
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair


@dataclass(frozen=True)
class Relu(Nonlinearity):
    """max(x, 0)."""

    def apply(self, xp: Any, x: Array) -> Array:
        """By the library's own ReLU where it has a fast one; NaN stays NaN."""
        # By a choice for each entry torch would take as long as for a matrix product.
        return x.relu() if array_api_compat.is_torch_array(x) else xp.where(x <= 0.0, xp.zeros_like(x), x)

    def dual(self, g: Gaussians) -> Pair:
        """The arc-cosine kernels of order 1 and 0, halved."""
        return _kinked(g, 0.0)


@dataclass(frozen=True)
class LeakyRelu(Nonlinearity):
    """x for x > 0, slope x otherwise."""

    slope: float

    def with_options(self, slope: float, degree: int) -> LeakyRelu:
        return LeakyRelu(slope)

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.where(x <= 0.0, self.slope * x, x)

    def dual(self, g: Gaussians) -> Pair:
        """(1 - slope) relu(x) + slope x, multiplied out."""
        return _kinked(g, self.slope)


@dataclass(frozen=True)
class Abs(Nonlinearity):
    """|x|."""

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.abs(x)

    def dual(self, g: Gaussians) -> Pair:
        """That of a leaky ReLU of slope -1."""
        return _kinked(g, -1.0)


def _kinked(g: Gaussians, slope: float) -> Pair:
    kappa, step = relu_dual(g.xp, g.correlation())
    square = (1.0 - slope) ** 2
    return square * (g.scale() * kappa) + slope * g.q12, square * step + slope
