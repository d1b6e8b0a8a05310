"""Sine and cosine, by the characteristic function of a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.duals.gaussians import Gaussians
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair


@dataclass(frozen=True)
class Sin(Nonlinearity):
    """sin x."""

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.sin(x)

    def dual(self, g: Gaussians) -> Pair:
        """Its derivative is the cosine."""
        return _waves(g)


@dataclass(frozen=True)
class Cos(Nonlinearity):
    """cos x."""

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.cos(x)

    def dual(self, g: Gaussians) -> Pair:
        """Its derivative is the negative sine."""
        sine, cosine = _waves(g)
        return cosine, sine


def _waves(g: Gaussians) -> Pair:
    """E[sin u sin v] and E[cos u cos v]: exp(-(q11 + q22) / 2) times sinh and cosh of q12, without overflow."""
    xp, size = g.xp, g.xp.abs(g.q12)
    below = size - 0.5 * (g.q11 + g.q22)
    peak = 0.5 * xp.exp(xp.minimum(below, xp.zeros_like(below)))
    return -peak * xp.expm1(-2.0 * size) * xp.sign(g.q12), peak * (1.0 + xp.exp(-2.0 * size))
