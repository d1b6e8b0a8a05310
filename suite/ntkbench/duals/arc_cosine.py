"""The dual activation of ReLU on the array API: what one nonlinearity does to covariances.

With a = |rho| and root = sqrt(1 - a), both arc-cosine kernels come from functions that are root times something smooth
on [0, 1]: arccos(a) = 2 pi root angle(a), and sqrt(1 - a^2) - a arccos(a) = 2 pi root lune(a). A short polynomial
stands for each smooth function, to within the rounding, where a library arccos would take ten times as long.

Every implementation, compiled ones included, takes coefficients and degrees from the two tables here. numba's cache
does not see changes to this file: touch `kernels/conv/numba_compiled.py` too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.polynomial.chebyshev import chebvander

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.arrays.transforms import Function
from ntkbench.duals.gaussians import Gaussians

_CIRCLE = 2 * math.pi
_ROUNDING = 16  # by how many of its last digits the correlation of an input with itself may be off behind some layers
_CUSP = (
    "two inputs are equal, opposite or parallel: there this kernel has a cusp, and its second derivative counts as 0"
)


@dataclass(frozen=True)
class Polynomials:
    """Coefficients of the polynomials that stand for `angle` and `lune` on [0, 1], the constant term first.

    `angle_error` and `lune_error` state how far sqrt(1 - a) times each is from arccos(a) / (2 pi), which is 1/4 at
    most, and from (sqrt(1 - a^2) - a arccos(a)) / (2 pi), which is 1/(2 pi) at most.
    """

    angle: tuple[float, ...]
    lune: tuple[float, ...]
    angle_error: float
    lune_error: float

    @property
    def degrees(self) -> tuple[int, int]:
        """Of the angle and of the lune."""
        return len(self.angle) - 1, len(self.lune) - 1


def _angle(a: Any) -> Any:
    """arccos(a) / (2 pi sqrt(1 - a))."""
    half_sine = np.sqrt((1 - a) / 2)
    return np.arcsin(half_sine) / (half_sine * math.sqrt(2) * math.pi)


def _lune(a: Any) -> Any:
    """(sqrt(1 - a^2) - a arccos(a)) / (2 pi sqrt(1 - a))."""
    return np.sqrt(1 + a) / _CIRCLE - a * _angle(a)


def _weighted(function: Callable[[Any], Any], degree: int) -> tuple[float, ...]:
    """Nearly the smallest max |sqrt(1 - a) (function(a) - polynomial(a))| over [0, 1].

    That is interpolation at the zeros of the Chebyshev polynomial of the fourth kind, which oscillates evenly under
    this weight (Mason & Handscomb 2003, section 3.3).
    """
    nodes = np.cos(np.pi * np.arange(1, degree + 2) / (degree + 1.5))
    series = np.linalg.solve(chebvander(nodes, degree), function((1 + nodes) / 2))
    return _powers(Chebyshev(series, domain=[0, 1]))


def _interpolated(function: Callable[[Any], Any], degree: int) -> tuple[float, ...]:
    """Interpolation at the Chebyshev points of [0, 1]."""
    return _powers(Chebyshev.interpolate(function, degree, domain=[0, 1]))


def _powers(series: Chebyshev) -> tuple[float, ...]:
    return tuple(float(c) for c in series.convert(kind=Polynomial).coef)


# The shortest that are wrong by no more than the rounding; the work of a kernel is counted with these.
SHORTEST = {
    "float32": Polynomials(_weighted(_angle, 6), _weighted(_lune, 5), 2e-8, 4e-8),
    "float64": Polynomials(_weighted(_angle, 19), _weighted(_lune, 18), 1e-16, 1e-16),
}
# One degree longer and wrong by a quarter of that: of all implementations in float32 but numba's.
INTERPOLATED = {"float32": Polynomials(_interpolated(_angle, 7), _interpolated(_lune, 6), 5e-9, 8e-9)}


def relu_dual(xp: Any, correlation: Array) -> tuple[Array, Array]:
    """E[relu(u) relu(v)] and E[relu'(u) relu'(v)] for unit Gaussians u, v of the given correlation.

    Args:
        xp: The array namespace of `correlation`.
        correlation: Any shape, float32 or float64; values beyond [-1, 1] by rounding are clipped.

    Returns:
        Both expectations, of the shape and dtype of `correlation`, good to its rounding (absolute).

    The derivative of the first is the second; that of the second is `angle_slope`.

    References:
        Cho & Saul 2009, arc-cosine kernels of order 1 and 0, halved.
    """
    first, second = _relu_dual(xp)(correlation)
    return first, second


@cache
def _relu_dual(xp: Any) -> Function:
    def function(correlation: Array) -> tuple[Array, Array]:
        c = xp.clip(correlation, -1.0, 1.0)
        single = c.dtype == xp.float32
        if single and not execution_of(xp).fast_arccos:
            return relu_dual_short(xp, c)
        sine = xp.sqrt((1.0 - c) * (1.0 + c))
        # torch has a fast arccos in float32; in float64 a library may lose half the digits near one, atan2 does not.
        angle = xp.acos(c) if single else xp.atan2(sine, c)
        second = 0.5 - angle / _CIRCLE
        return sine / _CIRCLE + c * second, second

    def partials(c: Array) -> Any:
        return (_relu_dual(xp)(c)[1],), (angle_slope(xp, c),)

    return execution_of(xp).with_partials(function, partials)


def angle_slope(xp: Any, c: Array) -> Array:
    """The derivative of arcsin(c) / (2 pi), and of all that depends on the angle between two inputs.

    It is 1 / (2 pi sqrt(1 - c^2)) within (-1, 1). At the ends the angle has a cusp, on both sides of which it moves
    alike: the derivative counts as zero, which is the limit of central differences. So it does where rounding alone
    is between c and an end. The cusp has no second derivative, which counts as zero too: see `with_cusps`.

    Args:
        xp: The namespace of the arrays' library.
        c: Correlations of any shape.

    Returns:
        Of the shape of `c`, finite.
    """
    slope: Array = _angle_slope(xp)(c)[0]
    return slope


def with_cusps(g: Gaussians, value: Array) -> Array:
    """A function of the angle, which warns when its second derivative is asked for where it has none.

    Args:
        g: What the angle is between.
        value: Of the shape to which these broadcast.

    Returns:
        `value`; see `Execution.watched` for when it warns.
    """
    return execution_of(g.xp).watched(value, lambda: _at_an_end(g.xp, g.correlation()), _CUSP)


def sine(xp: Any, c: Array) -> Array:
    """sqrt(1 - c^2), with derivatives that are finite at the ends."""
    root: Array = _sine(xp)(c)[0]
    return root


@cache
def _angle_slope(xp: Any) -> Function:
    def function(c: Array) -> tuple[Array, ...]:
        end = _at_an_end(xp, c)
        inside = xp.where(end, xp.zeros_like(c), c)
        slope = 1.0 / (_CIRCLE * xp.sqrt((1.0 - inside) * (1.0 + inside)))
        return (xp.where(end, xp.zeros_like(c), slope),)

    def partials(c: Array) -> Any:
        inside = xp.where(_at_an_end(xp, c), xp.zeros_like(c), c)
        return ((_angle_slope(xp)(c)[0] * (inside / ((1.0 - inside) * (1.0 + inside))),),)

    return execution_of(xp).with_partials(function, partials)


@cache
def _sine(xp: Any) -> Function:
    def function(c: Array) -> tuple[Array, ...]:
        c = xp.clip(c, -1.0, 1.0)
        return (xp.sqrt((1.0 - c) * (1.0 + c)),)

    def partials(c: Array) -> Any:
        return ((-_CIRCLE * c * _angle_slope(xp)(c)[0],),)

    return execution_of(xp).with_partials(function, partials)


def _at_an_end(xp: Any, c: Array) -> Array:
    return xp.abs(c) > 1.0 - _ROUNDING * float(xp.finfo(c.dtype).eps)


def relu_dual_short(xp: Any, c: Array) -> tuple[Array, Array]:
    """`relu_dual` of float32 correlations in [-1, 1], by polynomials: what compilers turn into vectors.

    Args:
        xp: The array namespace of `c`.
        c: Correlations of any shape, float32, none beyond [-1, 1].

    Returns:
        As `relu_dual`.
    """
    short = INTERPOLATED["float32"]
    a = xp.abs(c)
    root = xp.sqrt(1.0 - a)
    # With c > 0: sine + c (pi - angle) = lune + pi c. No choice by sign: that is slow in some libraries.
    quarter = 0.25 - root * horner(short.angle, a)
    return root * horner(short.lune, a) + 0.5 * xp.clip(c, 0.0, 1.0), 0.25 + xp.sign(c) * quarter


def horner(coefficients: tuple[float, ...], a: Array) -> Array:
    """The polynomial with these coefficients, the constant term first, at every number of a."""
    value: Array = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * a + coefficient
    return value
