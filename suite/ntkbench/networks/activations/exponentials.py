"""The exponential (the moment generating function of a Gaussian) and the Gaussian bell (Williams 1997)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.duals.gaussians import Gaussians
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair


@dataclass(frozen=True)
class Exp(Nonlinearity):
    """exp x."""

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.exp(x)

    def dual(self, g: Gaussians) -> Pair:
        """exp of half the variance of u + v, for the function and its derivative alike."""
        both = g.xp.exp(g.q12 + 0.5 * (g.q11 + g.q22))
        return both, both


@dataclass(frozen=True)
class Gaussian(Nonlinearity):
    """exp(-x^2 / 2)."""

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.exp(-0.5 * x * x)

    def dual(self, g: Gaussians) -> Pair:
        """det(1 + covariance)^(-1/2), and its derivative by the covariance."""
        determinant = 1.0 + (g.q11 + g.q22) + g.gap()
        value = 1.0 / g.xp.sqrt(determinant)
        return value, g.q12 * value / determinant
