"""The dual activation of ReLU on the array API: what one nonlinearity does to covariances."""

from __future__ import annotations

import math
from typing import Any

# arccos(a) = sqrt(1 - a) P(a) for 0 <= a <= 1 to within 2e-8: Abramowitz & Stegun 4.4.46, the constant term first.
ARCCOS_COEFFICIENTS = (
    1.5707963050,
    -0.2145988016,
    0.0889789874,
    -0.0501743046,
    0.0308918810,
    -0.0170881256,
    0.0066700901,
    -0.0012624911,
)


def relu_dual(xp: Any, correlation: Any) -> tuple[Any, Any]:
    """E[relu(u) relu(v)] and E[relu'(u) relu'(v)] for unit Gaussians u, v of the given correlation.

    Any shape, float32 or float64; values beyond [-1, 1] by rounding are clipped. Results in its dtype, good
    to its rounding (absolute). Source: Cho & Saul 2009, arc-cosine kernels of order 1 and 0, halved.
    """
    a = xp.clip(xp.abs(correlation), 0.0, 1.0)
    root = xp.sqrt(1.0 - a)
    sine = root * xp.sqrt(1.0 + a)
    if correlation.dtype == xp.float32:
        # A library arccos is good to more digits than float32 holds, and takes ten times as long.
        polynomial = ARCCOS_COEFFICIENTS[-1]
        for coefficient in ARCCOS_COEFFICIENTS[-2::-1]:
            polynomial = polynomial * a + coefficient
        angle = root * polynomial
    else:
        angle = xp.atan2(sine, a)
    negative = correlation < 0.0
    supplement = xp.where(negative, angle, math.pi - angle)
    signed = xp.where(negative, -a, a)
    return (sine + signed * supplement) / (2 * math.pi), supplement / (2 * math.pi)
