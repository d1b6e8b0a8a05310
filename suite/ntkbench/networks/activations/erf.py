"""The error function (Williams 1997) and GELU (Tsuchida et al. 2021): one Gaussian distribution function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.special import special
from ntkbench.duals.gaussians import Gaussians
from ntkbench.duals.mixtures import Mixture, centred, gated
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair
from ntkbench.networks.activations.parameters import finite_fields

_NORMAL = Mixture((1.0,), (1.0,))


@dataclass(frozen=True)
class Erf(Nonlinearity):
    """a erf(b x) + c, erf x being 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    def __post_init__(self) -> None:
        finite_fields(self, "a", "b", "c")

    def apply(self, xp: Any, x: Array) -> Array:
        return self.a * special(xp, "erf")(self.b * x) + self.c

    def dual(self, g: Gaussians) -> Pair:
        """The arcsine kernel, as an arctangent that keeps its digits near correlations of one."""
        # erf(x) = 2 Phi(sqrt(2) x) - 1, whose mean is zero
        value, slope = centred(g, Mixture((math.sqrt(2.0) * self.b,), (1.0,)))
        square = self.a * self.a
        return square * value + self.c * self.c, square * slope


SIGMOID_LIKE = Erf(a=0.5, b=1 / 2.4020563531719796, c=0.5)
"""As near to the sigmoid as can be in the mean square over [-5, 5]."""


@dataclass(frozen=True)
class Gelu(Nonlinearity):
    """x Phi(x), Phi the distribution function of N(0, 1): exactly, not by tanh."""

    def apply(self, xp: Any, x: Array) -> Array:
        """By erfc, which keeps its digits for negative x."""
        return 0.5 * x * special(xp, "erfc")(-math.sqrt(0.5) * x)

    def dual(self, g: Gaussians) -> Pair:
        return gated(g, _NORMAL)
