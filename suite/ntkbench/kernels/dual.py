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
    a = xp.clip(xp.abs(correlation), 0.0, 1.0)
    root = xp.sqrt(1.0 - a)
    if correlation.dtype == xp.float32:
        angle = root * _horner(ANGLE, a)
        lune = root * _horner(LUNE, a)
    else:
        sine = root * xp.sqrt(1.0 + a)
        angle = xp.atan2(sine, a) / _CIRCLE
        lune = sine / _CIRCLE - a * angle
    negative = correlation < 0.0
    return lune + 0.5 * xp.where(negative, xp.zeros_like(a), a), xp.where(negative, angle, 0.5 - angle)


def _horner(coefficients: tuple[float, ...], a: Any) -> Any:
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * a + coefficient
    return value
