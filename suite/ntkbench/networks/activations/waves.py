"""Sine, cosine and the function behind the squared exponential kernel, by the characteristic function of a Gaussian."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.arrays.inputs import holds, is_plain
from ntkbench.arrays.transforms import Function
from ntkbench.duals.gaussians import Gaussians
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair
from ntkbench.networks.activations.parameters import cosine_and_sine, finite_fields, root


@dataclass(frozen=True)
class Sin(Nonlinearity):
    """a sin(b x + c)."""

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    def __post_init__(self) -> None:
        finite_fields(self, "a", "b", "c")

    def apply(self, xp: Any, x: Array) -> Array:
        return self.a * xp.sin(self.b * x + self.c)

    def dual(self, g: Gaussians) -> Pair:
        """Its derivative is the cosine."""
        cosine, sine = cosine_and_sine(g.xp, self.c)
        return _shifted(g, self.a, self.b, cosine**2, sine**2)


@dataclass(frozen=True)
class Cos(Nonlinearity):
    """a cos(b x + c)."""

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    def __post_init__(self) -> None:
        finite_fields(self, "a", "b", "c")

    def apply(self, xp: Any, x: Array) -> Array:
        return self.a * xp.cos(self.b * x + self.c)

    def dual(self, g: Gaussians) -> Pair:
        """Its derivative is the negative sine."""
        cosine, sine = cosine_and_sine(g.xp, self.c)
        return _shifted(g, self.a, self.b, sine**2, cosine**2)


@dataclass(frozen=True)
class Rbf(Nonlinearity):
    """sqrt(2) sin(sqrt(2 gamma) x + pi / 4), whose dual activation is exp(-gamma E[(u - v)^2]).

    Args:
        gamma: not negative.

    Raises:
        ValueError: for another number.
    """

    gamma: float = 1.0

    def __post_init__(self) -> None:
        finite_fields(self, "gamma")
        if not holds(self.gamma >= 0):
            raise ValueError(f"Rbf: gamma must not be negative, not {self.gamma}")

    def apply(self, xp: Any, x: Array) -> Array:
        return math.sqrt(2.0) * xp.sin(root(xp, 2.0 * self.gamma) * x + 0.25 * math.pi)

    def dual(self, g: Gaussians) -> Pair:
        value = g.xp.exp(-self.gamma * ((g.q11 - g.q12) + (g.q22 - g.q12)))
        return value, 2.0 * self.gamma * value


def _shifted(g: Gaussians, a: float, b: float, sines: float, cosines: float) -> Pair:
    """Of a sum of a sine and a cosine of b x, with the squares of their amplitudes in a; their product has no mean."""
    sine, cosine = sine_and_cosine(g, b * b)
    return a * a * (sines * sine + cosines * cosine), (a * b) ** 2 * (sines * cosine + cosines * sine)


def sine_and_cosine(g: Gaussians, square: Any = 1.0) -> tuple[Array, Array]:
    """E[sin bu sin bv] and E[cos bu cos bv] for b^2 = `square`.

    They are exp(-b^2 (q11 + q22) / 2) times sinh and cosh of b^2 q12, without overflow. What is nearly equal is
    subtracted first, which loses nothing.
    """
    if is_plain(square):
        square = g.xp.asarray(square, dtype=g.q12.dtype, device=array_api_compat.device(g.q12))
    sine, cosine = _sine_and_cosine(g.xp)(*g[1:], g.xp.astype(square, g.q12.dtype))
    return sine, cosine


@cache
def _sine_and_cosine(xp: Any) -> Function:
    def function(q12: Array, q11: Array, q22: Array, square: Array) -> tuple[Array, Array]:
        size = xp.abs(q12)
        below = -0.5 * square * ((q11 - size) + (q22 - size))
        peak = 0.5 * xp.exp(xp.minimum(below, xp.zeros_like(below)))
        both = 2.0 * square * size
        return -peak * xp.expm1(-both) * xp.sign(q12), peak * (1.0 + xp.exp(-both))

    def partials(q12: Array, q11: Array, q22: Array, square: Array) -> Any:
        sine, cosine = _sine_and_cosine(xp)(q12, q11, q22, square)
        return tuple(
            (square * other, -0.5 * square * one, -0.5 * square * one, q12 * other - 0.5 * (q11 + q22) * one)
            for one, other in ((sine, cosine), (cosine, sine))
        )

    return execution_of(xp).with_partials(function, partials)
