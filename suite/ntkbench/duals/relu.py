"""The dual activation of ReLU as a function of covariance and variances, with derivatives that are finite everywhere.

By the covariance it is that of the derivative of ReLU, whatever the variances are. Where an input has no variance, it
correlates with none, and the derivative is that of two variables at right angles: the limit of central differences
behind the first layer.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.arrays.transforms import Function
from ntkbench.duals.arc_cosine import angle_slope, relu_dual, sine, with_cusps
from ntkbench.duals.gaussians import Gaussians, correlation_partials, root_quotient


def relu_covariances(g: Gaussians) -> tuple[Array, Array]:
    """E[relu(u) relu(v)] and E[relu'(u) relu'(v)].

    Args:
        g: Covariances and variances, float32 or float64.

    Returns:
        Both expectations, of the shape to which the three arrays broadcast.

    References:
        Cho & Saul 2009, arc-cosine kernels of order 1 and 0, halved.
    """
    if g.own:
        return _own(g)
    value, step = _relu(g.xp)(g.q12, g.q11, g.q22)
    return value, with_cusps(g, step)


def _own(g: Gaussians) -> tuple[Array, Array]:
    """Of one variable, which does not turn away from itself."""
    xp, half = g.xp, 0.5 * g.q11
    return half, xp.where(g.q11 > 0.0, xp.full_like(half, 0.5), xp.full_like(half, 0.25))


@cache
def _relu(xp: Any) -> Function:
    def function(q12: Array, q11: Array, q22: Array) -> tuple[Array, Array]:
        g = Gaussians(xp, q12, q11, q22)
        kappa, step = relu_dual(xp, g.correlation())
        return g.scale() * kappa, step

    def partials(q12: Array, q11: Array, q22: Array) -> Any:
        g = Gaussians(xp, q12, q11, q22)
        c = g.correlation()
        turn, slope = sine(xp, c) / (4 * math.pi), angle_slope(xp, c)
        by_variances = (turn * root_quotient(xp, q22, q11), turn * root_quotient(xp, q11, q22))
        return (relu_dual(xp, c)[1], *by_variances), tuple(slope * part for part in correlation_partials(g))

    return execution_of(xp).with_partials(function, partials)
