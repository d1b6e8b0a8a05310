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

_ERF = Mixture((math.sqrt(2.0),), (1.0,))  # erf(x) = 2 Phi(sqrt(2) x) - 1
_NORMAL = Mixture((1.0,), (1.0,))


@dataclass(frozen=True)
class Erf(Nonlinearity):
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""

    def apply(self, xp: Any, x: Array) -> Array:
        return special(xp, "erf")(x)

    def dual(self, g: Gaussians) -> Pair:
        """The arcsine kernel, as an arctangent that keeps its digits near correlations of one."""
        return centred(g, _ERF)


@dataclass(frozen=True)
class Gelu(Nonlinearity):
    """x Phi(x), Phi the distribution function of N(0, 1): exactly, not by tanh."""

    def apply(self, xp: Any, x: Array) -> Array:
        """By erfc, which keeps its digits for negative x."""
        return 0.5 * x * special(xp, "erfc")(-math.sqrt(0.5) * x)

    def dual(self, g: Gaussians) -> Pair:
        return gated(g, _NORMAL)
