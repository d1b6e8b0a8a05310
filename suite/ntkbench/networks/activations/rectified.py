"""The sign and rectified monomials, the step among them (Cho & Saul 2009): functions of the angle between inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.arrays.transforms import Function
from ntkbench.duals.arc_cosine import angle_slope, with_cusps
from ntkbench.duals.gaussians import Gaussians, correlation_partials, quotient
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair
from ntkbench.networks.activations.parameters import degree_field


@dataclass(frozen=True)
class Sign(Nonlinearity):
    """-1, 0 or 1, the sign of x."""

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.sign(x)

    def dual(self, g: Gaussians) -> Pair:
        """The arcsine of the correlation; no NTK passes, as its derivative is zero but at a point."""
        return _arcsine(g) * (2.0 / math.pi), 0.0


@dataclass(frozen=True)
class RectifiedMonomial(Nonlinearity):
    """x^degree for x >= 0, zero otherwise.

    Args:
        degree: from 0, the step, to 150.

    Raises:
        ValueError: for another degree.
    """

    degree: int

    def __post_init__(self) -> None:
        degree_field(self)

    def apply(self, xp: Any, x: Array) -> Array:
        if self.degree == 0:
            return xp.where(x >= 0.0, x**0, xp.zeros_like(x))
        return execution_of(xp).relu(x) ** self.degree

    def dual(self, g: Gaussians) -> Pair:
        """The arc-cosine kernels of order n and n - 1, halved; no NTK passes a step."""
        n, xp = self.degree, g.xp
        if n == 0:
            # It is one at zero, and one half in the mean elsewhere.
            first, second = (xp.where(q > 0.0, 0.5, xp.ones_like(q)) for q in (g.q11, g.q22))
            return first * second + _arcsine(g) / (2 * math.pi), 0.0
        value, slope = _moments(xp, n)(g.q12, g.q11, g.q22)
        return value, with_cusps(g, slope) if n == 1 else slope


def _arcsine(g: Gaussians) -> Array:
    return with_cusps(g, _arcsine_of(g.xp)(g.correlation())[0])


@cache
def _arcsine_of(xp: Any) -> Function:
    def function(c: Array) -> tuple[Array, ...]:
        return (xp.atan2(c, xp.sqrt((1.0 - c) * (1.0 + c))),)

    def partials(c: Array) -> Any:
        return ((2 * math.pi * angle_slope(xp, c),),)

    return execution_of(xp).with_partials(function, partials)


@cache
def _moments(xp: Any, n: int) -> Function:
    """E[u^n v^n; u, v > 0] and n^2 times that for n - 1, the derivative of the first by the covariance."""

    def function(q12: Array, q11: Array, q22: Array) -> tuple[Array, Array]:
        return _arc_cosines(Gaussians(xp, q12, q11, q22), n)

    def partials(q12: Array, q11: Array, q22: Array) -> Any:
        g = Gaussians(xp, q12, q11, q22)
        value, slope = _moments(xp, n)(q12, q11, q22)
        if n == 1:
            turn = angle_slope(xp, g.correlation())
            turned = tuple(turn * part for part in correlation_partials(g))
        else:
            second = n**2 * _moments(xp, n - 1)(q12, q11, q22)[1]
            turned = (second, *_by_variances(g, n - 1, slope, second))
        return (slope, *_by_variances(g, n, value, slope)), turned

    return execution_of(xp).with_partials(function, partials)


def _by_variances(g: Gaussians, degree: int, value: Array, slope: Array) -> tuple[Array, Array]:
    """Derivatives of what is homogeneous, of this degree in either variable, by Euler's theorem."""
    rest = 0.5 * (degree * value - g.q12 * slope)
    return quotient(g.xp, rest, g.q11), quotient(g.xp, rest, g.q22)


def _arc_cosines(g: Gaussians, n: int) -> tuple[Array, Array]:
    """E[u^n v^n; u, v > 0] and n^2 times that for n - 1, to a few roundings of the value at any correlation.

    In polar coordinates E[u^n v^n; u, v > 0] is n! / (2 pi) times the integral of scale^n (cos w - cos psi)^n over w
    from 0 to psi, psi the angle at which both are positive. The integrand is positive, and an even trigonometric
    polynomial: Gauss-Legendre quadrature from -psi to psi, of which one half counts, finds it to the last digit.
    """
    xp, scale, c = g.xp, g.scale(), g.correlation()
    psi = xp.atan2(xp.sqrt((1.0 - c) * (1.0 + c)), -c)
    value, slope = xp.zeros_like(psi), xp.zeros_like(psi)
    for node, weight in _nodes(n):
        # cos w - cos psi, where both are nearly equal too
        difference = scale * (2.0 * xp.sin((0.5 + 0.5 * node) * psi) * xp.sin((0.5 - 0.5 * node) * psi))
        power = weight * difference ** (n - 1)
        value, slope = value + power * difference, slope + power
    factor = psi * (math.factorial(n) / (2 * math.pi))
    return factor * value, n * (factor * slope)


@cache
def _nodes(n: int) -> tuple[tuple[float, float], ...]:
    """Nodes in [0, 1] and weights, enough for trigonometric polynomials of degree n over a half circle and more.

    NumPy's are good to ten roundings; Newton's method in thirty digits makes these.
    """
    half = 8 + n - n // 5
    count, found = 2 * half, []
    with localcontext(prec=30):
        for guess in np.polynomial.legendre.leggauss(count)[0][half:].tolist():
            x = Decimal(guess)
            for _ in range(2):
                before, value = Decimal(1), x
                for k in range(1, count):
                    before, value = value, ((2 * k + 1) * x * value - k * before) / (k + 1)
                slope = count * (before - x * value) / (1 - x * x)
                x -= value / slope
            found.append((float(x), float(2 / ((1 - x * x) * slope * slope))))
    return tuple(found)
