"""The dual activation of ReLU on the array API: what one nonlinearity does to covariances.

With a = |rho| and root = sqrt(1 - a), both arc-cosine kernels come from functions that are root times something smooth
on [0, 1]: arccos(a) = 2 pi root ANGLE(a), and sqrt(1 - a^2) - a arccos(a) = 2 pi root LUNE(a). In float32 a short
polynomial stands for each, to within the rounding, where a library arccos would take ten times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from ntkbench._vendor import array_api_compat


def _polynomial(function: Callable[[Any], Any], degree: int) -> tuple[float, ...]:
    """Coefficients, the constant term first, of the interpolant at the Chebyshev points of [0, 1]."""
    fit = Chebyshev.interpolate(function, degree, domain=[0.0, 1.0]).convert(kind=Polynomial)
    return tuple(float(c) for c in fit.coef)


_CIRCLE = 2 * math.pi

# Wrong by 5e-9 and 8e-9 at most.
ANGLE = _polynomial(lambda a: np.arccos(a) / np.sqrt(1 - a) / _CIRCLE, 7)
LUNE = _polynomial(lambda a: (np.sqrt(1 + a) - a * np.arccos(a) / np.sqrt(1 - a)) / _CIRCLE, 6)


def relu_dual(xp: Any, correlation: Any) -> tuple[Any, Any]:
    """E[relu(u) relu(v)] and E[relu'(u) relu'(v)] for unit Gaussians u, v of the given correlation.

    Any shape, float32 or float64; values beyond [-1, 1] by rounding are clipped. Results in its dtype, good
    to its rounding (absolute). Source: Cho & Saul 2009, arc-cosine kernels of order 1 and 0, halved.
    """
    c = xp.clip(correlation, -1.0, 1.0)
    single = c.dtype == xp.float32
    if single and not array_api_compat.is_torch_array(c):
        return relu_dual_short(xp, c)
    sine = xp.sqrt((1.0 - c) * (1.0 + c))
    # torch has a fast arccos in float32; in float64 a library may lose half the digits near one, and atan2 does not.
    angle = xp.acos(c) if single else xp.atan2(sine, c)
    second = 0.5 - angle / _CIRCLE
    return sine / _CIRCLE + c * second, second


def relu_dual_short(xp: Any, c: Any) -> tuple[Any, Any]:
    """`relu_dual` of float32 correlations in [-1, 1], by the short polynomials: what compilers turn into vectors."""
    a = xp.abs(c)
    root = xp.sqrt(1.0 - a)
    # With c > 0: sine + c (pi - angle) = lune + pi c. No choice by sign: that is slow in some libraries.
    quarter = 0.25 - root * horner(ANGLE, a)
    return root * horner(LUNE, a) + 0.5 * xp.clip(c, 0.0, 1.0), 0.25 + xp.sign(c) * quarter


def horner(coefficients: tuple[float, ...], a: Any) -> Any:
    """The polynomial with these coefficients, the constant term first, at a."""
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * a + coefficient
    return value
