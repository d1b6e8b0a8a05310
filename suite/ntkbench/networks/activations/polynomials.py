"""Polynomials with given coefficients, and the normalised Hermite polynomials, by their Hermite expansions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.inputs import is_plain
from ntkbench.duals.arc_cosine import horner
from ntkbench.duals.gaussians import Gaussians
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair
from ntkbench.networks.activations.parameters import HIGHEST, degree_field, is_finite


@dataclass(frozen=True)
class Polynomial(Nonlinearity):
    """coefficients[0] + coefficients[1] x + coefficients[2] x^2 + ...

    Args:
        coefficients: 1 to 151 finite numbers, the constant term first.

    Raises:
        ValueError: for none, more, or others.
    """

    coefficients: Sequence[float]

    def __post_init__(self) -> None:
        given: Any = self.coefficients
        if not isinstance(given, Iterable) or not all(map(is_finite, given)):
            raise ValueError(f"Polynomial: coefficients must be a list of finite numbers, not {given!r}")
        if not 1 <= len(tuple(given)) <= HIGHEST + 1:
            raise ValueError(f"Polynomial: there must be 1 to {HIGHEST + 1} coefficients, not {len(tuple(given))}")
        object.__setattr__(self, "coefficients", tuple(float(c) if is_plain(c) else c for c in given))

    def apply(self, xp: Any, x: Array) -> Array:
        if len(self.coefficients) == 1:
            return self.coefficients[0] * x**0
        return horner(tuple(self.coefficients), x)

    def dual(self, g: Gaussians) -> Pair:
        """The sum over k of r(q11) r(q22) q12^k: sqrt(q)^k r(q) is what p(sqrt(q) z) has of the k-th of Hermite."""
        products = []
        for k in range(len(self.coefficients)):
            series = self._component(k)
            products.append(horner(series, g.q11) * horner(series, g.q22))
        slopes = tuple(k * product for k, product in enumerate(products))[1:] or (0.0,)
        return horner(tuple(products), g.q12), horner(slopes, g.q12)

    def _component(self, k: int) -> tuple[float, ...]:
        """Coefficients of r: x^n has n! / (2^i i! k!) of the k-th polynomial, of norm sqrt(k!), n = k + 2 i."""
        norm = math.sqrt(math.factorial(k))
        return tuple(
            c * (math.factorial(k + 2 * i) // (2**i * math.factorial(i)) / norm)
            for i, c in enumerate(self.coefficients[k::2])
        )


@dataclass(frozen=True)
class Hermite(Nonlinearity):
    """The Hermite polynomial of a degree, of mean square one for a Gaussian of variance one.

    Args:
        degree: from 0 to 150.

    Raises:
        ValueError: for another degree.
    """

    degree: int

    def __post_init__(self) -> None:
        degree_field(self)

    def apply(self, xp: Any, x: Array) -> Array:
        """By the recurrence of three terms."""
        before, value = xp.zeros_like(x), x**0
        for k in range(self.degree):
            before, value = value, (x * value - math.sqrt(k) * before) / math.sqrt(k + 1)
        return value

    def dual(self, g: Gaussians) -> Pair:
        """q12^degree for variances of one, and for others exactly too."""
        n = self.degree
        return _hermite_dual(g, n), n * _hermite_dual(g, n - 1) if n else 0.0


def _hermite_dual(g: Gaussians, n: int) -> Array | float:
    """H_n(sqrt(q) z) is a sum over k = n - 2 i of H_k(z) with sqrt(q)^k (q - 1)^i, so nothing cancels near q = 1."""
    product, square = (g.q11 - 1.0) * (g.q22 - 1.0), g.q12 * g.q12
    total, power = 1.0, 1.0
    for i in range(1, n // 2 + 1):
        ratio = math.factorial(n) // math.factorial(n - 2 * i) / (4**i * math.factorial(i) ** 2)
        power = power * product
        total = total * square + ratio * power
    return total * g.q12 if n % 2 else total
