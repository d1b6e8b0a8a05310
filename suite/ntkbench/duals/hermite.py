"""Activations as series in normalised Hermite polynomials h_l: E[h_k(u) h_l(u)] = 1 for k = l, else 0, u ~ N(0, 1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import hermite_e

from ntkbench.arrays.array import Array


@dataclass(frozen=True)
class HermiteSeries:
    """The activation sum_l coefficients[l] h_l, a polynomial. Raises ValueError unless the coefficients are finite."""

    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.coefficients or not all(math.isfinite(c) for c in self.coefficients):
            raise ValueError(f"a Hermite series needs finite coefficients, not {self.coefficients}")

    @cached_property
    def powers(self) -> tuple[float, ...]:
        """The same polynomial in powers of x, the constant term first."""
        monic = [c / math.sqrt(math.factorial(order)) for order, c in enumerate(self.coefficients)]
        return tuple(float(c) for c in hermite_e.herme2poly(monic))

    def __call__(self, x: Array) -> Array:
        """Its values at an array of any library, of the same shape and dtype."""
        value = 0.0 * x + self.powers[-1]
        for coefficient in self.powers[-2::-1]:
            value = value * x + coefficient
        return value


def hermite_series(*orders: int) -> HermiteSeries:
    """The sum of h_l over the given orders.

    Args:
        orders: whole numbers l >= 0; `hermite_series(1, 2)` is h_1 + h_2.

    Returns:
        The series, which can be the function of an `Activation`.

    Raises:
        ValueError: without orders, or for a negative one.
    """
    if not orders or min(orders) < 0:
        raise ValueError(f"the orders of Hermite polynomials are 0, 1, ..., not {orders}")
    return HermiteSeries(tuple(float(order in orders) for order in range(max(orders) + 1)))


def hermite_coefficients(function: Callable[[Any], Any], terms: int) -> tuple[float, ...]:
    """The coefficients E[function(u) h_l(u)], u ~ N(0, 1), for l < terms.

    Args:
        function: takes and gives NumPy arrays, entry by entry.
        terms: how many coefficients.

    Returns:
        The coefficients by Gauss-Hermite quadrature with 200 nodes: exact for polynomials of degree 400 - terms.
    """
    nodes, weights = hermite_e.hermegauss(200)
    values = function(nodes) * weights / math.sqrt(2 * math.pi)
    rows = [np.ones_like(nodes), nodes]
    for order in range(1, terms - 1):
        rows.append((nodes * rows[order] - math.sqrt(order) * rows[order - 1]) / math.sqrt(order + 1))
    return tuple(float(row @ values) for row in rows[:terms])
