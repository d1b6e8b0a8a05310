"""Powers of x, the identity among them, by the moments of Gaussians."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.duals.gaussians import Gaussians
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair
from ntkbench.networks.activations.parameters import degree_field


@dataclass(frozen=True)
class Identity(Nonlinearity):
    """x."""

    def apply(self, xp: Any, x: Array) -> Array:
        return x

    def dual(self, g: Gaussians) -> Pair:
        return g.q12, 1.0


@dataclass(frozen=True)
class Monomial(Nonlinearity):
    """x^degree."""

    degree: int

    def __post_init__(self) -> None:
        degree_field(self)

    def with_options(self, slope: float, degree: int) -> Monomial:
        return Monomial(degree)

    def apply(self, xp: Any, x: Array) -> Array:
        return x**self.degree

    def dual(self, g: Gaussians) -> Pair:
        n = self.degree
        return _moment(g, n), n**2 * _moment(g, n - 1) if n else 0.0


def _moment(g: Gaussians, n: int) -> Array | float:
    """E[u^n v^n]: over the number k of pairs (u, v) in Wick's theorem, k = n, n - 2, ...; all terms of one sign."""
    square, product = g.q12 * g.q12, g.q11 * g.q22
    total, power = 1.0 * math.factorial(n), 1.0
    for j in range(1, n // 2 + 1):
        pairs = math.factorial(2 * j) // (2**j * math.factorial(j))
        power = power * product
        total = total * square + float(math.comb(n, 2 * j) ** 2 * math.factorial(n - 2 * j) * pairs**2) * power
    return total * g.q12 if n % 2 else total
